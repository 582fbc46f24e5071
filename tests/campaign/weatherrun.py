"""One long run in bad weather: the product's engine and sources, a server in memory."""

from __future__ import annotations

import dataclasses
import random
from math import inf
from typing import Any, Optional

import pytest

from agentctl.apidouble.weather import Start
from agentctl.catalog.loader import load_default
from agentctl.cursor import scope_of
from agentctl.demo import ControlPlane
from agentctl.engine.engine import Engine
from agentctl.engine.health import SourceHealth
from agentctl.engine.policy import Outcome, StreamPolicy
from agentctl.engine.stream import EventStream
from agentctl.errors import ExitCode
from agentctl.kube.context import KubeContext
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.proof import ProofSource
from agentctl.kube.readiness import UNKNOWN_FOR_S
from agentctl.kube.resources import Seen
from agentctl.kube.sources import cluster_sources
from agentctl.kube.state import KubeState
from agentctl.model import Delta, ErrorCode, Event, Heartbeat, Item, ItemKey, Status, StreamError
from agentctl.redact import redact
from tests.apidouble.starts import drawn
from tests.campaign.memoryserver import Away, MemoryClient, MemoryServer
from tests.campaign.truth import Follower, truth
from tests.campaign.virtualtime import Inbox, VirtualTime

BACK_S = 3.0
"""After the server's first answer, and after its own wish, so soon is everybody back."""

SETTLED_S = 6.0
"""When what was put right after an outage is told as well: a lease that is renewed."""

LOOK_S = 0.25
TROUBLES = {
    ErrorCode.DISCONNECTED,
    ErrorCode.SERVER,
    ErrorCode.FORBIDDEN,
    ErrorCode.UNAUTHORIZED,
    ErrorCode.STALE,
}


class WeatherRun:
    """``restarts`` or ``spells`` of frozen storage, drawn from a seed; ``wrong`` is what was."""

    def __init__(self, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rng = random.Random(seed)
        self.time = VirtualTime()
        self.time.install(monkeypatch)
        self.server = MemoryServer(self.time, random.Random(seed + 1))
        self.plane = ControlPlane(self.server.store)
        self.plane.install()
        self.catalog = load_default()
        self.wrong: list[str] = []
        self.policy = StreamPolicy(
            heartbeat_s=self.rng.choice([1.0, 5.0, 30.0]),
            max_staleness_s=self.rng.choice([60.0, 120.0, 300.0]),
        )
        self.follower = Follower()
        self._allowed: dict[ItemKey, list[Item]] = {}
        self._calm = False
        """Whether nothing may be told as lost."""
        self._known_until = 0.0
        """When all was last well, as far as could be known."""
        self._seen_to_go = True
        """Whether connections ended when the server did."""
        self._well: dict[str, float] = {"": 0.0}
        self._crashed = False
        self._leads = True
        self._renewed = Seen(self.time.elapsed, self.time.now().timestamp())
        self.engine = self._engine(seed)

    def _engine(self, seed: int) -> Engine:
        client: Any = MemoryClient(self.server)
        context = KubeContext(client, self.time, rng=random.Random(seed + 2))
        evaluator = Evaluator(self.catalog.components, ["agents"], "agents", redact=redact)
        sources = cluster_sources(
            evaluator.specs, context, max_staleness_s=self.policy.max_staleness_s
        )
        prove = [source.poke for source in sources if isinstance(source, ProofSource)]
        engine = Engine(
            sources,
            KubeState(evaluator, *prove),
            EventStream(self, self.time, scope_of(["agents"], self.catalog.hash, [])),
            self.policy,
            clock=self.time,
            rng=random.Random(seed + 3),
        )
        engine.inbox = Inbox(self.time)
        return engine

    def restarts(self, count: int) -> None:
        self._run(lambda: [self._restart() for _ in range(count)])

    def spells(self, count: int) -> None:
        self._run(lambda: [self._spell() for _ in range(count)])

    def _run(self, course: Any) -> None:
        def scenario() -> None:
            try:
                self._allow()
                self._rest(5.0)
                self._settled()
                course()
                self._await(self._well)
            finally:
                self._leads = False
                self.engine.stop(ExitCode.TERMINATED)

        self.time.spawn(scenario, "scenario")
        self.time.spawn(self._lead, "leader")
        outcome = self.engine.run()
        self.time.wait(10.0)
        self.time.close()
        if outcome != Outcome(ExitCode.TERMINATED):
            self.wrong.append(f"the run ended: {outcome}")
        self.wrong += self.follower.wrong

    # What happens.

    def _restart(self) -> None:
        rng, server = self.rng, self.server
        start = _drawn(rng)
        if not self._calm:  # that of the last start, which nobody knows to be another
            start = dataclasses.replace(start, roles_s=0.0)
        self._begin()
        away = rng.choice(list(Away))
        self._seen_to_go = self._seen_to_go and away is not Away.SILENT
        server.go(away)
        self._mutate()
        self._rest(10 ** rng.uniform(-0.5, 2.2))
        busy_s = rng.choice([0.0, 0.0, 0.0, rng.uniform(1.0, 20.0)])
        server.come(start, busy_s)
        well = {source: at + busy_s for source, at in _well(start, server.time.elapsed).items()}
        if rng.random() < 0.15:  # it goes again before it is there
            self._await(well, rng.uniform(0.1, 1.0) * (max(well.values()) - self.time.elapsed))
            return
        if rng.random() < 0.2:
            server.store.compact()
        self._await(well)
        self._rest(rng.uniform(0.0, 60.0))

    def _spell(self) -> None:
        self._begin()
        self.server.freeze()
        self._rest(10 ** self.rng.uniform(0.0, 3.0))
        self.server.thaw()
        self._await({"": self.time.elapsed})
        self._rest(self.rng.uniform(0.0, 200.0))

    def _begin(self) -> None:
        if self._calm:
            self._seen_to_go = True
            self._calm, self._known_until = False, self.server.storage_answered

    def _mutate(self) -> None:
        """Sometimes the world goes on while nobody sees it."""
        if self.rng.random() < 0.3:
            crashes, self._crashed = not self._crashed, not self._crashed
            (self.plane.controller_crashes if crashes else self.plane.controller_recovers)()
            self._allow()

    def _lead(self) -> None:
        """The leader renews its lease, where it can."""
        while self._leads:
            frozen = self.server.weather.horizon is not None
            if self.server.away is None and not frozen and self.time.elapsed >= self._writable_at:
                self.plane.renew_lease()
                self._renewed = Seen(self.time.elapsed, self.time.now().timestamp())
                self.server.changed.notify()
                self.time.wait(5.0)
            else:
                self.time.wait(self.rng.uniform(1.5, 2.5))

    @property
    def _writable_at(self) -> float:
        opens = self.server.weather.open_at
        return max(self.server.busy_until, opens) if opens else 0.0

    # What is to be so.

    def _await(self, well: dict[str, float], at_most: Optional[float] = None) -> None:
        """See that everybody is back in time, and in the end that what is shown is true.

        ``well``: when each source can be served again.
        """
        self._well = well
        late: set[str] = set()
        began = self.time.elapsed
        over = max(well.values()) if at_most is None else began + at_most
        while True:
            now = self.time.elapsed
            due = {health.name: self._due(health, well) for health in self.engine.sources}
            for health in self.engine.sources:
                missing = health.down or health.excuse
                broken = "internal error" in str(health.failure)
                if broken or (missing and now > due[health.name]):
                    if health.name in late:
                        continue
                    late.add(health.name)
                    self._say(f"{health.name} is not back: {health.failure} {health.excuse}")
            if at_most is not None and now >= over:
                return
            if at_most is None and now > max(over, *due.values()) + SETTLED_S:
                break
            if now > over + 400.0:
                self._say("nobody asks")
                break
            self._rest(LOOK_S)
        self._settled()

    def _due(self, health: SourceHealth, well: dict[str, float]) -> float:
        server = self.server
        first = server.first_answer
        if first is None:
            return inf
        since = max(
            first,
            well.get(health.name, well[""]),
            server.asked_to_wait.get(health.name, 0.0),
            server.found_out.get(health.name, 0.0),
        )
        return since + BACK_S

    def _settled(self) -> None:
        self._allow(anew=True)
        expected = self._truth()
        for key, item in expected.items():
            if self.follower.state.get(key) != item:
                self._say(f"shown is {self.follower.state.get(key)}, true is {item}")
        self._calm = True

    def _truth(self) -> dict[ItemKey, Item]:
        """What is so; that nobody could renew a lease meanwhile is not."""
        return truth(self.server.store, self.catalog, self._renewed)

    def _allow(self, anew: bool = False) -> None:
        """What is true now may be told, from now on; ``anew``: and nothing else."""
        if anew:
            self._allowed.clear()
        for key, item in self._truth().items():
            self._allowed.setdefault(key, []).append(item)

    def emit(self, event: Event) -> None:
        """As a sink: look at what is told."""
        self.follower.emit(event)
        now, limit = self.time.elapsed, self.policy.max_staleness_s or 0.0
        silent = now - self.server.storage_answered
        lost = now - self._known_until
        if isinstance(event, Heartbeat):
            if silent > limit:
                self._say(f"a heartbeat after {silent:.1f}s of silence")
            if self._seen_to_go and self.server.away and now > self.server.went_at + 1.0:
                self._say("a heartbeat without a server")
        if isinstance(event, StreamError) and self._calm and event.code in TROUBLES:
            self._say(f"told without a cause: {event.code.value} {event.message}")
        if isinstance(event, Delta):
            for item in event.changes:
                true = self._allowed.get(item.key, [])
                alike = any(one.status is item.status for one in true)
                between = len(true) > 1 and (alike or item.status is Status.DEGRADED)
                blind = lost >= limit - 1e-6 and (alike or item.status is Status.UNKNOWN)
                if not (item in true or between or blind):
                    self._say(f"told, and not true: {item}, but {true}")

    def _say(self, text: str) -> None:
        self.wrong.append(f"{self.time.elapsed:.2f}: {text}")

    def _rest(self, seconds: float) -> None:
        self.time.wait(seconds)


def _drawn(rng: random.Random) -> Start:
    """As harsh as was seen, and harsher. Nobody tells a 403 of a start from others for long."""
    start = drawn(rng)
    roles_s = min(start.roles_s, start.answers_s + UNKNOWN_FOR_S - 5.0)
    return dataclasses.replace(start, roles_s=roles_s)


def _well(start: Start, began: float) -> dict[str, float]:
    """When each source can be served by a server that starts ('' for those not named)."""
    all_s = max(start.answers_s, start.roles_s)
    return {
        "": began + max(all_s, start.storage_s),
        "storage": began + all_s,
        "apis": began + max(all_s, start.groups_s + start.spread_s),
    }
