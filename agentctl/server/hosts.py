"""Allowed hosts: the names that a listener which asks for no credentials answers to.

A web page can have its own name resolve to a loopback address and then read, as its own
origin, what is served there to anybody (DNS rebinding). The page's name stands in Host, so
names that nobody has vouched for get no answer. An address in figures cannot be rebound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Optional

from agentctl.lazy_regex import regex
from agentctl.net.origin import is_ip

FLAG = "--allowed-host"

_LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = regex(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_HOST = regex(r"(\[[^\]]*\]|[^\[\]:]*)(?::[0-9]*)?")
"""A host and its port, as Host has them (RFC 9110, 7.2)."""

_ECHOED = 80
"""Characters of a name that are told back."""


def host_name(text: str) -> str:
    """A name as it is compared. Raises ValueError for what is no name alone."""
    if len(text) > 253 or not (_NAME.fullmatch(text) or is_ip(text)):
        raise ValueError(f"expected a host's name without a port, got {text!r}")
    return text.lower().rstrip(".")


class AllowedHosts:
    """``localhost`` and addresses in figures always are."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """``names`` as ``host_name`` gives them."""
        self._names = {"localhost", *names}

    def refusal(self, hosts: Sequence[str]) -> Optional[str]:
        """Why a request with these hosts (Host, the target's) gets no answer, if so.

        None at all is HTTP/1.0, which no browser speaks.
        """
        return next((_refusal(host) for host in hosts if not self._admits(host)), None)

    def _admits(self, host: str) -> bool:
        found = _HOST.fullmatch(host.strip())
        if found is None:
            return False
        name = found[1].lower()
        if name.startswith("["):
            return is_ip(name[1:-1])
        return is_ip(name) or name.rstrip(".") in self._names


def _refusal(host: str) -> str:
    return (
        f"without a token this server does not answer to the name {host[:_ECHOED]!r}, which a "
        f"web page may have made up: ask by address or as localhost, or serve with {FLAG} NAME"
    )
