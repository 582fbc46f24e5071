"""``webhook``: admission webhooks have a CA bundle, and a Service with ready endpoints.

The API server asks them before it takes a write: where one cannot be asked, all writes that it
is asked about are refused, or with ``failurePolicy: Ignore`` go through unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Optional

from agentctl.kube.check import GLOB, Check, Context, Fields, Result, blind, fill, place
from agentctl.kube.checks.endpoints import ABSENT, count
from agentctl.kube.cuts.objects import cut_endpoints
from agentctl.kube.cuts.webhooks import Webhook, Webhooks, cut_webhooks
from agentctl.kube.resources import (
    ENDPOINTSLICES,
    MUTATING_WEBHOOKS,
    VALIDATING_WEBHOOKS,
    Need,
    Resource,
)
from agentctl.lazy_dataclass import dataclass
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import Status

if TYPE_CHECKING:
    from agentctl.kube.explain.finding import Finding

KIND = "webhook"
FIELDS = ("names", "kinds", "namespace", "absent")

KINDS = {"Validating": VALIDATING_WEBHOOKS, "Mutating": MUTATING_WEBHOOKS}


class Trouble(NamedTuple):
    """What is wrong with one webhook."""

    configuration: str
    kind: str
    webhook: Webhook
    what: str
    """``no caBundle``, ``no ready endpoints`` or what cannot be seen."""
    status: Status

    @property
    def message(self) -> str:
        effect = ""
        if self.status is not Status.UNKNOWN:
            required = self.webhook.required
            effect = ": writes are refused" if required else ": writes go unchecked"
        return f"{self.configuration}: {self.what}{effect}"


@dataclass(frozen=True)
class WebhookCheck(Check):
    """``names`` are globs of configurations, ``namespace`` is where their Services are."""

    names: tuple[str, ...]
    kinds: tuple[str, ...] = tuple(KINDS)
    namespace: str = ""
    absent: Status = Status.ERROR

    def needs(self, namespace: str) -> tuple[Need, ...]:
        names = [fill(name, namespace) for name in self.names]
        exact = None if any(map(GLOB.search, names)) else frozenset(names)
        where = place(self.namespace, namespace)
        return (
            *(Need(KINDS[kind], "", cut_webhooks, names=exact) for kind in self.kinds),
            Need(ENDPOINTSLICES, where, cut_endpoints),
        )

    def evaluate(self, context: Context) -> Result:
        where = place(self.namespace, context.namespace)
        for resource, place_ in (*((KINDS[kind], "") for kind in self.kinds), _slices(where)):
            if reason := context.view.blind(resource, place_):
                return blind(reason)
        there = self._there(context)
        missing = self._missing(context, there)
        if not there or (missing and self.absent is not Status.CONFIGURED):
            absent = self.absent is Status.CONFIGURED
            message = "" if absent else f"no webhook configuration {' or '.join(missing)}"
            return Result(self.absent, message, missing=not there)
        troubles = _troubles(context, where, there)
        if not troubles:
            return Result(Status.HEALTHY)
        worst = troubles[0]
        more = f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else ""
        details = {
            "webhooks": [
                {
                    "configuration": one.configuration,
                    "name": one.webhook.name,
                    "is": one.what,
                    "failure_policy": "Fail" if one.webhook.required else "Ignore",
                }
                for one in troubles[:10]
            ]
        }
        return Result(worst.status, f"{worst.message}{more}", details)

    def _there(self, context: Context) -> list[tuple[str, Webhooks]]:
        """Those that there are of its names, with their kinds."""
        names = [fill(name, context.namespace) for name in self.names]
        return [
            (kind, one)
            for kind in self.kinds
            for one in sorted(context.view.objects(KINDS[kind], "", cut_webhooks).values())
            if any(fnmatchcase(one.name, glob) for glob in names)
        ]

    def _missing(self, context: Context, there: Sequence[tuple[str, Webhooks]]) -> list[str]:
        """Names that no configuration has, and patterns where there is none at all."""
        names = [fill(name, context.namespace) for name in self.names]
        found = {one.name for _, one in there}
        return [one for one in names if one not in found and not (found and GLOB.search(one))]

    def explain(self, context: Context, result: Result) -> Finding:
        from agentctl.kube.explain.webhook import absent, cannot_ask

        there = self._there(context)
        missing = self._missing(context, there)
        troubles = _troubles(context, place(self.namespace, context.namespace), there)
        if missing or not troubles:
            return absent(missing, [KINDS[kind].plural for kind in self.kinds])
        return cannot_ask(troubles[0], KINDS[troubles[0].kind].plural, result.details)


def _slices(where: str) -> tuple[Resource, str]:
    return ENDPOINTSLICES, where


@dataclass(frozen=True)
class WebhooksThere:
    """``optional``: one of these configurations is there, though what it asks may be gone.

    Where that may not be seen the workloads alone decide.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]

    def needs(self, namespace: str) -> tuple[Need, ...]:
        names = frozenset(fill(name, namespace) for name in self.names)
        return tuple(Need(KINDS[kind], "", cut_webhooks, names=names) for kind in self.kinds)

    def holds(self, context: Context) -> bool:
        view = context.view
        return any(
            view.get(need.resource, "", cut_webhooks, name) is not None
            for need in self.needs(context.namespace)
            if not view.blind(need.resource, "")
            for name in need.names or ()
        )


def _troubles(context: Context, where: str, there: Sequence[tuple[str, Webhooks]]) -> list[Trouble]:
    """The worst first; of one configuration's Service only one."""
    found: dict[tuple[str, str, str, bool], Trouble] = {}
    for kind, configuration in there:
        for one in configuration.webhooks:
            trouble = _trouble(context, where, kind, configuration.name, one)
            if trouble is not None:
                key = (configuration.name, trouble.what, one.service, one.required)
                found.setdefault(key, trouble)
    return sorted(found.values(), key=lambda one: -one.status.severity)


def _trouble(context: Context, where: str, kind: str, name: str, one: Webhook) -> Optional[Trouble]:
    """What is wrong with one webhook of a configuration; None for nothing."""
    status = Status.ERROR if one.required else Status.DEGRADED
    if not one.trusted:
        return Trouble(name, kind, one, "no caBundle", status)
    if not one.service:
        return None
    if one.namespace != where:
        what = f"its Service is in {one.namespace or 'no namespace'}, which is not watched"
        return Trouble(name, kind, one, what, Status.UNKNOWN)
    counts = count(context, where, one.service)
    if counts is not None and counts[0]:
        return None
    return Trouble(name, kind, one, "no ready endpoints", status)


def parse(fields: Fields) -> Check:
    return WebhookCheck(
        fields.globs("names", "webhook configurations", filled=True),
        fields.choices("kinds", tuple(KINDS), tuple(KINDS)),
        fields.name("namespace", ""),
        Status(fields.choice("absent", ABSENT, Status.ERROR.value)),
    )
