"""docs/status-page.md says what is: its examples are run, and its pictures are there and small."""

from __future__ import annotations

import re
from pathlib import Path

from tests.test_docs_server import EXAMPLE, FENCE, ROOT, Example, run_all

PAGE = (ROOT / "docs" / "status-page.md").read_text(encoding="utf-8")
EXAMPLES = [Example(m[1], m[2], m[3].splitlines()) for m in EXAMPLE.finditer(PAGE)]
MAX_PICTURE = 60_000
"""Bytes: each clone has them for ever."""


def test_every_example_gives_what_it_shows(tmp_path: Path) -> None:
    run_all(EXAMPLES, tmp_path)


def test_no_example_goes_unrun() -> None:
    fences = [language for language in FENCE.findall(PAGE) if language]
    assert sorted(fences) == sorted(["text", "sh"] * len(EXAMPLES))


def test_the_pictures_are_there_and_small() -> None:
    for name in re.findall(r"\]\(([\w-]+\.png)\)", PAGE):
        assert (ROOT / "docs" / name).stat().st_size < MAX_PICTURE, name
