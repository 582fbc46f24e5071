"""The page's reader of the stream: when it tries again, what it asks with, where it stops."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.browser.node import needs_node, node

pytestmark = needs_node

NIGHT = """
const perMinute = [];
for (let tab = 0; tab < given.tabs; tab += 1) {
  const world = new World();
  world.seed = 1000 + tab * 7919;
  const [reader] = readerIn(world, () => ANSWER);
  reader.start();
  await world.until(given.hours * 3600 * 1000);
  reader.stop();
  perMinute.push(world.asked.map(([at]) => Math.floor(at / 60000)));
}
return perMinute;
"""
DOWN = 'Promise.reject(new TypeError("refused"))'


@pytest.mark.parametrize(
    "answer",
    [DOWN, 'answerOf(502, {}, ["<html>"])', 'answerOf(503, { "Retry-After": "1" })'],
    ids=["down", "bad gateway", "unavailable"],
)
def test_a_night_without_a_server_costs_few_requests(
    answer: str, request: pytest.FixtureRequest
) -> None:
    """Tabs of as many browsers; the first minute alone is eager, and it goes on for ever."""
    tabs, hours = (100, 8) if request.config.getoption("--benchmarks") else (8, 1)
    found = node(NIGHT.replace("ANSWER", answer), {"tabs": tabs, "hours": hours})
    assert len(found) == tabs
    for minutes in found:
        counts = Counter(minutes)
        assert max(counts.values()) <= 9
        assert max(counts[minute] for minute in range(2, 60 * hours)) < 5
        assert set(counts) == set(range(60 * hours))


def test_tabs_that_lost_one_server_do_not_come_back_together() -> None:
    firsts = node("""
    const firsts = [];
    for (let tab = 0; tab < 100; tab += 1) {
      const world = new World();
      world.seed = 1000 + tab * 7919;
      const [reader] = readerIn(world, () => answerOf(503, { "Retry-After": "10" }));
      reader.start();
      await world.until(15000);
      firsts.push(world.asked[1][0]);
    }
    return firsts;
    """)
    assert min(firsts) >= 10_000
    assert max(firsts) - min(firsts) > 1500


@pytest.mark.parametrize("status", [401, 403])
def test_without_a_good_token_it_stops_and_asks(status: int) -> None:
    found = node(
        """
    const world = new World();
    let good = false;
    const [reader, seen] = readerIn(world, () => good
      ? open(["id: 1\\ndata: {}\\n\\n"])
      : answerOf(given, { "Content-Type": "application/json" }, ['{"error":"no","status":401}']));
    reader.start();
    await world.until(3600000);
    const asked = world.asked.length;
    [good, seen.token] = [true, "secret"];
    reader.again();
    await world.until(3600100);
    return [asked, seen.states.filter((s) => s.phase === "refused"), world.asked[1][2]];
    """,
        status,
    )
    assert found[:2] == [1, [{"phase": "refused", "status": status, "message": "no"}]]
    assert found[2]["Authorization"] == "Bearer secret"


def test_a_clean_end_is_gone_on_with_where_it_was() -> None:
    asked, events = node("""
    const world = new World();
    const [reader, seen] = readerIn(world, () =>
      open(["retry: 4000\\nevent: delta\\nid: c1\\nda",
        'ta: {"cursor":"c1","a":1}\\n\\nid: c2\\n']));
    reader.start();
    await world.until(4500);
    reader.stop();
    return [world.asked, seen.events];
    """)
    assert events[0] == {"cursor": "c1", "type": "delta", "a": 1}
    assert "Last-Event-ID" not in asked[0][2]
    assert asked[1][2]["Last-Event-ID"] == "c1"
    assert 4000 <= asked[1][0] <= 5000  # as the server asked, and some jitter


def test_a_server_that_accepts_and_drops_is_no_hot_loop() -> None:
    asked = node("""
    const world = new World();
    const [reader] = readerIn(world, () => open(["retry: 0\\n\\n"]));
    reader.start();
    await world.until(600000);
    return world.asked.length;
    """)
    assert asked < 35


def test_a_date_to_retry_after_counts_by_the_servers_clock() -> None:
    ms = node("""
    const date = new Headers({ Date: "Sat, 31 Jan 2026 10:00:00 GMT" });
    date.set("Retry-After", "Sat, 31 Jan 2026 10:02:00 GMT");
    const others = ["7", "soon", "", "99999999"].map((one) => new Headers({ "Retry-After": one }));
    return [date, ...others].map(page.retryAfterMs);
    """)
    assert ms == [120_000, 7000, 0, 0, 3_600_000]


def test_what_answers_with_something_else_is_no_stream() -> None:
    states = node("""
    const world = new World();
    const [reader, seen] = readerIn(world, () =>
      answerOf(200, { "Content-Type": "text/html" }, ["<p>log in"]));
    reader.start();
    await world.until(100);
    return seen.states;
    """)
    assert states[-1]["phase"] == "waiting"
    assert states[-1]["message"] == "what answers here is not agentctl"


def test_damaged_events_are_passed_over() -> None:
    events = node("""
    const world = new World();
    const told = ['{"type":', "7", "[]", '{"b":1}'].map((data) => `data: ${data}\\n\\n`);
    const [reader, seen] = readerIn(world, () => open(told));
    reader.start();
    await world.until(100);
    return seen.events;
    """)
    assert events == [{"cursor": "", "type": "message", "b": 1}]


def test_an_answer_that_never_comes_is_given_up() -> None:
    asked: list[Any] = node("""
    const world = new World();
    const never = (signal) => new Promise((_, reject) => signal.addEventListener("abort", () =>
      reject(new DOMException("", "AbortError"))));
    const [reader] = readerIn(world, never);
    reader.start();
    await world.until(60000);
    return world.asked.map(([at]) => at);
    """)
    assert 2 <= len(asked) <= 4
