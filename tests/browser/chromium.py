"""A headless Chromium, driven through its DevTools protocol."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any, Optional

PATIENCE_S = 20.0
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


def program() -> Optional[str]:
    return shutil.which("chromium") or shutil.which("google-chrome")


class Page:
    """One page of a browser of its own; ends with it."""

    def __init__(self, directory: Path, url: str, *flags: str) -> None:
        import websocket  # comes with the kubernetes client

        found = program()
        assert found is not None
        self._process = subprocess.Popen(
            [found, *FLAGS, *flags, f"--user-data-dir={directory}", url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._count = 0
        try:
            address = self._page_address(directory / "DevToolsActivePort")
            self._socket = websocket.create_connection(address, timeout=PATIENCE_S)
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()
        self._end()

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression in the page."""
        self._count += 1
        params = {"expression": script, "returnByValue": True}
        command = {"id": self._count, "method": "Runtime.evaluate", "params": params}
        self._socket.send(json.dumps(command))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._count:
                assert "exceptionDetails" not in answer["result"], answer
                return answer["result"]["result"].get("value")

    def wait_for(self, script: str) -> Any:
        """The value of an expression once it is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not (value := self.evaluate(script)):
            assert time.monotonic() < deadline, f"never true: {script}"
            time.sleep(0.02)
        return value

    def _end(self) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
            return
        self._process.kill()
        self._process.wait()

    def _page_address(self, announcement: Path) -> str:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, IndexError, ValueError):
                port = int(announcement.read_text().splitlines()[0])
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=5) as answer:
                    pages = [one for one in json.load(answer) if one["type"] == "page"]
                return str(pages[0]["webSocketDebuggerUrl"])
            time.sleep(0.05)
        raise AssertionError("the browser does not come up")
