"""agentctl: the live health of an agent control plane on Kubernetes."""

__version__ = "0.1.0"
