"""The line of a monitoring plugin: whatever the state and its words, it can be parsed."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.engine.policy import Outcome
from agentctl.errors import ExitCode
from agentctl.model import ErrorCode, Item, Snapshot, Status, StreamError
from agentctl.renderers import Style, nagios
from tests.cli.pluginline import PluginLine, alerts, parse
from tests.fakes import FakeClock

AT = datetime(2026, 1, 30, tzinfo=timezone.utc)
WELL = Outcome(ExitCode.OK)


class Text:
    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


def item(name: str, status: Status, message: str = "", static: bool = False) -> Item:
    return Item(name, "agents", status, message, {"static": True} if static else {})


def printed(*items: Item, outcome: Outcome = WELL, seen: bool = True) -> str:
    out, clock = Text(), FakeClock()
    renderer = nagios.create(out, Style(stream=False, clock=clock))
    if seen:
        renderer.emit(Snapshot(AT, items, ""))
        renderer.emit(StreamError(AT, "not for plugins", ErrorCode.FALLBACK, "", None, ""))
    assert out.text == ""
    clock.advance(1.5)
    ended = renderer.conclude(outcome)
    assert ended == Outcome(parse(out.text).code)
    return out.text


def line(*items: Item, outcome: Outcome = WELL, seen: bool = True) -> PluginLine:
    return parse(printed(*items, outcome=outcome, seen=seen))


def test_well() -> None:
    assert (
        printed(item("a", Status.HEALTHY), item("b", Status.CONFIGURED))
        == "AGENTCTL OK - healthy: all 2 components | healthy=1;;;0;2 configured=1;;;0;2 "
        "unknown=0;;;0;2 degraded=0;0;;0;2 error=0;;0;0;2 time=1.500s;;;0\n"
    )
    assert line(item("a", Status.HEALTHY)).text == "healthy: a"


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ("configured", 0),
        ("healthy degraded", 1),
        ("unknown degraded", 1),
        ("degraded error unknown", 2),
        ("healthy unknown", 3),
        ("", 3),
    ],
)
def test_the_worst_decides(statuses: str, code: int) -> None:
    items = [item(f"c{i}", Status(status)) for i, status in enumerate(statuses.split())]
    assert line(*items).code == code


def test_the_worst_comes_first_and_the_others_in_the_catalogs_order() -> None:
    text = line(
        item("a", Status.UNKNOWN, "no data"),
        item("b", Status.DEGRADED, "1/2 ready"),
        item("c", Status.ERROR, "0/2 ready"),
        item("d", Status.DEGRADED),
    ).text
    assert text == (
        "c is error: 0/2 ready; b is degraded: 1/2 ready; d is degraded; a is unknown: no data"
    )


def test_what_is_always_unknown_has_no_say() -> None:
    custom = item("runtime:custom", Status.UNKNOWN, "as configured", static=True)
    assert line(item("a", Status.HEALTHY), custom).code == 0
    assert line(custom).text == "no component has a say"


def test_a_run_that_failed_is_unknown_whatever_was_seen() -> None:
    broken = item("a", Status.ERROR, "0/1")
    lost = Outcome(ExitCode.DISCONNECTED, "pods: connection refused")
    found = line(broken, outcome=lost)
    assert (found.code, found.text) == (3, "pods: connection refused")
    assert list(found.data) == ["time"]
    assert line(outcome=lost, seen=False).code == 3
    assert line(outcome=Outcome(ExitCode.TERMINATED), seen=False).text == "ended with exit code 143"
    assert line(seen=False).code == 3


def test_the_data_alert_as_the_code_does() -> None:
    data = line(item("a", Status.DEGRADED), item("b", Status.ERROR)).data
    assert {name: alerts(datum) for name, datum in data.items() if alerts(datum)} == {
        "degraded": "WARNING",
        "error": "CRITICAL",
    }
    assert (data["time"].value, data["time"].uom) == (1.5, "s")


def test_one_long_message_hides_no_other_component() -> None:
    text = line(item("a", Status.ERROR, "x" * 900), item("b", Status.ERROR, "short")).text
    assert text.endswith("x...; b is error: short")


@given(
    st.lists(st.builds(item, st.text(min_size=1), st.sampled_from(Status), st.text()), max_size=30)
)
def test_it_is_one_line_of_the_form_and_never_too_long(items: list[Item]) -> None:
    text = printed(*items)
    assert len(text.encode("utf-8", "replace")) <= nagios.LINE_BYTES + 1


@pytest.mark.parametrize(
    "message", ["a|b=1;2;3", "two\nlines", 'it\'s "so"', "\x1b[31mred", "'x'=1 | 'y'=2"]
)
def test_what_would_break_the_line(message: str) -> None:
    found = line(item("a", Status.ERROR, message))
    assert set(found.data) == {*(status.value for status in Status), "time"}
