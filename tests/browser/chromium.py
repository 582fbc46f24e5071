"""A headless Chromium, driven through its DevTools protocol."""

from __future__ import annotations

import base64
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


LEFT = ("navigated or closed", "context was destroyed", "Cannot find context", "default execution")
"""What is answered for a page that goes to another while it is asked."""


class PageLeft(AssertionError):
    """The page was left before it answered."""


class Tab:
    """One page of a browser."""

    def __init__(self, address: str) -> None:
        import websocket  # comes with the kubernetes client

        self._socket = websocket.create_connection(address, timeout=PATIENCE_S)
        self._count = 0

    def call(self, method: str, **params: Any) -> Any:
        """The result of a command of the protocol."""
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._count:
                if any(words in str(answer.get("error")) for words in LEFT):
                    raise PageLeft(answer["error"])
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression in the page; of a promise, what it comes to."""
        found = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, script: str) -> Any:
        """The value of an expression once it is true, on this page or the one after it."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(PageLeft):
                if value := self.evaluate(script):
                    return value
            assert time.monotonic() < deadline, f"never true: {script}"
            time.sleep(0.02)

    def before_scripts(self, script: str) -> None:
        """Run this in each document to come, before its own scripts."""
        self.call("Page.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def go(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def resize(self, width: int, height: int, dark: bool = False) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def press(self, key: str, code: int = 0) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            event = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}
            self.call("Input.dispatchKeyEvent", **event)

    def picture(self) -> bytes:
        """What is to be seen, as a PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.call("Page.close")
        self._socket.close()


class Browser:
    """A browser of its own, with one page; ends all its pages with it."""

    def __init__(self, directory: Path, url: str, *flags: str) -> None:
        found = program()
        assert found is not None
        self._process = subprocess.Popen(
            [found, *FLAGS, *flags, f"--user-data-dir={directory}", url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._port = self._announced(directory / "DevToolsActivePort")
            self.first = Tab(self._pages()[0]["webSocketDebuggerUrl"])
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError):
            self.first._socket.close()
        self._end()

    def tab(self, url: str = "about:blank", hidden: bool = False) -> Tab:
        """Another page, which is looked at from now on unless it is ``hidden``."""
        target = self.first.call("Target.createTarget", url=url, background=hidden)["targetId"]
        return Tab(f"ws://127.0.0.1:{self._port}/devtools/page/{target}")

    def _pages(self) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                where = f"http://127.0.0.1:{self._port}/json"
                with urllib.request.urlopen(where, timeout=5) as answer:
                    pages = [one for one in json.load(answer) if one["type"] == "page"]
                if pages:
                    return pages
            time.sleep(0.05)
        raise AssertionError("the browser has no page")

    def _announced(self, announcement: Path) -> int:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, IndexError, ValueError):
                return int(announcement.read_text().splitlines()[0])
            time.sleep(0.05)
        raise AssertionError("the browser does not come up")

    def _end(self) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
            return
        self._process.kill()
        self._process.wait()


class Page(Browser):
    """A browser for one page."""

    def evaluate(self, script: str) -> Any:
        return self.first.evaluate(script)

    def wait_for(self, script: str) -> Any:
        return self.first.wait_for(script)
