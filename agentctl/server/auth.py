"""Authentication of readers: bearer tokens, read again when their file changes.

A token file holds one token a line; all of them are good at once, so that a token is
rotated without a gap: add the new one, move the readers, take the old one out. Blank
lines and lines that begin with ``#`` are left out.

When the file changes while the server runs, its content is the law at once, an empty one
too: that is how to lock everybody out. A file that is gone or cannot be read is no
statement about tokens, and a hiccup of a mount must not cut off every reader: the tokens
that were good stay good, and the log says so.

For the transports: ``admits`` answers for a request. For a stream keep ``ticket``'s answer
instead, and each time that ``generation`` is another number ask ``honours`` again: a
stream ends within seconds of the end of its token.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Sequence
from typing import Optional

from agentctl.clock import Clock
from agentctl.errors import ConfigError
from agentctl.server.reloading import Named, Reloading

log = logging.getLogger(__name__)

FLAG = "--token-file"

MAX_TOKENS = 100
"""Each is compared with each request's: the time must not tell which one was close."""

Ticket = bytes
"""What a stream keeps of the token it was opened with: a digest of it."""

_NO_TOKEN_ASKED: Ticket = b""


class TokenGate:
    """Compares tokens in constant time. With no token to expect it admits everybody.

    Thread-safe and cheap: a look at the file once a second, a few hashes a request.
    """

    def __init__(self, token: Optional[str] = None) -> None:
        self._fixed = None if token is None else (_digest(token),)
        self._file: Optional[Reloading[tuple[Ticket, ...]]] = None

    @classmethod
    def from_file(cls, path: str, clock: Clock) -> TokenGate:
        """The tokens of a file, now and as it changes.

        Raises ConfigError for one that cannot be read, holds none, or holds what is none.
        """
        file = Named(FLAG, path)
        gate = cls()
        begun = False

        def tokens(contents: Sequence[bytes]) -> tuple[Ticket, ...]:
            found, complaint = _parse(contents[0])
            if not found and not complaint:
                complaint = "holds no token"
            if complaint and not begun:
                raise ConfigError(f"{file}: {complaint}")
            if complaint:
                log.warning("%s: %s; %d tokens are good now", file, complaint, len(found))
            return found

        gate._file = Reloading([file], tokens, clock)
        begun = True
        return gate

    @property
    def open(self) -> bool:
        """No token is asked for."""
        return self._fixed is None and self._file is None

    @property
    def generation(self) -> int:
        """Another number whenever other tokens are good than before."""
        if self._file is None:
            return 0
        self._file.get()
        return self._file.generation

    def admits(self, authorization: str) -> bool:
        """Whether the value of an Authorization header ("" for none) is good."""
        return self.ticket(authorization) is not None

    def ticket(self, authorization: str) -> Optional[Ticket]:
        """The same, as something to ask ``honours`` about later; None where it is not good."""
        if self.open:
            return _NO_TOKEN_ASKED
        scheme, _, token = authorization.partition(" ")
        # Digests have one length: comparing them says nothing about a token's.
        given = _digest(token.strip(" "))
        same = False
        for good in self._good():
            same |= hmac.compare_digest(given, good)
        return given if same and scheme.lower() == "bearer" else None

    def honours(self, ticket: Ticket) -> bool:
        """Whether what was admitted with this ticket would be admitted now."""
        return self.open or ticket in self._good()

    def _good(self) -> tuple[Ticket, ...]:
        return self._file.get() if self._file is not None else self._fixed or ()


def _digest(token: str) -> Ticket:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _parse(content: bytes) -> tuple[tuple[Ticket, ...], str]:
    """The tokens of a file, and what is wrong with it ("" if nothing); never a token's text."""
    found: dict[Ticket, None] = {}
    complaint = ""
    for number, line in enumerate(content.decode("utf-8-sig", "replace").splitlines(), 1):
        token = line.strip()
        if not token or token.startswith("#"):
            continue
        if not all("!" <= character <= "~" for character in token):
            complaint = f"line {number} is no token: expected one a line, of visible ASCII"
        elif len(found) == MAX_TOKENS:
            complaint = f"holds more than {MAX_TOKENS} tokens"
        else:
            found[_digest(token)] = None
    return tuple(found), complaint
