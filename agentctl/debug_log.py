"""Debug log: the standard library's, imported by whoever sets up where it goes to.

``logging`` and what it imports cost a one-shot run a twentieth of its time, and nobody reads
what is logged unless ``--debug`` is given.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Optional, Union

if TYPE_CHECKING:
    import logging


class DebugLog:
    """``debug`` of the standard logger ``name``; nothing while ``logging`` is not imported."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._logger: Optional[logging.Logger] = None

    def debug(
        self, message: str, *args: object, exc_info: Union[bool, BaseException] = False
    ) -> None:
        """Log ``message % args``; ``exc_info`` is an error to show, or True for the one at hand."""
        # Mostly the first says all, and without a call.
        if "logging" in sys.modules and self.on and self._logger is not None:
            self._logger.debug(message, *args, exc_info=exc_info, stacklevel=2)

    @property
    def on(self) -> bool:
        """Whether what is logged goes anywhere."""
        if self._logger is None and "logging" in sys.modules:
            # Of a module that another thread is importing now there is no getLogger yet.
            make = getattr(sys.modules["logging"], "getLogger", None)
            self._logger = make(self._name) if make is not None else None
        return self._logger is not None and self._logger.isEnabledFor(10)
