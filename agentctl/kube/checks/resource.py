"""``resource``: objects of any resource, judged by rules.

Many are counted, and the worst three named. Nothing of them is kept but their verdicts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Optional

from agentctl.engine.messages import ObjectKey
from agentctl.kube.check import GLOB, NAME, Check, Context, Fields, Result, blind, fill
from agentctl.kube.cuts.resources import ResourceCut
from agentctl.kube.resources import Need, Resource, is_full_name, resource_of
from agentctl.kube.tally import GRACE_S, ORDER, SHOWN_AS, Standing, Tally, Terms, worst_of
from agentctl.lazy_dataclass import dataclass
from agentctl.model import Status
from agentctl.rules.scope import Path
from agentctl.rules.syntax import AtomError, parse_path

if TYPE_CHECKING:
    from agentctl.kube.explain.finding import Finding

KIND = "resource"
FIELDS = ("of", "in", "names", "labels", "rules", "generation", "grace", "expires")

ALL = ("",)
"""Where in place of namespaces all of them are meant."""

NAMED = 3
"""How many of the worst are named."""

MAX_WHY = 120
"""Characters of what is told of each, where several are."""


@dataclass(frozen=True)
class ResourceCheck(Check):
    """``namespaces`` is empty for the one that is watched, ALL for all of them.

    ``cut`` knows the rules, and which names and labels it is about. With ``name`` it is about
    that one object alone.
    """

    resource: Resource
    cut: ResourceCut
    namespaces: tuple[str, ...] = ()
    name: str = ""

    @property
    def exact(self) -> tuple[str, ...]:
        """The names, if all are names and none is a pattern."""
        names = self.cut.names
        return () if any(map(GLOB.search, names)) else names

    def places(self, namespace: str) -> tuple[str, ...]:
        """The namespaces it looks at; ALL also for what is in none."""
        if not self.resource.namespaced or self.namespaces == ALL:
            return ALL
        named = (fill(one, namespace) for one in self.namespaces or (namespace,))
        return tuple(dict.fromkeys(named))

    def needs(self, namespace: str) -> tuple[Need, ...]:
        names = frozenset((self.name,)) if self.name else frozenset(self.exact) or None
        labels = self.cut.labels
        return tuple(
            Need(self.resource, where, self.cut, names, labels) for where in self.places(namespace)
        )

    def evaluate(self, context: Context) -> Result:
        reasons = [
            reason
            for where in self.places(context.namespace)
            if (reason := context.view.blind(self.resource, where))
        ]
        if reasons:
            return blind(reasons[0])
        tallies, recheck_at = self.settled(context)
        if not all(one.served for one in tallies):
            return blind(f"{self.resource.full_name} is not served: is it installed?")
        if self.name:
            return self._of_one(context, tallies, recheck_at)
        return self._of_all(context, tallies, recheck_at)

    def _of_all(
        self, context: Context, tallies: list[Tally], recheck_at: Optional[float]
    ) -> Result:
        """The verdict on all of them: that of the worst."""
        missing = self.missing(context)
        if missing:
            what = f"{self.resource.full_name} {', '.join(missing[:NAMED])} not found"
            return Result(Status.ERROR, what, recheck_at=recheck_at)
        counts: dict[str, int] = {}
        for tally in tallies:
            for kind, count in tally.counts.items():
                counts[kind] = counts.get(kind, 0) + count
        worst = next((kind for kind in ORDER if kind in counts), None)
        if worst is None:
            nothing = f"no {self.resource.full_name} there"
            return Result(Status.CONFIGURED, nothing, recheck_at=recheck_at, nothing=True)
        if worst == "healthy":
            return Result(Status.HEALTHY, recheck_at=recheck_at)
        named = worst_of(tallies, NAMED)
        message = self._message(counts, named, context.namespace)
        details: dict[str, Any] = {
            "resource": self.resource.full_name,
            "counts": {kind: counts[kind] for kind in ORDER if kind in counts},
        }
        if named:
            details["worst"] = [_row(key, standing) for key, standing in named]
        return Result(SHOWN_AS[worst], message, details, recheck_at)

    def _of_one(
        self, context: Context, tallies: list[Tally], recheck_at: Optional[float]
    ) -> Result:
        """The verdict on the object of ``name``."""
        key, tally = self.one(context, tallies)
        if key is None or tally is None:
            what = f"{self.resource.full_name} {self.name} not found"
            return Result(Status.ERROR, what, recheck_at=recheck_at)
        kind, why = tally.standing(key)
        details = {"resource": self.resource.full_name, "is": kind}
        if kind is None:
            return Result(Status.UNKNOWN, recheck_at=recheck_at, early=True)
        if kind == "healthy":
            return Result(Status.HEALTHY, recheck_at=recheck_at)
        return Result(SHOWN_AS[kind], why, details, recheck_at)

    def one(
        self, context: Context, tallies: list[Tally]
    ) -> tuple[Optional[ObjectKey], Optional[Tally]]:
        """Where the object of ``name`` is counted."""
        for where, tally in zip(self.places(context.namespace), tallies):
            objects = context.view.objects(self.resource, where, self.cut)
            for key in (ObjectKey(where, self.name), ObjectKey("", self.name)):
                if key in objects:
                    return key, tally
        return None, None

    def settled(self, context: Context) -> tuple[list[Tally], Optional[float]]:
        """The tallies of all its places, counted now, and when to look again."""
        view, now = context.view, context.now
        tallies: list[Tally] = []
        due = []
        for where in self.places(context.namespace):
            tally: Tally = view.fold(self.resource, where, self.cut)

            def lapse(moment: float, where: str = where) -> float:
                return view.lapses_at(self.resource, where, moment, now)

            due.append(tally.settle(now, lapse))
            tallies.append(tally)
        return tallies, min((one for one in due if one is not None), default=None)

    def missing(self, context: Context) -> list[str]:
        """Which of its exact names no object has."""
        if not self.exact:
            return []
        found = {
            key.name
            for where in self.places(context.namespace)
            for key in context.view.objects(self.resource, where, self.cut)
        }
        return [name for name in self.exact if name not in found]

    def _message(
        self, counts: dict[str, int], named: list[tuple[ObjectKey, Standing]], home: str
    ) -> str:
        total = sum(counts.values())
        if not named:
            return ", ".join(_counted(counts, total))
        if total == 1:
            (key, standing), *_ = named
            return f"{_name(key, home)}: {standing.why}"
        told = (f"{_name(key, home)}: {_short(standing.why)}" for key, standing in named)
        return f"{', '.join(_counted(counts, total))}: {'; '.join(told)}"

    def explain(self, context: Context, result: Result) -> Finding:
        from agentctl.kube.explain.resource import reasons

        return reasons(self, context)


def _counted(counts: dict[str, int], total: int) -> Iterator[str]:
    """``2 of 14 degraded``, ``1 progressing``."""
    of = f" of {total}"
    for kind in ORDER:
        if kind in counts and kind != "healthy":
            yield f"{counts[kind]}{of} {kind}"
            of = ""


def _row(key: ObjectKey, standing: Standing) -> dict[str, str]:
    row = {"name": key.name, "namespace": key.namespace, "is": standing.kind or ""}
    row["message"] = _short(standing.why)
    return {name: value for name, value in row.items() if value}


def _name(key: ObjectKey, home: str) -> str:
    return f"{key.namespace}/{key.name}" if key.namespace not in ("", home) else key.name


def _short(why: str) -> str:
    return why if len(why) <= MAX_WHY else why[: MAX_WHY - 1] + "…"


def parse(fields: Fields) -> Check:
    subject = fields.subject if not fields.has("of") else None
    of = fields.name("of") if subject is None else subject.resource.full_name
    if not is_full_name(of):
        raise fields.fail("of", "plural.group, such as certificates.cert-manager.io, as 'of'")
    name = ""
    if subject is not None:
        for key in ("in", "names", "labels"):
            if fields.has(key):
                raise fields.fail(key, f"no key {key!r} for what 'each' finds")
        name = NAME
    elif fields.subject is not None and fields.has("names"):
        first, *others = fields.texts("names")
        name = first if NAME in first and not others else ""
    names = fields.globs("names", "objects") if fields.has("names") and not name else ()
    terms, expires = _terms(fields)
    cut = ResourceCut(
        fields.rules("rules", of),
        names,
        fields.selector("labels") if subject is None else subject.cut.labels,
        not fields.has("generation") or fields.choice("generation", ("ignore",)) != "ignore",
        expires,
        None if subject is None else subject.cut,
        lambda: Tally(terms),
    )
    if subject is None:
        return ResourceCheck(resource_of(of), cut, fields.namespaces("in"), name)
    places = (subject.namespace,) if subject.namespace else ()
    return ResourceCheck(subject.resource, cut, places, name)


def _terms(fields: Fields) -> tuple[Terms, Path]:
    grace_s = fields.seconds("grace") or GRACE_S
    expires = fields.group("expires", ("at", "warn"))
    if expires is None:
        return Terms(grace_s), ()
    try:
        path = parse_path(expires.text("at"))
    except AtomError as error:
        raise expires.fail("at", f"{error} as 'at'") from None
    return Terms(grace_s, expires.seconds("warn") or 0.0), path
