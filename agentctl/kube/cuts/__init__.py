"""Cuts: from whole Kubernetes objects to the little that is looked at."""
