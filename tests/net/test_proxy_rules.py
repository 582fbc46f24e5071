"""Which proxy is taken: one table for the cluster's API server and for a server of ours.

The rules are those of kubectl, which are those of Go's ``http.ProxyFromEnvironment``.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from agentctl.cli.config.layers import Layers
from agentctl.cli.config.server import server_access
from agentctl.engine.policy import StreamPolicy
from agentctl.kube.kubeconfig import access_from
from agentctl.net.origin import Origin

P = "http://p:1"


def kube(url: str, environ: dict[str, str], folder: Path) -> str:
    path = folder / "config"
    path.write_text(
        "current-context: c\n"
        "contexts: [{name: c, context: {cluster: c, user: u}}]\n"
        "users: [{name: u, user: {}}]\n"
        f"clusters: [{{name: c, cluster: {{server: '{url}'}}}}]\n"
    )
    return access_from([str(path)], environ).proxy_url


def sse(url: str, environ: dict[str, str], folder: Path) -> str:
    layers = Layers(_Flags(server=url), environ, {})
    access = server_access(layers, "sse", "agents", StreamPolicy(), 10.0)
    return access.proxy(Origin.of(url))


class _Flags(Namespace):
    """None for each that is not given."""

    def __getattr__(self, name: str) -> None:
        return None


MODES = pytest.mark.parametrize("mode", [kube, sse])


@MODES
@pytest.mark.parametrize(
    ("server", "environ", "proxy"),
    [
        ("https://api.example", {}, ""),
        ("https://api.example", {"HTTPS_PROXY": P}, P),
        ("https://api.example", {"https_proxy": "p:1"}, P),
        ("https://api.example", {"HTTPS_PROXY": "http://a", "https_proxy": "http://b"}, "http://a"),
        ("https://api.example", {"HTTPS_PROXY": "", "https_proxy": "http://b"}, "http://b"),
        ("https://api.example", {"HTTPS_PROXY": "socks5://p:1"}, "socks5://p:1"),
        ("https://api.example", {"HTTPS_PROXY": "https://p:1"}, "https://p:1"),
        ("https://api.example", {"HTTP_PROXY": P}, ""),
        ("http://api.example", {"HTTP_PROXY": P}, P),
        ("http://api.example", {"HTTPS_PROXY": P}, ""),
        ("https://api.example", {"ALL_PROXY": P, "all_proxy": P}, ""),
        ("http://api.example", {"ALL_PROXY": P, "all_proxy": P}, ""),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": P}, ""),
        ("https://127.8.9.10", {"HTTPS_PROXY": P}, ""),
        ("https://[::1]:6443", {"HTTPS_PROXY": P}, ""),
        ("https://localhost:6443", {"HTTPS_PROXY": P}, ""),
    ],
)
def test_the_environments_proxy_by_scheme(
    mode: Any, server: str, environ: dict[str, str], proxy: str, tmp_path: Path
) -> None:
    assert mode(server, environ, tmp_path) == proxy


@MODES
@pytest.mark.parametrize(
    ("server", "no_proxy", "direct"),
    [
        ("https://api.example", "*", True),
        ("https://api.example", "other, *", True),
        ("https://api.example", "example", True),
        ("https://api.example", ".example", True),
        ("https://api.example", "*.example", True),
        ("https://api.example", "api.example", True),
        ("https://api.example", "api.example.", True),
        ("https://API.example.", "other, api.EXAMPLE", True),
        ("https://api.example", "pi.example", False),
        ("https://api.example", "*pi.example", False),
        ("https://api.example", "api.*", False),
        ("https://api.example", "other api.example", False),
        ("https://api.example", ",, ,.", False),
        ("https://example", "example", True),
        ("https://example", ".example", False),
        ("https://example", "*.example", False),
        ("https://xn--bcher-kva.example", "bücher.example", True),
        ("https://api.example:6443", "api.example:6443", True),
        ("https://api.example:6443", ".example:6443", True),
        ("https://api.example:6443", "*.example:6443", True),
        ("https://api.example:6443", "api.example:443", False),
        ("https://api.example", "api.example:443", True),
        ("https://api.example", ":443", False),
        ("https://10.96.0.1", "10.96.0.0/12", True),
        ("https://10.96.0.1", "10.96.0.9/12", True),
        ("https://10.96.0.1", "10.0.0.0/16,nonsense/99", False),
        ("https://10.96.0.1", "fd00::/8", False),
        ("https://10.96.0.1", "10.96.0.1", True),
        ("https://10.96.0.1:6443", "10.96.0.1:6443", True),
        ("https://10.96.0.1:6443", "10.96.0.1:443", False),
        ("https://10.96.0.1", "::ffff:10.96.0.1", True),
        ("https://10.96.0.1", "10.96.0", False),
        ("https://api.example", "10.0.0.0/8", False),
        ("https://[fd00::1]:6443", "fd00::/8", True),
        ("https://[fd00::1]:6443", "fe80::/10", False),
        ("https://[fd00::1]:6443", "[fd00::1]:6443", True),
        ("https://[fd00::1]:6443", "[fd00::1]:443", False),
        ("https://[fd00::1]:6443", "fd00::1", True),
        ("https://[fe80::1%25eth0]:6443", "fe80::/10", True),
    ],
)
def test_no_proxy_is_read_as_go_reads_it(
    mode: Any, server: str, no_proxy: str, direct: bool, tmp_path: Path
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        environ = {"HTTPS_PROXY": P, name: no_proxy}
        assert mode(server, environ, tmp_path) == ("" if direct else P)


def test_a_kubeconfigs_own_proxy_is_taken_whatever_the_environment_says(tmp_path: Path) -> None:
    own = "https://api.example', proxy-url: 'http://own:1"
    assert kube(own, {"HTTPS_PROXY": P, "NO_PROXY": "*"}, tmp_path) == "http://own:1"
