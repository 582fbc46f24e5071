"""NDJSON output: one JSON object a line, for jq, log shippers and other programs."""

from __future__ import annotations

from agentctl.model import Event, json_line
from agentctl.renderers import Style, TextSink

HELP = "one event a line, for programs"


class NdjsonRenderer:
    def __init__(self, out: TextSink) -> None:
        self._out = out

    def emit(self, event: Event) -> None:
        self._out.write(json_line(event.to_json()) + "\n")


def create(out: TextSink, style: Style) -> NdjsonRenderer:
    return NdjsonRenderer(out)
