"""The status page in a real Chromium: what a person sees of what the server says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import replace

import pytest

from agentctl.engine.policy import Notice
from agentctl.model import ErrorCode
from agentctl.server.auth import TokenGate
from tests.browser import chromium
from tests.browser.chromium import Browser, PageLeft
from tests.browser.page_rig import LIVE, ROWS, WORD, LiveSite, component, looked_at
from tests.server.http_rig import eventually

pytestmark = pytest.mark.skipif(chromium.program() is None, reason="needs Chromium")

NOT_SECURE = "status.example"
"""A name that leads here, and where a browser has no locks: it is neither HTTPS nor loopback."""

BIDI = "\u202e\u05d0\u05d1\u05d2 \u0645\u0631\u062d\u0628\u0627"
EVIL = "<script>window.wrong.push('ran')</script>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    pytest.importorskip("websocket")
    profile = tmp_path_factory.mktemp("profile")
    with Browser(
        profile, "about:blank", f"--host-resolver-rules=MAP {NOT_SECURE} 127.0.0.1"
    ) as one:
        yield one


@pytest.fixture
def site() -> Iterator[LiveSite]:
    with LiveSite(hosts=["a", NOT_SECURE]) as site:
        site.replica.begin(component("api"), component("worker"), component("db", "configured"))
        yield site


def rows(what: str) -> str:
    """JavaScript: a text of each row."""
    return f"{ROWS}.map((row) => row.querySelector('{what}').textContent)"


def test_the_verdict_each_component_and_the_changes_as_they_come(
    browser: Browser, site: LiveSite
) -> None:
    with looked_at(browser.tab(), site.url()) as tab:
        tab.wait_for(f"{WORD} == 'Healthy' && {LIVE} == 'live'")
        tab.wait_for("document.title == 'Healthy · agentctl'")
        assert tab.evaluate(rows(".name")) == ["api", "worker", "db"]
        tab.wait_for("document.getElementById('live-note').textContent.endsWith(' UTC')")
        icon = "document.getElementById('icon').href"
        healthy = tab.evaluate(icon)
        tab.wait_for("document.querySelectorAll('.strip svg').length == 3")
        site.replica.publish(
            component("api"), component("worker", "error", "is on fire"), component("db")
        )
        tab.wait_for(f"{WORD} == 'Error'")
        tab.wait_for("document.title == 'Error (1) · agentctl'")
        assert tab.evaluate(icon) != healthy
        tab.wait_for(f"{rows('.word')}.join() == 'healthy,error,healthy'")
        trouble = "document.querySelector('#trouble li')?.textContent"
        tab.wait_for(f"/worker.*is on fire/.test({trouble})")
        told = tab.evaluate("[...document.querySelectorAll('#changes li')].map(e => e.textContent)")
        assert len(told) == 2
        assert "errorworkerwas healthyis on fire" in "".join(told).replace(" ", " ")
        # One live region, and only the verdict is said aloud.
        tab.wait_for("document.getElementById('announce').textContent.includes('Error')")
        assert tab.evaluate("document.querySelectorAll('[aria-live]').length") == 1
        site.replica.publish(component("api"), component("worker"), component("db"))
        tab.wait_for(f"{WORD} == 'Healthy' && document.getElementById('trouble').hidden")


def test_texts_from_a_peer_are_texts(browser: Browser, site: LiveSite) -> None:
    names = [EVIL, BIDI, "x" * 200, "a b", "*[?]"]
    site.replica.publish(*(component(name, "degraded", name) for name in names))
    with looked_at(browser.tab(), site.url()) as tab:
        tab.resize(360, 700)
        tab.wait_for(f"{ROWS}.length == 5")
        assert tab.evaluate(rows(".name")) == names
        assert tab.evaluate("document.scripts.length") == 1
        width = "document.documentElement.scrollWidth"
        assert tab.evaluate(f"{width} <= 360")
        for number, name in enumerate(names):
            tab.evaluate(f"{ROWS}[{number}].querySelector('button').click()")
            tab.wait_for(
                f"document.getElementById('detail-name').textContent == {json.dumps(name)}"
            )
            tab.wait_for("document.querySelectorAll('#detail-spans li').length > 0")
            assert tab.evaluate(f"{width} <= 360")
            tab.evaluate("document.getElementById('detail-close').click()")


def test_filters_stand_in_the_fragment_and_leave_the_verdict_alone(
    browser: Browser, site: LiveSite
) -> None:
    site.replica.publish(component("api"), component("worker", "error"), component("db"))
    with looked_at(browser.tab(), site.url("#q=api")) as tab:
        tab.wait_for(f"{ROWS}.length == 1 && {WORD} == 'Error'")
        assert "1 of 3 shown" in tab.evaluate("document.getElementById('shown').textContent")
        tab.evaluate("document.getElementById('filter-clear').click()")
        tab.wait_for(f"{ROWS}.length == 3")
        assert tab.evaluate("location.hash") == ""
        tab.evaluate("document.querySelector('#filter-status input[value=error]').click()")
        tab.wait_for(f"{ROWS}.length == 1 && location.hash == '#status=error'")
        site.replica.publish(component("api", "error"), component("worker"), component("db"))
        tab.wait_for(f"{rows('.name')}.join() == 'api'")
        tab.evaluate("location.hash = '#tv'")
        tab.wait_for(f"{ROWS}.length == 3 && document.getElementById('controls').hidden")
        tab.press("Escape", 27)
        tab.wait_for("!document.getElementById('controls').hidden && location.hash == ''")


def test_a_keyboard_reaches_each_row_and_what_it_was(browser: Browser, site: LiveSite) -> None:
    with looked_at(browser.tab(), site.url()) as tab:
        tab.wait_for(f"{ROWS}.length == 3")
        assert tab.evaluate(f"{ROWS}.filter(row => row.firstChild.tabIndex == 0).length") == 1
        tab.evaluate(f"{ROWS}[0].querySelector('button').focus()")
        tab.press("ArrowRight", 39)
        tab.press("End", 35)
        focused = "document.activeElement.closest('li')?.dataset.key.split('\\0')[2]"
        assert tab.evaluate(focused) == "db"
        tab.evaluate("document.activeElement.click()")
        tab.wait_for("document.getElementById('detail').open")
        tab.press("Escape", 27)
        tab.wait_for(f"!document.getElementById('detail').open && {focused} == 'db'")


def test_a_token_is_asked_for_and_kept_for_the_session_alone(browser: Browser) -> None:
    with LiveSite(token="s3cret") as site:
        site.replica.begin(component("api"))
        with looked_at(browser.tab(), site.url("#q=a")) as tab:
            tab.wait_for("!document.getElementById('token').hidden")
            assert tab.evaluate(WORD) != "Healthy"
            give = "document.getElementById('token-value').value = '%s';"
            give += "document.getElementById('token').requestSubmit()"
            tab.evaluate(give % "wrong")
            tab.wait_for("document.getElementById('token-text').textContent.includes('refused')")
            tab.evaluate(give % "s3cret")
            tab.wait_for(f"{WORD} == 'Healthy' && document.getElementById('token').hidden")
            assert tab.evaluate("location.hash + location.search") == "#q=a"
            assert tab.evaluate("localStorage.length + document.cookie.length") == 0
            tab.call("Page.reload")
            tab.wait_for(f"{WORD} == 'Healthy'")
            # It expires: the page stops, and asks.
            site.services = replace(site.services, gate=TokenGate("another"))
            site.stop()
            site.start()
            tab.wait_for(f"!document.getElementById('token').hidden && {LIVE} == 'no token'")


def test_a_server_that_is_killed_is_lost_and_found(browser: Browser, site: LiveSite) -> None:
    with looked_at(browser.tab(), site.url()) as tab:
        tab.wait_for(f"{LIVE} == 'live'")
        # Written down, as it is late for a second only: a crowded host may not look then.
        tab.evaluate(
            "window.lives = []; void new MutationObserver(() => lives.push("
            f"{LIVE})).observe(document.getElementById('live'), {{attributes: true}})"
        )
        site.stop()
        tab.wait_for(f"{LIVE} == 'lost' && {WORD} == 'Not live'")
        told = [live for live in tab.evaluate("lives") if live in ("late", "lost")]
        assert list(dict.fromkeys(told)) == ["late", "lost"]
        assert tab.evaluate("document.querySelectorAll('.group.stale').length") == 1
        assert tab.evaluate("document.getElementById('verdict').dataset.state") == "stale"
        assert "was: " in tab.evaluate("document.getElementById('verdict-note').textContent")
        grey = "getComputedStyle(document.querySelector('#groups .word')).color"
        assert len(set(tab.evaluate(grey).removeprefix("rgb(").removesuffix(")").split(", "))) == 1
        site.replica.publish(component("api", "degraded"), component("worker"), component("db"))
        site.start()
        tab.evaluate("document.getElementById('now').click()")
        tab.wait_for(f"{LIVE} == 'live' && {WORD} == 'Degraded'")
        assert tab.evaluate("document.querySelectorAll('.group.stale').length") == 0


def test_what_the_server_itself_has_lost_is_stale(browser: Browser, site: LiveSite) -> None:
    gone = Notice("pods", ErrorCode.DISCONNECTED, "connection refused")
    with looked_at(browser.tab(), site.url()) as tab:
        tab.wait_for(f"{WORD} == 'Healthy'")
        site.missing = [gone]
        site.tell(gone)
        tab.wait_for(f"{WORD} == 'Not live' && {LIVE} == 'live'")
        assert "connection refused" in tab.evaluate("document.getElementById('losses').textContent")
        site.missing = []
        tab.wait_for(f"{WORD} == 'Healthy' && document.getElementById('losses').hidden")


def test_several_clusters_and_namespaces_on_one_page(browser: Browser) -> None:
    items = [
        component("api", namespace=namespace, cluster=cluster)
        for cluster in ("east", "west")
        for namespace in ("agents", "staging")
    ]
    lost = Notice("pods", ErrorCode.DISCONNECTED, "no route", cluster="west")
    with LiveSite("agents", "staging") as site:
        site.replica.begin(*items)
        with looked_at(browser.tab(), site.url()) as tab:
            tab.wait_for(f"{ROWS}.length == 4 && {WORD} == 'Healthy'")
            site.missing = [lost]
            site.tell(lost)
            tab.wait_for(f"{WORD} == 'Incomplete'")
            stale = "[...document.querySelectorAll('.group.stale .title')].map(e => e.textContent)"
            assert tab.evaluate(stale) == ["west / agents", "west / staging"]
            tab.evaluate("location.hash = '#cluster=east&ns=staging'")
            tab.wait_for(f"{ROWS}.length == 1 && {WORD} == 'Incomplete'")
            site.missing = []
            tab.wait_for(f"{WORD} == 'Healthy'")


def test_seven_tabs_share_one_stream_and_outlive_the_one_that_led(
    browser: Browser, site: LiveSite
) -> None:
    said = f"document.title.startsWith('%s') && {LIVE} == 'live'"
    leads = "'leads' in document.documentElement.dataset"
    tabs = [browser.tab(site.url()) for _ in range(7)]
    try:
        for tab in tabs:  # all but one are hidden, and have no rows
            tab.wait_for(said % "Healthy")
        assert site.streams == 1
        (leader,) = [tab for tab in tabs if tab.evaluate(leads)]
        tabs.remove(leader)
        tabs[3].call("Page.bringToFront")
        tabs[3].wait_for(f"!document.hidden && {ROWS}.length == 3")
        leader.close()
        eventually(lambda: any(tab.evaluate(leads) for tab in tabs))
        site.replica.publish(component("api", "error"), component("worker"), component("db"))
        for tab in tabs:
            tab.wait_for(said % "Error")
        eventually(lambda: site.streams == 1)
        tabs[3].wait_for(f"{rows('.word')}[0] == 'error'")
    finally:
        for tab in tabs:
            tab.close()


def test_without_locks_a_hidden_tab_lets_go_of_its_stream(browser: Browser, site: LiveSite) -> None:
    with looked_at(browser.tab(), site.url(host=NOT_SECURE)) as tab:
        assert tab.evaluate("navigator.locks") is None
        tab.wait_for(f"{LIVE} == 'live'")
        icon = tab.evaluate("document.getElementById('icon').href")
        browser.first.call("Page.bringToFront")
        eventually(lambda: site.streams == 0)
        tab.wait_for("document.title.startsWith('Paused')")
        assert tab.evaluate("document.getElementById('icon').href") != icon
        site.replica.publish(component("api", "error"), component("worker"), component("db"))
        tab.call("Page.bringToFront")
        tab.wait_for(f"{WORD} == 'Error' && {LIVE} == 'live'")
        assert site.streams == 1
        with closing(browser.tab(site.url(host=NOT_SECURE), hidden=True)) as other:
            other.wait_for("document.title.startsWith('Paused')")
        eventually(lambda: site.streams == 1)


def test_a_server_of_another_build_offers_to_reload(browser: Browser, site: LiveSite) -> None:
    other = replace(site.services, info=replace(site.services.info, version="9.9.9"))

    def upgrade() -> None:
        site.services, before = other, site.services
        site.stop()
        site.start()
        site.services = before

    version = "document.querySelector('meta[name=agentctl-build]').content.split('+')[0]"
    with looked_at(browser.tab(), site.url()) as tab:
        tab.wait_for(f"{LIVE} == 'live'")
        upgrade()
        tab.wait_for("document.getElementById('build-text').textContent.includes('9.9.9')")
        assert tab.evaluate(version) == "1.2.3"
        with suppress(PageLeft):
            tab.evaluate("document.getElementById('reload').click()")
        tab.wait_for(f"document.readyState == 'complete' && {version} == '9.9.9'")
        tab.wait_for(f"{LIVE} == 'live' && document.getElementById('build').hidden")
    site.stop()
    site.start()
    still = "Math.random = () => 0;"  # the wait before it reloads, that tabs may not all at once
    with looked_at(browser.tab(), site.url("#tv"), still) as tab:
        tab.wait_for(f"{LIVE} == 'live'")
        upgrade()
        tab.wait_for(f"document.readyState == 'complete' && {version} == '9.9.9'")
        tab.wait_for(f"{LIVE} == 'live' && location.hash == '#tv'")


DAY_OFF = """
const real = Date.now.bind(Date);
const RealDate = Date;
Date.now = () => real() + 86400000;
"""


def test_a_browsers_clock_that_is_wrong_by_a_day_changes_nothing(
    browser: Browser, site: LiveSite
) -> None:
    with looked_at(browser.tab(), site.url(), DAY_OFF) as tab:
        tab.wait_for(f"{WORD} == 'Healthy' && {LIVE} == 'live'")
        day = "document.querySelector('#groups time').dateTime.slice(0, 10)"
        site.replica.publish(component("api", "error"), component("worker"), component("db"))
        tab.wait_for(f"{WORD} == 'Error'")
        assert tab.evaluate(day) == site.clock.now().strftime("%Y-%m-%d")
        since = tab.evaluate(rows(".since"))[0]
        assert len(since) == len("18:02:11")  # of today, by the server's clock


def test_out_of_the_back_forward_cache_it_goes_on(browser: Browser, site: LiveSite) -> None:
    with looked_at(browser.tab(), site.url()) as tab:
        tab.wait_for(f"{LIVE} == 'live'")
        tab.go("about:blank")
        eventually(lambda: site.streams == 0)
        site.replica.publish(component("api", "error"), component("worker"), component("db"))
        tab.evaluate("history.back()")
        tab.wait_for(f"document.getElementById('verdict-word') && {WORD} == 'Error'")
        tab.wait_for(f"{LIVE} == 'live'")


def test_ten_thousand_components_do_not_end_it(browser: Browser, site: LiveSite) -> None:
    many = [component(f"component-{number}") for number in range(10_000)]
    site.replica.publish(*many)
    with looked_at(browser.tab(), site.url()) as tab:
        tab.wait_for(f"{ROWS}.length == 2000")
        assert tab.evaluate("document.body.classList.contains('dense')")
        many[9_999] = component("component-9999", "error", "the last one")
        site.replica.publish(*many)
        tab.wait_for(f"{WORD} == 'Error'")
        tab.wait_for("document.getElementById('trouble').textContent.includes('the last one')")
        tab.evaluate("location.hash = '#q=component-9999'")
        tab.wait_for(f"{ROWS}.length == 1")


def test_eighty_rows_are_on_a_screen(browser: Browser, site: LiveSite) -> None:
    site.replica.publish(*(component(f"component-{number}") for number in range(1000)))
    seen = f"{ROWS}.filter(e => e.getBoundingClientRect().bottom <= innerHeight).length"
    with looked_at(browser.tab("about:blank"), site.url()) as tab:
        for width, height in ((1920, 1080), (1440, 900)):
            tab.resize(width, height)
            tab.wait_for(f"{ROWS}.length == 1000")
            assert tab.evaluate(seen) >= (80 if width == 1920 else 40)
        # Only rows in view have asked for their last hour.
        drawn = "document.querySelectorAll('.strip svg').length"
        assert 40 <= tab.wait_for(drawn) < 400


def test_a_tab_that_was_frozen_leads_no_more(browser: Browser, site: LiveSite) -> None:
    leads = "'leads' in document.documentElement.dataset"
    with ExitStack() as stack:
        tabs = [stack.enter_context(closing(browser.tab(site.url()))) for _ in range(2)]
        for tab in tabs:
            tab.wait_for(f"{LIVE} == 'live'")
        leader, other = sorted(tabs, key=lambda tab: not tab.evaluate(leads))
        other.call("Page.bringToFront")
        leader.call("Page.enable")
        leader.call("Page.setWebLifecycleState", state="frozen")
        other.wait_for(f"{leads} && {LIVE} == 'live'")
        site.replica.publish(component("api", "error"), component("worker"), component("db"))
        other.wait_for(f"{WORD} == 'Error'")
        leader.call("Page.setWebLifecycleState", state="active")
        leader.wait_for(f"!({leads}) && {WORD} == 'Error' && {LIVE} == 'live'")
        eventually(lambda: site.streams == 1)
