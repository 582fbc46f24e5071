"""What the users of upstream's command type: flags, variables, and their order."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentctl.cli.command_line import build_parser
from agentctl.cli.commands import commands
from agentctl.cli.config.word_order import command_first
from agentctl.cli.host.process import FdOutput, Process
from tests.cli.completion.test_completion import complete
from tests.cli.inprocess import call
from tests.remote.grpc_server_rig import ScriptedServer
from tests.remote.test_grpc_names import answer

AWAY = "192.0.2.1:50051"
"""Nobody is asked there: what is in force stands before it."""


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(ask=answer) as server:
        yield server


@pytest.mark.parametrize(
    "words",
    [
        "--grpc --server HERE status",
        "--grpc --address HERE status",
        "--grpc --server=HERE --no-tls --no-color status -o table",
        "-n agents --grpc status --address=HERE",
        "-nagents --server HERE diagnose --grpc --no-tls",
        "--no-color --output ndjson --server HERE --grpc status",
    ],
)
def test_flags_of_upstreams_users(server: ScriptedServer, tmp_path: Path, words: str) -> None:
    here = words.replace("HERE", f"127.0.0.1:{server.port}").split()
    done = call(*here, home=tmp_path, extra={"AGENTCTL_TLS": "0"})
    assert (done.code, done.stderr) == (0, "")
    assert len(server.asked) == 1
    assert server.asked[0].namespace == "agents"


@pytest.mark.parametrize(
    "variables",
    [
        {"AGENTCTL_ADDRESS": "HERE"},
        {"AGENTS_GRPC_ADDRESS": "HERE"},
        {"AGENTCTL_SERVER": "HERE", "AGENTCTL_ADDRESS": AWAY, "AGENTS_GRPC_ADDRESS": AWAY},
        {"AGENTCTL_ADDRESS": "HERE", "AGENTS_GRPC_ADDRESS": AWAY},
    ],
)
def test_variables_of_the_address(
    server: ScriptedServer, tmp_path: Path, variables: dict[str, str]
) -> None:
    extra = {k: v.replace("HERE", f"127.0.0.1:{server.port}") for k, v in variables.items()}
    done = call("--grpc", "status", home=tmp_path, extra=extra)
    assert (done.code, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("variables", "sent"),
    [
        ({"AGENTS_GRPC_TOKEN": "upstreams"}, "upstreams"),
        ({"AGENTCTL_TOKEN": "ours", "AGENTS_GRPC_TOKEN": "upstreams"}, "ours"),
    ],
)
def test_variables_of_the_token(
    server: ScriptedServer, tmp_path: Path, variables: dict[str, str], sent: str
) -> None:
    here = f"127.0.0.1:{server.port}"
    call("--grpc", "--server", here, "status", home=tmp_path, extra=variables)
    assert server.tokens == [f"Bearer {sent}"]


@pytest.mark.parametrize(
    ("word", "code"), [("1", 5), ("True", 5), (" on ", 5), ("0", 0), ("no", 0), ("maybe", 2)]
)
def test_the_variable_that_asks_for_tls(
    server: ScriptedServer, tmp_path: Path, word: str, code: int
) -> None:
    """5: the server speaks plain text."""
    flags = ("--grpc", "--server", f"127.0.0.1:{server.port}")
    done = call(*flags, "status", "--timeout", "9s", home=tmp_path, extra={"AGENTCTL_TLS": word})
    assert done.code == code
    assert code != 2 or "AGENTCTL_TLS: expected true or false" in done.stderr
    plain = call(*flags, "--no-tls", "status", home=tmp_path, extra={"AGENTCTL_TLS": word})
    assert plain.code == 0


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--no-tls", "--tls-ca", "ca.crt"), "--tls-ca is for TLS"),
        (("--no-tls", "--server", "https://host"), "--server https://... is TLS"),
        (("--no-tls", "--server=", "--kube"), "--no-tls is for --transport grpc or sse"),
    ],
)
def test_no_tls_beside_what_asks_for_tls(tmp_path: Path, flags: tuple[str, ...], told: str) -> None:
    done = call("status", "--grpc", "--server", "host", *flags, home=tmp_path)
    assert done.code == 2
    assert told in done.stderr


def test_no_tls_does_not_let_a_token_out(tmp_path: Path) -> None:
    flags = ("--grpc", "--server", AWAY, "--no-tls", "--token", "t")
    done = call(*flags, "status", home=tmp_path, extra={"AGENTCTL_TLS": "1"})
    assert done.code == 2
    assert "over plain text" in done.stderr


def test_version_of_the_client_alone(tmp_path: Path) -> None:
    for flag in ("--client", "--client-only"):
        (line,) = call("version", flag, home=tmp_path).stdout.splitlines()
        assert line.startswith("agentctl ")
    told: Any = json.loads(call("version", "--client", "-o", "json", home=tmp_path).stdout)
    assert list(told) == ["agentctl"]


def test_config_view_names_who_said_it(tmp_path: Path) -> None:
    extra = {"AGENTS_GRPC_ADDRESS": "a:1", "AGENTCTL_TLS": "yes", "AGENTS_GRPC_TOKEN": "secret"}
    done = call("--grpc", "config", "view", "-o", "json", home=tmp_path, extra=extra)
    told = {one["key"]: one for one in json.loads(done.stdout)["settings"]}
    assert {key: told[key]["from"] for key in ("address", "tls", "token")} == {
        "address": "AGENTS_GRPC_ADDRESS",
        "tls": "AGENTCTL_TLS",
        "token": "AGENTS_GRPC_TOKEN",
    }
    assert told["tls"]["value"] == "true"
    flags = ("--no-tls", "config", "view", "-o", "json")
    done = call(*flags, home=tmp_path, extra={"AGENTCTL_TLS": "1"})
    (tls,) = (one for one in json.loads(done.stdout)["settings"] if one["key"] == "tls")
    assert (tls["value"], tls["from"], tls["overrules"]) == ("false", "--no-tls", ["AGENTCTL_TLS"])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--grpc --server X status", "status --grpc --server X"),
        ("-n status status watch", "status -n status watch"),
        ("-o json config view --tls", "config view -o json --tls"),
        ("--grpc 127.0.0.1:0 serve", "serve --grpc 127.0.0.1:0"),
        ("--component status --watch diagnose", "diagnose --component status --watch"),
        ("--nope status", "status --nope"),
        ("--nope nope", "--nope nope"),
        ("--debug -- status", "--debug -- status"),
        ("status --server X", "status --server X"),
    ],
)
def test_which_word_is_the_command(words: str, expected: str) -> None:
    parser = build_parser(commands(), Process({}, FdOutput(1), io.StringIO()))
    assert command_first(words.split(), parser) == expected.split()


def test_a_flag_that_the_command_does_not_know_is_told(tmp_path: Path) -> None:
    done = call("--sever", "X", "status", home=tmp_path)
    assert done.code == 2
    assert "unknown flag --sever; did you mean --server?" in done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--grpc --server X sta", ["status"]),
        ("--grpc --server X status --col", ["--color"]),
        ("--grpc --token X status --addr", ["--address"]),
        ("-n x config view --no-", ["--no-tls"]),
        ("status --no-c", ["--no-color"]),
        ("version --cl", ["--client", "--client-only"]),
    ],
)
def test_completion_knows_them(tmp_path: Path, words: str, expected: list[str]) -> None:
    assert complete(tmp_path, *words.split(" "))[:-1] == expected
