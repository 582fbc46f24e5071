"""docs/record-replay.md says what is: its examples are run."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from tests import docpage


def test_every_example_gives_what_it_shows(tmp_path: Path) -> None:
    docpage.run("record-replay.md", tmp_path)
    ElementTree.parse(tmp_path / "incident.svg")
