"""A server with the status page in this process, its state in the test's hands."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any, Optional

from agentctl.clock import SystemClock
from agentctl.engine.policy import Notice
from agentctl.model import Item, Status
from agentctl.server.address import Address
from agentctl.server.http.server import HttpServer
from agentctl.server.page.status_page import StatusPage
from tests.browser.chromium import Tab
from tests.ports import free_port
from tests.server.http_rig import Site

BEAT_S = 0.2
"""How often the server's engine says that it lives."""

WATCH = """
window.wrong = [];
addEventListener('error', (event) => wrong.push(String(event.message)));
addEventListener('unhandledrejection', (event) => wrong.push(String(event.reason)));
document.addEventListener('securitypolicyviolation', (event) =>
  wrong.push(event.violatedDirective + ' ' + event.blockedURI));
const warn = console.error;
console.error = (...said) => { wrong.push(said.join(' ')); warn(...said); };
"""
"""What a page must not do: fail, or be stopped by its own policy."""

WORD = "document.getElementById('verdict-word')?.textContent"
LIVE = "document.getElementById('live')?.dataset.live"
ROWS = "[...document.querySelectorAll('#groups li.row')]"


def component(name: str, status: str = "healthy", message: str = "", **more: Any) -> Item:
    where = {"namespace": "agents", **more}
    return Item(name, where.pop("namespace"), Status(status), message, **where)


class LiveSite(Site):
    """``with LiveSite() as site``: it beats, and ``stop`` and ``start`` its listener at will."""

    def __init__(self, *namespaces: str, quick: bool = True, **options: Any) -> None:
        super().__init__(*namespaces, **{"clock": SystemClock(), **options})
        self.page = StatusPage()
        if quick:  # nobody waits for three heartbeats, nor half a second for each frame
            for slow, fast in (
                (b"BEAT_S = 5;", b"BEAT_S = 1;"),
                (b"PAUSE_MS = 5000", b"PAUSE_MS = 300"),
                (b"FLUSH_MS = 500", b"FLUSH_MS = 50"),
                (b"ANNOUNCE_MS = 2000", b"ANNOUNCE_MS = 200"),
            ):
                assert slow in self.page._files["page.js"]
                self.page._files["page.js"] = self.page._files["page.js"].replace(slow, fast)
        self.services = replace(self.services, page=self.page)
        self.missing: Sequence[Notice] = ()
        self.port = free_port()  # which nobody takes while it is stopped
        self._ended = threading.Event()
        self._beats = threading.Thread(target=self._beat, name="beats")

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            self.replica.broadcaster.beat(self.missing)

    def __enter__(self) -> LiveSite:
        self._beats.start()
        self.start()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._ended.set()
        self._beats.join()
        self.stop()

    def start(self) -> None:
        self.http = HttpServer(self.services, Address("127.0.0.1", self.port))
        self.http.start()
        self.port = self.http.port

    def stop(self) -> None:
        if self.http is not None:
            self.http.stop(0.0)
            self.http = None

    def tell(self, notice: Notice) -> None:
        self.replica.broadcaster.tell(notice)

    def url(self, fragment: str = "", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/{fragment}"


@contextmanager
def looked_at(tab: Tab, url: str, more: str = "") -> Iterator[Tab]:
    """The page in a tab; at the end it must have done nothing wrong."""
    tab.before_scripts(WATCH + more)
    tab.go(url)
    try:
        tab.wait_for("document.readyState == 'complete' && !!window.wrong")
        yield tab
        assert tab.evaluate("window.wrong") == []
    finally:
        tab.close()
