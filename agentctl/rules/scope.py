"""Scope of an atom: an object, or an item of one of its lists, and its conditions by type.

Nothing here raises for anything that JSON can hold: what is missing or of the wrong type
is not there.
"""

from __future__ import annotations

from typing import Any, Optional

from agentctl.lazy_namedtuple import NamedTuple

Path = tuple[str, ...]
"""The keys from an object to a field."""

MAX_TEXT = 300
"""How much is told of a peer's text."""

CONDITIONS = ("status", "conditions")
MAX_CONDITIONS = 256
"""What is read of a list of them: real ones have a dozen."""

MAX_INSIDE = 2000
"""How many mappings are looked at inside one."""


class FoundCondition(NamedTuple):
    """A condition as it was found, with its first occurrence counting."""

    status: str
    reason: str
    message: str


def field(item: Any, path: Path) -> Any:
    """What stands at a path; None where nothing does."""
    for key in path:
        if not isinstance(item, dict):
            return None
        item = item.get(key)
    return item


def text_at(item: Any, path: Path) -> str:
    """The text at a path; empty where there is none."""
    value = field(item, path)
    return value if isinstance(value, str) else ""


def scalar(value: Any) -> Optional[str]:
    """A value as the text that rules compare with; None for what is no scalar."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        # Python refuses to write integers of thousands of digits.
        return str(value) if abs(value) < 1 << 64 else None
    return repr(value) if isinstance(value, float) else None


def is_there(value: Any) -> bool:
    """Whether a value says anything: null, ``[]`` and ``{}`` do not."""
    return value is not None and value not in ([], {})


def whole(value: Any) -> Optional[int]:
    """A whole number, also as text (some write generations so); None for all else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) < 20 and value.isascii() and value.isdigit():
        return int(value)
    return None


class Scope:
    """What atoms are asked about. Conditions older than ``generation`` are not there."""

    __slots__ = ("_conditions", "_inside", "_where", "generation", "item", "outdated")

    def __init__(self, item: Any, where: Path, generation: Optional[int]) -> None:
        self.item = item
        self.generation = generation
        self.outdated = 0
        """How many conditions are of an older generation, once they have been looked at."""
        self._where = where
        self._conditions: Optional[dict[str, FoundCondition]] = None
        self._inside: dict[Path, list[Scope]] = {}

    @classmethod
    def of_item(cls, item: Any, generation: Optional[int]) -> Scope:
        """One item of a list, whose conditions are directly in it."""
        return cls(item, CONDITIONS[1:], generation)

    @property
    def conditions(self) -> dict[str, FoundCondition]:
        if self._conditions is None:
            self._conditions = self._read()
        return self._conditions

    def inside(self, path: Path) -> list[Scope]:
        """Every mapping inside what stands at a path, however deep, but for conditions."""
        if path not in self._inside:
            found: list[Scope] = []
            top = field(self.item, path)
            ahead: list[Any] = [top] if isinstance(top, (dict, list)) else []
            while ahead and len(found) < MAX_INSIDE:
                value = ahead.pop()
                if isinstance(value, dict):
                    value = [one for key, one in value.items() if key != CONDITIONS[-1]]
                for one in value:
                    if isinstance(one, dict):
                        found.append(Scope.of_item(one, self.generation))
                    if isinstance(one, (dict, list)):
                        ahead.append(one)
            self._inside[path] = found
        return self._inside[path]

    def _read(self) -> dict[str, FoundCondition]:
        found: dict[str, FoundCondition] = {}
        listed = field(self.item, self._where)
        for one in listed[:MAX_CONDITIONS] if isinstance(listed, list) else ():
            if not isinstance(one, dict):
                continue
            kind = one.get("type")
            if not isinstance(kind, str) or kind in found:
                continue
            if self.generation is not None and "observedGeneration" in one:
                observed = whole(one["observedGeneration"])
                if observed is not None and observed < self.generation:
                    self.outdated += 1
                    continue
            status, reason, message = one.get("status"), one.get("reason"), one.get("message")
            found[kind] = FoundCondition(
                status if isinstance(status, str) else _as_status(status),
                reason if isinstance(reason, str) else "",
                message if isinstance(message, str) else "",
            )
        return found


def _as_status(value: Any) -> str:
    """A condition's status that is no text: some write a boolean."""
    return str(value) if isinstance(value, bool) else ""


def told(text: str) -> str:
    """A peer's text as one line, bounded."""
    text = " ".join(text[: 4 * MAX_TEXT].split())
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
