"""Catalogs: the YAML files that say which components are watched, and their loader."""
