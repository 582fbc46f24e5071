"""Weather: what an API server answers while it starts, and while its storage hangs.

A server that starts answers long before it is ready: discovery with groups missing, custom
resources with 503, RBAC's own roles not there yet, ``/readyz`` with what has failed. One
whose storage hangs goes on answering from its caches: watches, discovery and lists that
name a resourceVersion; all else waits.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional, Union

from agentctl.demo.failures import ApiFailure
from agentctl.demo.faults import Hang, Reply
from agentctl.demo.objects import encode
from agentctl.demo.routes import Target
from agentctl.demo.wire import Request

PROBES = ("readyz", "livez", "healthz")
PLAIN = "text/plain; charset=utf-8"

PROBE_TIMEOUT_S = 2.0
"""How long an API server's own check of its storage takes to fail."""

NOT_INSTALLED = (
    "the request has been made before all known HTTP paths have been installed, please try again"
)


@dataclass(frozen=True)
class Start:
    """Seconds from the start until each is as it should be."""

    ready_s: float = 3.0
    """``/readyz``, and ``/livez`` with it."""
    groups_s: float = 2.0
    """Discovery has the groups of custom resources."""
    custom_s: float = 2.0
    """Custom resources are answered, not put off."""
    roles_s: float = 0.0
    """RBAC knows its own roles; until then everybody is refused."""
    storage_s: float = 0.0
    """Storage is there; until then lists are put off with 429."""
    no_groups: bool = False
    """Discovery has no groups at all until ``groups_s``."""

    @property
    def failed(self) -> tuple[str, ...]:
        """What ``/readyz`` says has failed."""
        return ("poststarthook/crd-informer-synced", "poststarthook/rbac/bootstrap-roles")


class Weather:
    """Good until it is told otherwise. Any thread may call any method."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._start: Optional[Start] = None
        self._started_at = 0.0
        self.frozen = False
        self.epoch = 0
        """Grows when storage thaws: what hangs goes on then."""

    def starting(self, start: Start) -> None:
        """Begin a start now."""
        with self._lock:
            self._start, self._started_at = start, self._now()

    def freeze(self) -> None:
        """Storage hangs until ``thaw``."""
        with self._lock:
            self.frozen = True

    def thaw(self) -> None:
        with self._lock:
            self.frozen = False
            self.epoch += 1

    def action(self, target: Target, request: Request) -> Optional[Union[Reply, Hang]]:
        """What becomes of a request; None where it is answered as usual."""
        if self.frozen:
            return self._while_frozen(target, request)
        start, age = self._start, self._now() - self._started_at
        return None if start is None else _while_starting(start, age, target, request)

    def discovery(self, body: bytes) -> bytes:
        """An answer to ``/apis``, without what is not known yet."""
        start = self._start
        if start is None or self._now() - self._started_at >= start.groups_s:
            return body
        document = json.loads(body)
        for key in ("items", "groups"):
            if key in document:
                document[key] = [
                    group
                    for group in document[key]
                    if not start.no_groups and not is_custom(_name(group))
                ]
        return encode(document)

    def _while_frozen(self, target: Target, request: Request) -> Optional[Union[Reply, Hang]]:
        if target.kind is None:
            failing = target.plural in PROBES
            return _probe(target.plural, ("etcd",), PROBE_TIMEOUT_S) if failing else None
        cached = bool(request.query.get("resourceVersion")) and target.verb in ("list", "get")
        return None if cached or target.verb == "watch" else Hang()


def _while_starting(start: Start, age: float, target: Target, request: Request) -> Optional[Reply]:
    """What a server of this age (seconds) answers in place of what it will."""
    if target.plural in PROBES and target.kind is None:
        return _probe(target.plural, start.failed) if age < start.ready_s else None
    if is_custom(_group(request.path)) and age < start.custom_s:
        return _failure(503, NOT_INSTALLED, 5)
    if target.kind is not None and age < start.roles_s:
        what = f'{target.plural} is forbidden: User "viewer" cannot {target.verb} resource'
        return _failure(403, what)
    if target.kind is not None and age < start.storage_s:
        return _failure(429, "storage is (re)initializing", 1)
    return None


def is_custom(group: str) -> bool:
    """Whether a group is one of custom resources."""
    return "." in group and not group.endswith(".k8s.io")


def _group(path: str) -> str:
    parts = path.split("/")
    return parts[2] if len(parts) > 3 and parts[1] == "apis" else ""


def _name(group: object) -> str:
    if not isinstance(group, dict):
        return ""
    name = group.get("name") or (group.get("metadata") or {}).get("name")
    return str(name or "")


def _probe(name: str, failed: tuple[str, ...], delay_s: float = 0.0) -> Reply:
    lines = ["[+]ping ok", *(f"[-]{one} failed: reason withheld" for one in failed)]
    body = "\n".join([*lines, f"{name} check failed", ""]).encode()
    return Reply(500, body, PLAIN, delay_s=delay_s)


def _failure(code: int, message: str, retry_after: Optional[int] = None) -> Reply:
    headers = (("Retry-After", str(retry_after)),) if retry_after is not None else ()
    details = {"retryAfterSeconds": retry_after} if retry_after is not None else None
    failure = ApiFailure(code, message, details=details)
    return Reply(code, encode(failure.body()), headers=headers)
