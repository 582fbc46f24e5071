"""docs/record-replay.md says what is: every example in it is run, in order, in one folder.

A ``text`` block holds lines that must come, in that order, ``…`` for anything.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from tests.cli.program import environment

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "record-replay.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"^```sh\n(.*?)^```\n```text\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def pattern(line: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in line.split("…")))


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
    ElementTree.parse(tmp_path / "incident.svg")


def test_no_example_goes_unrun() -> None:
    fences = re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)
    assert fences == ["sh", "text"] * len(EXAMPLE.findall(PAGE))
    assert len(fences) >= 10
