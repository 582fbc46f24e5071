"""``agentctl serve`` as a process: what it listens on, and how to read from it."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Optional

from tests.cli.program import COMMAND, PATIENCE_S, environment

STATUS = "/api/agents/control-plane/status"
STREAM = STATUS + "/stream"
ANY_PORT = ("--http", "127.0.0.1:0", "--grpc", "off")


class Served:
    """``with Served("--source", "demo", *ANY_PORT, home=tmp_path) as served``."""

    def __init__(
        self,
        *args: str,
        home: Path,
        extra: Optional[Mapping[str, str]] = None,
        command: Sequence[str] = (*COMMAND, "serve"),
        **options: Any,
    ) -> None:
        self.process = subprocess.Popen(
            [*command, *args],
            env=environment(home, extra),
            stderr=subprocess.PIPE,
            text=True,
            **{"stdout": subprocess.DEVNULL, **options},
        )
        self.lines: list[str] = []
        self._ended = False
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, name="stderr reader")
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def __enter__(self) -> Served:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.wait()

    def line(self, pattern: str) -> re.Match[str]:
        """The first line of stderr that matches, come or to come."""

        def found() -> Optional[re.Match[str]]:
            return next((m for line in list(self.lines) if (m := re.search(pattern, line))), None)

        with self._news:
            self._news.wait_for(lambda: found() is not None or self._ended, PATIENCE_S)
        match = found()
        assert match is not None, self.lines
        return match

    def port(self, kind: str = "http") -> int:
        """Where it listens, as it says itself."""
        return int(self.line(rf"^agentctl: {kind} .*[\s/]\S+:(\d+)[\s/]")[1])

    def request(
        self,
        path: str,
        headers: Optional[Mapping[str, str]] = None,
        tls: Optional[ssl.SSLContext] = None,
        kind: str = "http",
    ) -> http.client.HTTPResponse:
        """An answer; its body is not read yet. Closing it closes the connection."""
        port = self.port(kind)
        connection = (
            http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
            if tls is None
            else http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE_S, context=tls)
        )
        try:
            connection.request("GET", path, headers={**(headers or {}), "Connection": "close"})
            return connection.getresponse()
        except BaseException:
            connection.close()
            raise

    def get(self, path: str, headers: Optional[Mapping[str, str]] = None) -> tuple[int, str]:
        with self.request(path, headers) as answer:
            return answer.status, answer.read().decode()

    def until_ready(self, headers: Optional[Mapping[str, str]] = None) -> None:
        self.until_status("/readyz", 200, headers)

    def until_status(
        self, path: str, wanted: int, headers: Optional[Mapping[str, str]] = None
    ) -> None:
        """Ask until the answer is this one."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = self.get(path, headers)
            if found[0] == wanted:
                return
            assert time.monotonic() < deadline, found
            threading.Event().wait(0.05)

    def wait(self) -> int:
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        if self.process.stderr is not None:
            self.process.stderr.close()
        return code

    @property
    def stderr(self) -> str:
        return "\n".join(self.lines)


def events(answer: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    """The events of an SSE stream as they come; ends with it."""
    for line in answer:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])
