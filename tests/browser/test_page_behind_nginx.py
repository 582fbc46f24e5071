"""The status page behind nginx: under a prefix, through its 502s, and with two replicas."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser import chromium
from tests.browser.chromium import Browser
from tests.browser.page_rig import LIVE, WORD, LiveSite, component, looked_at
from tests.server.http.test_behind_nginx import NGINX, proxy

pytestmark = [
    pytest.mark.skipif(chromium.program() is None, reason="needs Chromium"),
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]

PREFIX = "/team/status/"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    pytest.importorskip("websocket")
    with Browser(tmp_path_factory.mktemp("profile"), "about:blank") as one:
        yield one


def test_under_a_prefix_and_through_the_502s_of_a_restart(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, free_port: int
) -> None:
    folder = tmp_path_factory.mktemp("nginx")
    url = f"http://127.0.0.1:{free_port}{PREFIX}"
    with LiveSite() as site, proxy(folder, free_port, site.port, prefix=PREFIX):
        site.replica.begin(component("api"))
        with looked_at(browser.tab(), url) as tab:
            tab.wait_for(f"{WORD} == 'Healthy' && {LIVE} == 'live'")
            tab.wait_for("document.querySelectorAll('.strip svg').length == 1")
            site.stop()
            tab.wait_for("document.getElementById('live-note').textContent.includes('HTTP 502')")
            site.start()
            tab.evaluate("document.getElementById('now').click()")
            tab.wait_for(f"{WORD} == 'Healthy' && {LIVE} == 'live'")


def test_two_replicas_of_which_the_one_that_was_read_ends(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, free_port: int
) -> None:
    folder = tmp_path_factory.mktemp("nginx")
    url = f"http://127.0.0.1:{free_port}/"
    with LiveSite() as one, LiveSite() as other, proxy(folder, free_port, one.port, other.port):
        for site in (one, other):
            site.replica.begin(component("api"), component("db"))
        with looked_at(browser.tab(), url) as tab:
            tab.wait_for(f"{WORD} == 'Healthy' && {LIVE} == 'live'")
            read, idle = (one, other) if one.streams else (other, one)
            assert (read.streams, idle.streams) == (1, 0)
            read.stop()
            idle.replica.publish(component("api", "error"), component("db"), version=2)
            tab.wait_for(f"{WORD} == 'Error' && {LIVE} == 'live'")
            # What is different is told, and not the whole state again.
            changes = "document.querySelectorAll('#changes li').length"
            assert tab.evaluate(changes) == 1
