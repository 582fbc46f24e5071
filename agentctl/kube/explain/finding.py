"""Finding: why a verdict is bad, the objects it is about, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from agentctl.kube.check import Context, Result
from agentctl.lazy_dataclass import dataclass, field
from agentctl.lazy_namedtuple import NamedTuple


class Ref(NamedTuple):
    """One object, as ``involvedObject`` of an event names it."""

    kind: str
    name: str
    namespace: str = ""
    uids: tuple[str, ...] = ()
    """What events of this very object, and of none of its name before it, call it; empty where
    that is not known."""

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name}"


class Kubectl(NamedTuple):
    """A kubectl command without what says which cluster; empty ``namespace`` for none."""

    namespace: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """One reason. ``facts`` is plain data, JSON to be; nothing in it is redacted yet."""

    remedy: str
    """One line: what to do."""
    about: tuple[Ref, ...] = ()
    """The objects it is about, the main one first; their events may tell more."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    commands: tuple[Kubectl, ...] = ()
    """To look further, or to do what the remedy says; the most useful first."""


def kubectl(namespace: str, *words: str) -> Kubectl:
    return Kubectl(namespace, words)


@runtime_checkable
class Explains(Protocol):
    """A check that can say more of its verdict; what it may look at is ``facts.CLOSER``."""

    def explain(self, context: Context, result: Result) -> Finding:
        """Why the verdict is what it is, neither healthy nor configured nor blind."""
