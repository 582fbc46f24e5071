"""Failures that an API server answers with, as our own errors. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Optional

from agentctl.errors import (
    Denied,
    ForbiddenError,
    NotFoundError,
    ServerError,
    SourceError,
    UnauthorizedError,
)
from agentctl.lazy_regex import regex
from agentctl.net.failures import (
    USE_HTTPS,
    capped,
    retry_after,
    status_line,
    visible_text,
    wants_tls,
)
from agentctl.redact.printable import legible

MAX_MESSAGE = 300


def failure_of(
    status: int,
    headers: Mapping[str, str],
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
        words = f"{what}: forbidden" + ("" if kubernetes_said else because)
        return ForbiddenError(words, _denied(message))
    if status == 404:
        return NotFoundError(f"{what}: not found{because}")
    if status == 400 and wants_tls(body):
        return ServerError(f"{what}: {USE_HTTPS}")
    wait = retry_after(headers, now)
    if wait is None and details is not None:
        wait = capped(str(details.get("retryAfterSeconds", "")))
    return ServerError(f"{what}: {status_line(status)}{because}", wait, put_off=bool(wait))


_RBAC = regex(
    r'User "(?P<user>[^"]{1,253})" cannot (?P<verb>[a-z]+) resource "(?P<resource>[^"]+)"'
    r'(?: in API group "(?P<group>[^"]*)")?(?: in the namespace "(?P<namespace>[^"]+)")?'
)
"""What every authorizer's refusal of the API server says."""


def _denied(message: str) -> Optional[Denied]:
    """Who lacks which permission, by the words of the refusal; None for other words."""
    found = _RBAC.search(message)
    if found is None:
        return None
    resource = ".".join(part for part in (found["resource"], found["group"]) if part)
    return Denied(found["user"], found["verb"], resource, found["namespace"] or "")


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
    return None, _line(visible_text(body))


def _line(text: str) -> str:
    """One line of at most 300 characters."""
    text = " ".join(legible(text[:5_000]).split())
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


def has_cause(status: Mapping[str, Any], reason: str) -> bool:
    """Whether a Status names a cause of this reason."""
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    return isinstance(causes, list) and any(
        isinstance(cause, dict) and cause.get("reason") == reason for cause in causes
    )
