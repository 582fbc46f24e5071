"""State of a cluster as the engine sees it: objects in, items out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple, Optional

from agentctl.engine.messages import News, Received, Replaced
from agentctl.engine.policy import Notice
from agentctl.kube.check import Context
from agentctl.kube.evaluate import Evaluator
from agentctl.model import Item

if TYPE_CHECKING:
    from agentctl.kube.probe_source import ProbeSource


class AimedProbe(NamedTuple):
    """A probe, the namespace it is for, and what where it asks is read from."""

    source: ProbeSource
    namespace: str
    rests_on: frozenset[str]

    def look(self, evaluator: Evaluator) -> None:
        """Tell the source where to ask now; a time has no say in that."""
        self.source.aim_by(Context(evaluator.view, self.namespace, 0.0, {}))


class KubeState:
    """Feeds an Evaluator and judges again only what rests on what has changed."""

    def __init__(
        self,
        evaluator: Evaluator,
        prove: Callable[[], None] = lambda: None,
        probes: Sequence[AimedProbe] = (),
    ) -> None:
        """``prove`` asks for a proof that storage is alive, and returns at once."""
        self._evaluator = evaluator
        self._prove = prove
        self._probes = probes
        self._heard: set[str] = set()
        for probe in probes:
            if not probe.rests_on:
                probe.look(evaluator)
        self._dirty: Optional[set[str]] = None  # None: judge everything
        self._items: Sequence[Item] = ()

    def apply(self, message: News) -> None:
        assert not isinstance(message, Received), "no server between us and the cluster"
        view = self._evaluator.view
        name = message.source
        saw = view.mark_seeing(name)
        if isinstance(message, Replaced):
            differs = view.replace(name, message.changes)
        else:
            differs = view.apply(name, message.changes)
        if (saw or differs) and self._dirty is not None:
            self._dirty.add(name)
        self._aim_probes(name)

    def blind(self, source: str, reason: str) -> None:
        if self._evaluator.view.mark_blind(source, reason) and self._dirty is not None:
            self._dirty.add(source)
        if source in self._heard:  # before there was any answer it is blind as a matter of course
            self._aim_probes(source)
        self._heard.add(source)

    def _aim_probes(self, source: str) -> None:
        """Where to ask may stand in what this source has just said."""
        for probe in self._probes:
            if source in probe.rests_on:
                probe.look(self._evaluator)

    def lost(self, source: str, since: float, now: float) -> None:
        self._evaluator.view.mark_lost(source, since, now)

    def found(self, source: str, now: float) -> None:
        if self._evaluator.view.mark_found(source, now) and self._dirty is not None:
            self._dirty.add(source)

    def proven(self, now: Optional[float], cluster: str = "") -> Collection[str]:
        waited = self._evaluator.view.prove(now)
        if self._dirty is not None:
            self._dirty |= waited
        return waited

    def items(self, now: float) -> Sequence[Item]:
        if self._evaluator.evaluate(self._dirty, now):
            self._items = self._evaluator.items()
            if self._evaluator.view.unproven:
                self._prove()
        self._dirty = set()
        return self._items

    def absent(self) -> str:
        missing = self._evaluator.missing_namespaces()
        if not missing:
            return ""
        return f'namespace "{missing[0]}" not found: check --namespace and --context'

    def amiss(self) -> Sequence[Notice]:
        return ()

    def next_deadline(self) -> Optional[float]:
        return self._evaluator.next_recheck
