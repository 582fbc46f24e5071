"""NDJSON output: one JSON object a line, for jq, log shippers and other programs."""

from __future__ import annotations

import json

from agentctl.model import Event
from agentctl.renderers import Style, TextSink

HELP = "one event a line, for programs"


class NdjsonRenderer:
    def __init__(self, out: TextSink) -> None:
        self._out = out

    def emit(self, event: Event) -> None:
        line = json.dumps(event.to_json(), ensure_ascii=False, separators=(",", ":"))
        self._out.write(line + "\n")


def create(out: TextSink, style: Style) -> NdjsonRenderer:
    return NdjsonRenderer(out)
