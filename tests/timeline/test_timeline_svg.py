"""The SVG: well-formed, alone in the world, and with all that the picture has to say."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from agentctl.model import Item, Snapshot, Status
from agentctl.recording import Recorded
from agentctl.timeline import svg
from agentctl.timeline.facts import SpanState
from tests.recording.told import START, beat, folded
from tests.timeline.test_timeline_picture import incident

NS = "{http://www.w3.org/2000/svg}"


def bars(root: ElementTree.Element, state: SpanState) -> list[ElementTree.Element]:
    """The bars of a state, without the legend's."""
    return [
        rect
        for group in root.iter(f"{NS}g")
        for rect in group.iter(f"{NS}rect")
        if rect.get("class") == state.value
    ]


def test_it_stands_alone() -> None:
    text = svg.draw(incident())
    root = ElementTree.fromstring(text)
    assert root.tag == f"{NS}svg"
    tags = {element.tag.removeprefix(NS) for element in root.iter()}
    assert not tags & {"script", "image", "use", "a", "foreignObject", "link", "animate", "set"}
    for element in root.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            assert "href" not in name
            assert "://" not in value
    assert re.findall(r"url\(([^)]*)\)", text) == ["#hatch"]
    assert "@import" not in text
    assert text.count("://") == 1  # the name of SVG itself


def test_it_says_what_it_shows_to_those_who_do_not_see_it() -> None:
    root = ElementTree.fromstring(svg.draw(incident()))
    assert root.get("role") == "img"
    named = {element.get("id"): element for element in root.iter() if element.get("id")}
    title, desc = (named[one] for one in str(root.get("aria-labelledby")).split())
    assert title.text == "Status of the control plane over time"
    assert "grpc: available 85.18%, 3 changes." in str(desc.text)
    assert "Gaps in which not all could be seen: 1." in str(desc.text)
    assert "prefers-color-scheme: dark" in str(next(root.iter(f"{NS}style")).text)


def test_every_state_has_its_bar_and_its_tooltip() -> None:
    root = ElementTree.fromstring(svg.draw(incident()))
    for state in set(SpanState) - {SpanState.ABSENT, SpanState.STALE}:
        assert bars(root, state), state
    (error, later) = bars(root, SpanState.ERROR)
    assert error[0].text == "error: 2026-01-30T18:01:20Z to 2026-01-30T18:02:00Z, 40s"
    assert float(str(later.get("x"))) > float(str(error.get("x")))
    unseen = bars(root, SpanState.UNSEEN)
    assert len(unseen) == 4
    assert str(unseen[0][0].text).endswith("1m0s: disconnected: why")
    heights = [
        int(str(bars(root, state)[0].get("height")))
        for state in (SpanState.HEALTHY, SpanState.DEGRADED, SpanState.ERROR)
    ]
    assert heights == sorted(set(heights))


def test_bars_lie_in_the_plot_and_not_on_each_other() -> None:
    root = ElementTree.fromstring(svg.draw(incident()))
    for group in root.iter(f"{NS}g"):
        lane, *found = group.iter(f"{NS}rect")
        left = float(str(lane.get("x")))
        at = left
        for bar in found:
            assert float(str(bar.get("x"))) >= at
            at = float(str(bar.get("x"))) + float(str(bar.get("width")))
        assert at <= left + svg.PLOT


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_name_and_message_gives_xml(name: str, message: str) -> None:
    item = Item(name, "<agents>", Status.ERROR, message)
    found = folded(Recorded(0, Snapshot(START, (item,), "c")), beat(5))
    root = ElementTree.fromstring(svg.draw(found).encode("utf-8", "surrogatepass"))
    assert len(bars(root, SpanState.ERROR)) == 1
