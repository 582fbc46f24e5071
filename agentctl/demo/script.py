"""Script of the demo: what happens when, and the thread that makes it happen.

A lap takes 30 s, so that a watcher sees every kind of event within ``--timeout 30s``,
whenever it starts. No two events fall in the same second, and seven quiet seconds
close the lap. The demo's lease lasts 6 s and is renewed every 2 s, in place of 30 s
and 5 s: its renewals stop at 13 s (the last is that of 12 s), so it expires at 18 s.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import Callable, Optional

from agentctl.clock import Clock, SystemClock
from agentctl.demo.controlplane import ControlPlane
from agentctl.demo.dependencies import Dependencies
from agentctl.lazy_namedtuple import NamedTuple

log = logging.getLogger(__name__)

LEASE_DURATION_S = 6
RENEW_EVERY_S = 2.0
LAP_S = 30.0
JOIN_S = 1.0

Wait = Callable[[float], bool]
"""Sleep so many seconds; True to end."""


class Step(NamedTuple):
    """One thing that happens, so many seconds into a lap."""

    at_s: float
    name: str
    action: Callable[[ScriptPlayer], None]


class ScriptPlayer:
    """Plays the timeline on a control plane, lap after lap, and renews its lease."""

    def __init__(
        self,
        plane: ControlPlane,
        timeline: Optional[tuple[Step, ...]] = None,
        dependencies: Optional[Dependencies] = None,
    ) -> None:
        self.plane = plane
        self._dependencies = dependencies
        self.renewing = True
        self._timeline = TIMELINE if timeline is None else timeline

    def play(self, clock: Clock, wait: Wait) -> None:
        """Returns when ``wait`` says so. Time is only what ``clock`` and ``wait`` make it."""
        lap_start = next_renewal = clock.monotonic()
        position = 0
        while True:
            if position == len(self._timeline):
                position, lap_start = 0, lap_start + LAP_S
            step = self._timeline[position] if position < len(self._timeline) else None
            step_due = lap_start + (step.at_s if step else LAP_S)
            due = min(step_due, next_renewal)
            if wait(max(0.0, due - clock.monotonic())):
                return
            if step is not None and step_due <= next_renewal:
                log.debug("demo: %s", step.name)
                step.action(self)
                position += 1
                continue
            if self.renewing:
                self.plane.renew_lease()
            next_renewal += RENEW_EVERY_S

    def stop_renewing(self) -> None:
        self.renewing = False

    def take_down(self, name: str) -> None:
        """One of the dependencies, where there are any to be asked."""
        if self._dependencies is not None:
            self._dependencies.named(name).down()

    def bring_back(self, name: str) -> None:
        if self._dependencies is not None:
            with suppress(OSError):  # somebody has taken its port: it stays away
                self._dependencies.named(name).up()

    def temporal_goes(self) -> None:
        """It answers nobody, or, where nobody asks it, an endpoint of it is not ready."""
        if self._dependencies is None:
            self.plane.temporal_degrades()
        self.take_down("temporal")

    def temporal_comes_back(self) -> None:
        self.plane.temporal_recovers()
        self.bring_back("temporal")

    def resume_renewing(self) -> None:
        self.plane.renew_lease()
        self.renewing = True


TIMELINE = (
    Step(3, "temporal degrades", ScriptPlayer.temporal_goes),
    Step(6, "temporal recovers", ScriptPlayer.temporal_comes_back),
    Step(8, "a controller pod crash-loops", lambda player: player.plane.controller_crashes()),
    Step(9, "the database goes", lambda player: player.take_down("database")),
    Step(11, "the controller pod recovers", lambda player: player.plane.controller_recovers()),
    Step(12, "the database comes back", lambda player: player.bring_back("database")),
    Step(13, "lease renewals stop", ScriptPlayer.stop_renewing),
    Step(15, "a CRD vanishes", lambda player: player.plane.crd_vanishes()),
    Step(20, "the CRD returns", lambda player: player.plane.crd_returns()),
    Step(23, "lease renewals resume", ScriptPlayer.resume_renewing),
)


class Script:
    """A ``ScriptPlayer`` in a thread of its own."""

    def __init__(
        self,
        plane: ControlPlane,
        clock: Optional[Clock] = None,
        dependencies: Optional[Dependencies] = None,
    ) -> None:
        self._player = ScriptPlayer(plane, dependencies=dependencies)
        self._clock = clock or SystemClock()
        self._stop = threading.Event()
        # Daemon: nothing is lost with it.
        self._thread = threading.Thread(target=self._run, name="demo-script", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End it and wait for its thread."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(JOIN_S)

    def _run(self) -> None:
        try:
            self._player.play(self._clock, self._stop.wait)
        except Exception:
            # Somebody may have deleted what the script works on: the API serves on.
            log.warning("the demo's script has ended: its objects are gone", exc_info=True)
