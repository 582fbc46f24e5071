"""Probe source: asks one dependency again and again, and puts its readings on the queue."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Optional, Union

from agentctl.duration import format_duration
from agentctl.engine.attempt import Attempt, Source
from agentctl.engine.messages import Change, Changed, ObjectKey
from agentctl.kube.check import Context, Result
from agentctl.kube.checks._probe_plan import ProbedResource, ProbePlan, ProbeReading
from agentctl.kube.context import KubeContext
from agentctl.kube.probe_stats import Probed
from agentctl.kube.resources import Need, WatchSpec
from agentctl.probe.address import HostPort
from agentctl.probe.answer import Answer, Cause, ProbeError
from agentctl.probe.prober import Prober
from agentctl.probe.target import Target

NAMED = 3
"""Components that are named where no answer comes."""

SPREAD = 0.15
"""How much earlier than its time a probe may come, as a share of ``every``; never later."""

Aim = Union[HostPort, Result]


class ProbeSource(Source):
    """One dependency's. It never fails: that nobody answers is what it has to tell."""

    essential = False

    def __init__(self, spec: WatchSpec, context: KubeContext, once: bool = False) -> None:
        assert isinstance(spec.resource, ProbedResource), "it is one of these"
        assert spec.resource.plan is not None, "it has a plan"
        self.name = self.server = spec.name
        self.noun = "a probe"
        self._plan: ProbePlan = spec.resource.plan
        self._spec = spec
        self._clock = context.clock
        self._turns = context.turns
        self._rng = context.rng
        self._stats = context.probes
        self._once = once
        self._aim: Optional[Aim] = None
        self._aimed = threading.Event()
        self._attempt: Optional[Attempt] = None
        self.components: Sequence[str] = ()
        """Those that it is asked for, by name."""

    advice = (
        "it hangs, or what is sent is dropped on the way: see its log and firewalls, or give it "
        "longer (--timeout)"
    )

    @property
    def asked(self) -> str:
        aim, protocol = self._aim, self._plan.question.protocol
        whose = f" of {', '.join(self.components[:NAMED])}" if self.components else ""
        where = f" at {aim}" if isinstance(aim, HostPort) else ", whose address is not known yet"
        return f"the {protocol}{whose}{where},"

    def aim_by(self, context: Context) -> None:
        """Ask where its plan says in this context; from the engine's thread."""
        self.aim(self._plan.aim(context))

    def aim_needs(self, namespace: str) -> tuple[Need, ...]:
        """What decides on where it asks."""
        return self._plan.aim_needs(namespace)

    def aim(self, aim: Aim) -> None:
        """Where to ask from now on, or why nowhere; from the engine's thread."""
        if aim != self._aim:
            self._aim = aim
            self._aimed.set()
            attempt = self._attempt
            if attempt is not None:
                attempt.rouse()

    def run(self, attempt: Attempt) -> None:
        self._attempt = attempt
        prober = Prober(self._clock)

        def free() -> None:
            prober.stop()
            self._aimed.set()

        attempt.on_stop(free)
        try:
            while not attempt.stopping:
                self._aimed.wait()
                self._aimed.clear()
                aim = self._aim
                if isinstance(aim, HostPort):
                    self._ask_until_moved(attempt, prober, aim)
                elif aim is not None:
                    self._put(attempt, None)
                if self._once and not self._aimed.is_set():
                    return
        finally:
            attempt.on_stop(None)
            self._aimed.set()  # the next attempt has an aim as soon as it begins

    def _ask_until_moved(self, attempt: Attempt, prober: Prober, address: HostPort) -> None:
        """Until it is aimed elsewhere or stopped; once, until it is known."""
        reading = ProbeReading(address, None)
        due = self._clock.monotonic()
        while not self._wait_until(attempt, due):
            reading = self._next(prober, reading)
            if attempt.stopping:
                return
            known = reading.answer is not None or reading.failures >= self._plan.failures
            if known or not self._once:
                self._put(attempt, reading)
            if self._once and known:
                return
            due = self._clock.monotonic()
            if known:
                due += self._plan.every * self._rng.uniform(1 - SPREAD, 1.0)

    def _wait_until(self, attempt: Attempt, due: float) -> bool:
        """True where there is nobody to be asked here any more."""
        now = self._clock.monotonic()
        begins = self._turns.take(due, now)
        while begins > now and not (attempt.stopping or self._aimed.is_set()):
            attempt.wait(begins - now)
            now = self._clock.monotonic()
        return attempt.stopping or self._aimed.is_set()

    def _next(self, prober: Prober, before: ProbeReading) -> ProbeReading:
        plan, probed = self._plan, Probed(self._plan.question.protocol, str(before.address))
        answer: Optional[Answer] = None
        cause: Optional[Cause] = None
        message = ""
        try:
            answer = prober.ask(Target(plan.question, before.address), plan.timeout)
            if plan.slow is not None and answer.latency_ms > plan.slow * 1000:
                cause, answer = Cause.SLOW, None
                message = f"answers, but not within {format_duration(plan.slow)}"
        except ProbeError as error:
            cause, message = error.cause, error.message
        if answer is not None:
            at = self._clock.now().timestamp()
            self._stats.good(probed, answer.latency_ms / 1000, at)
        elif cause is not None:
            self._stats.failed(probed, cause.value)
        return before.after(answer, cause, message, plan.failures)

    def _put(self, attempt: Attempt, reading: Optional[ProbeReading]) -> None:
        namespace = self._spec.namespace if self._spec.resource.namespaced else ""
        change = Change(ObjectKey(namespace, "reading"), (reading,) * len(self._spec.tables))
        attempt.put(Changed(self.name, attempt.epoch, (change,), ""))
