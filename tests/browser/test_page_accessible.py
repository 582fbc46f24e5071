"""The status page by axe-core, where npm has it: no violation, dark and light, wide and narrow."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agentctl.engine.policy import Notice
from agentctl.model import ErrorCode
from tests.browser import chromium
from tests.browser.chromium import Browser, Tab
from tests.browser.page_rig import LIVE, ROWS, WORD, LiveSite, component

pytestmark = pytest.mark.skipif(chromium.program() is None, reason="needs Chromium")

ROOT = Path(__file__).parent.parent.parent

RULES = "{ resultTypes: ['violations'], rules: { 'target-size': { enabled: true } } }"
RUN = f"axe.run({RULES}).then((found) => found.violations.map((v) => [v.id, v.nodes[0].html]))"


@pytest.fixture(scope="module")
def axe() -> str:
    """The script: ``npm install axe-core`` here, or elsewhere with NODE_PATH."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node, to find axe-core")
    find = [node, "-p", "require.resolve('axe-core/axe.min.js')"]
    found = subprocess.run(find, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip("needs axe-core: npm install --no-save axe-core")
    return Path(found.stdout.strip()).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    pytest.importorskip("websocket")
    with Browser(tmp_path_factory.mktemp("profile"), "about:blank") as one:
        yield one


def violations(tab: Tab, axe: str) -> Any:
    tab.evaluate(f"{axe}; 0")
    return tab.evaluate(RUN)


def test_no_violation(browser: Browser, axe: str) -> None:
    states = ("healthy", "configured", "unknown", "degraded", "error")
    items = [
        component(f"{cluster}-{state}", state, "why" * 9, cluster=cluster)
        for cluster in ("east", "west")
        for state in states
    ]
    lost = Notice("pods", ErrorCode.DISCONNECTED, "no route", cluster="west")
    with LiveSite() as site, closing(browser.tab()) as tab:
        site.replica.begin(*items)
        tab.go(site.url())
        tab.wait_for(f"{ROWS}.length == 10 && {LIVE} == 'live'")
        site.missing = [lost]
        site.tell(lost)
        site.replica.publish(*items[1:])
        tab.wait_for("document.querySelectorAll('.group.stale').length == 1")
        tab.wait_for("document.querySelectorAll('#changes li').length > 0")
        for width, dark in ((1280, False), (1280, True), (360, False)):
            tab.resize(width, 800, dark)
            assert violations(tab, axe) == []
        tab.evaluate(f"{ROWS}[0].querySelector('button').click()")
        tab.wait_for("document.querySelectorAll('#detail-spans li').length > 0")
        assert violations(tab, axe) == []
        tab.evaluate("document.getElementById('detail').close(); location.hash = '#tv'")
        tab.wait_for("document.getElementById('controls').hidden")
        assert violations(tab, axe) == []
        site.stop()
        tab.wait_for(f"{WORD} == 'Not live'")
        assert violations(tab, axe) == []


def test_no_violation_where_a_token_is_asked_for(browser: Browser, axe: str) -> None:
    with LiveSite(token="secret") as site, closing(browser.tab()) as tab:
        site.replica.begin(component("api"))
        tab.go(site.url())
        tab.wait_for("document.getElementById('token')?.hidden === false")
        assert violations(tab, axe) == []
