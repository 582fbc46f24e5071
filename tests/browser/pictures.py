"""Draws the pictures of docs/status-page.md: python -m tests.browser.pictures [FOLDER].

A real Chromium on a real server, whose last hour is played to it in a moment by a clock of its
own. Each picture is named for what it shows.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Optional

from agentctl.clock import SystemClock
from agentctl.engine.policy import Notice
from agentctl.model import ErrorCode, Item
from tests.browser.chromium import Browser, Tab
from tests.browser.page_rig import LIVE, WORD, LiveSite, component
from tests.browser.palette import reduced

DOCS = Path(__file__).parent.parent.parent / "docs"
HOUR_S = 3600
NAMES = (
    "namespace", "agents-controller", "supporting-controller", "orchestration-controller",
    "runtime:workflow", "runtime:job", "runtime:temporal", "database", "grpc",
)  # fmt: skip
CLUSTERS = ("fra-1", "iad-2", "syd-1")


class PlayedClock(SystemClock):
    """The system's, ``behind`` by so many seconds."""

    behind = 0.0

    def now(self) -> datetime:
        return super().now() - timedelta(seconds=self.behind)

    def monotonic(self) -> float:
        return super().monotonic() - self.behind


State = dict[str, tuple[str, str]]
"""By component, what is not healthy: status and message."""

TEMPORAL = {"runtime:temporal": ("degraded", "temporal-frontend: 1/2 endpoints ready")}
CRASHES = {
    "agents-controller": ("error", "0/1 replicas ready: CrashLoopBackOff, exit code 1"),
    "runtime:job": ("error", "0/1 replicas ready: CrashLoopBackOff, exit code 1"),
}
CRDS = {"orchestration-controller": ("degraded", "missing CRDs: signals.signals.proompteng.ai")}
HOUR: Sequence[tuple[int, State]] = (
    (-3300, {}),
    (-2500, TEMPORAL),
    (-2140, {}),
    (-1300, CRASHES),
    (-1210, {**CRASHES, **CRDS}),
    (-1000, {}),
    (-300, TEMPORAL),
    (-190, {**TEMPORAL, **CRDS}),
)


def items(
    state: State, clusters: Sequence[str] = ("",), names: Sequence[str] = NAMES
) -> list[Item]:
    found = []
    for cluster in clusters:
        own = state if cluster in ("", "iad-2") else {}
        for name in names:
            plain = ("configured", "") if name == "database" else ("healthy", "")
            status, message = own.get(name, plain)
            found.append(component(name, status, message, cluster=cluster))
    return found


@contextmanager
def site(
    make: Callable[[State], list[Item]], token: Optional[str] = None
) -> Iterator[tuple[LiveSite, Callable[[State], None]]]:
    """A server with an hour behind it, and how to change what it says."""
    clock = PlayedClock()
    one = LiveSite(clock=clock, token=token)

    def publish(state: State) -> None:
        one.replica.publish(*make(state))

    clock.behind = float(-HOUR[0][0])
    one.replica.begin(*make({}))
    changes = dict(HOUR)
    for at in range(HOUR[0][0], 1):  # an engine beats once a second
        clock.behind = float(-at)
        one.replica.broadcaster.beat(())
        if at in changes:
            publish(changes[at])
    with one:
        yield one, publish


class Studio:
    """A browser, and the folder that its pictures go to."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser = browser
        self._folder = folder

    def tab(self, url: str, width: int, height: int) -> Tab:
        tab = self._browser.tab()
        tab.resize(width, height)
        tab.go(url)
        return tab

    def save(self, tab: Tab, name: str) -> None:
        time.sleep(0.7)  # a picture of what moves is none
        data = reduced(tab.picture())
        (self._folder / f"status-page-{name}.png").write_bytes(data)
        print(f"{name}: {len(data) / 1000:.0f} KB", flush=True)

    def one_cluster(self) -> None:
        with site(items) as (server, publish):
            tab = self.tab(server.url(), 1200, 720)
            tab.wait_for(f"{LIVE} == 'live' && {WORD} == 'Degraded'")
            publish({**TEMPORAL, **CRDS, **CRASHES})
            publish({**TEMPORAL, **CRASHES})
            tab.wait_for(f"{WORD} == 'Error'")
            self.save(tab, "live")
            tab.resize(1200, 720, dark=True)
            self.save(tab, "dark")
            tab.evaluate("location.hash = '#status=error,degraded'")
            tab.resize(1200, 720)
            self.save(tab, "filter")
            tab.evaluate("location.hash = ''")
            tab.evaluate(
                "[...document.querySelectorAll('#groups li.row button')]"
                ".find(b => b.textContent.includes('temporal')).click()"
            )
            tab.wait_for("document.querySelectorAll('#detail-spans li').length > 1")
            self.save(tab, "detail")
            tab.evaluate("document.getElementById('detail').close()")
            tab.resize(360, 740)
            self.save(tab, "narrow")
            publish({})
            tab.resize(1280, 720, dark=True)
            tab.wait_for(f"{WORD} == 'Healthy'")
            tab.evaluate("location.hash = '#tv'")
            self.save(tab, "tv")
            tab.evaluate("location.hash = ''")
            tab.resize(1200, 720)
            server.stop()
            tab.wait_for(f"{LIVE} == 'lost' && {WORD} == 'Not live'")
            self.save(tab, "lost")
            tab.close()

    def several_clusters(self) -> None:
        message = "cannot reach https://10.20.0.1:6443: connection refused"
        gone = Notice("pods", ErrorCode.DISCONNECTED, message, cluster="syd-1")
        with site(lambda state: items(state, CLUSTERS)) as (server, publish):
            tab = self.tab(server.url(), 1200, 860)
            publish({})
            server.missing = [gone]
            server.tell(gone)
            tab.wait_for(f"{WORD} == 'Incomplete'")
            self.save(tab, "clusters")
            tab.close()

    def token(self) -> None:
        with site(items, token="secret") as (server, _):
            tab = self.tab(server.url(), 900, 300)
            tab.wait_for("document.getElementById('token')?.hidden === false")
            self.save(tab, "token")
            tab.close()

    def dense(self) -> None:
        rng = random.Random(3)
        kinds = ("ingest", "router", "planner", "tool", "memory")
        names = [f"{rng.choice(kinds)}-{number:03}" for number in range(400)]
        bad = (("error", "0/2 replicas ready"), ("degraded", "1/2 replicas ready"))
        many = {name: rng.choice(bad) for name in rng.sample(names, 9)}
        with site(lambda state: items(many, names=names)) as (server, _):
            tab = self.tab(server.url("#tv"), 1920, 1080)
            small = {"width": 1920, "height": 1080, "deviceScaleFactor": 2 / 3, "mobile": False}
            tab.call("Emulation.setDeviceMetricsOverride", **small)
            tab.wait_for("document.querySelectorAll('.strip svg').length > 100")
            self.save(tab, "dense")
            tab.close()


def main(folder: Path) -> None:
    with ExitStack() as stack:
        profile = tempfile.mkdtemp()
        stack.callback(shutil.rmtree, profile, ignore_errors=True)  # it may still write
        browser = stack.enter_context(Browser(Path(profile), "about:blank"))
        studio = Studio(browser, folder)
        studio.one_cluster()
        studio.several_clusters()
        studio.token()
        studio.dense()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS)
