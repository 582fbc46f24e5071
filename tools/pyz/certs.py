"""In place of requests' own file of this name, which packagers may change: no certifi is packed.

agentctl says itself whom it trusts: the CA that it is given, or else the system's.
"""

from ssl import get_default_verify_paths


def where():
    return get_default_verify_paths().cafile or ""
