"""CORS: which pages of other origins may read the answers, and what a browser is told of that.

The rules are those of the Fetch standard (HTTP extensions, "CORS protocol"). An origin is
compared as a browser writes it, all of it. Credentials that a browser has by itself, cookies and
client certificates, are never asked for: a page gives its token in ``Authorization``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from agentctl.lazy_regex import regex
from agentctl.net.origin import PORTS, Origin

FLAG = "--cors-origin"

ALLOWED_METHODS = ("GET", "HEAD")
ALLOWED_HEADERS = ("Authorization", "Cache-Control", "Last-Event-ID")
"""``Cache-Control`` is what stand-ins of ``EventSource`` send."""

EXPOSED_HEADERS = (
    *("Agentctl-Ask", "Agentctl-Build", "Agentctl-Complete-From"),
    *("Retry-After", "Warning"),
)

MAX_AGE_S = 7200
"""How long a browser need not ask again before a request: the most that Chromium takes."""

Headers = tuple[tuple[str, str], ...]

_SCHEME = regex(r"[A-Za-z][A-Za-z0-9+.-]*://")
_ECHOED = 80
"""Characters of an origin that are told back."""


def parse_origin(text: str) -> str:
    """An origin as browsers write it. Raises ValueError, in words, for what is none."""
    example = "as in https://dashboards.example or http://localhost:3000"
    shown = repr(text[:_ECHOED])
    if text == "*":
        raise ValueError(
            "'*' would let every page that anybody opens read this server: name each origin, "
            f"{example}"
        )
    if text.lower() == "null":
        raise ValueError(
            "'null' is the origin of every local file and sandboxed frame: serve the page over "
            f"HTTP and name that, {example}"
        )
    if not _SCHEME.match(text):
        raise ValueError(f"expected scheme and host, {example}, got {shown}")
    try:
        parts = urlsplit(text)
        origin = Origin.of(text)
    except ValueError:
        raise ValueError(
            f"expected http or https, a host and a port, {example}, got {shown}"
        ) from None
    if not text.isascii():
        raise ValueError(
            f"expected the name as browsers send it, {_written(origin)!r}, got {shown}"
        )
    if "@" in parts.netloc or parts.netloc.endswith(":") or re.search(r"\s|%|\*", text):
        raise ValueError(f"expected scheme, host and port alone, {example}, got {shown}")
    if len(text) > len(parts.scheme) + len("://") + len(parts.netloc):
        wanted = _written(origin)
        raise ValueError(f"expected an origin without path or query, {wanted!r}, got {shown}")
    return _written(origin)


def _written(origin: Origin) -> str:
    """RFC 6454, 6.2: the port only where it does not go without saying."""
    default = origin.port == PORTS[origin.scheme]
    authority = origin.authority
    return f"{origin.scheme}://{authority.rpartition(':')[0] if default else authority}"


class CorsPolicy:
    """The origins whose pages may read; none by default."""

    def __init__(self, origins: Iterable[str] = ()) -> None:
        """``origins`` as ``parse_origin`` gives them."""
        self._origins = frozenset(origins)

    @property
    def varies(self) -> Headers:
        """What each answer says, to whomever it is, where any origin may read."""
        return (("Vary", "Origin"),) if self._origins else ()

    def headers(self, origins: Sequence[str]) -> Headers:
        """What an answer to a request with these ``Origin`` headers carries beside its own."""
        if not self.allows(origins):
            return self.varies
        return (
            ("Access-Control-Allow-Origin", origins[0]),
            ("Access-Control-Expose-Headers", ", ".join(EXPOSED_HEADERS)),
            *self.varies,
        )

    def preflight(self, private_network: bool) -> Headers:
        """What a browser is told that asks before its request, beside ``headers``.

        ``private_network``: a page of the open network asks for this server in a private one.
        It was named by who runs this server, so it may.
        """
        private = (("Access-Control-Allow-Private-Network", "true"),) if private_network else ()
        return (
            ("Access-Control-Allow-Methods", ", ".join(ALLOWED_METHODS)),
            ("Access-Control-Allow-Headers", ", ".join(ALLOWED_HEADERS)),
            ("Access-Control-Max-Age", str(MAX_AGE_S)),
            *private,
        )

    def allows(self, origins: Sequence[str]) -> bool:
        """Whether a page of this origin may read; two headers are one bad one."""
        return len(origins) == 1 and origins[0] in self._origins

    def refusal(self, origins: Sequence[str]) -> str:
        """Why a page may not read, for the person who looks at the browser's network panel."""
        named = ", ".join(origins)[:_ECHOED]
        return f"pages of {named!r} may not read this server: serve with {FLAG} ORIGIN to let them"
