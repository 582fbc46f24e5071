"""agentctl config view: the same answer that a run would find, and no secret in it."""

from __future__ import annotations

import io
import json
import re
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limited
from hypothesis import strategies as st

from agentctl.cli.command_line import build_parser
from agentctl.cli.commands import commands
from agentctl.cli.config.layers import Layers
from agentctl.cli.config.provenance import in_force
from agentctl.cli.config.server import server_access
from agentctl.cli.config.settings import resolve
from agentctl.cli.host.process import FdOutput, Process
from agentctl.engine.policy import StreamPolicy
from agentctl.errors import UsageError
from tests.cli.config.test_config import config, put_there
from tests.cli.inprocess import Done, call

SECRET = "s3cr3t-t0ken-tail"


def rows(done: Done) -> dict[str, dict[str, Any]]:
    assert done.code == 0, done.stderr
    return {one["key"]: one for one in json.loads(done.stdout)["settings"]}


def test_each_value_has_its_origin(tmp_path: Path) -> None:
    put_there(tmp_path, '{"address": "file:1", "mode": "sse", "token": "x"}')
    done = config(
        tmp_path, "view", "-o", "json", "--server", "flag:1", "-n", "team-a",
        AGENTCTL_SERVER="env:1", AGENTCTL_NAMESPACE="team-b", AGENTCTL_CA_CERT="/dev/null",
    )  # fmt: skip
    found = rows(done)
    assert found["address"] == {
        "key": "address",
        "value": "flag:1",
        "from": "--server",
        "overrules": ["AGENTCTL_SERVER", "config file"],
        "note": "",
    }
    assert (found["namespace"]["value"], found["namespace"]["from"]) == ("team-a", "--namespace")
    assert (found["mode"]["value"], found["mode"]["from"]) == ("sse", "config file")
    assert (found["tls"]["value"], found["tls"]["from"]) == ("true", "AGENTCTL_CA_CERT")
    assert found["context"]["value"] is None


def test_the_table_says_it_for_people(tmp_path: Path) -> None:
    path = put_there(tmp_path, '{"address": "agentctl:8080", "mode": "kube"}')
    lines = config(tmp_path, "view").stdout.splitlines()
    assert lines[0] == f"config file: {path}"
    cells = [re.split("  +", line) for line in lines]
    assert ["SETTING", "VALUE", "FROM", "NOTE"] in cells
    assert ["address", "agentctl:8080", "config file", "not used with mode kube"] in cells
    assert ["namespace", "agents", "default"] in cells


def test_a_file_that_is_not_there_is_no_mistake(tmp_path: Path) -> None:
    done = config(tmp_path, "view")
    assert done.code == 0
    assert done.stdout.splitlines()[0].endswith("config.json (not there)")


@pytest.mark.parametrize("output", ["table", "json"])
def test_no_part_of_a_secret_is_shown(tmp_path: Path, output: str) -> None:
    put_there(tmp_path, json.dumps({"token": SECRET, "mode": "sse", "address": "a"}))
    token = tmp_path / "token"
    token.write_text(SECRET)
    for extra, flags in (
        ({}, []),
        ({"AGENTCTL_TOKEN": SECRET}, []),
        ({}, ["--token", SECRET]),
        ({}, ["--token-file", str(token)]),
        ({"AGENTCTL_SERVER": f"http://user:{SECRET}@host"}, []),
    ):
        done = config(tmp_path, "view", "-o", output, *flags, **extra)
        assert "[redacted]" in done.stdout
        assert not any(part in done.stdout + done.stderr for part in ("s3cr3t", "t0ken", "tail"))


@pytest.mark.parametrize(
    ("content", "key", "note"),
    [
        ({"mode": "sse"}, "address", "mode sse needs one"),
        ({"mode": "ssh"}, "mode", "mode: expected kube or grpc or sse or auto, got 'ssh'"),
        ({"namespace": "A"}, "namespace", "namespace 'A'"),
        ({"mode": "grpc", "address": "ftp://x"}, "address", "expected host:port"),
        ({"mode": "grpc", "kubeconfig": "/k"}, "kubeconfig", "not used with mode grpc"),
        ({"kubeconfig": "/nonexistent"}, "kubeconfig", "cannot read /nonexistent"),
        ({"mode": "sse", "address": "h:1", "token": "t"}, "token", "refused over plain text"),
    ],
)
def test_what_is_amiss_is_noted(
    tmp_path: Path, content: dict[str, str], key: str, note: str
) -> None:
    put_there(tmp_path, json.dumps(content))
    assert note in rows(config(tmp_path, "view", "-o", "json"))[key]["note"]


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_token_that_others_may_read_is_warned_of(tmp_path: Path, mode: int) -> None:
    path = put_there(tmp_path, '{"token": "x"}', mode)
    assert f"warning: {path} holds a token" in config(tmp_path, "view").stderr
    path.chmod(0o600)
    assert config(tmp_path, "view").stderr == ""


def test_the_context_is_the_kubeconfigs_own(tmp_path: Path) -> None:
    kubeconfig = tmp_path / ".kube" / "config"
    kubeconfig.parent.mkdir()
    kubeconfig.write_text("current-context: dev\ncontexts: [{name: dev, context: {}}]\n")
    found = rows(config(tmp_path, "view", "-o", "json"))
    assert (found["kubeconfig"]["value"], found["kubeconfig"]["from"]) == (
        str(kubeconfig),
        "default",
    )
    assert (found["context"]["value"], found["context"]["from"]) == ("dev", "current-context")


@pytest.mark.parametrize(
    ("key", "flags", "environ", "value"),
    [
        ("namespace", [], {}, "agents\n"),
        ("address", [], {}, "file:1\n"),
        ("address", [], {"AGENTS_GRPC_ADDRESS": "env:1"}, "env:1\n"),
        ("address", ["--address", "flag:1"], {"AGENTCTL_SERVER": "env:1"}, "flag:1\n"),
        ("tls", ["--server", "https://a"], {"AGENTCTL_TLS": "0"}, "true\n"),
        ("tls.server_name", [], {}, ""),
    ],
)
def test_get_prints_the_one_value_that_is_in_force(
    tmp_path: Path, key: str, flags: list[str], environ: dict[str, str], value: str
) -> None:
    put_there(tmp_path, '{"address": "file:1"}')
    assert config(tmp_path, "get", key, *flags, **environ) == (0, value, "")


def test_get_shows_no_token_and_no_password(tmp_path: Path) -> None:
    put_there(tmp_path, json.dumps({"token": SECRET, "address": f"http://user:{SECRET}@host"}))
    refused = config(tmp_path, "get", "token")
    assert (refused.code, refused.stdout) == (2, "")
    assert "[redacted]" in config(tmp_path, "get", "address").stdout
    assert SECRET not in config(tmp_path, "get", "address").stdout


@pytest.mark.parametrize(
    ("content", "environ", "told"),
    [
        ({}, {"AGENTCTL_MODE": "ssh"}, "AGENTCTL_MODE: expected kube or grpc or sse or auto"),
        ({"mode": "ssh"}, {}, "the config's mode: expected kube or"),
        ({}, {"AGENTCTL_NAMESPACE": "A"}, "AGENTCTL_NAMESPACE 'A': expected"),
        ({"namespace": "A"}, {}, "the config's namespace 'A': expected"),
        ({"mode": "sse"}, {"AGENTS_GRPC_ADDRESS": "ftp://x"}, "AGENTS_GRPC_ADDRESS 'ftp://x': exp"),
        ({"mode": "sse", "address": "ftp://x"}, {}, "the config's address 'ftp://x': expected"),
        ({"mode": "sse", "address": "a", "token": "t w o"}, {}, "the config's token: is no token"),
        ({"mode": "sse", "address": "a"}, {"AGENTCTL_TLS": "so"}, "AGENTCTL_TLS: expected true or"),
        ({"tls": {"caa": "x"}}, {}, "tls: unknown key 'caa'"),
    ],
)
def test_a_run_names_the_place_where_a_mistake_was_said(
    tmp_path: Path, content: dict[str, Any], environ: dict[str, str], told: str
) -> None:
    put_there(tmp_path, json.dumps(content))
    done = call("status", home=tmp_path, extra=environ)
    assert done.code == 2
    assert told in done.stderr


def one_of(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(["", *values])


ADDRESSES = one_of("a:1", "http://b:2", "https://c", "127.0.0.1:1")
TLS_FLAGS = ([], [], ["--tls"], ["--no-tls"])
FLAGS = st.fixed_dictionaries(
    {
        "--transport": one_of("grpc", "sse"),
        "--namespace": one_of("flag-ns"),
        "--context": one_of("flag-ctx"),
        "--server": ADDRESSES,
        "--token": one_of("flag-token"),
        "--tls-ca": one_of("/dev/null"),
        "--tls-server-name": one_of("name"),
    }
)
VARIABLES = st.fixed_dictionaries(
    {
        "AGENTCTL_MODE": one_of("grpc", "kube"),
        "AGENTCTL_NAMESPACE": one_of("env-ns"),
        "AGENTCTL_CONTEXT": one_of("env-ctx"),
        "AGENTCTL_KUBECONFIG": one_of("/dev/null"),
        "AGENTCTL_SERVER": ADDRESSES,
        "AGENTCTL_ADDRESS": ADDRESSES,
        "AGENTS_GRPC_ADDRESS": ADDRESSES,
        "AGENTCTL_TOKEN": one_of("env-token"),
        "AGENTS_GRPC_TOKEN": one_of("upstreams-token"),
        "AGENTCTL_TLS": one_of("1", "true", "off"),
        "AGENTCTL_CA_CERT": one_of("/dev/zero"),
    }
)
CONTENT = st.fixed_dictionaries(
    {
        "mode": one_of("sse"),
        "namespace": one_of("file-ns"),
        "context": one_of("file-ctx"),
        "kubeconfig": one_of("/dev/zero"),
        "address": ADDRESSES,
        "token": one_of("file-token"),
        "tls": st.sampled_from([True, False, {}, {"ca": ""}, {"ca": "/dev/full"}]),
    }
)


@limited(max_examples=40)
@given(flags=FLAGS, environ=VARIABLES, content=CONTENT, tls=st.sampled_from(TLS_FLAGS))
def test_it_agrees_with_what_a_run_would_find(
    tmp_path_factory: pytest.TempPathFactory,
    flags: dict[str, str],
    environ: dict[str, str],
    content: dict[str, Any],
    tls: list[str],
) -> None:
    home = tmp_path_factory.getbasetemp() / "agreeing"
    path = home / ".config" / "agentctl" / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    words = [word for flag, value in flags.items() if value for word in (flag, value)]
    args = parsed("status", [*words, "--insecure-plaintext-token", *tls])
    process = Process({"HOME": str(home), **environ}, FdOutput(1), io.StringIO())
    told = {one.key: one for one in in_force(args, process)}
    settings = resolve(args, process)
    assert told["mode"].value == settings.transport
    assert told["namespace"].value == settings.namespace
    assert (told["context"].value or None) == settings.context
    if settings.kubeconfig:
        assert told["kubeconfig"].value == settings.kubeconfig
    layers = Layers.of(process, args)
    if not told["address"].value or contradictory(told["address"].value, [*words, *tls]):
        with pytest.raises(UsageError):
            server_access(layers, "sse", settings.namespace, StreamPolicy(), 10.0)
        return
    access = server_access(layers, "sse", settings.namespace, StreamPolicy(), 10.0)
    assert told["tls"].value == ("true" if access.tls else "false")
    assert bool(told["token"].value) == bool(access.token)
    assert str(access.address) in (told["address"].value.split("//")[-1] + port for port in PORTS)
    if access.tls:
        assert told["tls.ca"].value == access.tls.ca_file
        assert told["tls.server_name"].value == access.tls.tls_server_name


PORTS = ("", ":443")


def contradictory(address: str, words: list[str]) -> bool:
    asked = any(word.startswith("--tls") for word in words)
    plain = "--no-tls" in words
    return (asked and (plain or address.startswith("http://"))) or (
        plain and address.startswith("https://")
    )


def parsed(command: str, words: list[str]) -> Namespace:
    process = Process({}, FdOutput(1), io.StringIO())
    return build_parser(commands(), process, command).parse_args([command, *words])
