"""What could come next: for every command and flag there is, whoever added it."""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentctl.cli.command_line import build_parser
from agentctl.cli.commands import commands
from agentctl.cli.completion.bash_line import BashLine, parse, quote
from agentctl.cli.config.parser import OneOf
from agentctl.cli.host.process import FdOutput, Process
from tests.cli.inprocess import call
from tests.test_layers import HEAVY

BREAKS = " \t\n\"'@><=;|&(:"
"""COMP_WORDBREAKS as bash has it."""

SLOW = (*HEAVY, "urllib3", "yaml")

KUBECONFIG = """\
current-context: dev
contexts:
- {name: dev, context: {cluster: local, namespace: team-a}}
- {name: "arn:aws:eks:eu:1:cluster/prod", context: {cluster: far}}
- {name: "my ctx", context: {cluster: far}}
- {name: "bad\\e[31m", context: {cluster: far}}
"""
CATALOG = """\
components:
  - {name: "store:one", checks: [{kind: static, status: healthy}]}
  - {name: queue, checks: [{kind: static, status: healthy}]}
"""


def complete(home: Path, *words: str, **environ: str) -> list[str]:
    """The candidates without their descriptions, and the directive."""
    done = call("__complete", *words, home=home, extra=environ)
    assert (done.code, done.stderr) == (0, "")
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


def every_parser() -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Each command and what is below it, with the words that lead there."""

    def below(
        path: tuple[str, ...], parser: argparse.ArgumentParser
    ) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, sub in action.choices.items():
                    yield (*path, name), sub
                    yield from below((*path, name), sub)

    return below((), build_parser(commands(), Process({}, FdOutput(1), io.StringIO())))


EVERY = list(every_parser())


def shown_flags(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [one for one in parser._actions if one.option_strings and one.help != argparse.SUPPRESS]


def test_all_commands_are_offered_with_what_they_do(tmp_path: Path) -> None:
    done = call("__complete", "", home=tmp_path)
    about = {command.NAME: " ".join(command.HELP.split()) for command in commands()}
    told = dict(line.split("\t") for line in done.stdout.splitlines()[:-1])
    assert told == about
    assert done.stdout.splitlines()[-1] == ":4"
    assert complete(tmp_path, "help", "sta") == ["status", ":4"]


@pytest.mark.parametrize(("path", "parser"), EVERY, ids=[" ".join(path) for path, _ in EVERY])
def test_all_flags_are_offered_and_all_their_choices(
    tmp_path: Path, path: tuple[str, ...], parser: argparse.ArgumentParser
) -> None:
    flags = {name for one in shown_flags(parser) for name in one.option_strings}
    assert set(complete(tmp_path, *path, "-")) == {*flags, ":4"}
    for action in shown_flags(parser):
        if isinstance(action.type, OneOf):
            for flag in action.option_strings:
                assert complete(tmp_path, *path, flag, "") == [*action.type.choices, ":4"]


@pytest.mark.parametrize(("path", "parser"), EVERY, ids=[" ".join(path) for path, _ in EVERY])
def test_all_that_takes_a_file_completes_files(
    tmp_path: Path, path: tuple[str, ...], parser: argparse.ArgumentParser
) -> None:
    for action in shown_flags(parser):
        if action.metavar in ("FILE", "OUT", "PATH"):
            assert complete(tmp_path, *path, action.option_strings[-1], "") == [":0"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("sta", "status"),
        ("status wa", "watch"),
        ("status --col", "--color"),
        ("status --color=a", "--color=auto --color=always"),
        ("status --color a", "auto always"),
        ("status -oj", "-ojson"),
        ("status --retry=", "--retry=true --retry=false"),
        ("status --retry wa", "watch"),
        ("status --component runtime:t", "runtime:temporal"),
        ("status --component=runtime:t", "--component=runtime:temporal"),
        ("demo --component data", "database"),
        ("status --catalog=x --catal", ""),
        ("status --component x --compon", "--component"),
        ("status --catalog auto --component ", "namespace"),
        ("status -- --col", ""),
        ("status -n --col", ""),
        ("nonsense --col", ""),
        ("completion ", "bash zsh fish"),
        ("catalog ", "show list test detect generate"),
        ("config ", "view get set unset path"),
        ("config set m", "mode"),
        ("config set mode ", "kube grpc sse auto"),
        ("config set tls ", "true false"),
        ("config set token ", "-"),
        ("version --output ", "text json"),
    ],
)
def test_what_is_offered(tmp_path: Path, words: str, expected: str) -> None:
    assert complete(tmp_path, *words.split(" "))[:-1] == expected.split()


@pytest.mark.parametrize("words", ["config set tls.ca ", "config set kubeconfig x"])
def test_settings_that_are_files_complete_files(tmp_path: Path, words: str) -> None:
    assert complete(tmp_path, *words.split(" ")) == [":0"]


class TestLookedUp:
    @pytest.fixture(autouse=True)
    def _files(self, tmp_path: Path) -> None:
        (tmp_path / ".kube").mkdir()
        (tmp_path / ".kube" / "config").write_text(KUBECONFIG)
        (tmp_path / "mine.yaml").write_text(CATALOG)

    def test_contexts_of_the_kubeconfig(self, tmp_path: Path) -> None:
        """One with an escape sequence in it is no word for a terminal."""
        found = complete(tmp_path, "status", "--context", "")
        assert found == ["dev", "arn:aws:eks:eu:1:cluster/prod", "my ctx", ":4"]

    @pytest.mark.parametrize("path", ["{home}/other", "~/other", "$HOME/other"])
    def test_contexts_of_the_one_on_the_line(self, tmp_path: Path, path: str) -> None:
        (tmp_path / "other").write_text("contexts: [{name: far, context: {}}]")
        given = path.format(home=tmp_path)
        assert complete(tmp_path, "status", "--kubeconfig", given, "--context", "") == ["far", ":4"]
        assert complete(tmp_path, "status", f"--kubeconfig={given}", "--context=") == [
            "--context=far",
            ":4",
        ]

    def test_contexts_of_several_whatever_is_wrong_with_one(self, tmp_path: Path) -> None:
        (tmp_path / "bad").write_text("{")
        (tmp_path / "good").write_text("contexts: [{name: far, context: {}}]")
        os.mkfifo(tmp_path / "pipe")  # would wait for ever
        (tmp_path / "huge").write_bytes(b"#" * (1 << 21))
        paths = os.pathsep.join(
            str(tmp_path / name) for name in ("bad", "missing", "pipe", "huge", "good")
        )
        assert complete(tmp_path, "status", "--context", "", KUBECONFIG=paths) == ["far", ":4"]

    def test_components_of_the_catalog_on_the_line(self, tmp_path: Path) -> None:
        mine = ["status", "--catalog", "~/mine.yaml", "--component"]
        assert complete(tmp_path, *mine, "") == ["store:one", "queue", ":4"]
        assert complete(tmp_path, *mine, "store:") == ["store:one", ":4"]

    def test_a_catalog_that_cannot_be_used_offers_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "bad.yaml").write_text("components: 1")
        for name in ("bad.yaml", "missing.yaml"):
            found = complete(tmp_path, "status", "--catalog", f"~/{name}", "--component", "")
            assert found in ([":1"], [":4"])

    def test_namespaces_that_are_named_somewhere(self, tmp_path: Path) -> None:
        found = complete(tmp_path, "status", "-n", "", AGENTCTL_NAMESPACE="mine")
        assert found == ["mine", "team-a", "agents", ":4"]

    def test_settings_that_are_there_to_be_taken_away(self, tmp_path: Path) -> None:
        call("config", "set", "tls.ca", "/dev/null", home=tmp_path)
        call("config", "set", "mode", "sse", home=tmp_path)
        assert complete(tmp_path, "config", "unset", "") == ["mode", "tls.ca", ":4"]


@settings(max_examples=20)
@given(st.lists(st.one_of(st.text(max_size=8), st.sampled_from(["status", "-", "--", "config",
       "set", "--component", "--context=", "-o", "help", "serve", "="])), max_size=5))  # fmt: skip
def test_nothing_that_can_be_typed_gives_an_error(
    tmp_path_factory: pytest.TempPathFactory, words: list[str]
) -> None:
    home = tmp_path_factory.getbasetemp()
    for hidden in (["__complete", *words], ["__complete_bash", " ".join(words), BREAKS]):
        done = call(*hidden, home=home)
        assert (done.code, done.stderr) == (0, "")
        assert done.stdout.splitlines()[-1] in (":0", ":1", ":4")


def test_a_terminal_gets_no_error_though_nothing_was_asked(tmp_path: Path) -> None:
    assert call("__complete_bash", home=tmp_path) == (0, ":1\n", "")
    assert call("__complete", home=tmp_path).code == 0


def test_it_is_quick_since_it_imports_little() -> None:
    code = (
        "from agentctl.cli.main import main; from agentctl.cli.host.process import Process\n"
        "main(['__complete', 'status', '--'], Process.real())"
    )
    probe = f"{code}\nimport sys; sys.exit(bool({set(SLOW)!r} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", probe], stdout=subprocess.DEVNULL, check=True)


class TestBashLine:
    @pytest.mark.parametrize(
        ("text", "words", "kept", "open_quote"),
        [
            ("agentctl ", ["agentctl", ""], 0, ""),
            ("agentctl  sta", ["agentctl", "sta"], 0, ""),
            ("a runtime:te", ["a", "runtime:te"], 8, ""),
            ("a --x=runtime:te", ["a", "--x=runtime:te"], 12, ""),
            ("a 'runtime:te", ["a", "runtime:te"], 0, "'"),
            ("a --x='run:te", ["a", "--x=run:te"], 4, "'"),
            ('a "it\\"s', ["a", 'it"s'], 0, '"'),
            ("a it\\ is", ["a", "it is"], 0, ""),
            ("a run\\:te", ["a", "run:te"], 0, ""),
            ("a 'x y' z", ["a", "x y", "z"], 0, ""),
            ("a '' z", ["a", "", "z"], 0, ""),
            ("a 2>/dev/null st", ["a", "st"], 0, ""),
            ("a b <in --c", ["a", "b", "--c"], 0, ""),
        ],
    )
    def test_words(self, text: str, words: list[str], kept: int, open_quote: str) -> None:
        assert parse(text, BREAKS) == BashLine(tuple(words), kept, open_quote, False)

    @pytest.mark.parametrize("text", ["a > fi", "a >fi", "a 2> ", "a >>fi", "a < "])
    def test_what_follows_a_redirection_is_a_file(self, text: str) -> None:
        assert parse(text, BREAKS).is_redirection

    @settings(max_examples=50)
    @given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1))
    def test_what_is_quoted_is_read_as_it_was(self, word: str) -> None:
        assert parse(f"a {quote(word, '')}", "").words[-1] == word
        assert parse(f'a "{quote(word, chr(34))}', "").words[-1] == word


def test_catalogs_that_ship_are_offered_by_name_and_else_files(tmp_path: Path) -> None:
    shipped = complete(tmp_path, "status", "--catalog", "")
    assert {"agents", "argocd", "keda", "temporal", ":0"} <= set(shipped)
    assert complete(tmp_path, "status", "--catalog", "cert") == ["cert-manager", ":0"]
    assert complete(tmp_path, "status", "--catalog=fl") == ["--catalog=flux", ":0"]
    assert complete(tmp_path, "auth", "can-watch", "--catalog", "mine") == [":0"]
    assert complete(tmp_path, "catalog", "detect", "kn") == ["knative-serving", ":0"]
    assert complete(tmp_path, "catalog", "detect", "flux", "kn") == ["knative-serving", ":0"]
    assert complete(tmp_path, "catalog", "list", "kn") == [":4"]
    assert complete(tmp_path, "catalog", "show", "kn") == ["knative-serving", ":0"]
    assert complete(tmp_path, "catalog", "de") == ["detect", ":4"]
