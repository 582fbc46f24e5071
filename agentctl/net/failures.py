"""Failures of HTTP as our own errors, in words that help. No I/O."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any, Optional, Protocol

from agentctl.errors import (
    AgentctlError,
    DisconnectedError,
    ForbiddenError,
    NotFoundError,
    ServerError,
    SourceError,
    UnauthorizedError,
)
from agentctl.net.tls_settings import TlsSettings

MAX_RETRY_AFTER_S = 300.0
"""Longest wait that a server may ask for; who asks for more is asked again by then."""

MAX_MESSAGE = 300

_SECONDS = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*")
_NOT_SHOWN = re.compile(
    r"<(script|style|head)\b[^>]{0,500}>.*?</\1\s*>|<[^>]{0,500}>", re.DOTALL | re.IGNORECASE
)
_TITLE = re.compile(r"<title[^>]{0,100}>([^<]{1,300})", re.IGNORECASE)


class Headers(Protocol):
    """An answer's headers, whatever the case of their names."""

    def items(self) -> Iterable[tuple[str, str]]: ...


def failure_of(
    status: int,
    headers: Headers,
    body: bytes,
    verb: str,
    noun: str,
    now: Optional[datetime] = None,
) -> SourceError:
    """The error for an answer that is not 200: ``cannot list deployments: forbidden``.

    ``body`` may be a Status object, HTML or plain text. ``now`` is what a Retry-After
    date is counted from where the answer has no Date.
    """
    what = f"cannot {verb} {noun}"
    details, message = _status_of(body)
    kubernetes_said = details is not None
    because = f": {message}" if message else ""
    if status == 401:
        return UnauthorizedError(f"{what}: unauthorized; log in again or give another user")
    if status == 403:
        # An RBAC refusal only repeats the question; anybody else's needs showing.
        return ForbiddenError(f"{what}: forbidden" + ("" if kubernetes_said else because))
    if status == 404:
        return NotFoundError(f"{what}: not found{because}")
    if b"HTTP request to an HTTPS server" in body:
        return ServerError(f"{what}: the server speaks TLS; its URL must begin with https://")
    wait = retry_after(headers, now)
    if wait is None and details is not None:
        wait = _capped(str(details.get("retryAfterSeconds", "")))
    from http.client import responses

    phrase = responses.get(status, "")
    message = f"{what}: HTTP {status} {phrase}".rstrip() + because
    return ServerError(message, wait, put_off=bool(wait))


def retry_after(headers: Headers, now: Optional[datetime] = None) -> Optional[float]:
    """The Retry-After header (RFC 9110, 10.2.3) in seconds from 0 to 300; None without one."""
    value = header(headers, "Retry-After")
    wait = _capped(value)
    if wait is not None or not value:
        return wait
    until = http_date(value)
    since = http_date(header(headers, "Date")) or now or datetime.now(timezone.utc)
    if until is None:
        return None
    return min(max((until - since).total_seconds(), 0.0), MAX_RETRY_AFTER_S)


def header(headers: Headers, name: str) -> str:
    """The first header of that name, in whatever case; empty if there is none."""
    wanted = name.lower()
    return next((value for key, value in headers.items() if key.lower() == wanted), "")


def http_date(text: str) -> Optional[datetime]:
    """An HTTP date as an aware datetime; None if it is none."""
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _capped(seconds: str) -> Optional[float]:
    match = _SECONDS.fullmatch(seconds)
    return min(float(match[1]), MAX_RETRY_AFTER_S) if match else None


def _status_of(body: bytes) -> tuple[Optional[dict[str, Any]], str]:
    """A Status object's details and message; details None if it is no Status."""
    try:
        status = json.loads(body)
    except (ValueError, RecursionError):
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status":
        details = status.get("details")
        message = status.get("message")
        return (
            details if isinstance(details, dict) else {},
            _line(message) if isinstance(message, str) else "",
        )
    text = body[:20_000].decode("utf-8", "replace")
    if "<" in text[:200]:
        title = _TITLE.search(text)
        text = title[1] if title else _NOT_SHOWN.sub(" ", text)
    return None, _line(text)


def _line(text: str) -> str:
    """One line of at most 300 characters."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text[:5_000]).split())
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


class TimedOut(DisconnectedError):
    """Nothing came for as long as was to be waited."""


def explain(error: BaseException, where: str, timeouts: str, tls: TlsSettings) -> AgentctlError:
    """Map what a connection died of; ``where`` is host:port, ``timeouts`` what took too long."""
    if isinstance(error, AgentctlError):
        return error
    reason = _tls_reason(error, tls)
    if not reason and isinstance(error, socket.timeout):
        reason = f"timed out {timeouts}".rstrip() + "; check the address, the network, the proxy"
        return TimedOut(f"{where}: {reason}")
    return DisconnectedError(f"{where}: {reason or _reason(error)}")


def _reason(error: BaseException) -> str:
    for kind, reason in _reasons():
        if isinstance(error, kind):
            return reason
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return f"{type(error).__name__}: {error}"


def _reasons() -> tuple[tuple[type[BaseException], str], ...]:
    from http import client

    return (
        (socket.gaierror, "cannot look up the name; check the server's address and DNS"),
        (ConnectionRefusedError, "connection refused; is the server running, is the port right?"),
        (
            client.RemoteDisconnected,
            "closed the connection without an answer; is a server behind it?",
        ),
        (ConnectionResetError, "connection reset by the server"),
        (BrokenPipeError, "connection reset by the server"),
        (client.IncompleteRead, "the connection was lost in the middle of an answer"),
        (client.HTTPException, "what it answered is not HTTP; is its URL meant to be https://?"),
    )


def _tls_reason(error: BaseException, settings: TlsSettings) -> str:
    import sys

    ssl = sys.modules.get("ssl")
    if ssl is None or not isinstance(error, ssl.SSLError):
        return ""
    if isinstance(error, socket.timeout) or "timed out" in str(error):
        return ""
    from agentctl.net.tls_words import explain_tls

    return explain_tls(error, settings)
