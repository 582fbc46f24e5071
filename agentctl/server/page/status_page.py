"""Status page's files: what is answered at ``/``, with the headers that bind it.

The page loads nothing but its own stylesheet and script, both beside it, and speaks to nothing
but the server that it came from. Its files hold no data, so they need no token.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.package import data

PACKAGE = "agentctl.server.page"

TYPES = {
    "index.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
}

PATHS = {"/": "index.html", "/page.css": "page.css", "/page.js": "page.js"}

_HASHED = 8
"""Digits of the files' hash in the name of a build."""


class PageFile(NamedTuple):
    """One file as it is answered."""

    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...]


class StatusPage:
    """The page of one server. ``hash`` is that of its files, ``ancestors`` are the origins whose
    pages may show it in a frame."""

    def __init__(self, ancestors: Sequence[str] = ()) -> None:
        self._files = {name: data(PACKAGE, name) for name in TYPES}
        self._ancestors = tuple(ancestors)
        self.hash = hashlib.sha256(b"\0".join(self._files.values())).hexdigest()[:_HASHED]

    def answers(self, build: str) -> Mapping[str, PageFile]:
        """The files by path, of the build of this name."""
        return {path: self._file(name, build) for path, name in PATHS.items()}

    def _file(self, name: str, build: str) -> PageFile:
        body = self._files[name].replace(b"{{build}}", build.encode("ascii", "replace"))
        return PageFile(TYPES[name], body, self._headers())

    def _headers(self) -> tuple[tuple[str, str], ...]:
        ancestors = " ".join(self._ancestors) or "'none'"
        policy = {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "connect-src": "'self'",
            "img-src": "data:",  # the favicon, which is drawn for each verdict
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": ancestors,
            "require-trusted-types-for": "'script'",
            "trusted-types": "'none'",
        }
        return (
            ("Content-Security-Policy", "; ".join(f"{name} {of}" for name, of in policy.items())),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            *(() if self._ancestors else (("X-Frame-Options", "DENY"),)),
        )
