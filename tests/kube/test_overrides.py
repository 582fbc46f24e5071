"""What flags override of a kubeconfig, by kubectl's rules."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentctl.errors import ConfigError
from agentctl.kube.access import ClusterAccess
from agentctl.kube.contexts import select
from agentctl.kube.find_access import discover
from agentctl.kube.kubeconfig import Kubeconfig
from agentctl.kube.kubeconfig_entry import KubeconfigEntry
from agentctl.kube.overrides import Overrides
from tests.net.certs import b64, write

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
CONTENT = {
    "current-context": "dev",
    "contexts": [
        {"name": "dev", "context": {"cluster": "dev", "user": "dev", "namespace": "mine"}},
        {"name": "prod", "context": {"cluster": "prod", "user": "prod"}},
    ],
    "clusters": [
        {
            "name": name,
            "cluster": {
                "server": f"https://{name}",
                "certificate-authority-data": b64(PEM),
                "tls-server-name": f"{name}.example",
            },
        }
        for name in ("dev", "prod")
    ],
    "users": [
        {
            "name": name,
            "user": {"tokenFile": f"{name}.token", "as": f"{name}-boss", "as-groups": ["a", "b"]},
        }
        for name in ("dev", "prod")
    ],
}


def access(tmp_path: Path, content: Any = CONTENT, **overrides: Any) -> ClusterAccess:
    for name in ("dev", "prod"):
        write(tmp_path / f"{name}.token", name)
    path = write(tmp_path / "config", yaml.safe_dump(content))
    return discover(path, {}, "/nowhere", Overrides(**overrides))


def test_context_cluster_and_user_are_taken_each_by_itself(tmp_path: Path) -> None:
    def chosen(**overrides: str) -> tuple[str, str, str, str]:
        found = access(tmp_path, **overrides)
        return found.context, found.server, found.token, found.namespace

    assert chosen() == ("dev", "https://dev", "dev", "mine")
    assert chosen(context="prod") == ("prod", "https://prod", "prod", "")
    assert chosen(cluster="prod") == ("dev", "https://prod", "dev", "mine")
    assert chosen(user="prod") == ("dev", "https://dev", "prod", "mine")
    assert chosen(context="prod", user="dev") == ("prod", "https://prod", "dev", "")


def test_a_cluster_needs_no_context(tmp_path: Path) -> None:
    content = {**CONTENT, "current-context": ""}
    found = access(tmp_path, content, cluster="prod")
    assert (found.server, found.token) == ("https://prod", "")
    assert found.description == f"cluster 'prod' of {tmp_path / 'config'}"
    assert access(tmp_path, content, cluster="prod", user="dev").token == "dev"
    with pytest.raises(ConfigError, match="no current-context"):
        access(tmp_path, content, user="dev")


@pytest.mark.parametrize("kind", ["cluster", "user", "context"])
def test_what_is_asked_for_by_name_must_be_there(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"config: no {kind} 'gone' \(there are: dev, prod\)"):
        access(tmp_path, **{kind: "gone"})


def test_impersonation_replaces_field_by_field(tmp_path: Path) -> None:
    group = "Impersonate-Group"
    assert access(tmp_path, as_user="me").impersonation == (
        ("Impersonate-User", "me"),
        (group, "a"),
        (group, "b"),
    )
    assert access(tmp_path, as_groups=("c",), as_uid="7").impersonation == (
        ("Impersonate-User", "dev-boss"),
        ("Impersonate-Uid", "7"),
        (group, "c"),
    )


def test_a_token_replaces_the_token_file(tmp_path: Path) -> None:
    found = access(tmp_path, token="given")
    assert (found.token, found.token_file) == ("given", "")
    assert "given" not in repr(Overrides(token="given"))


def test_to_skip_verification_sets_the_ca_aside(tmp_path: Path) -> None:
    found = access(tmp_path, insecure_skip_tls_verify=True, tls_server_name="other")
    assert (found.insecure_skip_tls_verify, found.ca_data) == (True, "")
    assert found.tls_server_name == "other"
    assert access(tmp_path).ca_data == PEM


def test_in_a_pod_they_hold_for_its_service_account(tmp_path: Path) -> None:
    for name in ("token", "ca.crt"):
        write(tmp_path / name, name)
    pod = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}

    def found(**overrides: Any) -> ClusterAccess:
        return discover(None, pod, "/nowhere", Overrides(**overrides), str(tmp_path))

    assert found().token_file == os.path.join(tmp_path, "token")
    assert found(as_user="me").impersonation == (("Impersonate-User", "me"),)
    assert found(insecure_skip_tls_verify=True).ca_file == ""
    assert (found(token="given").token, found(token="given").token_file) == ("given", "")
    with pytest.raises(ConfigError, match="set as too"):
        found(as_groups=("a",))
    with pytest.raises(ConfigError, match="name one with --kubeconfig FILE"):
        found(cluster="dev")


def test_a_range_that_older_pythons_raise_for_matches_no_context(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def older(name: str, glob: str) -> bool:
        raise re.error("bad character range b-a")

    monkeypatch.setattr("agentctl.kube.contexts.fnmatchcase", older)
    one = Kubeconfig(contexts={"b": KubeconfigEntry("context", "", {})})
    with pytest.raises(ConfigError, match="matches no context"):
        select(one, ["[b-a]"])
