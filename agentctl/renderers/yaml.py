"""YAML output: the keys of the JSON; a stream is one document an event, each after ``---``."""

from __future__ import annotations

from typing import Any

from agentctl.model import Event
from agentctl.renderers import Style, TextSink

HELP = "the same events as YAML documents"


def document(content: Any) -> str:
    """One YAML document of plain data, keys in their order, without ``---``."""
    import yaml

    # PyYAML folds long texts and writes aliases for what is the same object twice.
    class PlainDumper(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    text: str = yaml.dump(
        content, Dumper=PlainDumper, sort_keys=False, width=1000, allow_unicode=True
    )
    return text


class YamlRenderer:
    def __init__(self, out: TextSink, style: Style) -> None:
        self._out = out
        self._begin = "---\n" if style.stream else ""

    def emit(self, event: Event) -> None:
        self._out.write(self._begin + document(event.to_json()))


def create(out: TextSink, style: Style) -> YamlRenderer:
    return YamlRenderer(out, style)
