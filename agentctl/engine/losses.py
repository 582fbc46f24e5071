"""Losses: what a stream's reader was told is lost, and not that it is back. No I/O."""

from __future__ import annotations

from agentctl.engine.stream import still_without
from agentctl.model import OUTAGES, ErrorCode, Event, Heartbeat, StreamError


class Losses:
    """Takes events in order. As long as there is a loss, what was told may be so no more."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], StreamError] = {}
        """By cluster and source: the event that told of it last."""

    def __bool__(self) -> bool:
        return bool(self._told)

    def take(self, event: Event) -> None:
        """A heartbeat ends all losses, ``recovered`` those that it names."""
        if isinstance(event, Heartbeat):
            self._told.clear()
        elif isinstance(event, StreamError):
            keys = [(event.cluster, source) for source in _sources(event)]
            if event.code is ErrorCode.RECOVERED:
                for key in keys:
                    self._told.pop(key, None)
            elif event.code in OUTAGES:
                if _is_again(event):  # it names those as well that are refused
                    keys = [key for key in keys if key in self._told] or keys[:1]
                self._told.update(dict.fromkeys(keys, event))

    @property
    def errors(self) -> list[StreamError]:
        """What told of them, each once."""
        return list({id(event): event for event in self._told.values()}.values())


def cause(error: StreamError) -> str:
    """Its message, without the sources' names that it begins with when it is told again."""
    return error.message.partition(still_without(_sources(error)))[2] or error.message


def _sources(error: StreamError) -> tuple[str, ...]:
    return error.sources or (error.source,)


def _is_again(error: StreamError) -> bool:
    return error.message.startswith(still_without(_sources(error)))
