"""Verdict: whether a control plane is as wanted: ``--until``, ``--stable-for``, ``--fail-on``.

Judged on every state that the engine sees, the first one too. What is not seen does not
count as good: while a source is lost nothing is reached, and what has to hold for a while
begins anew. A component whose status is a fixed ``unknown`` of the catalog (``static``)
has no say: nothing could ever change it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from math import inf
from typing import Optional

from agentctl.duration import format_duration
from agentctl.engine.policy import Goal, Outcome
from agentctl.errors import ExitCode
from agentctl.model import Item, Status

GOOD = (Status.HEALTHY, Status.CONFIGURED)
"""What is there and was not checked is as good as it can be."""

UNSEEN = Status.UNKNOWN
"""Neither good nor known to be bad."""


class Verdict:
    """A goal and how far it has been reached. Used by the engine's thread only."""

    def __init__(self, goal: Goal) -> None:
        self._goal = goal
        self._since: Optional[float] = None
        self._blocking = "nothing is known yet"

    @property
    def deadline(self) -> float:
        """When (monotonic) it is reached if nothing changes; inf for never."""
        return inf if self._since is None else self._since + self._goal.stable_for_s

    def look(self, items: Sequence[Item], now: float, missing: str) -> Optional[Outcome]:
        """Judge a state; an outcome once the verdict is clear.

        ``missing`` names what cannot be seen at the moment; empty if all can.
        """
        judged = [item for item in decisive(items) if self._selects(item.component)]
        worst = max(judged, key=lambda item: item.status.severity, default=None)
        fail_on = self._goal.fail_on
        if fail_on is not None and worst is not None and at_least(worst.status, fail_on):
            return Outcome(ExitCode.VERDICT_BAD, f"failed: {described(worst)}")
        if self._goal.until is None:
            return None
        self._blocking = self._obstacle(judged, worst, missing)
        if self._blocking:
            self._since = None
            return None
        if self._since is None:
            self._since = now
        if now - self._since < self._goal.stable_for_s:
            return None
        return Outcome(ExitCode.OK, self._reached(judged, worst))

    def timed_out(self) -> Outcome:
        """What it means that the time is up; good where there was nothing to be reached."""
        until = self._goal.until
        if until is None:
            return Outcome(ExitCode.OK)
        if not self._blocking:
            held = format_duration(self._goal.stable_for_s)
            self._blocking = f"it was so for less than {held}"
        return Outcome(
            ExitCode.VERDICT_BAD, f"not {until.value} before --timeout: {self._blocking}"
        )

    def known_bad(self, items: Sequence[Item]) -> Optional[Outcome]:
        """Of several clusters, some of them unseen: that one which is seen is not as wanted."""
        until = self._goal.until
        judged = [item for item in decisive(items) if self._selects(item.component)]
        worst = max(judged, key=lambda item: item.status.severity, default=None)
        if until not in GOOD or worst is None or worst.status.severity <= UNSEEN.severity:
            return None
        self._blocking = described(worst)
        return self.timed_out()

    def _obstacle(self, judged: Sequence[Item], worst: Optional[Item], missing: str) -> str:
        """What stands in the way of ``until``; empty for nothing."""
        until = self._goal.until
        if missing:
            return missing
        if worst is None:
            return "no component has a say"
        if until in GOOD:
            return "" if worst.status in GOOD else described(worst)
        assert until is not None
        return "" if at_least(worst.status, until) else f"{described(worst)}, and nothing is worse"

    def _reached(self, judged: Sequence[Item], worst: Optional[Item]) -> str:
        stable = self._goal.stable_for_s
        held = f" for {format_duration(stable)}" if stable else ""
        if self._goal.until not in GOOD and worst is not None:
            return f"reached{held}: {described(worst)}"
        names = judged[0].component if len(judged) == 1 else f"all {len(judged)} components"
        return f"healthy{held}: {names}"

    def _selects(self, component: str) -> bool:
        globs = self._goal.components
        return not globs or any(fnmatchcase(component, glob) for glob in globs)


def decisive(items: Iterable[Item]) -> list[Item]:
    """Those that have a say in a verdict."""
    return [
        item
        for item in items
        if not (item.status is Status.UNKNOWN and item.details.get("static") is True)
    ]


def at_least(status: Status, limit: Status) -> bool:
    """Whether a status is that bad or worse; ``configured`` is as good as ``healthy``."""
    rank = 0 if status in GOOD else status.severity
    return rank >= (0 if limit in GOOD else limit.severity)


def described(item: Item) -> str:
    """One component in a sentence."""
    message = f": {item.message}" if item.message else ""
    where = f"{item.cluster}/" if item.cluster else ""
    return f"{where}{item.component} is {item.status.value}{message}"
