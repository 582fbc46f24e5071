"""The man page says what the parser does, and formatters have nothing to say against it."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.completion.test_completion import EVERY
from tools import manpage

ROOT = Path(__file__).parent.parent
TEXT = manpage.PAGE.read_text(encoding="utf-8")
PLAIN = re.sub(r"\\f[BIR]", "", TEXT).replace("\\-", "-")


def test_it_is_current() -> None:
    assert manpage.current(TEXT) == TEXT, "run python tools/readme.py"


def test_its_date_changes_with_what_it_says_and_not_otherwise() -> None:
    stale = TEXT.replace(".SH NAME", ".SH NAMES")
    assert manpage.current(stale) != stale
    old = manpage.generate("2020-02-02")
    assert manpage.current(old) == old


@pytest.mark.parametrize(("path", "parser"), EVERY, ids=[" ".join(path) for path, _ in EVERY])
def test_every_command_has_its_section_with_every_flag(
    path: tuple[str, ...], parser: argparse.ArgumentParser
) -> None:
    section = PLAIN.partition(f".SS agentctl {' '.join(path)}\n")[2].partition("\n.S")[0]
    assert section
    for action in parser._actions:
        if action.help != argparse.SUPPRESS and "--help" not in action.option_strings:
            for flag in action.option_strings:
                assert re.search(rf"^(--?[\w-]+, )*{flag}\b", section, re.MULTILINE)


def test_every_variable_that_is_read_is_there() -> None:
    read = {
        name
        for path in (ROOT / "agentctl").rglob("*.py")
        for name in re.findall(r"\"(AGENTCTL_[A-Z_]+)\"", path.read_text(encoding="utf-8"))
    }
    assert "AGENTCTL_SERVER" in read
    assert read - set(re.findall(r"^AGENTCTL_[A-Z_]+$", PLAIN, re.MULTILINE)) == set()


@pytest.mark.parametrize(
    "command",
    [("groff", "-man", "-Tutf8", "-ww", "-z"), ("mandoc", "-T", "lint", "-W", "style")],
    ids=lambda command: command[0],
)
def test_a_formatter_has_nothing_to_say_against_it(command: tuple[str, ...]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here")
    done = subprocess.run(
        [*command, str(manpage.PAGE)], capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_what_is_printed_is_what_was_written() -> None:
    """No minus that became a hyphen, no example that was filled, no quote that was eaten."""
    if shutil.which("groff") is None:
        pytest.skip("no groff here")
    done = subprocess.run(
        [
            "groff",
            "-man",
            "-Tascii",
            "-P-c",
            "-P-b",
            "-P-o",
            "-P-u",
            "-rLL=200n",
            str(manpage.PAGE),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "agentctl status watch -o ndjson | jq -c 'select(.type==\"delta\")'" in lines
    assert "-n, --namespace NAME" in lines
