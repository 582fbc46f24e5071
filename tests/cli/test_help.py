"""``--help`` of every command: short, with examples that can be given; ``--help-all`` the rest."""

from __future__ import annotations

import argparse
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentctl.cli.command_line import build_parser
from agentctl.cli.commands import commands
from agentctl.cli.config.parser import Parser
from agentctl.cli.host.process import FdOutput, Process
from tests.cli.completion.test_completion import EVERY, shown_flags
from tests.cli.inprocess import call

SHORT = ("status", "diagnose", "serve", "demo", "auth")


def examples(parser: argparse.ArgumentParser) -> Iterator[list[str]]:
    """The arguments of each call of agentctl that stands on an indented line."""
    text = f"{parser.description}\n{parser.epilog or ''}".replace("\\\n", " ")
    for line in re.findall(r"^  (\S.*)$", text, re.MULTILINE):
        for words in re.findall(r"(?:^|[(']|; |\| )agentctl\b([^|;<>)]*)", line):
            yield shlex.split(re.split(r" {3,}|&$", words)[0])


@pytest.mark.parametrize(("path", "parser"), EVERY, ids=[" ".join(path) for path, _ in EVERY])
def test_every_command_has_two_examples_that_can_be_given(
    path: tuple[str, ...], parser: argparse.ArgumentParser
) -> None:
    found = [words for words in examples(parser) if tuple(words[: len(path)]) == path]
    assert len(found) >= 2
    whole = build_parser(commands(), Process({}, FdOutput(1), io.StringIO()))
    for words in examples(parser):
        assert callable(whole.parse_args(words).run)


def flags_in(text: str) -> set[str]:
    return set(re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.MULTILINE))


@pytest.mark.parametrize("command", SHORT)
def test_help_shows_ten_flags_and_help_all_the_rest(command: str, tmp_path: Path) -> None:
    parser = dict(EVERY)[command,]
    assert isinstance(parser, Parser)
    common, every = flags_in(parser.format_help()), flags_in(parser.format_help_all())
    own = {"--help", "--help-all"}
    assert len(common - own) == 10
    assert common < every
    assert every == {
        next(flag for flag in action.option_strings if flag.startswith("--"))
        for action in shown_flags(parser)
    }
    assert f"show all {len(every)} flags" in parser.format_help()
    done = call(command, "--help-all", home=tmp_path)
    assert (done.code, done.stderr) == (0, "")
    assert flags_in(done.stdout) == every
    assert flags_in(call("help", command, home=tmp_path).stdout) == common


@pytest.mark.parametrize(("path", "parser"), EVERY, ids=[" ".join(path) for path, _ in EVERY])
def test_no_help_has_more_flags_than_can_be_taken_in(
    path: tuple[str, ...], parser: argparse.ArgumentParser
) -> None:
    assert len(flags_in(parser.format_help())) <= 12


def test_a_flag_that_nobody_called_common_is_among_the_rest() -> None:
    parser = Parser(pytest.fail, prog="x")
    for flag in ("--common", "--new"):
        parser.add_argument(flag)
    parser.set_common(["--common"])
    assert "--new" not in parser.format_help()
    assert "--new" in parser.format_help_all()


@pytest.mark.parametrize("command", [(), ("schema",), ("config", "set")])
def test_where_all_is_shown_help_all_is_help(command: tuple[str, ...], tmp_path: Path) -> None:
    done = call(*command, "--help-all", home=tmp_path)
    assert done == call(*command, "--help", home=tmp_path)
    assert "--help-all" not in done.stdout
