"""The Kubernetes API double: a small API server on loopback, for demo and tests."""
