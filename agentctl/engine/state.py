"""State of what is watched, and companions of a run, as the engine knows them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Optional, Protocol

from agentctl.engine.messages import News
from agentctl.engine.policy import Notice
from agentctl.model import Item


class State(Protocol):
    """What the sources say, as items. Used by the engine's thread only."""

    def apply(self, message: News) -> Optional[Notice]:
        """Take news from a source; what rests on it can be judged again from now on.

        Returns what the news itself says is wrong, if that has to be told.
        """

    def blind(self, source: str, reason: str) -> None:
        """Nothing can be said of what rests on this source, for this reason."""

    def lost(self, source: str, since: float, now: float) -> None:
        """Its connection is lost: it says nothing new, and what it said still stands.

        It was last heard at ``since``.
        """

    def found(self, source: str, now: float) -> None:
        """It is connected, for the first time or again."""

    def proven(self, now: Optional[float], cluster: str = "") -> Collection[str]:
        """The storage behind a cluster's sources answered now (monotonic); None: nobody asks it.

        Returns the sources that have been silent for longer than they should have been.
        """

    def items(self, now: float) -> Sequence[Item]:
        """All items, judged for ``now`` (monotonic), redacted, in the catalog's order."""

    def amiss(self) -> Sequence[Notice]:
        """What is missing at the source's own sources, for the beat."""

    def next_deadline(self) -> float:
        """When (monotonic) items may change without any message; inf for never."""

    def absent(self) -> str:
        """What was asked for and does not exist, as one line; empty if nothing is amiss."""


class Companion(Protocol):
    """Something beside the stream that lives as long as a run."""

    def start(self) -> None:
        """The run begins."""

    def stop(self) -> None:
        """End whatever is being waited for; from any thread, more than once, never waits."""

    def join(self) -> None:
        """Let go of everything, within a second; on the engine's thread, after ``stop``."""
