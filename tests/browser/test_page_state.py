"""What the page makes of events: losses, rows, the verdict, live, late or lost, strips, filters."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from agentctl.engine.losses import Losses
from tests.browser.node import needs_node, node
from tests.fakes import event_in

pytestmark = needs_node

AT = "2026-01-30T18:00:00Z"
LATER = "2026-01-30T19:00:00Z"


def item(component: str, status: str = "healthy", **more: Any) -> dict[str, Any]:
    return {"component": component, "namespace": "agents", "status": status, "message": "", **more}


def snapshot(*items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "snapshot", "generated_at": AT, "items": items, "cursor": "c"}


def delta(*changes: dict[str, Any], at: str = AT, **more: Any) -> dict[str, Any]:
    return {"type": "delta", "generated_at": at, "changes": changes, "cursor": "d", **more}


def error(code: str, *sources: str, message: str = "gone", **more: Any) -> dict[str, Any]:
    first: dict[str, Any] = {"type": "error", "generated_at": AT, "message": message, "code": code}
    several = {"sources": sources} if len(sources) > 1 else {}
    return {**first, **more, "source": sources[0] if sources else "", **several, "cursor": "c"}


BEAT = {"type": "heartbeat", "generated_at": AT, "cursor": "c"}

VERDICT = """
return given.map(([events, lost]) => {
  const model = new page.Model();
  for (const event of events) model.take(event, 0);
  if (lost) model.setLost(true, 1000);
  const { state, word, note } = page.verdictOf(model);
  return [state, word, note];
});
"""


def verdicts(*cases: tuple[list[dict[str, Any]], bool]) -> list[list[str]]:
    found: list[list[str]] = node(VERDICT, cases)
    return found


def verdict(*events: dict[str, Any], lost: bool = False) -> list[str]:
    return verdicts((list(events), lost))[0]


def test_the_verdict_is_the_worst_that_has_a_say() -> None:
    static = item("custom", "unknown", details={"static": True})
    found = verdicts(
        ([], False),
        ([snapshot()], False),
        ([snapshot(item("a"), item("b", "configured"))], False),
        ([snapshot(item("a"), static)], False),
        ([snapshot(static)], False),
        ([snapshot(item("a"), item("b", "unknown"))], False),
        ([snapshot(item("a", "degraded"), item("b", "unknown"))], False),
        ([snapshot(item("a", "degraded"), item("b", "error"))], False),
        ([snapshot(item("a"), item("b", "of tomorrow"))], False),
    )
    assert [state for state, _, _ in found] == [
        "waiting",
        "unknown",
        "healthy",
        "healthy",
        "unknown",
        "unknown",
        "degraded",
        "error",
        "unknown",
    ]


def test_an_incomplete_view_is_never_healthy() -> None:
    """What is seen to be bad goes first, then what is not seen."""
    three = [item(f"a{name}", cluster=name) for name in ("east", "west")]
    gone = error("disconnected", "pods", cluster="west")
    bad = [item("a", "error", cluster="east"), *three]
    found = verdicts(
        ([snapshot(*three), gone], False),
        ([snapshot(*bad), gone], False),
        ([snapshot(*three), gone, error("disconnected", "pods", cluster="east")], False),
        ([snapshot(item("a")), error("stale")], False),
        ([snapshot(item("a"))], True),
        ([snapshot(item("a")), error("forbidden", "pods")], False),
        ([snapshot(*three), gone, error("recovered", "pods", cluster="west")], False),
    )
    assert [state for state, _, _ in found] == [
        "unknown",
        "error",
        "stale",
        "stale",
        "stale",
        "healthy",
        "healthy",
    ]
    assert found[0] == ["unknown", "Incomplete", "1 healthy · not seen: west"]


def test_losses_are_kept_as_ours_keeps_them() -> None:
    rng = random.Random(7)
    runs = []
    for _ in range(200):
        run = []
        for _ in range(rng.randrange(1, 12)):
            names = sorted({rng.choice(["pods", "leases", "crds"]) for _ in range(3)})
            code = rng.choice(["disconnected", "stale", "server", "unauthorized", "recovered"])
            code = rng.choice([code, code, "forbidden", "resync", "fallback"])
            again = rng.random() < 0.3
            message = f"still without {', '.join(names)}: why" if again else "why"
            cluster = rng.choice([{}, {"cluster": "west"}])
            told = error(code, *names, message=message, **cluster)
            run.append(BEAT if rng.random() < 0.1 else told)
        runs.append(run)
    found = node(
        """
    return given.map((run) => {
      const losses = new page.Losses();
      return run.map((event) => { losses.take(event); return [...losses._told.keys()].sort(); });
    });
    """,
        runs,
    )
    for run, sizes in zip(runs, found):
        losses = Losses()
        for event, keys in zip(run, sizes):
            losses.take(event_in(json.dumps(event)))
            assert sorted("\0".join(key) for key in losses._told) == keys, run


def test_rows_know_since_when_and_what_they_were() -> None:
    found = node(
        """
    const model = new page.Model();
    const told = given.map((event) => model.take(event, 0).changes);
    const rows = [...model.rows.values()].map((r) => [r.component, r.status, r.since, r.began]);
    return [told, rows];
    """,
        [
            snapshot(item("a"), item("b"), {"component": 7}, item("old")),
            delta(item("a", "error", message="m"), at="2026-01-30T18:01:00Z"),
            delta(item("a", "error", message="n"), at="2026-01-30T18:02:00Z"),
            delta(item("new"), at="2026-01-30T18:03:00Z", removed=[item("old")]),
            snapshot(item("new"), item("a", "healthy"), item("b")),
        ],
    )
    told, rows = found
    assert told[0] == []
    assert [(one["before"], one["status"], one["message"]) for one in told[1] + told[2]] == [
        ("healthy", "error", "m"),
        ("error", "error", "n"),
    ]
    assert [(one["component"], one["status"]) for one in told[3]] == [
        ("new", "healthy"),
        ("old", "removed"),
    ]
    assert [(one["component"], one["before"]) for one in told[4]] == [("a", "error")]
    assert [row[0] for row in rows] == ["new", "a", "b"]
    assert rows[2] == ["b", "healthy", 1769796000000, False]


def test_what_became_so_unseen_is_not_said_to_have_begun_when_it_was_found() -> None:
    found = node(
        """
    const model = new page.Model();
    for (const event of given) model.take(event, 0);
    return [...model.rows.values()].map((r) => [r.component, r.status, r.since, r.began]);
    """,
        [
            snapshot(item("a"), item("b")),
            delta(item("b", "degraded"), at="2026-01-30T18:01:00Z"),
            {**snapshot(item("a", "error"), item("b", "degraded")), "generated_at": LATER},
        ],
    )
    assert found == [
        ["a", "error", 1769799600000, False],
        ["b", "degraded", 1769796060000, True],
    ]


LIVE = """
let [now, wall] = [0, 0];
const live = new page.Liveness({ now: () => now, wall: () => wall });
const seen = [];
const pass = (seconds, heard) => {
  for (let at = 0; at < seconds; at += 1) {
    [now, wall] = [now + 1000, wall + 1000];
    if (heard && at % 5 === 0) live.heard();
    live.tick();
  }
  seen.push(live.state);
};
"""


def test_live_late_and_lost_by_the_heartbeats_that_are_missed() -> None:
    seen = node(LIVE + "pass(3, 0); pass(20, 1); pass(5, 0); pass(3, 0); pass(5, 0); return seen;")
    assert seen == ["connecting", "live", "live", "late", "lost"]


@pytest.mark.parametrize("monotonic_sleeps", [True, False])
def test_after_a_sleep_what_waits_is_read_before_it_is_judged(monotonic_sleeps: bool) -> None:
    script = """
    pass(10, 1);
    wall += 8 * 3600 * 1000;
    if (!given) now += 8 * 3600 * 1000;
    seen.push(live.tick(), live.state);
    now += 1000; wall += 1000;
    seen.push(live.tick(), live.state);
    READ
    now += 600; wall += 600;
    seen.push(live.tick(), live.state);
    now += 6000; wall += 6000;
    live.tick(); live.tick();
    seen.push(live.state);
    now += 1600; wall += 1600;
    live.tick();
    seen.push(live.state);
    return seen;
    """
    read = node(LIVE + script.replace("READ", "live.heard();"), monotonic_sleeps)
    assert read[:-2] == ["live", "woke", "live", "", "live", "", "live"]
    unread = node(LIVE + script.replace("READ", ""), monotonic_sleeps)
    assert unread[:5] == ["live", "woke", "live", "", "live"]
    assert unread[5] == "slept"
    assert unread[6] == ("late" if monotonic_sleeps else "lost")
    assert unread[8] == "lost"


def test_a_strip_shows_the_worst_of_each_column_and_what_nobody_saw() -> None:
    found = node("""
    const runs = page.runsOf([["unseen", 2], ["healthy", 3], ["error", 1]], 0, 6000);
    return [runs, page.columnsOf(runs, 0, 6000, 6), page.columnsOf(runs, 0, 6000, 3),
      page.columnsOf([[1500, "healthy"]], 0, 6000, 6), page.columnsOf([], 0, 6000, 2),
      page.columnsOf([[-9000, "healthy"], [5999, "stale"]], 0, 6000, 2)];
    """)
    assert found == [
        [[0, "unseen"], [2000, "healthy"], [5000, "error"]],
        ["unseen", "unseen", "healthy", "healthy", "healthy", "error"],
        ["unseen", "healthy", "error"],
        ["unseen", "healthy", "healthy", "healthy", "healthy", "healthy"],
        ["unseen", "unseen"],
        ["healthy", "stale"],
    ]


def test_filters_stand_in_the_fragment() -> None:
    found = node(
        """
    const filters = page.filtersOf(given);
    const row = { cluster: "west", namespace: "x&y", component: "A", message: "is B" };
    row.status = "error";
    return [filters, page.fragmentOf(filters), page.fragmentOf(page.filtersOf("")),
      page.passes(row, filters), page.passes({ ...row, message: "" }, filters),
      ...["", "#cluster=east", "#ns=x", "#status=healthy"].map((one) =>
        page.passes(row, page.filtersOf(one)))];
    """,
        "#q=a%20b&status=error,nonsense,unknown&ns=x%26y&cluster=west&tv",
    )
    assert found[0] == {
        "q": "a b",
        "cluster": "west",
        "ns": "x&y",
        "status": ["error", "unknown"],
        "tv": True,
    }
    assert found[1:3] == ["q=a+b&cluster=west&ns=x%26y&status=error,unknown&tv", ""]
    assert found[3:5] == [True, False]
    assert found[5:] == [True, False, False, False], "each of them alone"


def test_a_name_is_asked_for_exactly() -> None:
    assert node("return given.map(page.exactly)", ["a[1]*?", "x"]) == ["a[[]1][*][?]", "x"]


def test_a_strip_keeps_a_minute_in_a_byte_and_takes_its_past_from_elsewhere() -> None:
    found = node("""
    const M = 60000;
    const strip = page.newStrip(100 * M, "healthy");
    page.mark(strip, 100 * M + 500, "error");
    page.mark(strip, 100 * M + 900, "healthy");
    page.mark(strip, 103 * M, "stale");
    const seen = page.minutesOf(strip, 105 * M).slice(-7);
    page.recall(strip, [[50 * M, "degraded"], [99 * M, "healthy"], [101 * M, "error"]], 102 * M);
    const told = page.minutesOf(strip, 105 * M);
    for (let at = 0; at < 5000; at += 1) page.mark(strip, 106 * M + at * 100, "error");
    return [seen, told.slice(0, 5), told.slice(-9), strip.minutes.length,
      page.minutesOf(strip, 1000 * M).join("") == "error".repeat(60)];
    """)
    assert found[0] == ["unseen", "error", "healthy", "healthy", "stale", "stale", "stale"]
    assert found[1] == ["unseen"] * 4 + ["degraded"]
    tail = ["degraded", "degraded", "healthy", "healthy", "error", "error", "stale"]
    assert found[2][:7] == tail
    assert found[3:] == [60, True]


LOADER = """
const world = new World();
const row = (component) => ({ key: `\\0agents\\0${component}`, component, status: "error",
  since: 9e5, began: false, loaded: false, strip: page.newStrip(9e5, "error") });
const loaded = [];
const load = async (answer, rows, until = 60000) => {
  const hooks = { token: () => "t", loaded: (batch) => loaded.push(batch.map((r) => r.component)) };
  const loader = new page.StripLoader(hooks, world.env(answer));
  loader.reset(true);
  rows.forEach((one) => loader.want(one));
  await world.until(until);
  return loader;
};
"""


def test_strips_are_asked_for_in_few_requests_and_tell_since_when() -> None:
    asked, loaded, seen = node(
        LOADER
        + """
    const body = JSON.stringify({ from: new Date(0).toISOString(), to: new Date(36e5).toISOString(),
      components: [{ component: "a*", namespace: "agents", columns: [["healthy", 60]],
        since: new Date(5e5).toISOString(), since_seen: true }] });
    const rows = [row("a*"), ...Array.from({ length: 99 }, (_, at) => row(`b${at}`))];
    await load(() => answerOf(200, { "Content-Type": "application/json" }, [body]), rows);
    return [world.asked, loaded, [rows[0].since, rows[0].began, rows[1].since, rows[1].began]];
    """
    )
    assert [len(batch) for batch in loaded] == [60, 40]
    assert len(asked) == 2
    assert "component=a%5B*%5D&component=b0" in asked[0][1]
    assert asked[0][2] == {"Authorization": "Bearer t"}
    assert seen == [500_000, True, 900_000, False]


def test_without_a_timeline_nothing_is_asked_for_again() -> None:
    asked = node(LOADER + "await load(() => answerOf(404), [row('a')], 3e6); return world.asked;")
    assert len(asked) == 1


def test_a_timeline_that_is_busy_is_left_alone_for_as_long_as_it_says() -> None:
    asked = node(
        LOADER
        + """await load(() => answerOf(429, { "Retry-After": "60" }), [row("a")], 3e5);
    return world.asked.map(([at]) => at);"""
    )
    assert 2 <= len(asked) <= 6
    assert asked[1] - asked[0] >= 60_000
