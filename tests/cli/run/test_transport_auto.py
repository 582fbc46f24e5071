"""The first of grpc, sse and kube that answers, and a word of those that did not."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agentctl.demo import DemoControlPlane
from tests.campaign.test_replicas import Site
from tests.cli.inprocess import call, until_timeout
from tests.cli.program import Program
from tests.ports import free_ports

FLAGS = ("status", "watch", "--transport", "auto", "-o", "ndjson")


def events(*flags: str, **options: Any) -> list[dict[str, Any]]:
    done = until_timeout(partial(call, *FLAGS, *flags, "--timeout", **options))
    assert done.code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("listener", ["grpc", "sse"])
def test_auto_takes_the_first_transport_that_answers(tmp_path: Path, listener: str) -> None:
    port, probe = free_ports(2)
    here = f"127.0.0.1:{port}"
    listen = ["--http", "off", "--grpc", "off", "--probe", f"127.0.0.1:{probe}"]
    listen[listen.index("--grpc" if listener == "grpc" else "--http") + 1] = here
    with DemoControlPlane(script=False) as demo:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(demo.kubeconfig_text())
        with Program("serve", *listen, "--kubeconfig", str(kubeconfig), home=tmp_path):
            Site.wait_until_ready(probe)
            found = events("--server", here, home=tmp_path)
    assert found[0]["type"] == "snapshot"
    assert len(found[0]["items"]) == 10
    told = [event for event in found if event["type"] == "error"]
    if listener == "grpc":
        assert told == []
    else:
        assert [event["code"] for event in told] == ["fallback"]
        assert told[0]["message"].startswith("using sse; grpc: ")


def test_auto_falls_through_to_kube_and_says_so(tmp_path: Path, free_port: int) -> None:
    with DemoControlPlane(script=False) as demo:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(demo.kubeconfig_text())
        server = f"127.0.0.1:{free_port}"
        extra = {"AGENTCTL_SERVER": server, "AGENTCTL_KUBECONFIG": str(kubeconfig)}
        found = events(home=tmp_path, extra=extra)
        assert [event["type"] for event in found] == ["snapshot", "error"]
        assert found[1]["message"].startswith("using kube; grpc: ")
        assert "; sse: " in found[1]["message"]
        alone = {"AGENTCTL_KUBECONFIG": str(kubeconfig)}
        found = events(home=tmp_path, extra=alone)
        assert [event["type"] for event in found] == ["snapshot"]


def test_auto_is_never_weaker_in_security(tmp_path: Path) -> None:
    extra = {"AGENTCTL_SERVER": "192.0.2.1:1", "AGENTCTL_TOKEN": "s3cret"}
    done = call(*FLAGS, home=tmp_path, extra=extra)
    assert done.code == 2
    assert "plain text" in done.stderr
    assert "s3cret" not in done.stderr
