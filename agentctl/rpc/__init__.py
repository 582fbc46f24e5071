"""Generated from proto/ by ``tox -e protos``: never edited by hand."""
