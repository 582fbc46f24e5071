"""State of a cluster as the engine sees it: objects in, items out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from math import inf
from typing import TYPE_CHECKING, Optional

from agentctl.engine.messages import Change, News, Received, Replaced
from agentctl.engine.policy import Notice
from agentctl.kube.check import Context
from agentctl.kube.evaluate import Evaluator
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import ErrorCode, Item

if TYPE_CHECKING:
    from agentctl.kube.probe_source import ProbeSource
    from agentctl.kube.wide import WideSpec


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
        wide: Sequence[WideSpec] = (),
        cluster: str = "",
    ) -> None:
        """``prove`` asks for a proof that storage is alive, and returns at once; ``wide`` are
        watches in place of several that the evaluator knows; ``cluster`` is its name among
        several."""
        self._evaluator = evaluator
        self._prove = prove
        self._probes = probes
        self._parts = {one.name: {at: part.name for at, part in one.parts.items()} for one in wide}
        self._whole = {part: name for name, of in self._parts.items() for part in of.values()}
        self._heard: set[str] = set()
        for probe in probes:
            if not probe.rests_on:
                probe.look(evaluator)
        self._begun = False
        self._cluster = cluster
        self._told: set[str] = set()
        """The sources of whose odd objects it was told."""

    def apply(self, message: News) -> Optional[Notice]:
        assert not isinstance(message, Received), "no server between us and the cluster"
        view, parts = self._evaluator.view, self._parts.get(message.source)
        told: Iterable[tuple[str, Sequence[Change]]] = ((message.source, message.changes),)
        if parts is not None:
            from agentctl.kube.wide import split

            told = split(parts, message.changes)
        notice = None
        for name, changes in told:
            if isinstance(message, Replaced):
                view.replace(name, changes)
            else:
                view.mark_seeing(name)
                view.apply(name, changes)
            if self._probes:
                self._aim_probes(name)
            if view.sources[name].odd and message.source not in self._told:
                notice = self._odd(message.source, name)
        return notice

    def _odd(self, source: str, name: str) -> Notice:
        """What cannot be read there, which is told once."""
        self._told.add(source)
        (_, key), why = next(iter(self._evaluator.view.sources[name].odd.items()))
        what = "/".join(filter(None, key)) or "an object"
        text = f"{source}: {what} cannot be read ({why}): the others are judged without it"
        label = source[len(self._cluster) + 1 :] if self._cluster else source
        return Notice(label, ErrorCode.RESYNC, text, cluster=self._cluster)  # no outage

    def blind(self, source: str, reason: str) -> None:
        for name in self._names(source):
            self._evaluator.view.mark_blind(name, reason)
            if name in self._heard:  # before any answer it is blind as a matter of course
                self._aim_probes(name)
            self._heard.add(name)

    def _aim_probes(self, source: str) -> None:
        """Where to ask may stand in what this source has just said."""
        for probe in self._probes:
            if source in probe.rests_on:
                probe.look(self._evaluator)

    def lost(self, source: str, since: float, now: float) -> None:
        for name in self._names(source):
            self._evaluator.view.mark_lost(name, since, now)

    def found(self, source: str, now: float) -> None:
        for name in self._names(source):
            self._evaluator.view.mark_found(name, now)

    def _names(self, source: str) -> Collection[str]:
        """What the evaluator knows of what a source brings."""
        parts = self._parts.get(source)
        return (source,) if parts is None else parts.values()

    def proven(self, now: Optional[float], cluster: str = "") -> Collection[str]:
        waited = self._evaluator.view.prove(now)
        return waited | {self._whole[name] for name in waited if name in self._whole}

    def items(self, now: float) -> Sequence[Item]:
        judged = self._evaluator.evaluate(() if self._begun else None, now)
        if (judged or self._evaluator.gone) and self._evaluator.view.unproven:
            self._prove()
        self._begun = True
        return self._evaluator.items()

    def absent(self) -> str:
        missing = self._evaluator.missing_namespaces()
        if not missing:
            return ""
        return f'namespace "{missing[0]}" not found: check --namespace and --context'

    def amiss(self) -> Sequence[Notice]:
        return ()

    def next_deadline(self) -> float:
        moment = self._evaluator.next_recheck
        return inf if moment is None else moment
