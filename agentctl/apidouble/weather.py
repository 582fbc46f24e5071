"""Starting and frozen API server: what it answers meanwhile, as a real one does.

After recordings of a kube-apiserver 1.36 (``tests/data/weather``). All of it follows from
what was ordered and from the clock; no I/O, no thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from agentctl.apidouble import failures
from agentctl.apidouble.discovery import REVIEWS
from agentctl.apidouble.kinds import Kind
from agentctl.apidouble.routes import ResourceTarget
from agentctl.apidouble.wire import Request
from agentctl.clock import Clock
from agentctl.lazy_dataclass import dataclass

HEALTH = ("healthz", "livez", "readyz")
"""Answered to everyone, by a role of its own that is as late as all others at a start."""

DISCOVERY = ("api", "apis", "openapi")

ETCD_CHECK_S = 2.0
"""How long a health check waits for storage that does not answer."""

REQUEST_TIMEOUT_S = 60.0
"""How long a request may wait for it before the server gives up."""

HOOKS = (
    ("poststarthook/start-apiextensions-controllers", 0.0),
    ("poststarthook/crd-informer-synced", 0.0),
    ("poststarthook/start-kube-apiserver-identity-lease-controller", 0.03),
    ("poststarthook/start-service-ip-repair-controllers", 0.1),
    ("poststarthook/rbac/bootstrap-roles", 1.0),
    ("poststarthook/scheduling/bootstrap-system-priority-classes", 0.22),
    ("poststarthook/priority-and-fairness-config-producer", 0.1),
    ("poststarthook/bootstrap-controller", 0.1),
    ("poststarthook/start-kubernetes-service-cidr-controller", 0.1),
    ("poststarthook/apiservice-registration-controller", 0.1),
    ("poststarthook/apiservice-discovery-controller", 0.1),
    ("autoregister-completion", 0.0),
)
"""What health checks wait for at a start, and when each is done: 0 with the custom
resources, 1 when all is ready."""


@dataclass(frozen=True)
class Start:
    """When which part of a starting API server is there: seconds since it listens.

    The defaults are about a quiet host's. Lists through storage are whole at once.
    """

    ready_s: float = 3.0
    """``/readyz`` and ``/livez`` are well."""
    groups_s: float = 2.0
    """Discovery names the groups of custom resources..."""
    custom_s: float = 2.0
    """...and those are answered, not put off..."""
    spread_s: float = 0.0
    """...the last of them this much later than the first."""
    no_groups: bool = False
    """Discovery names no group at all before ``groups_s``."""
    roles_s: float = 0.0
    """RBAC knows its own roles; until then whatever needs a permission is forbidden."""
    storage_s: float = 0.0
    """The watch cache is filled; until then watches are told to come again."""
    answers_s: float = 0.0
    """Anything is answered; what is asked sooner waits."""


class Weather:
    """What is so at one API server now. Fair, unless something was ordered.

    ``version`` says what the last change in the store was. Set from any thread; each
    order is one assignment.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start: Optional[Start] = None
        self._began = 0.0
        self._frozen_at: Optional[int] = None

    def starting(self, start: Start) -> None:
        """The server listens from now on, and is as far as this says."""
        self._began, self._start = self._clock.monotonic(), start

    @property
    def open_at(self) -> float:
        """When (monotonic) the last start has come to answers and to roles."""
        start = self._start
        return 0.0 if start is None else self._began + max(start.answers_s, start.roles_s)

    def freeze(self, version: int) -> None:
        """Storage answers nobody from now on; ``version`` is the last that the cache saw."""
        self._frozen_at = version

    def thaw(self) -> None:
        self._frozen_at = None

    @property
    def horizon(self) -> Optional[int]:
        """While storage is frozen, the version of what the watch cache holds."""
        return self._frozen_at

    def held_s(self, request: Request, target: ResourceTarget, since: float) -> float:
        """How long from now a request of ``since`` (monotonic) goes without an answer.

        0 when it is to be answered. As things are: a thaw is not foreseen.
        """
        now = self._clock.monotonic()
        held = 0.0
        if self._start is not None:
            held = self._began + self._start.answers_s - now
        if self._frozen_at is not None:
            if target.plural in HEALTH:
                held = max(held, since + ETCD_CHECK_S - now)
            elif _needs_storage(request, target):
                held = max(held, since + REQUEST_TIMEOUT_S - now)
        return max(0.0, held)

    def refuse(self, request: Request, target: ResourceTarget, user: str) -> None:
        """Raise the ApiFailure that the weather makes of a request, if it does."""
        start, passed = self._start, self._passed
        kind = target.kind
        if self._frozen_at is not None and _needs_storage(request, target):
            raise failures.storage_timeout()
        if start is None or kind in REVIEWS:
            return
        if passed < start.roles_s:
            if kind is not None:
                name = target.name or selected_name(request)
                raise failures.forbidden(user, target.verb, kind, target.namespace, name)
            if target.plural in DISCOVERY or target.plural in HEALTH:
                raise failures.forbidden_path(user, request.path)
        if kind is not None and passed < start.storage_s and _needs_cache(request, target):
            raise failures.storage_initializing()

    def served(self, kinds: Sequence[Kind]) -> tuple[Kind, ...]:
        """Of all that is to be served, what is answered by now."""
        return self._there(kinds, self._start.custom_s if self._start is not None else 0.0)

    def named(self, kinds: Sequence[Kind]) -> tuple[Kind, ...]:
        """Of all that is to be served, what discovery names by now."""
        start = self._start
        if start is not None and start.no_groups and self._passed < start.groups_s:
            return ()
        return self._there(kinds, start.groups_s if start is not None else 0.0)

    def _there(self, kinds: Sequence[Kind], since: float) -> tuple[Kind, ...]:
        """Those that are built in, and those of the custom groups that have come since then."""
        start = self._start
        if start is None or self._passed >= since + start.spread_s:
            return tuple(kinds)
        groups = sorted({kind.group for kind in kinds if kind.custom})
        step = start.spread_s / max(1, len(groups) - 1)
        due = {group: since + step * index for index, group in enumerate(groups)}
        return tuple(kind for kind in kinds if due.get(kind.group, 0.0) <= self._passed)

    @property
    def installs_paths(self) -> bool:
        """Whether a path that is not known may be known in a moment."""
        start = self._start
        return start is not None and self._passed < start.custom_s + start.spread_s

    def failing(self, endpoint: str) -> list[str]:
        """Which checks of a health endpoint fail now, in its order."""
        found = []
        if self._frozen_at is not None:
            found += ["etcd", "etcd-readiness"] if endpoint == "readyz" else ["etcd"]
        start = self._start
        if start is None:
            return found
        custom = start.custom_s + start.spread_s
        if endpoint == "readyz" and self._passed < custom:
            found.append("informer-sync")
        rest = max(0.0, start.ready_s - custom)
        found += [name for name, share in HOOKS if self._passed < custom + rest * share]
        return found

    @property
    def _passed(self) -> float:
        return self._clock.monotonic() - self._began


def selected_name(request: Request) -> str:
    """The one object that a list or a watch is about, as refusals name it."""
    field, _, name = request.query.get("fieldSelector", "").partition("=")
    return name if field == "metadata.name" else ""


def _needs_storage(request: Request, target: ResourceTarget) -> bool:
    """Whether the watch cache cannot answer it alone."""
    if target.kind is None or target.kind in REVIEWS:
        return False
    if target.verb not in {"get", "list", "watch"}:
        return True
    return not request.query.get("resourceVersion")


def _needs_cache(request: Request, target: ResourceTarget) -> bool:
    return target.verb == "watch" or not _needs_storage(request, target)
