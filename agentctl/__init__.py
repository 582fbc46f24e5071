"""agentctl: the live health of a control plane on Kubernetes."""

__version__ = "0.1.0"
