"""Output of a run: where events go, and what is said at the end."""
