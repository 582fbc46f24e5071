"""Reloading of small files: a value of theirs, made anew when they change, without a thread.

Files are read again, not only looked at, once a second at most and only when somebody
asks: they are small, and neither a swapped symlink (Kubernetes mounts), nor a copy with
an old date, nor a rewrite within the clock's tick can hide a change from that.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from agentctl.clock import Clock
from agentctl.errors import ConfigError
from agentctl.lazy_namedtuple import NamedTuple

log = logging.getLogger(__name__)

LOOK_S = 1.0
MAX_BYTES = 1 << 20

T = TypeVar("T")


class Named(NamedTuple):
    """A file, and the flag that names it in messages."""

    flag: str
    path: str

    def __str__(self) -> str:
        return f"{self.flag} {self.path}"


class Reloading(Generic[T]):
    """What ``make`` makes of the files' bytes. Thread-safe; never waits for another thread.

    ``make`` raises ConfigError for what cannot be used: the constructor passes it on, later
    it is logged once and the last good value stays. So it does for a file that is gone or
    cannot be read: that says nothing about what should be in it.
    """

    def __init__(
        self, files: Sequence[Named], make: Callable[[Sequence[bytes]], T], clock: Clock
    ) -> None:
        self._files = files
        self._make = make
        self._clock = clock
        self._looking = threading.Lock()
        # A pipe, as bash's <(...) makes one, can be read once only.
        self._once = not all(_is_regular(file) for file in files)
        self._look_at = clock.monotonic() + LOOK_S
        self._seen = [_read(file) for file in files]
        self._complaint = ""
        self._value = make(self._seen)
        self.generation = 1
        """Another number whenever there is another value."""

    def get(self) -> T:
        now = self._clock.monotonic()
        if now >= self._look_at and not self._once and self._looking.acquire(blocking=False):
            try:
                self._look_at = now + LOOK_S
                self._look()
            finally:
                self._looking.release()
        return self._value

    def _look(self) -> None:
        try:
            if not all(_is_regular(file) for file in self._files):  # opening a pipe may wait
                raise ConfigError(f"{self._files[0]}: no longer a regular file")
            seen = [_read(file) for file in self._files]
            if seen != self._seen:
                self._seen = seen
                self._value = self._make(seen)
                self.generation += 1
                log.info("%s: read again", self._files[0])
                self._complaint = ""
        except ConfigError as error:
            if error.message != self._complaint:
                self._complaint = error.message
                log.warning("%s; what was there before stays in force", error.message)


def _is_regular(file: Named) -> bool:
    try:
        return stat.S_ISREG(os.stat(file.path).st_mode)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None


def _read(file: Named) -> bytes:
    try:
        with open(file.path, "rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{file}: larger than {MAX_BYTES} bytes")
    return data
