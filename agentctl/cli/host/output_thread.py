"""Output thread: writes to a file descriptor, so that nobody else waits for its reader.

A pipe that nobody reads, or a terminal after ctrl-S, keeps a writer in ``write`` for as
long as it likes. To ask first (poll) does not help where others write to the same file, or
where there is room for less than all of it; to make the descriptor non-blocking would be
felt by all who share it. So a thread waits, that may be left behind.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import threading
from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import Callable, Generic, Optional, Protocol, TypeVar

T = TypeVar("T")

PIECE_BYTES = select.PIPE_BUF
"""A pipe takes so much whole: two lines of different writers are never mixed."""

_NOTHING = memoryview(b"")
_NOWAIT: Optional[int] = getattr(os, "RWF_NOWAIT", None)

LIMIT_BYTES = 1 << 20
"""Of text that waits; more is left out, and that is told."""


class Waiting(Protocol[T]):
    """What waits to be written; used under the thread's lock."""

    def __len__(self) -> int: ...
    def put(self, item: T) -> None: ...
    def take(self) -> Optional[T]: ...


class Texts:
    """Text that waits, in order, bounded."""

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self._limit = limit
        self._texts: deque[str] = deque()
        self._size = 0
        self._left_out = 0

    def __len__(self) -> int:
        return len(self._texts) + bool(self._left_out)

    def put(self, text: str) -> None:
        if self._size + len(text) > self._limit:
            self._left_out += 1
            return
        self._texts.append(text)
        self._size += len(text)

    def take(self) -> Optional[str]:
        if self._texts:
            text = self._texts.popleft()
            self._size -= len(text)
            return text
        if self._left_out:
            left_out, self._left_out = self._left_out, 0
            return f"agentctl: {left_out} lines were left out: nobody read them in time\n"
        return None


class OutputThread(Generic[T]):
    """``put`` any number of times, then ``end``.

    ``text`` makes text of what waits, in order, once for each. There is no thread until
    something has to be waited for: mostly there is none at all.
    """

    def __init__(
        self, fd: int, waiting: Waiting[T], text: Callable[[T], str], name: str = "stdout"
    ) -> None:
        self.error: Optional[Exception] = None
        """What writing has raised; nothing is written any more."""
        self.written = 0
        """Bytes so far."""
        self.failed: Callable[[Exception], None] = lambda error: None
        """Called by the thread when nothing can be written any more."""
        self._fd = fd
        self._waiting = waiting
        self._text = text
        # Re-entrant: the handler of a signal may have something to say.
        self._lock = threading.RLock()
        self._news = threading.Condition(self._lock)
        self._rest = _NOTHING
        self._at_once = True
        self._busy = self._ended = False
        # Daemon: whoever is stuck in a write cannot be freed.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def put(self, item: T) -> None:
        """Never waits. Raises what writing has raised, and RuntimeError where a thread is
        needed and the host gives none."""
        with self._lock:
            if self.error is not None:
                raise self.error.with_traceback(None)  # or it would grow with each
            idle = self._settled()
            self._waiting.put(item)
            if idle and self._at_once:
                self._try_at_once()
            if self._settled():
                return
            if self._thread.ident is None:
                self._thread.start()
            self._news.notify_all()

    def settle(self, patience_s: float) -> bool:
        """Wait until all that was put is written, or cannot be; False if it is not by then."""
        with self._lock:
            return self._news.wait_for(self._settled, patience_s)

    def left(self) -> int:
        """How many are not written, or not all of it."""
        with self._lock:
            return (self._busy or bool(self._rest)) + len(self._waiting)

    def end(self, patience_s: float) -> bool:
        """Write what waits, and end; False if that is not done by then."""
        with self._lock:
            self._ended = True
            self._news.notify_all()
        if self._thread.ident is not None:
            self._thread.join(patience_s)
        return not self._thread.is_alive()

    def write_here(self) -> None:
        """Write what waits on this thread, where there is no other."""
        while (data := self._next()) is not None:
            self._write(data())

    def _settled(self) -> bool:
        return self.error is not None or not (self._busy or self._rest or self._waiting)

    def _try_at_once(self) -> None:
        """Write what the file takes without a wait."""
        item = self._waiting.take()
        assert item is not None
        self._rest = self._rendered(item)
        try:
            size = write_at_once(self._fd, self._rest)
        except OSError as error:
            self.error = error
            raise
        self._at_once = size is not None
        self.written += size or 0
        self._rest = self._rest[size or 0 :]

    def _run(self) -> None:
        try:
            while self._awaited():
                data = self._next()
                if data is None:
                    break
                self._write(data())
        except Exception as error:
            with self._lock:
                self.error = error
                self._news.notify_all()
            self.failed(error)

    def _awaited(self) -> bool:
        """Wait for something to write; False at the end."""
        with self._lock:
            self._busy = False
            self._news.notify_all()
            while not (self._rest or self._waiting or self._ended):
                self._news.wait()
            return bool(self._rest or self._waiting)

    def _next(self) -> Optional[Callable[[], memoryview]]:
        """What is to be written next, to be rendered without the lock."""
        with self._lock:
            rest, self._rest = self._rest, _NOTHING
            if rest:
                self._busy = True
                return lambda: rest
            item = self._waiting.take()
            self._busy = item is not None
            return None if item is None else partial(self._rendered, item)

    def _rendered(self, item: T) -> memoryview:
        return _encoded(self._text(item))

    def _write(self, data: memoryview) -> None:
        for size in _written(self._fd, data):
            self.written += size


def _encoded(text: str) -> memoryview:
    return memoryview(text.encode("utf-8", "replace"))


def write_at_once(fd: int, data: memoryview) -> Optional[int]:
    """Write what can be written without a wait; None where one cannot say so.

    For this write alone (pwritev2(2)): the descriptor stays as it is. Pipes can do it since
    Linux 6.4. A regular file has no reader to be waited for.
    """
    size = _write_without_wait(fd, data)
    if not size and stat.S_ISREG(os.fstat(fd).st_mode):
        return os.write(fd, data)
    return size


def _write_without_wait(fd: int, data: memoryview) -> Optional[int]:
    if _NOWAIT is None:
        return None
    try:
        return os.pwritev(fd, [data], -1, _NOWAIT)
    except BlockingIOError:
        return 0
    except NotImplementedError:
        return None
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ESPIPE):
            return None
        raise


def write_all(fd: int, text: str) -> None:
    """Write it, for as long as that takes."""
    for _ in _written(fd, _encoded(text)):
        pass


def takes_more(fd: int, seconds: float) -> bool:
    """Wait until there is room for at least a part."""
    poller = select.poll()
    poller.register(fd, select.POLLOUT)
    return any(event & select.POLLOUT for _, event in poller.poll(seconds * 1000))


def _written(fd: int, data: memoryview) -> Iterator[int]:
    """Write it; the sizes of the pieces that are out."""
    while data:
        try:
            size = os.write(fd, data[:PIECE_BYTES])
        except BlockingIOError:  # somebody made it so who shares it (ssh does)
            select.select([], [fd], [])
            continue
        data = data[size:]
        yield size
