"""The timeline's SVG as a browser lays it out: nothing fetched, cut off or on top of another."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentctl.timeline import svg
from tests.browser import chromium
from tests.recording.told import beat, folded, snapshot
from tests.timeline.test_timeline_picture import incident

BOXES = """
[...document.querySelectorAll('text, g rect')].map(one => {
  const box = one.getBoundingClientRect();
  return [one.tagName, box.left, box.right, box.top, box.bottom];
})
"""
FILL = "getComputedStyle(document.querySelector('g rect.%s')).fill"


@pytest.mark.skipif(chromium.program() is None, reason="needs Chromium")
def test_a_browser_shows_it_whole(tmp_path: Path) -> None:
    pytest.importorskip("websocket")
    wide = folded(snapshot(0, f"{'W' * 60}=error b=healthy"), beat(3600))
    for name, found in (("incident", incident()), ("wide", wide)):
        (tmp_path / f"{name}.svg").write_text(svg.draw(found), encoding="utf-8")
    with chromium.Page(tmp_path / "profile", f"file://{tmp_path}/incident.svg") as page:
        page.wait_for("document.readyState == 'complete' && !!document.querySelector('g rect')")
        assert page.evaluate("document.documentElement.tagName") == "svg"
        assert page.evaluate("document.querySelectorAll('parsererror').length") == 0
        assert page.evaluate("performance.getEntriesByType('resource').length") == 0
        assert page.evaluate(FILL % "unseen") == 'url("#hatch")'
        fills = {page.evaluate(FILL % state) for state in ("healthy", "degraded", "error")}
        assert len(fills) == 3
        check(page)
        page.evaluate(f"location.href = 'file://{tmp_path}/wide.svg'")
        page.wait_for("!!document.querySelector('g rect') && location.href.includes('wide')")
        check(page)


def check(page: chromium.Page) -> None:
    width = page.evaluate("document.documentElement.getBoundingClientRect().width")
    height = page.evaluate("document.documentElement.getBoundingClientRect().height")
    boxes = page.evaluate(BOXES)
    assert len(boxes) > 10
    for _, left, right, top, bottom in boxes:
        assert 0 <= left <= right <= width + 1
        assert 0 <= top <= bottom <= height + 1
    texts = [box for box in boxes if box[0] == "text"]
    for at, one in enumerate(texts):
        for other in texts[at + 1 :]:
            apart = (
                min(one[2], other[2]) - max(one[1], other[1]) < 1
                or min(one[4], other[4]) - max(one[3], other[3]) < 4
            )
            assert apart, (one, other)
