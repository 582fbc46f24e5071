"""Stdout and stderr as file descriptors that nobody may be reading."""

from __future__ import annotations

import os
from contextlib import suppress

from agentctl.cli.host.output_thread import OutputThread, Texts, takes_more, write_all

PATIENCE_S = 10.0
"""How long whoever reads what a command prints may take nothing of it."""

END_S = 0.5
"""How long it is tried at the end to write what is left."""


class FdOutput:
    """Text to a file descriptor, unbuffered: out when the call returns, or an exception.

    Always UTF-8: what a pipe carries must not depend on the locale of a cron job. What
    nobody reads is lost, and counted; a terminal may be stopped as long as its user likes.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.lost = ""
        """How much nobody has read, for people."""
        self._lost_bytes = 0

    def write(self, text: str) -> None:
        """Write all of it. Raises BrokenPipeError when the reader has gone."""
        if self.isatty():
            write_all(self.fd, text)
        else:
            self._write(text, PATIENCE_S, while_read=True)

    def write_within(self, text: str, seconds: float) -> None:
        """The same; what is not written by then is lost."""
        self._write(text, seconds, while_read=False)

    @property
    def patient(self) -> PatientOutput:
        return PatientOutput(self.fd)

    def isatty(self) -> bool:
        return os.isatty(self.fd)

    def _write(self, text: str, seconds: float, while_read: bool) -> None:
        size = len(text.encode("utf-8", "replace"))
        if not size:
            return
        if self.lost:  # whoever did not read what came before does not get this
            self._lose(size)
            return
        thread = OutputThread(self.fd, Texts(size), str)
        try:
            thread.put(text)
        except RuntimeError:  # a host that gives no thread
            thread.write_here()
        before = 0
        while not thread.end(seconds) and while_read and thread.written > before:
            before = thread.written
        if thread.error is not None:
            raise thread.error
        self._lose(size - thread.written)

    def _lose(self, size: int) -> None:
        self._lost_bytes += size
        if self._lost_bytes:
            self.lost = f"{self._lost_bytes} bytes"


class PatientOutput:
    """The same, however long nobody reads: for a thread that can be left behind."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, text: str) -> None:
        write_all(self._fd, text)


class FdErrors:
    """Lines for people to a file descriptor. Never fails; waits for a reader half a second
    at most, and not again before that has read."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._thread: OutputThread[str] = OutputThread(fd, Texts(), str, "stderr")
        self._stuck = False

    def write(self, text: str, /) -> None:
        """Never waits, unless the host gives no thread."""
        if self._thread.error is not None:
            return  # nobody to tell; and an error keeps the frames that it passes
        try:
            self._thread.put(text)
        except RuntimeError:  # which is what is to be told, most likely
            with suppress(OSError):
                if takes_more(self._fd, END_S):
                    self._thread.write_here()
        except OSError:
            pass  # nobody to tell

    def flush(self) -> None:
        """Wait a little until all is written."""
        self._stuck = not self._thread.settle(0.0 if self._stuck else END_S)

    def close(self) -> None:
        """Write what can be written, and end."""
        self.flush()
        self._thread.end(0.0 if self._stuck else END_S)

    def isatty(self) -> bool:
        return os.isatty(self._fd)
