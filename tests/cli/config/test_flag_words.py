"""Words of a command line: values by any look, switches with a truth, what is mistyped."""

from __future__ import annotations

import argparse
import io
from contextlib import suppress
from typing import Any

import pytest

from agentctl.cli.command_line import build_parser
from agentctl.cli.commands import commands
from agentctl.cli.config.flag_words import MAY_BE_EMPTY
from agentctl.cli.config.habits import other_command
from agentctl.cli.config.nearest import nearest
from agentctl.cli.host.process import FdOutput, Process
from agentctl.errors import UsageError
from tests.cli.completion.test_completion import EVERY

PARSER = build_parser(commands(), Process({}, FdOutput(1), io.StringIO()))
STATUS = next(parser for path, parser in EVERY if path == ("status",))
KNOWN = [name for action in STATUS._actions for name in action.option_strings]


def parsed(line: str) -> dict[str, Any]:
    return vars(PARSER.parse_args(line.split(" ")))


def refused(line: str) -> str:
    with pytest.raises(UsageError) as caught:
        PARSER.parse_args(line.split(" "))
    return str(caught.value)


@pytest.mark.parametrize(
    ("line", "dest", "value"),
    [
        ("status -n=a", "namespace", ["a"]),
        ("status -na", "namespace", ["a"]),
        ("status -wna", "namespace", ["a"]),
        ("status -n a -n b", "namespace", ["a", "b"]),
        ("status --server a --server=", "server", None),
        ("status --since=", "since", ""),
        ("status --token -abc", "token", "-abc"),
        ("status --watch=true", "watch", True),
        ("status -w=true", "watch", True),
        ("status --watch=false", "watch", False),
        ("status --watch --watch=false", "watch", False),
        ("status --retry=false", "retry", False),
        ("status --retry false", "retry", False),
        ("status --retry watch", "retry", True),
        ("status -w --debug=false", "debug", False),
        ("config set mode -o", "value", None),
    ],
)
def test_words_are_taken_as_kubectl_takes_them(line: str, dest: str, value: object) -> None:
    if line.startswith("config"):
        assert "unknown flag -o" in refused(line)
    else:
        assert parsed(line)[dest] == value


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("status watch --heartbeat -1s", "--heartbeat: expected a duration such as 500ms"),
        ("status watch --heartbeat=-1s", "--heartbeat: expected a duration such as 500ms"),
        ("status -n", "-n needs a value, NAME; see 'agentctl status --help'"),
        ("status -n -o json", "-n needs a value, NAME: -o is a flag"),
        ("status --namespace --watch", "--namespace needs a value, NAME: --watch is a flag"),
        ("status -n -- watch", "-n needs a value, NAME"),
        ("status -n ", "-n has an empty value: give NAME, or leave it out"),
        ("status --server= -w", "--server has an empty value: give ADDRESS"),
        ("status --watch=", "--watch: expected true or false, got ''"),
        ("status --retry=", "--retry: expected true or false, got ''"),
        ("status --no-color=true", "--no-color takes no value, got 'true'"),
        ("status -x", "unknown flag -x"),
        ("status -wx", "unknown flag -x"),
        ("status -watch", "unknown flag -watch; did you mean --watch?"),
        ("status -l app=x", "unknown flag -l: there are no label selectors"),
        ("status --selector=app=x", "name components, as in 'runtime:*'"),
        ("status --sort-by .status", "the order is the catalog's"),
        ("version -l x", "unknown flag -l; see"),
        ("config vieww", "got 'vieww'; did you mean view?"),
    ],
)
def test_what_cannot_be_meant_is_named(line: str, says: str) -> None:
    assert says in refused(line)


def value_flags() -> list[tuple[tuple[str, ...], str, argparse.Action]]:
    return [
        (path, name, action)
        for path, parser in EVERY
        for action in parser._actions
        for name in action.option_strings
        if action.nargs is None and not isinstance(action, argparse._SubParsersAction)
    ]


def arguments(path: tuple[str, ...]) -> list[str]:
    """What the command must have besides."""
    parser = dict(EVERY)[path]
    needed = (one for one in parser._actions if not one.option_strings and one.nargs is None)
    return [getattr(one.type, "choices", ["x"])[0] for one in needed]


@pytest.mark.parametrize(
    ("path", "name", "action"), value_flags(), ids=lambda one: one if isinstance(one, str) else ""
)
def test_every_flag_says_that_its_value_is_missing(
    path: tuple[str, ...], name: str, action: argparse.Action
) -> None:
    for missing in ([], ["--help"], ["--"]):
        words = [*path, *arguments(path), name, *missing]
        with pytest.raises(UsageError, match=f"^{name} needs a value, "):
            PARSER.parse_args(words)
    words = [*path, *arguments(path), f"{name}="]
    if name in MAY_BE_EMPTY:
        assert getattr(PARSER.parse_args(words), action.dest) == ""
    else:
        with pytest.raises(UsageError, match=f"(^| |/){name}(/--?[a-z-]+)*(:| has an empty value)"):
            PARSER.parse_args(words)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("--timout", "--timeout"),
        ("--tiemout", "--timeout"),
        ("--time", "--timeout"),
        ("--kube-config", "--kubeconfig"),
        ("--Namespace", "--namespace"),
        ("--no-colour", "--no-color"),
        ("--ca", "--tls-ca"),
        ("--interval", "--poll-interval"),
        ("--ns", "--namespace"),
        ("--follow", "--watch"),
        ("--stable", "--stable-for"),
        ("--tail", None),
        ("--level", None),
        ("--name", "--component"),
        ("--exit", None),
        ("--limit", None),
        ("--al", None),
        ("--export", None),
        ("--template", None),
        ("--dry-run", None),
    ],
)
def test_only_what_was_meant_is_suggested(word: str, meant: str | None) -> None:
    known = [name for name in KNOWN if not name.startswith("--exit")]
    assert nearest(word, known) == meant


FOREIGN = """--as --as-group --user --cluster --sort-by --no-headers --raw --v --exit-code
--chunk-size --ignore-not-found --request-timeout --all"""


@pytest.mark.parametrize("foreign", FOREIGN.split())
def test_a_flag_of_kubectls_is_not_taken_for_another(foreign: str) -> None:
    ours = ["--tls", "--grpc", "--color", "--server", "--retry", "--no-tls", "--live", "--record"]
    assert nearest(foreign, ours) is None


def test_commands_of_kubectls_are_told_apart() -> None:
    assert other_command(["get"], "kubectl agentctl") == "; did you mean 'kubectl agentctl status'?"
    assert "'kubectl config get-contexts'" in other_command(["config", "get-contexts"], "agentctl")
    assert other_command(["frobnicate"], "agentctl") == ""


PAIRS = (("a", "b"), ("2", "3"), ("50", "60"), ("127.0.0.1:1", "off"), ("https://a", "https://b"))
"""Values of which each type takes one pair."""


def two_values(action: argparse.Action) -> tuple[tuple[str, Any], tuple[str, Any]]:
    """As they are typed and as they are taken."""
    convert = action.type if callable(action.type) else str
    for pair in (*zip(*[iter(getattr(action.type, "choices", ()))] * 2), *PAIRS):
        with suppress(argparse.ArgumentTypeError):
            one, other = ((text, convert(text)) for text in pair)
            return one, other
    raise AssertionError(f"no two values for {action.option_strings}")


@pytest.mark.parametrize(
    ("path", "name", "action"), value_flags(), ids=lambda one: one if isinstance(one, str) else ""
)
def test_of_a_flag_that_is_given_twice_the_last_counts_unless_all_do(
    path: tuple[str, ...], name: str, action: argparse.Action
) -> None:
    one, other = two_values(action)
    words = [*path, *arguments(path), name, one[0], f"{name}={other[0]}"]
    several = isinstance(action, argparse._AppendAction)
    found = getattr(PARSER.parse_args(words), action.dest)
    assert found == ([one[1], other[1]] if several else other[1])
