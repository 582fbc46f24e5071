"""Sources whose circumstances change while they run: pokes between two looks, verbs taken away."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from agentctl.engine.messages import Alive, Ended, Replaced
from agentctl.errors import ForbiddenError, SourceError, StreamingUnsupported
from agentctl.kube import discovery_source
from agentctl.kube.discovery_source import DiscoverySource
from tests.apidouble.faults import Then
from tests.kube.rig import Rig, spec_of


def failure_of(rig: Rig) -> SourceError:
    while True:
        message = rig.next()
        if isinstance(message, Ended):
            assert message.failure is not None
            return message.failure


class PokedMeanwhile(threading.Event):
    """An event that is set by another thread just after it was first looked at."""

    looked_at = False

    def is_set(self) -> bool:
        value = super().is_set()
        if not self.looked_at:
            self.looked_at = True
            self.set()
        return value


def test_a_poke_at_any_moment_is_a_look_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery_source, "threading", SimpleNamespace(Event=PokedMeanwhile))
    with Rig("apis") as rig:
        rig.start(source=DiscoverySource(spec_of("apis"), rig.context))
        for _ in range(3):
            rig.until(Replaced)


def test_10_a_verb_taken_away_while_watching_ends_in_polling_not_in_flapping() -> None:
    with Rig() as rig:
        rig.start().until(Alive)
        rig.streaming()
        rig.double.denied = [("watch", "apps", "deployments")]
        rig.double.faults.interrupt(then=Then.END)
        # It may pass, or listing may be refused as well: that is for the next attempt to see.
        assert isinstance(failure_of(rig), ForbiddenError)
        rig.start().until(Replaced)
        assert isinstance(failure_of(rig), StreamingUnsupported)
        rig.double.denied = []
        rig.start().until(Alive)
        rig.streaming()
        rig.double.denied = [("watch", "apps", "deployments")]
        rig.double.faults.interrupt(then=Then.END)
        assert isinstance(failure_of(rig), ForbiddenError)
