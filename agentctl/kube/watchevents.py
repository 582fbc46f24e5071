"""Watch events: what one line says, and the resourceVersion after it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Optional

from agentctl.engine.messages import Change
from agentctl.errors import ServerError, SourceError
from agentctl.kube.managed_fields import parse
from agentctl.kube.resources import Seen, WatchSpec
from agentctl.model import ErrorCode

log = logging.getLogger(__name__)


KINDS = frozenset(("ADDED", "MODIFIED", "DELETED", "BOOKMARK"))


class ExpiredError(ServerError):
    """The history after this resourceVersion is gone: only a new list can help."""

    code = ErrorCode.RESYNC


class WatchDecoder:
    """Lines in, changes out; keeps the resourceVersion to go on from.

    ``resource_version`` is where the watch was asked to start.
    """

    def __init__(self, spec: WatchSpec, resource_version: str) -> None:
        self._spec = spec
        self._noun = spec.resource.plural
        # Without a starting point the first ADDED events are a list in no order: their
        # resourceVersions say nothing about the stream. A bookmark's does.
        self._ordered = resource_version not in ("", "0")
        self.resource_version = resource_version

    def decode(self, lines: Iterable[bytes], seen: Seen) -> Optional[list[Change]]:
        """The changes that lines report, in order; None when they say nothing at all.

        Raises ExpiredError and ServerError for ERROR events, ServerError for a line
        that is no event.
        """
        changes: list[Change] = []
        moved = False
        for line in lines:
            if not line or line.isspace():
                continue
            kind, item = self._event(line)
            if kind not in KINDS:
                log.debug("%s: unknown event type %.40r ignored", self._noun, kind)
                continue
            if kind == "BOOKMARK":
                self._ordered = True
            elif kind == "DELETED":
                changes.append(self._spec.deletion(item))
            else:
                changes.append(self._spec.change(item, seen))
            moved = True
            version = item["metadata"].get("resourceVersion")
            if version and self._ordered:
                self.resource_version = str(version)
        return changes if moved else None

    def _event(self, line: bytes) -> tuple[str, Mapping[str, Any]]:
        try:
            event = parse(line)
            kind, item = event["type"], event["object"]
            if kind == "ERROR":
                raise status_error(item, self._noun)
            if isinstance(kind, str) and (kind not in KINDS or isinstance(item["metadata"], dict)):
                return kind, item
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise ServerError(
            f"watching {self._noun}: the server sent a line that is no watch event: {line[:60]!r}"
        )


def status_error(status: object, noun: str) -> SourceError:
    """What an ERROR event's Status means; the HTTP status was 200 and says nothing."""
    body = status if isinstance(status, dict) else {}
    message = str(body.get("message") or "no reason given")[:300]
    if body.get("code") == 410 or body.get("reason") in ("Expired", "Gone"):
        return ExpiredError(f"history of {noun} expired: {message}")
    details = body.get("details")
    wait = details.get("retryAfterSeconds") if isinstance(details, dict) else None
    asked = float(wait) if isinstance(wait, int) and 0 < wait <= 300 else None
    return ServerError(f"watching {noun}: {message}", asked, put_off=asked is not None)
