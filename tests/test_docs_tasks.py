"""The pages of one task each say what is: their examples are run, their tables compared."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from agentctl.errors import ExitCode
from tests import docpage
from tests.packaging import wheelwright
from tools import bundle
from tools.backend.wheel_backend import EPOCH
from tools.bundling import archive, collect
from tools.bundling.target import Target, platform_here

DOCS = docpage.ROOT / "docs"


@pytest.mark.parametrize("page", ["cron.md", "ci-gate.md", "transports.md", "many-clusters.md"])
def test_every_example_gives_what_it_shows(page: str, tmp_path: Path) -> None:
    docpage.run(page, tmp_path)


def test_every_example_without_a_network(tmp_path: Path) -> None:
    """With a bundle of an empty stand-in: what runs is the tree's program, by PYTHONPATH.

    tests/packaging/test_bundle.py installs the program itself.
    """
    script = "[console_scripts]\nagentctl = agentctl.cli.entry:entry\n"
    work = tmp_path / "work"
    project = wheelwright.wheel(work, "agentctl", "1", {}, entry_points=script)
    wheels = [collect.Wheel.at(one) for one in (project, wheelwright.pip(work))]
    target = Target((3, sys.version_info[1]), platform_here())
    (tmp_path / "page").mkdir()
    archive.write(tmp_path / "page", wheels[0], [], {target: wheels}, EPOCH)
    docpage.run("air-gapped.md", tmp_path / "page")


def test_the_flags_of_the_bundle_are_those_of_the_tool() -> None:
    told = re.findall(r"^\| `(--[\w-]+)", (DOCS / "air-gapped.md").read_text("utf-8"), re.MULTILINE)
    made = [action.option_strings[-1] for action in bundle.arguments()._actions]
    assert sorted(told) == sorted(set(made) - {"--help"})


@pytest.mark.parametrize("page", ["cron.md", "ci-gate.md"])
def test_the_codes_are_those_of_the_program(page: str) -> None:
    told = re.findall(r"^\| (\d+) \|", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)
    usual = [code for code in sorted(ExitCode) if code < ExitCode.INTERNAL]
    assert [int(code) for code in told] == usual
