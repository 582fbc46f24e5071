"""Probes: ask a dependency itself whether it answers, in bounds, and without credentials."""
