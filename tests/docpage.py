"""Runs the examples of a page of docs/: each ``sh`` block, and what it must print.

A block is run by bash as it stands, in a folder that all blocks of the page share; the
``text`` block after it holds lines that must come, in that order, ``…`` for anything.
What a block leaves running ends with it. Its ports become some that are free now.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.cli.program import environment
from tests.ports import free_ports

ROOT = Path(__file__).parent.parent
EXAMPLE = re.compile(r"^```sh\n(.*?)^```\n```text\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FENCE = re.compile(r"^```(\w+)$", re.MULTILINE)
BACKGROUND = re.compile(r"> (\S+) &$", re.MULTILINE)
LISTENING = re.compile(r"(?<=127\.0\.0\.1:)\d+")
PATIENCE_S = 30.0


class Example(NamedTuple):
    code: str
    expected: list[str]


def examples(page: str) -> list[Example]:
    """All of a page's; raises AssertionError if one could not be told from its marks."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found = [Example(code, lines.splitlines()) for code, lines in EXAMPLE.findall(text)]
    assert FENCE.findall(text) == ["sh", "text"] * len(found)
    assert found
    ports = {port for code, _ in found for port in LISTENING.findall(code)}
    free = dict(zip(ports, map(str, free_ports(len(ports)))))

    def moved(text: str) -> str:
        return LISTENING.sub(lambda port: free.get(port[0], port[0]), text)

    return [Example(moved(code), [*map(moved, lines)]) for code, lines in found]


def run(page: str, home: Path) -> None:
    """Run all of a page's examples; raises AssertionError where one says something else."""
    commands = home / "bin"
    commands.mkdir()
    for name, arguments in (("agentctl", "-m agentctl"), ("python3", "")):
        (commands / name).write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
        (commands / name).chmod(0o755)
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    for example in examples(page):
        printed = _printed(example.code, home, path)
        lines = iter(printed.splitlines())
        for wanted in example.expected:
            found = re.compile(".*".join(re.escape(part) for part in wanted.split("…")))
            assert any(found.fullmatch(line.rstrip()) for line in lines), (wanted, printed)


def _printed(code: str, home: Path, path: str) -> str:
    output = home / "output"
    for name in BACKGROUND.findall(code):
        # An earlier block's would be taken for what this one waits for.
        (home / name).unlink(missing_ok=True)
    with output.open("wb") as file:
        process = subprocess.Popen(
            ["bash", "-c", code],
            cwd=home,
            env={**environment(home), "PATH": path, "PYTHONPATH": str(ROOT)},
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        try:
            process.wait(PATIENCE_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return output.read_text(encoding="utf-8")
