"""Runs: the parts of each mode put together, run and ended."""
