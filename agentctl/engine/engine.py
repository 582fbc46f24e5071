"""Engine: the sole consumer of the queue. State, deadlines, and what follows from both.

Everything that happens comes in as a message or as a deadline that passed, and
leaves as events to one sink. ``step`` takes what is queued and does all that is due;
it reads no queue and sleeps nowhere, so tests drive it with a clock of their own.
``run`` is the loop around it and ``receive``.

One change, walked: a source puts ``Changed`` → ``step`` gives it to the state, which
judges again what rests on it → ``EventStream`` compares the items with those last
emitted and makes one ``Delta`` with its cursor → the sink.
"""

from __future__ import annotations

import contextlib
import queue
import random
from collections.abc import Iterable, Sequence
from math import inf
from typing import TYPE_CHECKING, Optional, Union

from agentctl.clock import Clock
from agentctl.engine.attempt import Source
from agentctl.engine.messages import Alive, Ended, Message, Pending, Stop, Warned
from agentctl.engine.policy import Notice, Outcome, StreamPolicy, Vitals
from agentctl.engine.state import Companion, State
from agentctl.engine.stream import Outlet
from agentctl.engine.supervisor import Supervisor
from agentctl.engine.unseen import NOTHING, WELL, hopeless, some_complete, unseen
from agentctl.errors import ExitCode
from agentctl.model import ErrorCode
from agentctl.redact import redact

if TYPE_CHECKING:
    from agentctl.engine.verdict import Verdict

INBOX_SIZE = 1000
"""Messages that may wait; a source that finds it full waits, and its peer with it."""

BATCH_MAX = 2 * INBOX_SIZE
"""Messages taken at once: a flood must not keep deadlines from being looked at."""


class Engine:
    """Runs sources against one state and tells one outlet.

    Where the policy has a goal, the run ends when that is reached or has failed.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        state: State,
        outlet: Outlet,
        policy: StreamPolicy,
        *,
        clock: Clock,
        rng: Optional[random.Random] = None,
        companions: Sequence[Companion] = (),
    ) -> None:
        self._policy = policy
        self._verdict: Optional[Verdict] = None
        if policy.goal:
            from agentctl.engine.verdict import Verdict

            self._verdict = Verdict(policy.goal)
        self._state = state
        self._clock = clock
        self._stream = outlet
        self._companions = companions
        self.sources = Supervisor(
            sources,
            policy,
            rng or random.Random(),
            tell=self._stream.tell,
            blind=lambda source, reason: state.blind(source, redact(reason)),
            lost=state.lost,
            found=state.found,
            proven=state.proven,
        )
        self.inbox: queue.Queue[Union[Message, Stop]] = queue.Queue(INBOX_SIZE)
        self.outcome: Optional[Outcome] = None
        self.advice = ""
        """What else is to be said of a run that is refused, or finds nothing."""
        self._stop_code: Optional[int] = None
        self._started_at = 0.0
        self._beat_at = inf
        self._timeout_at = inf
        self._quiet_until = 0.0
        self._withheld = False
        self._looked_at = 0.0
        self._noted: list[tuple[str, str, ErrorCode]] = []
        self._laggards_until = inf

    @property
    def threads(self) -> int:
        """How many a run takes: its own, and one for each source and companion."""
        return 1 + len(list(self.sources)) + len(self._companions)

    def run(self) -> Outcome:
        """Start the sources and go on until the run is over; then stop them.

        Raises what the sink raises (BrokenPipeError when nobody reads any more).
        """
        try:
            self.start()
            while self.outcome is None:
                self.step(self.receive())
        finally:
            for companion in self._companions:
                companion.stop()
            self.sources.stop(self._clock.monotonic)
            for companion in self._companions:
                companion.join()
        return self.outcome

    def stop(self, exit_code: int) -> None:
        """End the run, from any thread; never waits."""
        self._stop_code = exit_code
        for companion in self._companions:
            companion.stop()
        # A full inbox wakes the engine just as well.
        with contextlib.suppress(queue.Full):
            self.inbox.put_nowait(Stop(exit_code))

    def tell(self, code: ErrorCode, message: str) -> None:
        """Have an error event follow the snapshot. Before the start only."""
        self._stream.tell(Notice("", code, message))

    def start(self) -> None:
        """Begin all sources' first attempts and set the clocks."""
        now = self._clock.monotonic()
        began = now if self._policy.began_at is None else self._policy.began_at
        self._looked_at = now
        self._started_at = began if self._policy.once else now
        if self._policy.heartbeat_s:
            self._beat_at = now + self._policy.heartbeat_s
        if self._policy.timeout_s is not None:
            self._timeout_at = began + self._policy.timeout_s
        self.sources.start(self.inbox, now)
        for companion in self._companions:
            companion.start()

    def next_deadline(self) -> Optional[float]:
        """When (monotonic) something is due even if no message comes; None for never."""
        due = [self._beat_at, self._timeout_at, self._state.next_deadline()]
        if not self._stream.begun:
            patience = 0.0 if self.sources.answered else self._policy.first_answer_s
            due.append(min(self._started_at + patience, self._laggards_until))
        if self._withheld:
            due.append(self._quiet_until)
        if self._policy.look_s:
            due.append(self._looked_at + self._policy.look_s)
        if self._verdict is not None:
            due.append(self._verdict.deadline)
        first = min(*due, self.sources.next_deadline())
        return first if first < inf else None

    def step(self, messages: Iterable[Union[Message, Stop]]) -> None:
        """Take messages in order, do what is due, and emit what follows from both."""
        now = self._looked_at = self._clock.monotonic()
        for message in messages:
            if not isinstance(message, Stop):
                self._take(message, now)
            if self._stop_code is not None:
                self._finish(Outcome(self._stop_code))
                return
            if self.outcome is not None:
                break
        else:
            self._note(now)
            if now >= self.sources.rests_until:
                self.sources.look(now)
                self._note(now)
        if self.outcome is not None:
            if self._stream.begun:  # what came before the end is still told
                self._publish(now, at_once=True)
            return
        timed_out, beats = now >= self._timeout_at, now >= self._beat_at
        if self._stream.begun:
            self._publish(now, at_once=timed_out or beats)
        else:
            self._begin(now, forced=timed_out)
        self._judge(now)
        if timed_out:
            self._time_out()
        elif self.outcome is None and beats:
            self._beat(now)

    def vitals(self) -> Vitals:
        """How the sources are. May be called from any thread."""
        amiss = tuple(missing.source for missing in self._state.amiss())
        return Vitals(self._looked_at, self._stream.begun, self.sources.vitals(), amiss)

    def receive(self) -> list[Union[Message, Stop]]:
        """All that is queued; waits for the first message until the next deadline."""
        deadline = self.next_deadline()
        wait = None if deadline is None else max(0.0, deadline - self._clock.monotonic())
        try:
            batch = [self.inbox.get(timeout=wait)]
        except queue.Empty:
            return []
        # Nobody else takes any: so many are there at least.
        for _ in range(min(len(self.inbox.queue), BATCH_MAX - 1)):
            batch.append(self.inbox.get_nowait())
        return batch

    def _take(self, message: Message, now: float) -> None:
        health = self.sources[message.source]
        if message.epoch != health.epoch:
            return
        if isinstance(message, Ended):
            outcome = self.sources.ended(message, now, at_start=not self._stream.begun)
            if outcome is not None:
                self._finish(outcome)
        elif isinstance(message, Warned) and message.code is ErrorCode.RESYNC:
            self.sources.lost_history(message, now)
        elif isinstance(message, Warned):
            self._stream.tell(Notice(health.name, message.code, message.message))
        elif self.sources.heard(message, now) and not isinstance(message, Pending):
            notice = None if isinstance(message, Alive) else self._state.apply(message)
            if notice is not None:
                self._stream.tell(notice)
            if message.resource_version or (isinstance(message, Alive) and message.forgets):
                health.resource_version = message.resource_version
                self.sources.got_to[message.source] = message.resource_version

    def _publish(self, now: float, at_once: bool) -> None:
        """Tell what is new, unless something was told a moment ago: then a moment later.

        The first change goes out at once; what follows it within the debounce is told
        together, or not at all where it was undone.
        """
        items = self._state.items(now)
        if now >= self.sources.rests_until:
            self.sources.tell_resync(lambda: self._stream.differs(items), now)
        self._withheld = now < self._quiet_until and not at_once
        if self._withheld:
            return
        if self._stream.publish(items, self.sources.versions()):
            self._quiet_until = now + self._policy.debounce_s

    def _begin(self, now: float, forced: bool) -> None:
        """The snapshot, once every source has answered or the wait is over."""
        laggards_s, servers = self._policy.laggards_s, self.sources.servers
        if laggards_s is not None and self._laggards_until == inf and some_complete(servers):
            self._laggards_until = now + laggards_s
        late = now >= min(self._started_at + self._policy.first_answer_s, self._laggards_until)
        if not (self.sources.answered or late or forced):
            return
        refused = hopeless(self.sources.servers)
        if refused is not None:
            self._finish(refused)
            return
        self.sources.look(now, at_once=True)
        self.sources.give_up_waiting(now - self._started_at)
        # A one-shot that reached nobody has nothing to show but its error.
        if not self._policy.once or self.sources.reached:
            self._stream.begin(self._state.items(now), self.sources.versions())
        if self._policy.once:
            self._conclude_once()

    def _beat(self, now: float) -> None:
        """The beat is fixed from the start; what a suspended host slept through is skipped."""
        period = self._policy.heartbeat_s
        if not period:
            return
        self._beat_at += period * (1 + (now - self._beat_at) // period)
        if self._beat_at <= now:  # rounded down
            self._beat_at += period
        if not self._stream.begun:
            return
        if self.sources.settling:  # what the beat would tell again is told first
            self.sources.look(now, at_once=True)
            self._note(now)
        else:
            self._stream.beat(self._missing(now))
            self.sources.told_missing()

    def _note(self, now: float) -> None:
        """Before and after what the sources' state leads to is told: so that no reader is
        told on its own beat what was so before that, or what has yet to be told."""
        if self._stream.begun and (now < self.sources.rests_until or not self.sources.settling):
            missing = self._missing(now)
            noted = [(one.cluster, one.source, one.code) for one in missing] if missing else []
            if noted != self._noted:
                self._noted = noted
                self._stream.beat(missing, due=False)

    def _missing(self, now: float) -> Sequence[Notice]:
        down = [] if now < self.sources.rests_until else self.sources.missing(now)
        return down or self._state.amiss()

    def _judge(self, now: float) -> None:
        """End the run once the verdict is clear."""
        if self._verdict is None or not self._stream.begun or self.outcome is not None:
            return
        lost = [health.name for health in self.sources.lost]
        lost += [missing.source for missing in self._state.amiss()]
        missing = f"{', '.join(lost)} cannot be seen" if lost else ""
        outcome = self._verdict.look(self._state.items(now), now, missing)
        if outcome is not None:
            self._publish(now, at_once=True)  # what decided it is told
            self._finish(outcome)

    def _time_out(self) -> None:
        if self.outcome is not None:
            return
        now = self._clock.monotonic()
        self.sources.look(now, at_once=True)
        if self._verdict is not None and self.sources.several:
            bad = self._verdict.known_bad(self._state.items(now))
            if bad is not None:  # before what is not seen
                self._finish(bad)
                return
        self._conclude("still disconnected at --timeout: ")
        if self._verdict is not None and self.outcome == WELL:
            self.outcome = None
            self._finish(self._verdict.timed_out())

    def _conclude_once(self) -> None:
        absent = "" if self.sources.lost else self._state.absent()
        if absent:
            self._finish(Outcome(ExitCode.REFUSED, absent))
        else:
            self._conclude("")
        now = self._clock.monotonic()
        if self._verdict is not None and (self.sources.several or self.outcome == WELL):
            self.outcome = self._verdict.look(self._state.items(now), now, "") or self.outcome
        elif self.outcome == WELL and not self._state.items(now):
            self.outcome = NOTHING

    def _conclude(self, prefix: str) -> None:
        """The end that was asked for: good, unless a connection is missing now."""
        waited_s = self._clock.monotonic() - self._started_at
        missed = unseen(self.sources.servers, waited_s, prefix)
        self._finish(missed or self._second_hand(prefix))

    def _second_hand(self, prefix: str) -> Outcome:
        """Good, unless a server that we are connected to has lost its own sources."""
        amiss = self._state.amiss()
        if not amiss or amiss[0].code in (ErrorCode.FORBIDDEN, ErrorCode.UNAUTHORIZED):
            return WELL
        return Outcome(ExitCode.DISCONNECTED, f"{prefix}the server says: {amiss[0].message}")

    def _finish(self, outcome: Outcome) -> None:
        if self.outcome is None:
            refused = outcome.exit_code == ExitCode.REFUSED
            words = outcome.message + (self.advice if refused else "")
            self.outcome = Outcome(outcome.exit_code, redact(words))
