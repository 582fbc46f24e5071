"""JSON values: every text in them, in bounded depth and size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentctl.redact.keys import NAMES, VALUES, flag_holds_a_secret, holds_a_secret
from agentctl.redact.printable import ELLIPSIS, MARK, WINDOW
from agentctl.redact.text import redact

MAX_DEPTH = 8
MAX_NODES = 1000
"""Of a detail: deeper or larger is not for people."""


def redact_value(value: Any) -> Any:
    """A JSON value with each text in it redacted, in bounded depth and size.

    A key that speaks of a secret has its texts replaced whole.
    """
    return _Details().redacted(value, 0, secret=False)


class _Details:
    """One walk over a value, counting what it has seen."""

    def __init__(self) -> None:
        self._nodes = 0

    def redacted(self, value: Any, depth: int, *, secret: bool) -> Any:
        self._nodes += 1
        if value is None or isinstance(value, (bool, int)):
            return value
        if isinstance(value, (Mapping, list, tuple)):
            if depth >= MAX_DEPTH:
                return ELLIPSIS
            if isinstance(value, Mapping):
                return self._mapping(value, depth)
            return self._list(value, depth, secret=secret)
        if isinstance(value, float) and value - value == 0:
            return value  # JSON knows neither NaN nor infinity: those become texts
        return MARK if secret and value != "" else redact(str(value))

    def _list(self, value: Sequence[Any], depth: int, *, secret: bool) -> list[Any]:
        found: list[Any] = []
        flag = False
        for one in value:
            if self._nodes >= MAX_NODES:
                return [*found, ELLIPSIS]
            found.append(self.redacted(one, depth + 1, secret=secret or flag))
            flag = isinstance(one, str) and one.startswith("-") and flag_holds_a_secret(one)
        return found

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        named = next((str(one) for key, one in value.items() if str(key).lower() in NAMES), "")
        for key, one in value.items():
            if self._nodes >= MAX_NODES:
                found[ELLIPSIS] = ELLIPSIS
                break
            name = named if str(key).lower() in VALUES else str(key)
            secret = holds_a_secret(name[:WINDOW])
            found[redact(str(key))] = self.redacted(one, depth + 1, secret=secret)
        return found
