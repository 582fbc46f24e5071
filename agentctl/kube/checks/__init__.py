"""The kinds of check: one file a kind, found by its name (see ``kube.check``)."""
