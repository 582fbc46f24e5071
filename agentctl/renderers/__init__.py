"""Renderers: the output formats, one file a format, found by its name.

A format is a module here with ``HELP``, one line for ``--help``, and
``create(out: TextSink, style: Style) -> Renderer``. Nothing else has to be changed
to add one. It may also have

- ``ONE_SHOT = True``: it shows one state and no stream of events;
- ``OWN_CODES = True``: its exit codes are not ``ExitCode``'s;
- ``TIMEOUT_S``: how long one shot may take, where nothing else is asked for;
- a renderer with ``conclude(outcome: Outcome) -> Outcome``, which is told how the run
  ended, a run that failed before its beginning included; what it returns has the
  process's exit code, and a line for stderr if there is to be one.
"""

from __future__ import annotations

import importlib
from typing import Any, Optional, Protocol

from agentctl.clock import Clock, SystemClock
from agentctl.engine.policy import Outcome
from agentctl.lazy_dataclass import dataclass, field
from agentctl.model import Event
from agentctl.package import module_names


class TextSink(Protocol):
    """Where text goes; what is written is out when the call returns."""

    def write(self, text: str) -> None:
        """Write all of it and flush. Raises BrokenPipeError when nobody reads any more."""


@dataclass(frozen=True)
class Style:
    """How to dress it, and what the events do not say."""

    color: bool = False
    stream: bool = True
    """More will follow the snapshot."""
    headers: bool = True
    """Whether a table names its columns."""
    namespace: str = ""
    """Those that are watched, with commas between them."""
    clock: Clock = field(default_factory=SystemClock)
    several: bool = False
    """There are several namespaces."""


class Renderer(Protocol):
    """A sink that prints events."""

    def emit(self, event: Event) -> None:
        """Print one event, whole, and flush it."""


def names(streams: bool = False) -> tuple[str, ...]:
    """The formats there are; with ``streams`` only those that can show a stream."""
    return tuple(name for name in module_names(__path__) if not (streams and is_one_shot(name)))


def create(name: str, out: TextSink, style: Style) -> Renderer:
    """The renderer of that name; ``name`` is one of ``names()``."""
    renderer: Renderer = _module(name).create(out, style)
    return renderer


def is_one_shot(name: str) -> bool:
    """Whether a format shows one state and no stream."""
    return bool(getattr(_module(name), "ONE_SHOT", False))


def has_codes(name: str) -> bool:
    """Whether a run in this format ends with exit codes of its own."""
    return bool(getattr(_module(name), "OWN_CODES", False))


def timeout_s(name: str) -> Optional[float]:
    """How long one shot may take in this format; None for as long as ever."""
    limit: Optional[float] = getattr(_module(name), "TIMEOUT_S", None)
    return limit


def conclude(renderer: Renderer, outcome: Outcome) -> Outcome:
    """Tell a renderer how the run ended; returns what the process is to end with."""
    has_a_say = getattr(renderer, "conclude", None)
    return outcome if has_a_say is None else has_a_say(outcome)


def _module(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{name}")
