"""Name output: ``component/NAME`` a line, as kubectl's ``-o name``, for xargs and loops."""

from __future__ import annotations

from agentctl.model import Event, Snapshot
from agentctl.renderers import Style, TextSink

HELP = "component/NAME a line"
ONE_SHOT = True
"""A stream of names alone would not say that it has died."""

PREFIX = "component/"


class NameRenderer:
    def __init__(self, out: TextSink) -> None:
        self._out = out

    def emit(self, event: Event) -> None:
        if isinstance(event, Snapshot):
            lines = (f"{PREFIX}{item.component}\n" for item in event.items)
            self._out.write("".join(dict.fromkeys(lines)))


def create(out: TextSink, style: Style) -> NameRenderer:
    return NameRenderer(out)
