"""docs/comfort.md says what is: its examples are run, in order, in one folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from agentctl.cli.origins import SETTINGS
from tests.cli.program import environment
from tests.test_docs_record_replay import EXAMPLE, pattern

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "comfort.md").read_text(encoding="utf-8")


def test_every_example_gives_what_it_shows(tmp_path: Path) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "agentctl").write_text(f'#!/bin/sh\nexec {sys.executable} -m agentctl "$@"\n')
    (commands / "agentctl").chmod(0o755)
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    for code, expected in EXAMPLE.findall(PAGE):
        done = subprocess.run(
            ["bash", "-c", code],
            cwd=tmp_path,
            env={**environment(tmp_path), "PATH": path, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=30,
            check=False,
        )
        lines = iter(done.stdout.splitlines())
        for wanted in expected.splitlines():
            found = pattern(wanted)
            assert any(found.fullmatch(line.strip()) for line in lines), (wanted, done.stdout)


def test_no_example_goes_unrun() -> None:
    fences = re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)
    assert fences == ["sh", "text"] * len(EXAMPLE.findall(PAGE))
    assert len(fences) >= 4


def test_the_table_of_settings_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| (`--.+?) \| (.*?) ?\|$", PAGE, re.MULTILINE)
    told = {key: (re.findall(r"--[\w-]+", flags), var.strip("`")) for key, flags, var in rows}
    assert told == {one.key: (list(one.flags), one.variable) for one in SETTINGS}
