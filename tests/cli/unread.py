"""A pipe that nobody reads: full from the beginning, and both ends open."""

from __future__ import annotations

import fcntl
import os
import threading
from types import TracebackType
from typing import Optional


class UnreadPipe:
    """``with UnreadPipe() as pipe``: ``pipe.end`` is for the one who writes."""

    def __init__(self, full: bool = True, size: int = 4096) -> None:
        self.reader, self.end = os.pipe()
        fcntl.fcntl(self.end, getattr(fcntl, "F_SETPIPE_SZ", 1031), size)
        if full:
            os.write(self.end, b"\0" * fcntl.fcntl(self.end, getattr(fcntl, "F_GETPIPE_SZ", 1032)))

    def __enter__(self) -> UnreadPipe:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.stop_writing()
        os.close(self.reader)

    def stop_writing(self) -> None:
        if self.end >= 0:
            os.close(self.end)
            self.end = -1

    def rest(self) -> bytes:
        """All that was written; nothing more can be."""
        self.stop_writing()
        return self.read()

    def read(self) -> bytes:
        """All that is written until nobody can any more, without the filling."""
        with open(self.reader, "rb", closefd=False) as file:
            return file.read().lstrip(b"\0")


class Reader:
    """Reads all of a pipe, at once or later, on a thread of its own; ``text`` afterwards."""

    def __init__(self, pipe: UnreadPipe, at_once: bool = True) -> None:
        self.text = ""
        self._pipe = pipe
        self._at_once = at_once
        self._thread = threading.Thread(target=self._read, name="reader")

    def begin(self) -> None:
        self._thread.start()

    def __enter__(self) -> Reader:
        if self._at_once:
            self.begin()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._pipe.stop_writing()
        if self._thread.ident is not None:
            self._thread.join()

    def _read(self) -> None:
        self.text = self._pipe.read().decode()
