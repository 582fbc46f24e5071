"""Cuts of resources that are judged by rules: the verdict alone is kept, not the object.

An object of 10 KB leaves a few hundred bytes; one that is well and does not expire leaves
nothing of its own. It is judged where it is read, in its source's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Optional

from agentctl.kube.cuts.facts import MAX_CONDITIONS, ConditionFacts, uids_of
from agentctl.kube.cuts.found import FoundCut
from agentctl.kube.resources import Seen
from agentctl.kube.selectors import LabelSelector
from agentctl.lazy_dataclass import dataclass, field
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lenient_json import mapping, mappings, text
from agentctl.model import parse_time
from agentctl.rules.judge import OLDER, RuleList
from agentctl.rules.scope import Path, told
from agentctl.rules.scope import field as field_at

NEVER = Seen(0.0, 0.0)


@dataclass(frozen=True)
class Judged:
    """What the rules say of one object. Times are seconds since the epoch."""

    status: str
    why: str = ""
    since: Optional[float] = None
    """Of what is progressing, since when; None where nothing tells."""
    expires: Optional[float] = None
    seen: Seen = field(default=NEVER, compare=False)
    """When it was read: by it times become this host's monotonic ones."""

    def monotonic(self, moment: float) -> float:
        """A time of the API server's clock on the monotonic one."""
        return self.seen.monotonic + (moment - self.seen.server_time)


HEALTHY = Judged("healthy")


class ResourceFacts(NamedTuple):
    """What ``diagnose`` keeps of one that is not well."""

    kind: str
    rule: str
    why: str
    conditions: tuple[ConditionFacts, ...]
    finalizers: tuple[str, ...]
    uids: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ResourceCut:
    """The cut of one check: its rules, and which objects it is about.

    ``names`` are globs. Compared by identity: that names its table.
    """

    rules: RuleList
    names: tuple[str, ...] = ()
    labels: Optional[LabelSelector] = None
    generation: bool = True
    expires: Path = ()
    found: Optional[FoundCut] = None
    """Under ``each``: which objects that finds."""
    fold: Callable[[], Any] = field(default=lambda: None)
    """Makes what is kept up with its table, change by change (see ``source_view.TableFold``)."""

    @cached_property
    def closer(self) -> ResourceFactsCut:
        """What ``diagnose`` keeps beside it."""
        return ResourceFactsCut(self)

    def __call__(self, item: Mapping[str, Any], seen: Seen) -> Optional[Judged]:
        metadata = mapping(item, "metadata")
        if not self.is_about(item):
            return None
        judged = self.rules.judge(item, self.generation)
        status = judged.status
        expires = _time(field_at(item, self.expires)) if self.expires else None
        if status == "healthy" and expires is None:
            return HEALTHY
        # The transitions of an older generation are of that.
        tells = status == "progressing" and judged.rule != OLDER
        since = _progressing_since(item, metadata) if tells else None
        return Judged(status, judged.why, since, expires, seen)

    @staticmethod
    def odd(why: str) -> Judged:
        """What is kept of an object that it cannot read."""
        return Judged("unknown", why)

    def is_about(self, item: Mapping[str, Any]) -> bool:
        """Whether the check is about an object, by its name, its labels and ``each``."""
        if self.found is not None and not self.found.is_about(item):
            return False
        metadata = mapping(item, "metadata")
        name = text(metadata, "name")
        if self.names and not any(fnmatchcase(name, glob) for glob in self.names):
            return False
        if self.labels is None:
            return True
        labels = metadata.get("labels")
        return self.labels.matches(labels if isinstance(labels, dict) else {})


@dataclass(frozen=True, eq=False)
class ResourceFactsCut:
    """The closer cut beside one of a check, over the same objects."""

    of: ResourceCut

    def __call__(self, item: Mapping[str, Any], seen: Seen) -> Optional[ResourceFacts]:
        metadata = mapping(item, "metadata")
        if not self.of.is_about(item):
            return None
        judged = self.of.rules.judge(item, self.of.generation)
        ends = bool(self.of.expires) and field_at(item, self.of.expires) is not None
        if judged.status == "healthy" and not ends:
            return None
        conditions = mappings(mapping(item, "status"), "conditions")[:MAX_CONDITIONS]
        finalizers = metadata.get("finalizers") if metadata.get("deletionTimestamp") else None
        return ResourceFacts(
            told(text(item, "kind")),
            judged.rule,
            judged.why,
            tuple(
                ConditionFacts(
                    *(told(text(one, key)) for key in ("type", "status", "reason", "message"))
                )
                for one in conditions
            ),
            tuple(told(one) for one in finalizers[:MAX_CONDITIONS] if isinstance(one, str))
            if isinstance(finalizers, list)
            else (),
            uids_of(item),
        )


def _progressing_since(item: Mapping[str, Any], metadata: Mapping[str, Any]) -> Optional[float]:
    """The newest transition of its conditions; else its creation, unless it was changed since."""
    conditions = mappings(mapping(item, "status"), "conditions")
    times = (_time(one.get("lastTransitionTime")) for one in conditions)
    newest = max((one for one in times if one is not None), default=None)
    deleted = _time(metadata.get("deletionTimestamp"))
    if deleted is not None:
        return deleted
    if newest is None and metadata.get("generation") == 1:
        return _time(metadata.get("creationTimestamp"))
    return newest


def _time(value: Any) -> Optional[float]:
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        return parse_time(value).timestamp()
    except (ValueError, OverflowError):
        return None
