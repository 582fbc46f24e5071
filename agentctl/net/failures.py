"""Failures of HTTP as our own errors, in words that help. No I/O."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from typing import Optional, Union

from agentctl.errors import AgentctlError, DisconnectedError
from agentctl.lazy_regex import regex
from agentctl.net.http1 import CutShort, NoAnswer, NotHttp, SpeaksHttp2
from agentctl.net.timed_stream import ChunkError
from agentctl.net.tls_settings import TlsSettings

MAX_RETRY_AFTER_S = 300.0
"""Longest wait that a server may ask for; who asks for more is asked again by then."""

_DATE = regex(r"\w{3}, (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII)
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_SECONDS = regex(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*")
_TITLE = regex(r"<title[^>]{0,100}>([^<]{1,300})", re.IGNORECASE)


def status_line(status: int) -> str:
    """``HTTP 503 Service Unavailable``; the number alone where it has no name."""
    from http import HTTPStatus

    known = status in HTTPStatus._value2member_map_
    return f"HTTP {status} {HTTPStatus(status).phrase}" if known else f"HTTP {status}"


def retry_after(headers: Mapping[str, str], now: Optional[datetime] = None) -> Optional[float]:
    """The Retry-After header (RFC 9110, 10.2.3) in seconds from 0 to 300; None without one.

    ``headers`` have names in lower case; ``now`` is what a date is counted from where the
    answer has none.
    """
    value = headers.get("retry-after", "")
    wait = capped(value)
    if wait is not None or not value:
        return wait
    until = http_date(value)
    since = http_date(headers.get("date", "")) or now or datetime.now(timezone.utc)
    if until is None:
        return None
    return min(max((until - since).total_seconds(), 0.0), MAX_RETRY_AFTER_S)


def http_date(text: str) -> Optional[datetime]:
    """An HTTP date as an aware datetime; None if it is none."""
    usual = _DATE.fullmatch(text)
    if usual:
        day, month, year, hour, minute, second = usual.groups()
        with suppress(ValueError):
            date = int(year), _MONTHS.index(month) // 3 + 1, int(day)
            return datetime(*date, int(hour), int(minute), int(second), tzinfo=timezone.utc)
    from email.utils import parsedate_to_datetime  # for what is seldom seen, and not cheap

    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def capped(seconds: str) -> Optional[float]:
    """Seconds that a server asks for, up to 300; None for what is no number of them."""
    match = _SECONDS.fullmatch(seconds)
    return min(float(match[1]), MAX_RETRY_AFTER_S) if match else None


def wants_tls(body: bytes) -> bool:
    """Whether an answer (400) says that its port speaks TLS: Go's, nginx's, Apache's, ours."""
    return any(words in body for words in _WANT_TLS)


_WANT_TLS = (
    b"HTTP request to an HTTPS server",
    b"HTTP request was sent to HTTPS port",
    b"speaking plain HTTP to an SSL-enabled",
    b"this port speaks TLS",
)
USE_HTTPS = "the server speaks TLS; its URL must begin with https://"


def visible_text(body: bytes) -> str:
    """What a person would see of a body: a page's title, or its text; it may have lines."""
    text = body[:20_000].decode("utf-8", "replace")
    if "<" in text[:200]:
        from agentctl.net.html import without_tags

        title = _TITLE.search(text)
        text = title[1] if title else without_tags(text)
    return text


_REASONS: tuple[tuple[Union[type[BaseException], tuple[type[BaseException], ...]], str], ...] = (
    (socket.gaierror, "cannot look up the name; check the server's address and DNS"),
    (UnicodeError, "no host can have that name; check the server's address"),
    (ConnectionRefusedError, "connection refused; is the server running, is the port right?"),
    (NoAnswer, "closed the connection without an answer; is a server behind it?"),
    ((ConnectionResetError, BrokenPipeError), "connection reset by the server"),
    (CutShort, "the connection was lost in the middle of an answer"),
    (SpeaksHttp2, "it speaks HTTP/2: is that the port of gRPC?"),
    ((NotHttp, ChunkError), "what it answered is not HTTP; is its URL meant to be https://?"),
)

_NOT_REACHED = (socket.gaierror, ConnectionRefusedError)


class TimedOut(DisconnectedError):
    """Nothing came for as long as was to be waited."""


def explain(
    error: BaseException, where: str, timeouts: str, tls: TlsSettings, plain: bool = False
) -> AgentctlError:
    """Map what a connection died of; ``where`` is host:port, ``timeouts`` what took too long.

    ``plain``: it was asked without TLS, which some servers of TLS just hang up on.
    """
    if isinstance(error, AgentctlError):
        return error
    reason = _tls_reason(error, tls)
    if not reason and isinstance(error, socket.timeout):
        reason = f"timed out {timeouts}".rstrip() + "; check the address, the network, the proxy"
        return TimedOut(f"{where}: {reason}")
    reason = reason or _reason(error)
    if plain and isinstance(error, NoAnswer):
        reason = reason.replace("behind it?", "behind it, or does it speak TLS (https://)?")
    if "(through proxy " in where and isinstance(error, _NOT_REACHED):
        reason = reason.replace("server", "proxy")  # which is what was dialled
    return DisconnectedError(f"{where}: {reason}")


def _reason(error: BaseException) -> str:
    for kinds, reason in _REASONS:
        if isinstance(error, kinds):
            return reason
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return f"{type(error).__name__}: {error}"


def _tls_reason(error: BaseException, settings: TlsSettings) -> str:
    import sys

    ssl = sys.modules.get("ssl")
    if ssl is None or not isinstance(error, ssl.SSLError):
        return ""
    if isinstance(error, socket.timeout) or "timed out" in str(error):
        return ""
    from agentctl.net.tls_words import explain_tls

    return explain_tls(error, settings)
