"""Each: a component for every object of a kind that is found, coming and going with it.

The checks of such a component are templates, in which NAME stands for the object's name. What
they need of the cluster is asked for all objects at once, so that the watches stay the same
whatever comes and goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from agentctl.globs import may_begin
from agentctl.kube.check import NAME, Check, Context, Result, blind, place
from agentctl.kube.cuts.found import FoundCut
from agentctl.kube.resources import NOT_SERVED, Need, Resource
from agentctl.kube.selectors import LabelSelector, Requirement
from agentctl.kube.selects import needs_of_selection, selecting
from agentctl.kube.view import View
from agentctl.lazy_dataclass import dataclass, field_names, replace
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import Status

KIND = "each"

MOST = 1000
"""How many components one kind may have; the rest are one line that says how many."""

T = TypeVar("T")


class FoundObjects(NamedTuple):
    """What is there, by name and in order; ``unlisted`` says why that cannot be known."""

    names: tuple[str, ...] = ()
    unlisted: str = ""
    left_out: int = 0


@dataclass(frozen=True)
class Each:
    """Which objects of one kind have a component of their own.

    ``selects``: only Services whose selector means pods of a workload of these kinds.
    ``globs`` are those of ``--component``; ``prefix`` comes before the kind in a name.
    """

    resource: Resource
    kind: str
    """As an object names it: ``Deployment``."""
    cut: FoundCut
    namespace: str = ""
    selects: tuple[str, ...] = ()
    most: int = MOST
    globs: tuple[str, ...] = ()
    prefix: str = ""

    @property
    def noun(self) -> str:
        """What its components' names begin with."""
        kind = self.kind.lower()
        return f"{self.prefix}/{kind}" if self.prefix else kind

    def at(self, namespace: str) -> str:
        """Where it looks while ``namespace`` is watched."""
        return place(self.namespace, namespace) if self.resource.namespaced else ""

    def needs(self, namespace: str) -> tuple[Need, ...]:
        where = self.at(namespace)
        mine = Need(self.resource, where, self.cut, labels=self.cut.labels)
        return (mine, *(needs_of_selection(where, self.selects) if self.selects else ()))

    def blind(self, view: View, namespace: str) -> str:
        """Why nothing can be said of what is there; empty when it can."""
        for need in self.needs(namespace):
            if reason := view.blind(need.resource, need.namespace):
                return reason
        return ""

    def found(self, view: View, namespace: str) -> FoundObjects:
        """What is there now."""
        if reason := self.blind(view, namespace):
            return FoundObjects(unlisted=reason)
        where = self.at(namespace)
        objects = view.objects(self.resource, where, self.cut)
        if NOT_SERVED in objects:
            what = f"{self.resource.full_name} is not served: is it installed?"
            return FoundObjects(unlisted=what)
        names = {key.name for key in objects}
        if self.selects:
            names &= selecting(view, where, self.selects).keys()
        told = sorted(name for name in names if self.tells(f"{self.noun}/{name}"))
        return FoundObjects(tuple(told[: self.most]), left_out=max(0, len(told) - self.most))

    def tells(self, component: str) -> bool:
        """Whether ``--component`` asks for this name."""
        return not self.globs or any(fnmatchcase(component, glob) for glob in self.globs)

    def may_tell(self, globs: Sequence[str]) -> bool:
        """Whether any name that it could ever have matches one of the globs."""
        return any(may_begin(glob, f"{self.noun}/") for glob in globs)

    def as_a_whole(self) -> Check:
        """What speaks where its objects cannot be listed, or are too many."""
        return EachCheck(self)


@dataclass(frozen=True)
class EachCheck(Check):
    """Not a kind of a catalog: why some of what ``each`` is about is not told by itself."""

    each: Each

    def needs(self, namespace: str) -> tuple[Need, ...]:
        return self.each.needs(namespace)

    def evaluate(self, context: Context) -> Result:
        found = self.each.found(context.view, context.namespace)
        if found.unlisted or not found.left_out:
            return blind(found.unlisted)
        nouns = self.each.resource.plural
        message = f"{found.left_out} more {nouns} are not looked at: narrow 'each', or raise 'most'"
        return Result(Status.UNKNOWN, message, {"left_out": found.left_out})


def bind(part: T, name: str) -> T:
    """A check, condition or selector with an object's name put in; itself where it has none."""
    bound: T = _bound(part, name)
    return bound


def _bound(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return value.replace(NAME, name) if NAME in value else value
    if isinstance(value, tuple) and type(value) is tuple:
        items = [_bound(one, name) for one in value]
        same = all(one is other for one, other in zip(items, value))
        return value if same else tuple(items)
    # What is compared by identity names a table: a copy would be another one.
    if "__eq__" not in vars(type(value)):
        return value
    changed = {}
    for key in field_names(value):
        before = getattr(value, key)
        after = _bound(before, name)
        if after is not before:
            changed[key] = after
    return replace(value, **changed) if changed else value


def of_any(need: Need, each: Each) -> Need:
    """The same for every object, where it is narrowed to the one that NAME stands for."""
    names = need.names
    if names is not None and any(NAME in name for name in names):
        labels = each.cut.labels if need.resource == each.resource else None
        return replace(need, names=None, labels=labels)
    if need.labels is not None and any(map(_names_one, need.labels.requirements)):
        return replace(need, labels=LabelSelector(tuple(_of_any(need.labels))))
    return need


def _names_one(term: Requirement) -> bool:
    return any(NAME in value for value in term.values)


def _of_any(labels: LabelSelector) -> Iterator[Requirement]:
    for term in labels.requirements:
        yield Requirement(term.key, "Exists") if _names_one(term) else term
