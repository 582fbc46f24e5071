"""Hosts that no name service can know: said in words, whoever names them."""

from __future__ import annotations

from typing import Any

import pytest

from agentctl.errors import ConfigError, UsageError
from agentctl.kube.access import ClusterAccess
from agentctl.net.endpoint import HttpEndpoint
from agentctl.net.origin import Origin, dns_name
from agentctl.net.proxies import Proxy, environment_proxy
from agentctl.net.tls_settings import TlsSettings
from agentctl.remote.access import ServerAddress, check_tls, client_tls

EMPTY = "has an empty label: two dots together, or one in front"
LONG = "has a label of more than 63 characters"
BAD = {
    "a..b": EMPTY,
    ".a": EMPTY,
    "a..": EMPTY,
    "é..x": EMPTY,
    "a" * 64 + ".example": LONG,
    "é" * 64: LONG,
    "é" * 59 + ".x": LONG,
    "a." * 140 + "b": "has more than 253 characters",
}
GOOD = {
    "a": "a",
    "a.b.": "a.b.",
    "a_b": "a_b",
    "a" * 63 + ".b": "a" * 63 + ".b",
    "é.example": "xn--9ca.example",
    "例え。jp": "xn--r8jz45g.jp",
    "::1": "::1",
    "127.0.0.1": "127.0.0.1",
}


@pytest.mark.parametrize("host", GOOD)
def test_a_good_one_is_as_it_is_looked_up(host: str) -> None:
    assert dns_name(host) == GOOD[host]


@pytest.mark.parametrize("host", BAD)
def test_a_bad_one_is_told_in_words_by_whoever_is_given_it(host: str) -> None:
    def said(error: type[Exception]) -> Any:
        return pytest.raises(error, match=BAD[host])

    with said(ValueError):
        Origin.of(f"https://{host}:6443/")
    with said(UsageError):
        ServerAddress.parse(f"{host}:1", 0)
    with said(UsageError):
        ServerAddress.parse(f"https://{host}/", 0)
    with said(ConfigError):
        Proxy.parse(f"http://{host}:3128")
    pod = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}
    with said(ConfigError):
        ClusterAccess.from_service_account(pod)
    with said(ConfigError):
        settings = TlsSettings("here", tls_server_name=host)
        HttpEndpoint.at(Origin.of("https://localhost"), settings, ())
    with said(UsageError):
        check_tls(client_tls(server_name=host))


def test_an_exemption_that_is_no_name_exempts_nobody() -> None:
    entries = {"HTTPS_PROXY": "http://proxy", "NO_PROXY": ",".join(BAD)}
    assert environment_proxy(Origin.of("https://api.example"), entries) == "http://proxy"
