"""The picture of what start-up imports: what is committed is whole, and the tool draws."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from tools.import_tree import Module, drawn

DOCS = Path(__file__).parent.parent / "docs"
SVG = "{http://www.w3.org/2000/svg}"


def test_the_committed_picture_stands_alone() -> None:
    picture = (DOCS / "imports.svg").read_text(encoding="utf-8")
    assert not re.search(r"<script|<image|href=|@import|url\((?!#)", picture)
    root = ElementTree.fromstring(picture)
    heads = [one.text or "" for one in root.iter(f"{SVG}text") if one.get("class") == "head"]
    assert [head.split()[0] for head in heads] == ["before", "after:"]


def test_a_module_is_as_wide_as_its_import_and_stands_below_who_imported_it() -> None:
    modules = [
        Module("agentctl.cli.main", -1, 2.0),
        Module("agentctl.errors", 0, 3.0),
        Module("yaml", 0, 4.0),
        Module("ssl", -1, 1.0),
        Module("none<of&this", -1, 0.0),
    ]
    root = ElementTree.fromstring(drawn({"here": modules}))
    boxes = {
        str(group.findtext(f"{SVG}title")).split(":")[0]: group.find(f"{SVG}rect")
        for group in root.iter(f"{SVG}g")
    }
    assert list(boxes) == ["agentctl.cli.main", "agentctl.errors", "yaml", "ssl"]
    left, top, width = (
        {name: float(str(one.get(key))) for name, one in boxes.items() if one is not None}
        for key in ("x", "y", "width")
    )
    assert width["agentctl.cli.main"] == 9 * width["ssl"]
    assert abs(width["yaml"] - 4 * width["ssl"]) < 0.2
    assert left["agentctl.errors"] == left["agentctl.cli.main"]
    assert top["yaml"] == top["agentctl.errors"] > top["ssl"] == top["agentctl.cli.main"]
