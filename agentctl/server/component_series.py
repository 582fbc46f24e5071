"""Series of components for /metrics: status, last change, last verdict, latency of a probe.

There may be ten thousand components, and the thread that makes the page has other readers to
answer: what stays the same is kept as text, put together without prometheus_client, and handed
out in pieces.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Optional

from agentctl.engine.policy import Vitals
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import Delta, Item, ItemKey, Status, parse_time
from agentctl.server.fanout.channel import Channel
from agentctl.server.services import Services
from agentctl.wire.prom_text import (
    LAST_CHANGE,
    LAST_VERDICT,
    PROBE_LATENCY,
    STATIC,
    STATUS,
    component_labels,
    is_static,
    latency_s,
    number,
    status_lines,
    written,
)

PIECE = 500
"""Components of which one family is told at once."""


class _ComponentLines(NamedTuple):
    """What is kept of one component, while its status is the same and as old."""

    status: Status
    changed: float
    statuses: str
    change: str
    verdict: str
    """Without its value."""
    labels: str


class ComponentSeries:
    """All components of a server. To be made before its engine starts.

    Changes are seen on the engine's thread; ``render`` may be called from any other.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._changed: dict[ItemKey, float] = {}
        """Since when (seconds since 1970) each has had its status."""
        self._lines: dict[ItemKey, _ComponentLines] = {}
        broadcaster = services.broadcaster
        self._channel = broadcaster.channel("")
        self._follow_all(broadcaster.items)
        broadcaster.on_news(self._follow)

    @property
    def many(self) -> bool:
        """More than are told at once without keeping others waiting."""
        return len(self._services.broadcaster.items) > PIECE

    def render(self) -> bytes:
        """The text of all families; nothing before the first state is known."""
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        """The same in pieces, each of which takes some milliseconds to make."""
        items = self._services.broadcaster.items
        if not items:
            return
        with self._lock:
            changed = dict(self._changed)
        # One that has come this very moment has yet to be followed.
        now = self._services.clock.now().timestamp()
        kept = self._lines
        lines: dict[ItemKey, _ComponentLines] = {}
        yield _bytes([STATUS.head()])
        for some in _portions(items):
            for item in some:
                at, one = changed.get(item.key, now), kept.get(item.key)
                same = one is not None and one.status is item.status and one.changed == at
                lines[item.key] = one if one is not None and same else _lines_of(item, at)
            yield _bytes([lines[item.key].statuses for item in some])
        self._lines = lines  # those that are gone are gone here, too
        yield _bytes([LAST_CHANGE.head()])
        for some in _portions(items):
            yield _bytes([lines[item.key].change for item in some])
        verdicts = self._verdicts(self._services.vitals())
        yield _bytes([LAST_VERDICT.head()])
        for some in _portions(items):
            told = [(lines[item.key].verdict, verdicts.of(item.key)) for item in some]
            yield _bytes([f"{start}{value}" for start, value in told if value])
        static = [f"{STATIC.name}{lines[one.key].labels} 1\n" for one in items if is_static(one)]
        yield _bytes([STATIC.head(), *static] if static else [])
        probed = [(lines[one.key].labels, latency_s(one)) for one in items if one.details]
        latencies = [f"{PROBE_LATENCY.name}{at} {number(value)}\n" for at, value in probed if value]
        yield _bytes([PROBE_LATENCY.head(), *latencies] if latencies else [])

    def _verdicts(self, vitals: Vitals) -> _Verdicts:
        clock = self._services.clock
        ahead = clock.now().timestamp() - clock.monotonic()
        alive = {one.name: ahead + one.last_alive for one in vitals.sources if one.heard}
        return _Verdicts(self._services.rests_on(), alive, ahead + vitals.at)

    def _follow(self, channel: Channel) -> None:
        """On the engine's thread, of each event."""
        if channel is not self._channel:
            return
        newest = channel.newest()
        if newest is None:
            self._follow_all(self._services.broadcaster.items)
            return
        _, entry = newest
        if not isinstance(entry.event, Delta):
            return
        at = entry.event.generated_at.timestamp()
        with self._lock:
            for item in entry.event.changes:
                before = entry.before.get(item.key)
                if before is None or before.status is not item.status:
                    self._changed[item.key] = at
            for key in entry.event.removed:
                self._changed.pop(key, None)

    def _follow_all(self, items: Sequence[Item]) -> None:
        """Of the first state the API may tell since when it has been so."""
        now = self._services.clock.now().timestamp()
        found = {item.key: _since(item) or now for item in items}
        with self._lock:
            self._changed = found


class _Verdicts:
    """When verdicts were last known to hold. ``alive`` says it of sources, by name."""

    def __init__(
        self,
        rests_on: Mapping[ItemKey, Sequence[Sequence[str]]],
        alive: Mapping[str, float],
        otherwise: float,
    ) -> None:
        self._rests_on = rests_on
        self._alive = alive
        self._otherwise = otherwise
        self._known: dict[int, str] = {}

    def of(self, key: ItemKey) -> str:
        """As the end of a sample's line; empty where a source has never said anything."""
        sources = self._rests_on.get(key)
        if sources is None:  # an object's own is judged as all of its kind are
            kind = key._replace(component=key.component.partition("/")[0])
            sources = self._rests_on.get(kind, ())
        # Those of one kind share theirs, and are many.
        known = self._known.get(id(sources))
        if known is None:
            at = self._of(sources)
            known = self._known[id(sources)] = "" if at is None else number(round(at, 3)) + "\n"
        return known

    def _of(self, sources: Sequence[Sequence[str]]) -> Optional[float]:
        if not sources:
            return self._otherwise
        # Of a wide watch and the narrow one in its place, one is at work.
        each = [
            max((self._alive[name] for name in names if name in self._alive), default=None)
            for names in sources
        ]
        return None if None in each else min(at for at in each if at is not None)


def _portions(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + PIECE] for start in range(0, len(items), PIECE))


def _bytes(parts: Iterable[str]) -> bytes:
    return "".join(parts).encode("utf-8", "replace")


def _lines_of(item: Item, changed: float) -> _ComponentLines:
    labels = written(component_labels(item.key))
    return _ComponentLines(
        item.status,
        changed,
        status_lines(item.key, item.status),
        f"{LAST_CHANGE.name}{labels} {number(round(changed, 3))}\n",
        f"{LAST_VERDICT.name}{labels} ",
        labels,
    )


def _since(item: Item) -> float:
    """What the API says; 0 where it does not."""
    try:
        return parse_time(item.since).timestamp() if item.since else 0.0
    except ValueError:
        return 0.0
