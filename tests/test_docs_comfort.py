"""docs/comfort.md says what is: its examples are run, its table compared."""

from __future__ import annotations

import re
from pathlib import Path

from agentctl.cli.config.table import SETTINGS
from tests import docpage


def test_every_example_gives_what_it_shows(tmp_path: Path) -> None:
    docpage.run("comfort.md", tmp_path)


def test_the_table_of_settings_is_that_of_the_code() -> None:
    page = (docpage.ROOT / "docs" / "comfort.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w.]+)` \| (`--.+?) \| (.*?) ?\|$", page, re.MULTILINE)
    told = {
        key: (re.findall(r"--[\w-]+", flags), re.findall(r"\w+", var)) for key, flags, var in rows
    }
    assert told == {one.key: (list(one.flags), list(one.variables)) for one in SETTINGS}


OURS = r"\b(?:AGENTCTL|AGENTS_GRPC)_[A-Z_]+\b"
"""Other variables that begin like these are those of the control plane."""


def test_every_variable_that_a_page_names_is_one_of_the_table_and_none_is_left_out() -> None:
    pages = [docpage.ROOT / "README.md", *(docpage.ROOT / "docs").glob("*.md")]
    named = {name for page in pages for name in re.findall(OURS, page.read_text(encoding="utf-8"))}
    assert named == {name for one in SETTINGS for name in one.variables}
