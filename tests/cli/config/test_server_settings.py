"""Where the server is, whether in plain text, and with which token."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from agentctl.cli.config.file import flatten
from agentctl.cli.config.layers import Layers
from agentctl.cli.config.server import server_access
from agentctl.engine.policy import StreamPolicy
from agentctl.errors import ConfigError, UsageError
from agentctl.remote.access import ServerAccess, ServerAddress

FLAGS = (
    "server",
    "token",
    "token_file",
    "tls",
    "tls_ca",
    "tls_cert",
    "tls_key",
    "tls_server_name",
    "insecure_plaintext_token",
)


def access(
    transport: str = "sse",
    environ: Any = None,
    config: Any = None,
    heartbeat_s: Any = 30.0,
    **flags: Any,
) -> ServerAccess:
    args = Namespace(**{**dict.fromkeys(FLAGS), **flags})
    policy = StreamPolicy(heartbeat_s=heartbeat_s)
    return server_access(
        Layers(args, environ or {}, flatten(config or {})), transport, "agents", policy, 10.0
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host:1234", ServerAddress("host", 1234)),
        ("host", ServerAddress("host", 8080)),
        ("[::1]:99", ServerAddress("::1", 99)),
        ("http://host", ServerAddress("host", 80, tls=False)),
        ("https://host", ServerAddress("host", 443, tls=True)),
        (
            "HTTPS://host:8443/behind/a/proxy/",
            ServerAddress("host", 8443, "", "/behind/a/proxy", True),
        ),
        ("unix:/run/agentctl.sock", ServerAddress(path="/run/agentctl.sock")),
        ("unix:///run/agentctl.sock", ServerAddress(path="/run/agentctl.sock")),
    ],
)
def test_the_forms_of_an_address(text: str, expected: ServerAddress) -> None:
    assert access(server=text).address == expected


@pytest.mark.parametrize(
    "text",
    [
        "ftp://host",
        "host:port",
        "host:99999",
        "host/path",
        "unix:",
        "http://",
        "a b:1",
        "http://h?x=1",
    ],
)
def test_an_address_of_another_form_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="--server"):
        access(server=text)


def test_a_password_in_the_address_is_refused_without_showing_it() -> None:
    with pytest.raises(UsageError) as raised:
        access(server="https://user:hunter2@host")
    assert "hunter2" not in raised.value.message


def test_grpc_knows_no_path() -> None:
    with pytest.raises(UsageError, match="no path"):
        access("grpc", server="https://host/prefix")
    assert access("grpc", server="host").address.port == 50051


def test_flag_then_environment_then_config() -> None:
    environ, config = {"AGENTCTL_SERVER": "from-env:1"}, {"address": "from-config:1"}
    assert access(server="flag:1", environ=environ, config=config).address.host == "flag"
    assert access(environ=environ, config=config).address.host == "from-env"
    assert access(config=config).address.host == "from-config"
    with pytest.raises(UsageError, match="AGENTCTL_SERVER"):
        access()


def test_a_token_never_goes_over_plain_text_to_another_host() -> None:
    with pytest.raises(UsageError, match="--insecure-plaintext-token") as raised:
        access(server="host:1", token="s3cret")
    assert "s3cret" not in raised.value.message
    for allowed in (
        {"server": "https://host"},
        {"server": "host:1", "tls": True},
        {"server": "127.0.0.1:1"},
        {"server": "localhost:1"},
        {"server": "unix:/run/x"},
        {"server": "host:1", "insecure_plaintext_token": True},
    ):
        token = access(token="s3cret", **allowed).token
        assert token is not None
        assert token() == "s3cret"


def test_the_order_of_tokens(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("from-file\n")
    environ, config = {"AGENTCTL_TOKEN": "from-env"}, {"token": "from-config"}

    def token(**flags: Any) -> str:
        found = access(server="localhost:1", **flags).token
        assert found is not None
        return found()

    assert token(token="flag", environ=environ, config=config) == "flag"
    assert token(token_file=str(path), environ=environ, config=config) == "from-file"
    assert token(environ=environ, config=config) == "from-env"
    assert token(config=config) == "from-config"
    assert access(server="localhost:1").token is None
    with pytest.raises(UsageError, match="one of them"):
        token(token="flag", token_file=str(path))


def test_a_token_file_is_read_again_each_time(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("old")
    token = access(server="localhost:1", token_file=str(path)).token
    assert token is not None
    path.write_text("new")
    assert token() == "new"


@pytest.mark.parametrize("content", ["", "  \n", "two\nlines", "b\xe4d"])
def test_a_token_file_without_a_token_is_told_at_once(tmp_path: Path, content: str) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    with pytest.raises(ConfigError, match="--token-file"):
        access(server="localhost:1", token_file=str(path))
    with pytest.raises(ConfigError, match="cannot be read"):
        access(server="localhost:1", token_file=str(tmp_path / "none"))


def test_what_asks_for_tls(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("x")
    assert access(server="host:1").tls is None
    assert access(server="host:1", tls=True).tls is not None
    assert access(server="host:1", tls_server_name="other").tls is not None
    assert access(server="host:1", config={"tls": True}).tls is not None
    assert access(server="host:1", config={"tls": {"ca": str(ca)}}).tls is not None
    found = access(server="host:1", environ={"AGENTCTL_CA_CERT": str(ca)}).tls
    assert found is not None
    assert found.ca_file == str(ca)
    # What the environment says holds for TLS only: plain text stays what was asked for.
    assert access(server="http://h", environ={"AGENTCTL_CA_CERT": str(ca)}).tls is None
    with pytest.raises(UsageError, match="plain text"):
        access(server="http://host", tls=True)
    with pytest.raises(UsageError, match=r"--tls-ca is for TLS: use https"):
        access(server="http://host", tls_ca=str(ca))


def test_files_that_are_missing_or_alone_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--tls-ca"):
        access(server="https://host", tls_ca=str(tmp_path / "none"))
    with pytest.raises(UsageError, match="--tls-key is missing"):
        access(server="https://host", tls_cert="x")


@pytest.mark.parametrize(
    ("tls", "says"), [("yes", "true, false"), ({"cacert": "x"}, "cacert"), ({"ca": 1}, "text")]
)
def test_a_mistake_in_the_configs_tls_is_named(tls: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        access(server="host:1", config={"tls": tls})


@pytest.mark.parametrize(
    ("wanted", "asked"), [(30.0, 30.0), (None, 30.0), (0.2, 1.0), (3600.0, 300.0)]
)
def test_the_server_is_asked_for_a_beat_that_it_accepts(wanted: Any, asked: float) -> None:
    found = access(server="localhost:1", heartbeat_s=wanted)
    assert found.heartbeat_s == asked
    assert found.silence_s == 2.5 * asked
