"""Exec plugins: what they give, and what is said when they fail."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentctl.clock import SystemClock
from agentctl.errors import ConfigError
from agentctl.kube.access import AccessProvider, ClusterAccess
from agentctl.kube.console import NOBODY, Console
from agentctl.kube.kubeconfig import access_from
from tests.net.certs import write

API = "client.authentication.k8s.io/v1"
BETA = f"{API}beta1"
EXEC = {"apiVersion": API, "interactiveMode": "Never"}


def kubeconfig(folder: Path, user: dict[str, Any]) -> str:
    content = {
        "current-context": "dev",
        "clusters": [{"name": "dev", "cluster": {"server": "https://api.example"}}],
        "users": [{"name": "dev", "user": user}],
        "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "dev"}}],
    }
    return write(folder / "config", yaml.safe_dump(content))


def plugin(folder: Path, body: str, **settings: Any) -> str:
    """A kubeconfig whose user runs ``body`` as a Python script beside it."""
    script = folder / "plugin"
    script.write_text(f"#!{sys.executable}\nimport json, os, sys\n{body}\n")
    script.chmod(0o755)
    return kubeconfig(folder, {"exec": {**EXEC, "command": "./plugin", **settings}})


def credential(**status: str) -> str:
    answer = {"apiVersion": API, "kind": "ExecCredential", "status": status}
    return f"print({json.dumps(json.dumps(answer))})"


def load(path: str, console: Console = NOBODY) -> ClusterAccess:
    return access_from([path], {}, console=console)


def complaint(path: str, console: Console = NOBODY) -> str:
    with pytest.raises(ConfigError) as failure:
        load(path, console)
    assert "\n" not in failure.value.message
    return failure.value.message


def test_a_token_and_its_end(tmp_path: Path) -> None:
    body = credential(token="plugged", expirationTimestamp="2026-01-30T18:15:00Z")
    access = load(plugin(tmp_path, body))
    assert access.token == "plugged"
    assert access.expires_at is not None
    assert access.expires_at.timestamp() == 1769796900
    assert "plugged" not in repr(access)


def test_a_client_certificate(tmp_path: Path) -> None:
    access = load(plugin(tmp_path, credential(clientCertificateData="C", clientKeyData="K")))
    assert (access.client_cert_data, access.client_key_data, access.token) == ("C", "K", "")


def test_arguments_and_environment_reach_the_plugin(tmp_path: Path) -> None:
    body = (
        "token = sys.argv[1] + os.environ['SUFFIX']\n"
        f"print(json.dumps({{'apiVersion': {API!r}, 'kind': 'ExecCredential', "
        "'status': {'token': token}}))"
    )
    path = plugin(tmp_path, body, args=["pre"], env=[{"name": "SUFFIX", "value": "-post"}])
    assert load(path).token == "pre-post"
    path = plugin(tmp_path, credential(token="t"), args=None, env=None)
    assert load(path).token == "t"


def test_a_static_token_spares_the_plugin(tmp_path: Path) -> None:
    """Which must be one that could be run."""
    gone = {"apiVersion": API, "command": "gone"}
    own = kubeconfig(tmp_path, {"token": "own", "exec": {**gone, "interactiveMode": "Never"}})
    assert load(own).token == "own"
    with pytest.raises(ConfigError, match="'gone' has no interactiveMode"):
        load(kubeconfig(tmp_path, {"token": "own", "exec": gone}))


def test_refused_credentials_run_the_plugin_again(tmp_path: Path) -> None:
    body = (
        "with open(sys.argv[1], 'a') as runs:\n    n = runs.tell()\n    runs.write('x')\n"
        f"print(json.dumps({{'apiVersion': {API!r}, 'kind': 'ExecCredential', "
        "'status': {'token': f'run-{n}'}}))"
    )
    path = plugin(tmp_path, body, args=[str(tmp_path / "runs")])
    provider = AccessProvider(lambda: load(path), SystemClock())
    access, generation = provider.current()
    assert access.token == "run-0"
    assert provider.refresh(generation)[0].token == "run-1"


def test_a_plugin_that_is_missing_shows_its_install_hint(tmp_path: Path) -> None:
    exec_config = {**EXEC, "command": "no-such-plugin"}
    path = kubeconfig(tmp_path, {"exec": {**exec_config, "installHint": "Get it\n from us."}})
    assert complaint(path) == (
        f"{path}: user 'dev': the exec plugin 'no-such-plugin' is not installed; Get it from us."
    )
    path = kubeconfig(tmp_path, {"exec": exec_config})
    assert complaint(path).endswith("is not installed; install it and put it on PATH")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit('please log in\\nfirst')", "failed with exit code 1: please log in first"),
        ("print('hello')", "printed what is no JSON; expected an ExecCredential"),
        ("pass", "printed nothing; expected an ExecCredential"),
        ("print('[' * 100000)", "printed what is no JSON"),
        ("sys.stdout.buffer.write(bytes([255]))", "printed what is no JSON"),
        ("print('{}')", "printed JSON that is no ExecCredential"),
        ("print('[]')", "printed JSON that is no ExecCredential"),
        (credential(token="t").replace("ExecC", "C"), "printed JSON that is no ExecCredential"),
        (f"print(json.dumps({{'apiVersion': {API!r}, 'kind': 'ExecCredential'}}))", "a status"),
        ("while True: print('x' * 65536)", "printed more than 1 MiB"),
        ("os.kill(os.getpid(), 9)", "failed with signal SIGKILL"),
        ("os.kill(os.getpid(), 40)", "failed with signal 40"),
        (credential(), "gave neither a token nor a client certificate"),
        (credential(clientCertificateData="C"), "a client certificate without its key"),
        (credential(token="t", expirationTimestamp="soon"), "expirationTimestamp that is no time"),
        (credential(token="a b"), "is no token: expected visible ASCII"),
        (credential(token="t", expirationTimestamp="9999-12-31T23:59:59-01:00"), "is no time"),
        (credential(token="t").replace("/v1", "/v1beta1"), f"in another apiVersion than {API}"),
    ],
)
def test_a_plugin_that_fails_says_why(body: str, said: str, tmp_path: Path) -> None:
    message = complaint(plugin(tmp_path, body))
    assert message.startswith(f"{tmp_path / 'config'}: user 'dev': the exec plugin './plugin'")
    assert said in message


@pytest.mark.parametrize("before", range(180, 240, 7))
def test_no_part_of_a_secret_that_a_plugin_writes_is_told(before: int, tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0"
    said = complaint(plugin(tmp_path, f"sys.exit('x ' * {before // 2} + 'got {secret} back')"))
    assert "ghp_a" not in said
    assert "--password [redacted]" in complaint(plugin(tmp_path, "sys.exit('--password a1 -v')"))


def test_a_plugin_needs_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    assert load(plugin(tmp_path, credential(token="t"))).token == "t"
