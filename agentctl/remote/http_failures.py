"""Failures of HTTP to an agentctl server, as our own errors."""

from __future__ import annotations

from contextlib import suppress

from agentctl.clock import Clock
from agentctl.errors import (
    DisconnectedError,
    ForbiddenError,
    NotFoundError,
    ServerError,
    SourceError,
    StreamingUnsupported,
    UnauthorizedError,
)
from agentctl.net.failures import USE_HTTPS, retry_after, status_line, visible_text, wants_tls
from agentctl.net.response import Response
from agentctl.redact import redact
from agentctl.wire.statusjson import error_of

ERROR_BYTES, ERROR_S = 64 * 1024, 2.0
"""What is read of an answer that is not what was asked for."""

MAX_SAID = 200
"""Characters of what a server says that are told."""

NO_STREAM = (404, 405, 406, 501)
"""What servers and proxies without the stream answer."""


def refusal(
    response: Response, clock: Clock, *, streaming: bool, what: str = "status"
) -> SourceError:
    """What a status that is not 200 means; takes the body for it. ``what`` was asked for."""
    where, status = response.where, response.status
    body = _beginning(response, clock)
    said, ours = error_of(body.decode("utf-8", "replace"))
    because = f": {_line(said)}" if said else ""
    phrase = status_line(status)
    if status == 401:
        return UnauthorizedError(f"{where}: unauthorized; check --token or --token-file")
    if status == 403:
        return ForbiddenError(f"{where}: forbidden{because}")
    if status in NO_STREAM and streaming and ours != status:
        return StreamingUnsupported(f"{where}: no stream there ({phrase}); use --fallback-poll")
    if status == 404:
        because = because or f": no {what} there ({phrase}); is it an agentctl server?"
        return NotFoundError(where + because)
    if status == 407:
        because = ": the proxy wants a user and a password"
    elif status == 400 and wants_tls(body):
        return ServerError(f"{where}: {USE_HTTPS}")
    elif not said:
        shown = seen_in(body)
        because = f": {shown}" if shown else ""
    return ServerError(f"{where}: {phrase}{because}", retry_after(response.headers, clock.now()))


def wrong_type(response: Response, expected: str, clock: Clock) -> ServerError:
    """For an answer that is good, but not ours: say what came. Takes the body for it."""
    shown = seen_in(_beginning(response, clock))
    seen = f' ("{shown}")' if shown else ""
    got = redact(response.content_type, 60) or "no content type"
    return ServerError(
        f"{response.where}: expected {expected}, got {got}{seen}; "
        "is it an agentctl server, or a proxy's login page?"
    )


def refuse_coding(response: Response) -> None:
    """Raise ServerError for a body that is compressed."""
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        raise ServerError(
            f"{response.where}: the answer is compressed ({coding[:20]}), which was not asked "
            "for; is a proxy in between?"
        )


def is_json(response: Response) -> bool:
    kind = response.content_type
    return kind == "application/json" or kind.endswith("+json")


def _beginning(response: Response, clock: Clock) -> bytes:
    """Of a body that is not what was asked for; whatever goes wrong."""
    response.wait_until(clock.monotonic() + ERROR_S)
    found = bytearray()
    with suppress(DisconnectedError):
        while len(found) < ERROR_BYTES:
            data = response.read1()
            if not data:
                break
            found += data
    return bytes(found[:ERROR_BYTES])


def seen_in(body: bytes) -> str:
    """What a person would see of it: a page's title, or the beginning of the text."""
    return _line(visible_text(body))


def _line(text: str) -> str:
    return redact(" ".join(text[:5_000].split()), MAX_SAID)
