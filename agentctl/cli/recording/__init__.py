"""Recordings: written while a watch runs, read and played again."""
