"""Kubernetes: how to reach it, list and watch it, and judge what it says.

``access`` and ``http`` do the I/O; ``checks``, ``view`` and ``objects`` are pure.
"""
