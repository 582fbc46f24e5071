"""Reading a recording from a file or stdin (``-``), and what is said of its damage."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import suppress
from typing import Callable

from agentctl.engine.policy import Outcome
from agentctl.errors import ExitCode, UsageError
from agentctl.recording import Damage, Entry, entries

_PIECE = 1 << 16

TOLD = 10
"""Damaged lines that are named; a file of something else has no other."""

GIVE_UP = 1000
"""Damaged lines, and not a good one before them."""


class Input:
    """Chunks of a file. ``stop`` ends a read that waits, from any thread."""

    def __init__(self, path: str) -> None:
        """Raises UsageError for what cannot be opened."""
        self.name = "stdin" if path == "-" else path
        try:
            self.fd = os.dup(0) if path == "-" else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise UsageError(f"{self.name}: cannot be read: {error.strerror}") from None
        self._wake_out, self._wake_in = os.pipe()
        self._stopped = False

    def __enter__(self) -> Input:
        return self

    def __exit__(self, *raised: object) -> None:
        for fd in (self.fd, self._wake_out, self._wake_in):
            os.close(fd)

    def stop(self) -> None:
        self._stopped = True
        with suppress(OSError):
            os.write(self._wake_in, b"\0")

    def chunks(self) -> Iterator[bytes]:
        """What there is, until its end or ``stop``. Raises UsageError when reading fails."""
        poller = select.poll()
        poller.register(self.fd, select.POLLIN)
        poller.register(self._wake_out, select.POLLIN)
        while not self._stopped:
            poller.poll()
            if self._stopped:
                return
            try:
                chunk = os.read(self.fd, _PIECE)
            except BlockingIOError:
                continue
            except OSError as error:
                raise UsageError(f"{self.name}: cannot be read: {error.strerror}") from None
            if not chunk:
                return
            yield chunk


class Reading:
    """The entries of one input, its damage told as it is met."""

    def __init__(self, source: Input, tell: Callable[[str], None]) -> None:
        self._source = source
        self._tell = tell
        self._good = 0
        self._damaged = 0

    def entries(self) -> Iterator[Entry]:
        for entry in entries(self._source.chunks()):
            if isinstance(entry, Damage):
                self._damaged += 1
                if self._damaged <= TOLD:
                    self._tell(f"{self._source.name}:{entry.line}: {entry.reason}")
                if not self._good and self._damaged >= GIVE_UP:
                    return
            else:
                self._good += 1
            yield entry

    def outcome(self) -> Outcome:
        """How it went, once all is read."""
        name = self._source.name
        if not self._good:
            what = "nothing in it can be read as one" if self._damaged else "it is empty"
            return Outcome(ExitCode.USAGE, f"{name}: no recording: {what}")
        if self._damaged:
            lines = "1 line" if self._damaged == 1 else f"{self._damaged} lines"
            return Outcome(
                ExitCode.VERDICT_BAD,
                f"{name}: damaged: {lines} could not be read; all the others were",
            )
        return Outcome(ExitCode.OK)
