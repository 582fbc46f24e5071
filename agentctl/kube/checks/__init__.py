"""The kinds of check: one file a kind, each a rule from cut objects to a verdict.

A kind is a module here with ``KIND = "name"``, a frozen dataclass that implements
``Check`` and a function ``parse(fields: Fields) -> Check``. The catalog loader finds
it by its file; nothing else has to be changed to add one. Checks do no I/O, own no
thread and read no clock: the time comes with the ``Context``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Protocol

from agentctl.kube.resources import Need
from agentctl.kube.view import View
from agentctl.model import Status


@dataclass(frozen=True)
class Result:
    """A check's verdict. A fine component has an empty message, with few exceptions.

    ``recheck_at`` is when (monotonic seconds) the verdict may change without any
    event, None if it cannot.
    """

    status: Status
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    recheck_at: Optional[float] = None


@dataclass(frozen=True)
class Context:
    """What a check may look at while it judges."""

    view: View
    namespace: str
    now: float
    """Monotonic seconds."""
    results: Mapping[str, Result]
    """The components judged before this one, by name (see ``Check.follows``)."""


class Check(Protocol):
    """A rule, configured by the catalog."""

    def needs(self, namespace: str) -> tuple[Need, ...]:
        """What it wants to know of the cluster."""

    def follows(self) -> tuple[str, ...]:
        """The components whose results it reads."""

    def evaluate(self, context: Context) -> Result:
        """Judge; never raises for anything an API server may say."""


def blind(message: str) -> Result:
    """The verdict when the resource cannot be seen."""
    return Result(Status.UNKNOWN, message)
