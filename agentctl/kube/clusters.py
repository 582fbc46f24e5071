"""State of several clusters as the engine sees it: each judged by itself, shown together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from math import inf
from typing import Optional

from agentctl.engine.messages import News
from agentctl.engine.policy import Notice
from agentctl.engine.state import State
from agentctl.model import Item


class ClusterStates:
    """``members`` by cluster, in the order of the output; ``sources`` says whose each is."""

    def __init__(self, members: Mapping[str, State], sources: Mapping[str, str]) -> None:
        self._members = dict(members)
        self._by_source = {source: members[cluster] for source, cluster in sources.items()}
        self._parts: list[Sequence[Item]] = []
        self._items: Sequence[Item] = ()

    def apply(self, message: News) -> Optional[Notice]:
        return self._by_source[message.source].apply(message)

    def blind(self, source: str, reason: str) -> None:
        self._by_source[source].blind(source, reason)

    def lost(self, source: str, since: float, now: float) -> None:
        self._by_source[source].lost(source, since, now)

    def found(self, source: str, now: float) -> None:
        self._by_source[source].found(source, now)

    def proven(self, now: Optional[float], cluster: str = "") -> Collection[str]:
        return self._members[cluster].proven(now)

    def items(self, now: float) -> Sequence[Item]:
        parts = [member.items(now) for member in self._members.values()]
        before = self._parts
        if len(before) != len(parts) or any(a is not b for a, b in zip(before, parts)):
            self._parts, self._items = parts, [*chain(*parts)]
        return self._items

    def amiss(self) -> Sequence[Notice]:
        return [notice for member in self._members.values() for notice in member.amiss()]

    def absent(self) -> str:
        found = ((name, member.absent()) for name, member in self._members.items())
        return next((f"{name}: {text}" for name, text in found if text), "")

    def next_deadline(self) -> float:
        return min((member.next_deadline() for member in self._members.values()), default=inf)
