"""Answers of HTTP in one piece: a status, a few headers, a body."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Optional
from urllib.parse import quote

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import json_line
from agentctl.server.cors import ALLOWED_METHODS, Headers
from agentctl.server.http.request import Refusal

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"

_ECHOED = 80
"""Characters of a client's word that are told back."""


PIECES_WEIGHT = 2 << 20
"""That an answer in pieces counts as held, though its memory is less: each of them has a piece in
every turn of the acceptor, and 32 are enough."""


class HttpAnswer(NamedTuple):
    """``headers`` are those beside the body's type and length. No body: to a HEAD for what
    has no length, and with 204, which has no type either."""

    status: int
    content_type: str
    body: Optional[bytes]
    headers: Headers = ()
    pieces: Optional[Iterator[bytes]] = None
    """A body of no known length, in the place of the other: each of them is made when the one
    before has been taken, so that no long answer keeps others waiting."""
    weight: int = 0
    """Bytes that ``pieces`` keep in memory until the last of them, about."""

    @property
    def held(self) -> tuple[object, int]:
        """What its reader has yet to take, and how large that is."""
        if self.pieces is not None:
            return self.pieces, self.weight
        return self.body, len(self.body or b"")


def json_answer(value: Any, status: int = 200, headers: Headers = ()) -> HttpAnswer:
    return HttpAnswer(status, JSON, json_bytes(value) + b"\n", headers)


def json_bytes(value: Any) -> bytes:
    return json_line(value).encode("utf-8", "replace")


def text_answer(text: str, status: int = 200, headers: Headers = ()) -> HttpAnswer:
    return HttpAnswer(status, TEXT, text.encode("utf-8") + b"\n", headers)


def refusal_answer(refusal: Refusal, headers: Headers = ()) -> HttpAnswer:
    """``{"error": "what is wrong and what was expected", "status": 400}``."""
    error = {"error": refusal.message, "status": refusal.status}
    return json_answer(error, refusal.status, headers)


def retry_after(seconds: int) -> Headers:
    return (("Retry-After", str(seconds)),)


def warning(ignored: Sequence[str], unmatched: Sequence[str] = ()) -> Headers:
    """Names the parameters that were ignored, and components of which there are none now.

    As Kubernetes warns (RFC 7234, 5.5); percent-encoded, since a client made them up.
    """
    told = (("unknown parameters are ignored", ignored), ("no component matches", unmatched))
    texts = [
        f'299 agentctl "{text}: {", ".join(quote(name[:_ECHOED], safe="*?[]:") for name in names)}"'
        for text, names in told
        if names
    ]
    return (("Warning", ", ".join(texts)),) if texts else ()


def unauthorized() -> HttpAnswer:
    return refusal_answer(
        Refusal(401, "expected a header 'Authorization: Bearer <token>' with a token good here"),
        (("WWW-Authenticate", "Bearer"),),
    )


def method_not_allowed() -> HttpAnswer:
    allowed = ", ".join(ALLOWED_METHODS)
    return refusal_answer(
        Refusal(405, f"expected one of the methods {allowed}"), (("Allow", allowed),)
    )
