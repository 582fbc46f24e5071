"""JSON output, indented by two: the same objects as ndjson."""

from __future__ import annotations

import json

from agentctl.model import Event
from agentctl.renderers import Style, TextSink

HELP = "the same events, indented for reading"


class JsonRenderer:
    def __init__(self, out: TextSink) -> None:
        self._out = out

    def emit(self, event: Event) -> None:
        self._out.write(json.dumps(event.to_json(), ensure_ascii=False, indent=2) + "\n")


def create(out: TextSink, style: Style) -> JsonRenderer:
    return JsonRenderer(out)
