"""Who may read: bearer tokens and certificates, read again when their files change."""

from __future__ import annotations

import hmac
from typing import Optional


class TokenGate:
    """Compares tokens in constant time. With no token to expect it admits everybody."""

    def __init__(self, token: Optional[str] = None) -> None:
        self._token = token

    @property
    def open(self) -> bool:
        """No token is asked for."""
        return self._token is None

    def admits(self, authorization: str) -> bool:
        """Whether the value of an Authorization header ("" for none) is good."""
        if self._token is None:
            return True
        scheme, _, token = authorization.partition(" ")
        given = token.strip().encode("utf-8", "replace")
        same = hmac.compare_digest(given, self._token.encode("utf-8"))
        return same and scheme.lower() == "bearer"
