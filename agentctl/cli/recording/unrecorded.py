"""A run without ``--record``: what takes the recorder's place."""

from __future__ import annotations

from agentctl.engine.stream import Sink


class Unrecorded:
    """What a run without ``--record`` has in its place."""

    threads = 0
    """How many it takes."""

    def before(self, sink: Sink) -> Sink:
        """The sink to give the events to, so that they reach ``sink``."""
        return sink

    def begin(self) -> None:
        """All is in order and the run begins."""

    def ended(self, exit_code: int) -> None:
        """The run ended in good order."""

    def __enter__(self) -> Unrecorded:
        return self

    def __exit__(self, *raised: object) -> None:
        pass
