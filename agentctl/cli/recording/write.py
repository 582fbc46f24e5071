"""Writing a recording (``--record FILE``): each event is in the file before it is shown.

A line is written with one call and never buffered here: when this process dies, whatever
was shown is in the file, and at most its last line is cut off. When the host dies, what
the kernel had not written yet is lost too: events are not worth a wait for the disk each.
A file that can no longer be written ends the recording and not the watch. One that was
moved away is ended at SIGHUP, and the recording goes on in a new one, which begins with all
that is known then: each is a whole recording.
"""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from contextlib import suppress
from typing import Callable, Optional

from agentctl.cli.recording.known import KnownState
from agentctl.cli.recording.reopen import ReopenOnHangup
from agentctl.cli.recording.unrecorded import Unrecorded
from agentctl.clock import Clock
from agentctl.engine.stream import Sink
from agentctl.errors import UsageError
from agentctl.model import Event
from agentctl.recording import End, Header, end_line, event_line, header_line

_FIRST = b'{"type":"recording",'


class Recorder(Unrecorded):
    """A recording of one run."""

    threads = 1

    def __init__(
        self,
        file: RecordingFile,
        header: Callable[[], Header],
        clock: Clock,
        tell: Callable[[str], None],
    ) -> None:
        self._place = file
        """Where a new file is made."""
        self._file: Optional[RecordingFile] = file
        self._lock = threading.Lock()
        """Of all below, and of the file: an event, or a new file."""
        self._known = KnownState()
        self._hangup = ReopenOnHangup(self.reopen)
        self._header = header
        self._clock = clock
        self._tell = tell
        self._sink: Optional[Sink] = None
        self._began = 0.0
        self._exit_code: Optional[int] = None

    def before(self, sink: Sink) -> Sink:
        self._sink = sink
        return self

    def begin(self) -> None:
        self._begin()
        self._hangup.start()

    def emit(self, event: Event) -> None:
        assert self._sink is not None
        with self._lock:
            self._known.take(event)
            self._write(event_line(self._offset_s(), event))
        self._sink.emit(event)

    def reopen(self) -> None:
        """Go on in a new file, unless the present one is still in its place."""
        with self._lock:
            old = self._file
            if old is not None and old.is_in_place:
                return
            try:
                self._file = self._place = self._place.anew()
            except UsageError as error:
                goes_on = "" if old is None else "; it goes on in the file that was moved away"
                self._tell(f"{error.message}{goes_on}")
                return
            if old is not None:
                with suppress(OSError):
                    old.append(end_line(End(self._offset_s(), None)))
                old.close()
            self._begin()
            for event in self._known.events(self._clock.now()):
                self._write(event_line(self._offset_s(), event))

    def ended(self, exit_code: int) -> None:
        self._exit_code = exit_code

    def __exit__(self, *raised: object) -> None:
        if self._began:
            self._hangup.stop()
        with self._lock:
            if self._began:
                self._write(end_line(End(self._offset_s(), self._exit_code)))
            if self._file is not None:
                self._file.close()

    def _begin(self) -> None:
        self._began = self._clock.monotonic()
        self._write(header_line(self._header()))

    def _offset_s(self) -> float:
        return self._clock.monotonic() - self._began

    def _write(self, line: bytes) -> None:
        if self._file is None:
            return
        try:
            self._file.append(line)
        except OSError as error:
            self._tell(
                f"recording to {self._file.path} has ended: {error.strerror}; "
                "what it holds is whole, and the watch goes on"
            )
            self._file.close()
            self._file = None


class RecordingFile:
    """A regular file, ours alone as long as it is open, that grows by whole lines."""

    def __init__(self, path: str, append: bool, output_fd: int) -> None:
        """Raises UsageError: an existing file is only added to if that was asked for."""
        self.path = path
        self._append = append
        self._output_fd = output_fd
        self._created = self._torn = False
        self._fd = self._open()
        try:
            self._size = self._look(append, output_fd)
        except BaseException:
            os.close(self._fd)
            raise

    def anew(self) -> RecordingFile:
        """One in the same place, by the same rules."""
        return RecordingFile(self.path, self._append, self._output_fd)

    @property
    def is_in_place(self) -> bool:
        """Whether the path still leads to it."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._fd))
        except OSError:
            return False

    def append(self, line: bytes) -> None:
        """All of the line or, with OSError, none of it."""
        if self._torn:
            line = b"\n" + line
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, self._size)
            raise
        self._size += len(line)
        self._torn = False

    def close(self) -> None:
        """A file of ours in which nothing was written is taken away."""
        if self._created and self._size == 0 and self.is_in_place:
            with suppress(OSError):
                os.unlink(self.path)
        os.close(self._fd)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        try:
            with suppress(FileExistsError):
                fd = os.open(self.path, flags | os.O_CREAT | os.O_EXCL, 0o600)
                self._created = True
                return fd
            # A FIFO must not make us wait. O_CREAT is for a link that leads to nothing yet, and
            # has the kernel refuse what another user has put in /tmp for us to write to.
            return os.open(self.path, flags | os.O_NONBLOCK | os.O_CREAT, 0o600)
        except OSError as error:
            raise UsageError(
                f"cannot record to {self.path}: {error.strerror}; "
                "give --record a file in a directory that exists and can be written"
            ) from None

    def _look(self, append: bool, output_fd: int) -> int:
        """The file's size, if it can be recorded to."""
        found = os.fstat(self._fd)
        if not stat.S_ISREG(found.st_mode):
            raise UsageError(
                f"cannot record to {self.path}: not a regular file; for a pipe use '-o ndjson'"
            )
        with suppress(OSError):  # a stdout that is closed is told of later
            if os.path.samestat(found, os.fstat(output_fd)):
                raise UsageError(f"cannot record to {self.path}: the output goes there")
        if found.st_size and not append:
            raise UsageError(
                f"{self.path} exists: record to another file, or add to it with --record-append"
            )
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another agentctl is recording to {self.path}") from None
        except OSError:
            pass  # a file system without locks
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, len(_FIRST), 0) != _FIRST:
            raise UsageError(f"cannot add to {self.path}: it is no recording")
        self._torn = size > 0 and os.pread(self._fd, 1, size - 1) != b"\n"
        return size
