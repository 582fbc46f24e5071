"""Failures of HTTP to an agentctl server, as our own errors. No I/O."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Optional

from agentctl.errors import (
    AgentctlError,
    DisconnectedError,
    ForbiddenError,
    NotFoundError,
    ServerError,
    SourceError,
    StreamingUnsupported,
    UnauthorizedError,
)
from agentctl.net.failures import Headers, explain, retry_after
from agentctl.redact import redact
from agentctl.wire.statusjson import error_of

MAX_SAID = 200
"""Characters of what a server says that are told."""

NO_STREAM = (404, 405, 406, 501)
"""What servers and proxies without the stream answer."""

_UNTRUSTED = (18, 19, 20, 21)  # X509_V_ERR_* of OpenSSL
_NAME_MISMATCH = (62, 64)

_TITLE = re.compile(r"<title[^<>]{0,100}>([^<]{1,300})", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,500}>")


def explained(error: BaseException, where: str, step: str = "") -> AgentctlError:
    """What requests, urllib3 or a socket failed of; ``step`` is what a timeout was spent on."""
    for cause in _causes(error):
        if isinstance(cause, AgentctlError):
            return cause
        if isinstance(cause, ssl.SSLCertVerificationError):
            if cause.verify_code in _UNTRUSTED:
                reason = "certificate signed by unknown authority; give its CA with --tls-ca"
                return DisconnectedError(f"{where}: {reason}")
            if cause.verify_code in _NAME_MISMATCH:
                reason = "the server's certificate is for another name; check the address"
                return DisconnectedError(f"{where}: {reason}, or give --tls-server-name")
        if isinstance(cause, (OSError, http.client.HTTPException)) and not _is_wrapper(cause):
            return explain(cause, where, step)
    return ServerError(f"{where}: {redact(str(error) or type(error).__name__, MAX_SAID)}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it was made of, the outermost first."""
    found: list[BaseException] = [error]
    for one in found:
        yield one
        inner = [one.__cause__, getattr(one, "reason", None), *one.args, one.__context__]
        found += [
            each
            for each in inner
            if isinstance(each, BaseException) and not any(each is known for known in found)
        ]


def _is_wrapper(error: BaseException) -> bool:
    """Whether it is requests' or urllib3's own, of which most are OSErrors too."""
    return type(error).__module__.partition(".")[0] in ("requests", "urllib3")


def refusal(
    where: str, status: int, headers: Headers, body: bytes, now: datetime, *, streaming: bool
) -> SourceError:
    """The error for an answer whose status is not 200.

    ``body`` is its beginning; ``now`` is what a date in Retry-After is counted from.
    """
    said, ours = error_of(body.decode("utf-8", "replace"))
    because = f": {_line(said)}" if said else ""
    phrase = _phrase(status)
    if status == 401:
        return UnauthorizedError(f"{where}: unauthorized; check --token or --token-file")
    if status == 403:
        return ForbiddenError(f"{where}: forbidden{because}")
    if status in NO_STREAM and streaming and ours != status:
        return StreamingUnsupported(f"{where}: no stream there ({phrase}); use --fallback-poll")
    if status == 404:
        because = because or f": no status there ({phrase}); is it an agentctl server?"
        return NotFoundError(where + because)
    if status == 407:
        because = ": the proxy wants a user and a password"
    elif not said:
        shown = seen_in(body)
        because = f": {shown}" if shown else ""
    return ServerError(f"{where}: {phrase}{because}", retry_after(headers, now))


def wrong_type(where: str, expected: str, got: str, body: bytes) -> ServerError:
    """For an answer that is good, but not ours: say what came."""
    shown = seen_in(body)
    seen = f' ("{shown}")' if shown else ""
    return ServerError(
        f"{where}: expected {expected}, got {redact(got, 60) or 'no content type'}{seen}; "
        "is it an agentctl server, or a proxy's login page?"
    )


def seen_in(body: bytes) -> str:
    """What a person would see of it: a page's title, or the beginning of the text."""
    text = body[:20_000].decode("utf-8", "replace")
    if "<" in text[:200]:
        title = _TITLE.search(text)
        text = title[1] if title else _TAG.sub(" ", text)
    return _line(text)


def _line(text: str) -> str:
    return redact(" ".join(text[:5_000].split()), MAX_SAID)


def _phrase(status: int) -> str:
    found: Optional[HTTPStatus] = None
    if status in HTTPStatus._value2member_map_:
        found = HTTPStatus(status)
    return f"HTTP {status}" + (f" {found.phrase}" if found else "")
