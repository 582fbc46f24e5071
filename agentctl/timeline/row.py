"""Row of one component while it is made: spans, totals, transitions, in bounded memory."""

from __future__ import annotations

from typing import Optional

from agentctl.model import ItemKey
from agentctl.timeline.facts import Row, Span, SpanState

MESSAGE = 160
"""Characters of a message that a picture has room for."""


class GrowingRow:
    """States in the order of time. Adjacent spans differ, and leave no hole."""

    def __init__(self, key: ItemKey, room: int, before: SpanState) -> None:
        self.key = key
        self._room = room
        self._closed: list[Span] = []
        self._grain = 1
        self._start = self._mark = 0
        self._shown, self._message = before, ""
        self._last_known: Optional[SpanState] = None if before is SpanState.UNSEEN else before
        self._totals = dict.fromkeys(SpanState, 0)
        self._transitions = 0
        self.believed, self.said = before, ""
        """The state that would be shown if it could be seen."""
        self.blind = False
        """Cannot be seen now, and a heartbeat will say that it stayed as it was."""
        self.doubtful = before is SpanState.UNSEEN
        """Nothing but its own state, told anew, is to be believed."""

    def tell(self, state: SpanState, message: str, at: int) -> None:
        """What the component is from now on."""
        self.believed, self.said = state, message[:MESSAGE]
        self.blind = self.doubtful = False
        self.show(at)

    def show(self, at: int, reason: str = "") -> None:
        """Let what is known now be seen from ``at`` on (never before an earlier one)."""
        self._account(at)
        hidden = self.blind or self.doubtful
        state = SpanState.UNSEEN if hidden else self.believed
        message = reason[:MESSAGE] if hidden else self.said
        if state is not self._shown:
            self._begin(state, at)
        self._message = message or self._message
        if not hidden:
            if self._last_known not in (None, state):
                self._transitions += 1
            self._last_known = state

    def done(self, at: int) -> Row:
        """All of it, up to ``at``; use the row no more."""
        self._account(at)
        self._close(at)
        return Row(self.key, tuple(self._closed), self._totals, self._transitions)

    def _begin(self, state: SpanState, at: int) -> None:
        self._close(at)
        last = self._closed[-1] if self._closed else None
        if last is not None and last.state is state:  # what lay between was no time at all
            self._closed.pop()
            self._start, self._message = last.start, last.message
        else:
            self._start, self._message = at, ""
        self._shown = state

    def _close(self, at: int) -> None:
        """What was seen counts even if it lasted no time."""
        if at > self._start or self._shown is not SpanState.UNSEEN:
            self._closed.append(Span(self._start, at, self._shown, self._message))
            if len(self._closed) > self._room:
                self._thin_out()

    def _account(self, at: int) -> None:
        self._totals[self._shown] += at - self._mark
        self._mark = at

    def _thin_out(self) -> None:
        """Make half of the spans, each the worst of those that began in the same while."""
        while len(self._closed) > self._room // 2:
            self._grain *= 2
            kept: list[Span] = []
            for span in self._closed:
                last = kept[-1] if kept else None
                if last is not None and (
                    span.state is last.state
                    or span.start // self._grain == last.start // self._grain
                ):
                    worst = max(last, span, key=lambda one: one.state.rank)
                    kept[-1] = worst._replace(start=last.start, end=span.end)
                else:
                    kept.append(span)
            self._closed = kept
