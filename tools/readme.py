"""Writes the generated tables of the README and of docs/, and the man page, from the code.

Run it as python tools/readme.py; with --check it only tells what is not current.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # this checkout, whatever is installed

from agentctl.cli.command_line import build_parser
from agentctl.cli.commands import commands
from agentctl.cli.host.process import FdOutput, Process
from agentctl.errors import ExitCode
from agentctl.renderers.nagios import PluginCode

ROOT = Path(__file__).parent.parent

MEANINGS = {
    ExitCode.OK: (
        "it did what was asked, whatever it saw; `--timeout` passed while connected; "
        "`--until` was reached"
    ),
    ExitCode.VERDICT_BAD: (
        "the verdict is bad: `--fail-on` (`--exit-code`) matched, or `--timeout` passed before "
        "`--until`; a recording is damaged; `catalog detect` found nothing"
    ),
    ExitCode.USAGE: "usage or configuration error",
    ExitCode.REFUSED: "the API refused: not authenticated, not permitted, not found",
    ExitCode.STREAMING_UNSUPPORTED: (
        "streaming is not supported there and `--fallback-poll` was not given"
    ),
    ExitCode.DISCONNECTED: (
        "could not connect, lost the connection with `--retry=false`, "
        "or still disconnected at `--timeout`"
    ),
    ExitCode.INTERNAL: "a fault of agentctl's own; `--debug` shows where",
    ExitCode.INTERRUPTED: "ctrl-C (SIGINT)",
    ExitCode.PIPE_CLOSED: "the reader of the output went away (`| head -1`)",
    ExitCode.TERMINATED: "SIGTERM",
}

PLUGIN_MEANINGS = {
    PluginCode.OK: "every component is `healthy` or `configured`",
    PluginCode.WARNING: "a component is `degraded`, none is `error`",
    PluginCode.CRITICAL: "a component is `error`",
    PluginCode.UNKNOWN: (
        "a component is `unknown` and none is worse; or the run failed: not reachable, "
        "refused, a usage error"
    ),
}


def exit_codes() -> str:
    rows = [f"| {code.value} | {MEANINGS[code]} |" for code in sorted(ExitCode)]
    return "\n".join(["| code | when |", "|---|---|", *rows])


def plugin_codes() -> str:
    rows = [f"| {code.value} | {code.name} | {PLUGIN_MEANINGS[code]} |" for code in PluginCode]
    return "\n".join(["| code | | when |", "|---|---|---|", *rows])


def flags(command: str) -> str:
    process = Process(environ={}, stdout=FdOutput(1), stderr=io.StringIO())
    known = commands()
    parser = build_parser(known, process)
    choices = next(a.choices for a in parser._actions if a.choices)
    rows = [f"| flag of `agentctl {command}` | does |", "|---|---|"]
    for action in choices[command]._actions:
        hidden = action.help == argparse.SUPPRESS or "--help-all" in action.option_strings
        if hidden or "-h" in action.option_strings or not action.option_strings:
            continue
        metavar = f" {action.metavar}" if action.metavar else ""
        if action.nargs == "?":
            metavar = f"[={action.metavar}]"
        names = ", ".join(action.option_strings)
        cell = f"`{names}{metavar}`".replace("|", "\\|")
        rows.append(f"| {cell} | {str(action.help).replace('|', chr(92) + '|')} |")
    return "\n".join(rows)


TABLES: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "README.md": {"exit-codes": exit_codes},
    "docs/nagios.md": {"plugin-codes": plugin_codes},
    "docs/flags.md": {
        "flags": partial(flags, "status"),
        "serve-flags": partial(flags, "serve"),
    },
}
"""By page, and the name of the table in it."""


def generate(page: str, text: str) -> str:
    """The page with its tables as they should be."""
    return filled(page, text, TABLES[page])


def filled(page: str, text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """The page with these tables, each between its marks."""
    for name, make in tables.items():
        begin, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
        head, found, rest = text.partition(begin)
        _, closed, tail = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"{page} has no place for {name}")
        text = f"{head}{begin}{make()}\n{end}{tail}"
    return text


def main(check: bool) -> None:
    for page in TABLES:
        path = ROOT / page
        before = path.read_text(encoding="utf-8")
        after = generate(page, before)
        if check and before != after:
            sys.exit(f"{page} is not current: run python tools/readme.py")
        path.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    manpage = [sys.executable, "-m", "tools.manpage", *sys.argv[1:]]
    if subprocess.run(manpage, cwd=ROOT, check=False).returncode:
        sys.exit(1)
    main("--check" in sys.argv)
