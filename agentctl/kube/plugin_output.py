"""Output of a plugin: its answer, and its words to people, both bounded."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from typing import Callable, Optional

from agentctl.redact import MARK, WINDOW, redact

MAX_STDOUT = 1 << 20
MAX_STDERR = 64 * 1024
"""As much is kept, of the end."""

MAX_LINE = 8 * 1024
"""What is shown of one line."""

MAX_REASON = 300
PAUSE_S = 0.2
"""So long without a word, what it wrote of a line may be a question."""


class Overflow(Exception):
    """An answer without an end."""


class PluginOutput:
    """Reads both pipes of a process in the caller's thread."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        tell: Optional[Callable[[str], object]],
        interactive: bool,
    ) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.stdout = b""
        self._process = process
        self._pipes = (process.stdout, process.stderr)
        self._tail = bytearray()
        self._cut = False
        self._shown = None if tell is None else _Lines(tell, interactive)

    def read_until_end(self, limit_s: float) -> int:
        """The process's code. Raises TimeoutError, TimeoutExpired and Overflow.

        A pipe that something it left behind still holds is not waited for.
        """
        ends_at = time.monotonic() + limit_s
        answer = bytearray()
        with selectors.DefaultSelector() as selector:
            for pipe, take in zip(self._pipes, (answer.extend, self._take)):
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ, take)
            while selector.get_map():
                left_s = ends_at - time.monotonic()
                if left_s <= 0:
                    raise TimeoutError
                ended = self._process.poll() is not None
                ready = selector.select(0.0 if ended else min(left_s, PAUSE_S))
                for key, _ in ready:
                    data = os.read(key.fd, MAX_STDERR)
                    if data:
                        key.data(data)
                    else:
                        selector.unregister(key.fileobj)
                if len(answer) > MAX_STDOUT:
                    raise Overflow(f"printed more than {MAX_STDOUT >> 20} MiB")
                if not ready:
                    if ended:
                        break
                    if self._shown:
                        self._shown.pause()
        self.stdout = bytes(answer)
        return self._process.wait(max(0.0, ends_at - time.monotonic()))

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        if self._shown:
            self._shown.end()

    def last_words(self) -> str:
        """The end of stderr as a reason to be added, without secrets; empty if it said none."""
        data = bytes(self._tail)
        if self._cut:  # what begins in the middle may be half a secret
            data = data.partition(b"\n")[2] or data.partition(b" ")[2]
        said = " ".join(redact(data.decode("utf-8", "replace"), WINDOW).split())
        if len(said) > MAX_REASON:
            said = "…" + said[-MAX_REASON:].partition(" ")[2]
        return f": {said}" if said else ""

    def _take(self, data: bytes) -> None:
        self._tail += data
        if len(self._tail) > MAX_STDERR:
            del self._tail[:-MAX_STDERR]
            self._cut = True
        if self._shown:
            self._shown.take(data)


class _Lines:
    """Lines, redacted one by one, and a question as soon as it waits for its answer."""

    def __init__(self, tell: Callable[[str], object], interactive: bool) -> None:
        self._tell = tell
        self._interactive = interactive
        self._line = bytearray()
        self._asked = ""
        self._in_pem = False

    def take(self, data: bytes) -> None:
        *ended, rest = data.split(b"\n")
        for part in ended:
            self._add(part)
            self._show()
        self._add(rest)

    def pause(self) -> None:
        """Nothing came for a while. Only a question is shown before its line is whole: in
        anything else half a secret might stand."""
        text = self._text()
        if self._interactive and not self._asked and text.rstrip().endswith((":", "?", ">", "]")):
            self._asked = text
            self._tell(text)

    def end(self) -> None:
        if self._line:
            self._show()

    def _add(self, data: bytes) -> None:
        self._line += data[: MAX_LINE - len(self._line)]

    def _text(self) -> str:
        return redact(self._line.decode("utf-8", "replace").replace("\r", ""), MAX_LINE)

    def _show(self) -> None:
        text, asked = self._text(), self._asked
        was_in_pem, begins = self._in_pem, b"-----BEGIN " in self._line
        self._in_pem = (was_in_pem or begins) and b"-----END " not in self._line
        self._line.clear()
        if was_in_pem:  # a key's lines look like nothing, one by one
            return
        if begins:
            text = MARK
        self._asked = ""
        if not asked:
            self._tell(f"{text}\n")
        elif text.startswith(asked):
            self._tell(f"{text[len(asked) :]}\n")
        else:
            self._tell(f"\n{text}\n")
