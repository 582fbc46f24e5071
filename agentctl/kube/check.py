"""Check: what every kind of check is made of, a rule from cut objects to a verdict.

A kind is a module of ``kube.checks`` with ``KIND = "name"``, ``FIELDS``, the names it takes in the
catalog, a frozen dataclass derived from ``Check`` and a function
``parse(fields: Fields) -> Check``. The catalog loader finds it by its file (those that
start with an underscore are no kinds); nothing else has to be changed to add one, but
``docs/catalog.md`` should tell of it. Checks do no I/O, own no thread and read no
clock: the time comes with the ``Context``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Optional, Protocol

from agentctl.kube.resources import Need, Resource
from agentctl.kube.selectors import LabelSelector
from agentctl.kube.view import View
from agentctl.lazy_dataclass import dataclass, field
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lazy_regex import regex
from agentctl.model import Status

if TYPE_CHECKING:  # its import costs start-up, and few catalogs need it
    from agentctl.kube.cuts.found import FoundCut
    from agentctl.rules.judge import RuleList


GLOB = regex(r"[*?\[]")
"""What makes a pattern of a name."""

NAME = "{name}"
"""Stands for the object that is found, in the checks under ``each``."""


@dataclass(frozen=True)
class Result:
    """A check's verdict. A fine component has an empty message, with few exceptions.

    ``recheck_at`` is when (monotonic seconds) the verdict may change without any
    event, None if it cannot; it is no part of the verdict, so that a renewed lease
    gives an equal one.
    """

    status: Status
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    recheck_at: Optional[float] = field(default=None, compare=False)
    since: str = field(default="", compare=False)
    """Since when it has been so, as the API writes times; empty where that is not told."""
    asked: bool = False
    """The dependency itself was asked: what is only ``configured`` beside it says nothing."""
    early: bool = False
    """Too early to tell anything: so far there is no such component."""
    nothing: bool = field(default=False, compare=False)
    """There is nothing to be judged, which is fine: beside other checks it says nothing."""
    missing: bool = field(default=False, compare=False)
    """What it is about is not there, as it is where the component is not installed."""


_SEVERITY = attrgetter("status.severity")


class Context(NamedTuple):
    """What a check may look at while it judges."""

    view: View
    namespace: str
    now: float
    """Monotonic seconds."""
    results: Mapping[str, Result]
    """The components judged before this one, by name (see ``Check.follows``)."""


class Check:
    """A rule, configured by the catalog."""

    asks = False
    """Whether it asks a dependency itself, which is done only where it is wished for."""

    def asking(self, address: str) -> Check:
        """The same, asking there (``HOST:PORT``)."""
        return self

    def unasked(self) -> Check:
        """The same where that is not wished for."""
        return self

    def needs(self, namespace: str) -> tuple[Need, ...]:
        """What it wants to know of the cluster."""
        raise NotImplementedError

    def follows(self) -> tuple[str, ...]:
        """The components whose results it reads."""
        return ()

    def evaluate(self, context: Context) -> Result:
        """Judge; never raises for anything an API server may say."""
        raise NotImplementedError


def blind(message: str) -> Result:
    """The verdict when the resource cannot be seen."""
    return Result(Status.UNKNOWN, message)


class Subject(Protocol):
    """The objects of one kind for each of which a check is a template (see ``kube.each``)."""

    @property
    def resource(self) -> Resource: ...
    @property
    def kind(self) -> str: ...
    @property
    def cut(self) -> FoundCut: ...
    @property
    def namespace(self) -> str: ...


class Fields(Protocol):
    """One check's mapping in the catalog, read field by field.

    Every method raises CatalogError with file and line when the field is not what was
    asked for, or is missing and has no default. Names may hold ``{namespace}``, which
    stands for the namespace that is watched (see ``fill``), and under ``each`` ``{name}`` for the
    object that is found.
    """

    @property
    def subject(self) -> Optional[Subject]:
        """What ``each`` finds, for each of which the check is; None where there is no ``each``."""

    def has(self, field: str) -> bool:
        """Whether the field is there at all."""

    def text(self, field: str, default: Optional[str] = None) -> str:
        """Any text that is not empty."""

    def name(self, field: str, default: Optional[str] = None) -> str:
        """A DNS name, as objects have; as ``namespace``, if not there, the component's own."""

    def names(self, field: str) -> tuple[str, ...]:
        """DNS names: one or more, none twice."""

    def texts(self, field: str) -> tuple[str, ...]:
        """Texts: one or more, none twice."""

    def globs(self, field: str, of: str, filled: bool = False) -> tuple[str, ...]:
        """Patterns for names of ``of``: one or more, none twice.

        Only where they are ``filled`` may they hold what stands for something.
        """

    def number(self, field: str, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``."""

    def seconds(self, field: str) -> Optional[float]:
        """A duration (``45s``, ``1m30s``, ``7d``, a number of seconds); None if not there."""

    def flag(self, field: str) -> bool:
        """``true`` or ``false``; false if not there."""

    def choice(self, field: str, choices: Sequence[str], default: Optional[str] = None) -> str:
        """One of ``choices``."""

    def choices(
        self, field: str, choices: Sequence[str], default: tuple[str, ...]
    ) -> tuple[str, ...]:
        """One or more of ``choices``, in the order given."""

    def switches(self, field: str, values: Sequence[str], expected: str = "") -> tuple[str, ...]:
        """One or more of ``values``, quoted or as YAML's own numbers and booleans.

        ``expected`` are they in words, where they are too many to be listed.
        """

    def selector(self, field: str) -> Optional[LabelSelector]:
        """A label selector as ``kubectl get -l`` takes it; None if not there."""

    def namespaces(self, field: str) -> tuple[str, ...]:
        """A list of namespaces, ``("",)`` for ``all``; the component's own or none if not there."""

    def rules(self, field: str, resource: str) -> RuleList:
        """A list of rules, or that of a name; if not there, what ships for this resource."""

    def group(self, field: str, known: Sequence[str]) -> Optional[Fields]:
        """A mapping with fields of its own, those ``known``; None if not there."""

    def fail(self, field: str, expected: str) -> Exception:
        """The error to raise for a rule of the kind's own, at the field's line."""


def fill(text: str, namespace: str) -> str:
    """A catalog's text with the watched namespace put in."""
    return text.replace("{namespace}", namespace)


def place(declared: str, watched: str) -> str:
    """Where a check looks: the namespace it declares, or else the one that is watched."""
    return fill(declared, watched) or watched


def worst(results: Sequence[Result]) -> Result:
    """The verdict of several: the worst one's status and message, everyone's details.

    Of equals the first that has something to say speaks. No results at all are fine.
    What is unknown keeps the details of the unknown alone: those of the others would go
    one by one as their sources went stale, each time as a change that says nothing.
    """
    if len(results) == 1:
        return results[0]
    if not results:
        return Result(Status.HEALTHY)
    ranked = sorted(results, key=_SEVERITY, reverse=True)
    status = ranked[0].status
    message = since = ""
    recheck_at: Optional[float] = None
    details: dict[str, Any] = {}
    for one in ranked:
        if one.recheck_at is not None and (recheck_at is None or one.recheck_at < recheck_at):
            recheck_at = one.recheck_at
        if one.status is status:
            message = message or one.message
            # All must be well for it to be so, and one that is not is enough.
            if one.since and (not since or (one.since > since) is (status is Status.HEALTHY)):
                since = one.since
        elif status is Status.UNKNOWN:
            continue
        for key, value in one.details.items():
            details.setdefault(key, value)
    return Result(status, message, details, recheck_at, since)
