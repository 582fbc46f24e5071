"""Memo of a check or condition: asked again when what it looks at has changed, or it is due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, Generic, Optional, TypeVar

from agentctl.kube.check import Context, Result
from agentctl.kube.resources import Cut
from agentctl.kube.view import SourceView

T = TypeVar("T")


class Memo(Generic[T]):
    """What a check or condition said last, for as long as what it looks at stays the same."""

    def __init__(
        self, ask: Callable[[Context], T], tables: Sequence[tuple[SourceView, Cut]]
    ) -> None:
        self._ask = ask
        self._tables = tables
        self._seen: Optional[list[int]] = None
        self._said: T

    def __call__(self, context: Context) -> T:
        seen = [source.changes[cut] for source, cut in self._tables]
        if seen != self._seen or self._is_due(context.now):
            self._said = self._ask(context)
            self._seen = seen
        return self._said

    def _is_due(self, now: float) -> bool:
        recheck_at = self._said.recheck_at if isinstance(self._said, Result) else None
        return recheck_at is not None and now >= recheck_at
