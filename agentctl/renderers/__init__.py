"""Output formats: one file a format, found by its name.

A format is a module here with ``HELP``, one line for ``--help``, and
``create(out: TextSink, style: Style) -> Renderer``. Nothing else has to be changed
to add one.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import Protocol

from agentctl.model import Event


class TextSink(Protocol):
    """Where text goes; what is written is out when the call returns."""

    def write(self, text: str) -> None:
        """Write all of it and flush. Raises BrokenPipeError when nobody reads any more."""


@dataclass(frozen=True)
class Style:
    """How to dress it."""

    color: bool = False
    stream: bool = True
    """More will follow the snapshot."""


class Renderer(Protocol):
    """A sink that prints events."""

    def emit(self, event: Event) -> None:
        """Print one event, whole, and flush it."""


def names() -> tuple[str, ...]:
    """The formats there are."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def create(name: str, out: TextSink, style: Style) -> Renderer:
    """The renderer of that name; ``name`` is one of ``names()``."""
    module = importlib.import_module(f"{__name__}.{name}")
    renderer: Renderer = module.create(out, style)
    return renderer
