"""``webhook``: admission webhooks have a CA bundle, and a Service with ready endpoints.

The API server asks them before it takes a write: where one cannot be asked, all writes that it
is asked about are refused, or with ``failurePolicy: Ignore`` go through unseen.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

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
from agentctl.kube.source_view import OddObjectError
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
        none = not any(self._matching(context))
        missing = self.missing(context)
        if none or (missing and self.absent is not Status.CONFIGURED):
            absent = self.absent is Status.CONFIGURED
            message = "" if absent else f"no webhook configuration {' or '.join(missing)}"
            return Result(self.absent, message, missing=none)
        troubles = self.troubles(context)
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

    def missing(self, context: Context) -> list[str]:
        """Names that no configuration has, and patterns where there is none at all."""
        names = [fill(name, context.namespace) for name in self.names]
        found = {one.name for _, one in self._matching(context)}
        return [one for one in names if one not in found and not (found and GLOB.search(one))]

    def troubles(self, context: Context) -> list[Trouble]:
        """The worst first; of one configuration's Service only one."""
        where = place(self.namespace, context.namespace)
        found: dict[tuple[str, str, str, bool], Trouble] = {}
        for kind, configuration in self._matching(context):
            for one in configuration.webhooks:
                what = _what(context, where, one)
                if not what:
                    continue
                status = Status.ERROR if one.required else Status.DEGRADED
                if what.startswith("its Service is in"):
                    status = Status.UNKNOWN
                key = (configuration.name, what, one.service, one.required)
                found.setdefault(key, Trouble(configuration.name, kind, one, what, status))
        return sorted(found.values(), key=lambda one: -one.status.severity)

    def _matching(self, context: Context) -> Iterator[tuple[str, Webhooks]]:
        names = [fill(name, context.namespace) for name in self.names]
        for kind in self.kinds:
            known: Any = context.view.objects(KINDS[kind], "", cut_webhooks).values()
            for one in sorted(known):
                if any(fnmatchcase(one.name, glob) for glob in names):
                    yield kind, one

    def explain(self, context: Context, result: Result) -> Finding:
        from agentctl.kube.explain.webhook import absent, cannot_ask

        troubles, missing = self.troubles(context), self.missing(context)
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
        try:
            return any(
                view.get(need.resource, "", cut_webhooks, name) is not None
                for need in self.needs(context.namespace)
                if not view.blind(need.resource, "")
                for name in need.names or ()
            )
        except OddObjectError:
            return True


def _what(context: Context, where: str, one: Webhook) -> str:
    """What is wrong with a webhook; empty for nothing."""
    if not one.trusted:
        return "no caBundle"
    if not one.service:
        return ""
    if one.namespace != where:
        return f"its Service is in {one.namespace or 'no namespace'}, which is not watched"
    counts = count(context, where, one.service)
    return "" if counts is not None and counts[0] else "no ready endpoints"


def parse(fields: Fields) -> Check:
    return WebhookCheck(
        fields.globs("names", "webhook configurations", filled=True),
        fields.choices("kinds", tuple(KINDS), tuple(KINDS)),
        fields.name("namespace", ""),
        Status(fields.choice("absent", ABSENT, Status.ERROR.value)),
    )
