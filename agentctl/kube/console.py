"""What of the caller's terminal a credential plugin may use."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Callable, Optional

from agentctl.lazy_namedtuple import NamedTuple


class Console(NamedTuple):
    """By default nobody is there: no stdin, and what a plugin says is kept for its failure."""

    has_user: bool = False
    """Stdin is a terminal, so that a plugin may ask questions there."""
    tell: Optional[Callable[[str], object]] = None
    """Shows what a plugin writes to stderr while it runs, redacted; may be part of a line."""
    lent: Callable[[], AbstractContextManager[None]] = nullcontext
    """For the while in which a plugin has stdin: we leave the terminal's keys to it."""


NOBODY = Console()
