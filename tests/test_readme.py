"""The README says what is: its tables, commands, links and markers."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentctl.cli.command_line import build_parser
from agentctl.cli.commands import commands
from agentctl.cli.host.process import FdOutput, Process
from agentctl.errors import ExitCode
from tools import readme

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = (
    "README.md",
    "docs/catalog.md",
    "docs/diagnose.md",
    "docs/architecture.md",
    "docs/server.md",
    "docs/comfort.md",
    "docs/nagios.md",
    "docs/prometheus-textfile.md",
    "docs/systemd.md",
    "docs/record-replay.md",
    "docs/cron.md",
    "docs/ci-gate.md",
    "docs/air-gapped.md",
    "docs/upgrading.md",
    "docs/events.md",
    "docs/flags.md",
    "docs/control-planes.md",
)
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PRINTED = re.compile(r"^```text\n.*?^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
ENDS_A_COMMAND = {"|", "||", "&", "&&", ";", ">", ">>", "<", "(", "<(", ")"}


def marked(name: str) -> str:
    """The code block below a marker."""
    match = re.search(rf"<!-- {name} -->\n```[^\n]*\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    assert match, f"README.md has no block marked {name}"
    return match[1]


def agentctl_commands(page: str) -> Iterator[tuple[str, ...]]:
    """The arguments of every ``agentctl`` call in a page's blocks and in its running text."""
    text = PRINTED.sub("", (ROOT / page).read_text(encoding="utf-8"))
    blocks = "\n".join(FENCE.findall(text)).replace("\\\n", " ")
    spans = re.findall(r"`(agentctl [^`]+)`", FENCE.sub("", text))
    blocks = re.sub(r"\d>&\d", "", blocks)
    for line in [*blocks.splitlines(), *spans]:
        words = shlex.shlex(line.strip().removeprefix("$ "), posix=True, punctuation_chars=True)
        words.whitespace_split = True
        call: list[str] = []
        for word in [*words, ";"]:
            if word in ENDS_A_COMMAND:
                # What is for the shell to expand is for the test that runs the page.
                runs = call and Path(call[0]).name == "agentctl"
                if runs and not any(part in one for one in call for part in ("${", "$@")):
                    yield tuple(call[1:])
                call = []
            else:
                call.append(word)


CALLS = sorted({call for page in PAGES for call in agentctl_commands(page)})


@pytest.mark.parametrize("page", readme.TABLES)
def test_the_generated_tables_are_current(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert readme.generate(page, text) == text, "run python tools/readme.py"


def test_the_tables_are_made_of_this_checkout_though_no_agentctl_is_installed(
    tmp_path: Path,
) -> None:
    made = [sys.executable, "-S", str(ROOT / "tools" / "readme.py"), "--check"]
    subprocess.run(made, cwd=tmp_path, check=True, timeout=60)


def test_a_table_that_is_out_of_date_is_noticed() -> None:
    page = (ROOT / "docs/flags.md").read_text(encoding="utf-8")
    stale = page.replace("| `--no-retry` |", "| `--never-retry` |")
    assert stale != page
    assert readme.generate("docs/flags.md", stale) == page


def test_the_exit_codes_are_those_of_the_program() -> None:
    table = README.partition("<!-- generated: exit-codes -->")[2].partition("<!-- end -->")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == sorted(
        ExitCode
    )


def test_there_are_commands_to_check() -> None:
    assert {("status",), ("status", "watch"), ("demo",), ("schema",)} <= set(CALLS)


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_every_command_shown_is_one_that_can_be_given(call: tuple[str, ...]) -> None:
    process = Process(environ={}, stdout=FdOutput(1), stderr=io.StringIO())
    args = build_parser(commands(), process).parse_args([word for word in call if word != "..."])
    assert callable(args.run)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *PAGES[1:]])
def test_every_link_leads_to_a_file(page: str) -> None:
    here = ROOT / page
    local = [
        link.partition("#")[0]
        for link in LINK.findall(here.read_text(encoding="utf-8"))
        if not link.startswith(("http://", "https://", "#"))
    ]
    assert [link for link in local if not (here.parent / link).exists()] == []


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", *PAGES])
def test_the_files_and_names_of_the_code_that_a_page_tells_of_are_there(page: str) -> None:
    prose = FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))
    roots = (ROOT, ROOT / "agentctl", ROOT / "agentctl/kube/checks", ROOT / page / "..")
    for path in re.findall(r"`(?:python )?([\w/]+\.py)\b[^`]*`", prose):
        assert any((root / path).exists() for root in roots), path
    for module, name in re.findall(r"`(?:agentctl\.)?((?:[a-z_]+\.)+)(\w+)`", prose):
        file = (ROOT / "agentctl" / module.replace(".", "/").rstrip("/")).with_suffix(".py")
        if file.exists():
            assert re.search(rf"^(?:def|class) {name}\b", file.read_text("utf-8"), re.M), file


def test_the_documents_are_linked() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert f"(docs/{page.name})" in README


@pytest.mark.parametrize("name", ["demo-command", "test-command"])
def test_a_marked_block_is_one_command_that_installs_what_it_needs(name: str) -> None:
    lines = marked(name).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("python3 -m venv .venv && .venv/bin/pip install ")


def test_the_gate_runs_the_marked_test_command() -> None:
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    match = re.search(r"^command=\$\((.*)\)$", gate, re.MULTILINE)
    assert match
    found = subprocess.run(
        ["bash", "-c", match[1]], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    )
    assert found.stdout == marked("test-command")
