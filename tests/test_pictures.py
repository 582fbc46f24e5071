"""The README's pictures: what is committed is whole, and the tool that drew it still can."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agentctl.catalog.loader import load_default
from tools import pictures
from tools.pictures import Text

README = (pictures.ROOT / "README.md").read_text(encoding="utf-8")
PICTURES = ("live.svg", "timeline.svg")


def texts(picture: str) -> list[str]:
    """Every text in an SVG; raises ParseError for what is none."""
    root = ElementTree.fromstring(picture)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return [text for text in ("".join(one.itertext()) for one in root.iter()) if text]


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_stands_alone_and_shows_every_component_of_the_catalog(name: str) -> None:
    picture = (pictures.DOCS / name).read_text(encoding="utf-8")
    assert not re.search(r"<script|<image|href=|@import|url\((?!#)", picture)
    assert {one.name for one in load_default().components} <= set(texts(picture))


def test_the_first_screen_of_the_readme_has_them() -> None:
    first = "".join(README.splitlines(keepends=True)[:40])
    assert all(f"(docs/{name})" in first for name in PICTURES)


def test_a_frame_is_drawn_as_a_terminal_shows_it(tmp_path: Path) -> None:
    said = "\x1b[1H\x1b[2Kone\x1b[2H\x1b[2Ka  \x1b[31merror\x1b[0m  <&>"
    later = "\x1b[1H\x1b[2K\x1b[1;31mtwo\x1b[0m"
    first, second = pictures.frames(said + later)
    assert first[1] == [Text("a  ", ""), Text("error", "error"), Text("  <&>", "")]
    assert second == [[Text("two", "alarm")]]
    assert pictures.fullest([second, first]) == first
    assert texts(pictures.still(first, "a title"))[-4:] == ["one", "a", "error", "<&>"]


def test_a_run_of_the_demo_can_be_drawn() -> None:
    said = pictures.seen(
        ["demo", "--live", "--no-script", "--until", "healthy", "--stable-for", "1s"]
    )
    found = texts(pictures.still(pictures.fullest(list(pictures.frames(said))), "a title"))
    assert {one.name for one in load_default().components} - set(found) <= {"runtime:temporal"}
    assert "healthy" in found
