"""Explanations of a bad verdict: what a check found, and what to do about it."""
