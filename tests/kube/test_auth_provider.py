"""Legacy auth providers of a kubeconfig: left to the package ``kubernetes``, which is an extra."""

from __future__ import annotations

import base64
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from agentctl.errors import MissingPackageError
from tests.kube.test_access_plugins import complaint, kubeconfig, load


@pytest.mark.parametrize("name", ["gcp", "oidc", "azure"])
def test_without_the_package_the_command_that_installs_it_is_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    path = kubeconfig(tmp_path, {"auth-provider": {"name": name}})
    with pytest.raises(MissingPackageError) as failure:
        load(path)
    assert failure.value.message == (
        f"{path}: user 'dev': the auth-provider {name!r} needs the package kubernetes, "
        f"which is not installed: {sys.executable} -m pip install 'kubernetes>=24.2.0,!=36.0.0'; "
        "or use an exec plugin (kubelogin, gcloud), a certificate or a token"
    )


def test_an_auth_provider_gives_its_token(tmp_path: Path) -> None:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    # A length that the package's own padding rule takes.
    claims = {"exp": int(time.time()) + 3600, "pad": ""}
    while len(part(claims)) % 4 != 2:
        claims["pad"] += "x"
    token = f"{part({'alg': 'none'})}.{part(claims)}.c2ln"
    oidc = {"name": "oidc", "config": {"id-token": token, "idp-issuer-url": "https://idp"}}
    assert load(kubeconfig(tmp_path, {"auth-provider": oidc})).token == token


@pytest.mark.parametrize("provider", [{"name": "acme"}, {"config": {}}])
def test_one_that_is_none_says_so_and_asks_for_no_package(
    provider: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    message = complaint(kubeconfig(tmp_path, {"auth-provider": provider}))
    assert "is none of azure, gcp, oidc: use an exec plugin" in message


def test_one_that_gives_no_token_says_what_to_do(tmp_path: Path) -> None:
    message = complaint(kubeconfig(tmp_path, {"auth-provider": {"name": "oidc"}}))
    assert "the auth-provider 'oidc' gave no token; log in again" in message
