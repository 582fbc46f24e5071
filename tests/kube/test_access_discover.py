"""Where the cluster is found: flag, KUBECONFIG, home, the pod's own, in this order."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from agentctl.errors import ConfigError
from agentctl.kube.access import ClusterAccess
from agentctl.kube.find_access import discover
from tests.net.certs import write

IN_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def kubeconfig(path: Path, server: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write(
        path,
        f"current-context: c\ncontexts: [{{name: c, context: {{cluster: c}}}}]\n"
        f"clusters: [{{name: c, cluster: {{server: 'https://{server}'}}}}]\n",
    )


@pytest.fixture
def pod(tmp_path: Path) -> str:
    root = tmp_path / "serviceaccount"
    root.mkdir()
    write(root / "token", "pod-token\n")
    write(root / "ca.crt", "-----BEGIN CERTIFICATE-----")
    write(root / "namespace", "agents")
    return str(root)


def test_the_order_is_kubectls(tmp_path: Path, pod: str) -> None:
    home = str(tmp_path / "home")
    env = {**IN_POD, "HTTPS_PROXY": "http://proxy:1"}
    assert discover(None, env, home, root=pod).description == "the pod's service account"
    kubeconfig(tmp_path / "home" / ".kube" / "config", "home")
    assert discover(None, env, home, root=pod).server == "https://home"
    env["KUBECONFIG"] = kubeconfig(tmp_path / "listed", "listed")
    assert discover(None, env, home, root=pod).server == "https://listed"
    flag = kubeconfig(tmp_path / "flag", "flag")
    assert discover(flag, env, home, root=pod).server == "https://flag"


def test_of_a_list_what_is_missing_is_passed_over(tmp_path: Path) -> None:
    there = kubeconfig(tmp_path / "there", "there")
    listed = os.pathsep.join([str(tmp_path / "gone"), "", there])
    assert discover(None, {"KUBECONFIG": listed}, "/nowhere").server == "https://there"


def test_a_list_with_nothing_there_does_not_fall_back_to_home(tmp_path: Path, pod: str) -> None:
    kubeconfig(tmp_path / ".kube" / "config", "home")
    gone = str(tmp_path / "gone")
    with pytest.raises(ConfigError, match=rf"^KUBECONFIG names no file that exists \({gone}\)"):
        discover(None, {"KUBECONFIG": gone}, str(tmp_path))
    assert discover(None, {"KUBECONFIG": gone, **IN_POD}, str(tmp_path), root=pod).token


def test_an_explicit_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=f"gone: cannot read the kubeconfig: {os.strerror(errno.ENOENT)}"
    ):
        discover(str(tmp_path / "gone"), IN_POD, str(tmp_path))


def test_nothing_at_all_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^no kubeconfig: .* name one with --kubeconfig FILE$"):
        discover(None, {}, str(tmp_path))


def test_a_pod_is_read_from_its_service_account(pod: str) -> None:
    access = ClusterAccess.from_service_account({**IN_POD, "HTTPS_PROXY": "http://proxy:1"}, pod)
    assert access == ClusterAccess(
        server="https://10.96.0.1:443",
        description="the pod's service account",
        namespace="agents",
        ca_file=os.path.join(pod, "ca.crt"),
        token="pod-token",
        token_file=os.path.join(pod, "token"),
        proxy_url="http://proxy:1",
    )
    assert "pod-token" not in repr(access)
    exempt = {**IN_POD, "HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "10.96.0.0/12"}
    assert ClusterAccess.from_service_account(exempt, pod).proxy_url == ""


def test_a_pod_on_ipv6_gets_brackets(pod: str) -> None:
    environ = {**IN_POD, "KUBERNETES_SERVICE_HOST": "fd00::1"}
    assert ClusterAccess.from_service_account(environ, pod).server == "https://[fd00::1]:443"


@pytest.mark.parametrize("missing", ["token", "ca.crt"])
def test_a_pod_without_its_files_says_which(missing: str, pod: str) -> None:
    os.remove(os.path.join(pod, missing))
    with pytest.raises(ConfigError, match=rf"{missing}: "):
        ClusterAccess.from_service_account(IN_POD, pod)


def test_outside_of_a_pod_it_says_so(pod: str) -> None:
    with pytest.raises(ConfigError, match=r"^not in a pod: KUBERNETES_SERVICE_HOST"):
        ClusterAccess.from_service_account({}, pod)
