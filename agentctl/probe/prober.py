"""Prober: asks one dependency, once a call, within a timeout."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import Optional

from agentctl.clock import Clock
from agentctl.net.kill_switch import KillSwitch
from agentctl.probe.address import permitted
from agentctl.probe.answer import Answer
from agentctl.probe.line import Line, failure_of
from agentctl.probe.lookup import Lookup
from agentctl.probe.protocols import PROTOCOLS, Details, postgres_startup
from agentctl.probe.target import Target

STARTUP_EVERY_S = 60.0
"""How often PostgreSQL is told who asks, which it may log, while it is well."""


class Prober:
    """For one thread; ``stop`` is for any other."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._switch = KillSwitch()
        self._lookup = Lookup()
        self._lock = threading.Lock()
        self._cancel: Optional[Callable[[], object]] = None
        self._startup_due = -math.inf

    def stop(self) -> None:
        """Free it from whatever it waits for; it is of no use afterwards."""
        self._switch.kill()
        self._lookup.stop()
        with self._lock:
            cancel = self._cancel
        if cancel is not None:
            cancel()

    def ask(self, target: Target, timeout: float) -> Answer:
        """Raises ProbeError. Takes no longer than ``timeout`` seconds."""
        started = self._clock.monotonic()
        try:
            found = permitted(target.address, self._lookup.addresses(target.address, timeout))
            asked = self._clock.monotonic()  # how long a name takes is not the dependency's doing
            details = self._ask(target, found, started + timeout)
        except Exception as error:
            self._startup_due = -math.inf  # once it answers again it is asked in full
            raise failure_of(error, target.tls_settings) from None
        return Answer((self._clock.monotonic() - asked) * 1000, details)

    def _ask(self, target: Target, addresses: Sequence[str], deadline: float) -> Details:
        if target.question.protocol == "grpc":
            from agentctl.probe import grpc_health

            left = max(0.001, deadline - self._clock.monotonic())
            return grpc_health.ask(target, addresses, left, self._hold)
        speak = PROTOCOLS[target.question.protocol]
        now = self._clock.monotonic()
        in_full = target.question.protocol == "postgres" and now >= self._startup_due
        if in_full:
            speak = postgres_startup
        line = Line(self._clock, self._switch, deadline)
        try:
            line.dial(addresses, target.address.port)
            details = speak(line, target)
        finally:
            line.close()
        if in_full:
            self._startup_due = now + STARTUP_EVERY_S
        return details

    def _hold(self, cancel: Optional[Callable[[], object]]) -> None:
        with self._lock:
            self._cancel = cancel
        if cancel is not None and self._switch.killed:
            cancel()
