"""agentctl diagnose over a server: what the server tells, and where to ask for more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentctl.demo import DemoControlPlane
from tests.cli.inprocess import Done, call
from tests.cli.serving import ANY_PORT, Served


class Site:
    def __init__(self, folder: Path, demo: DemoControlPlane, served: Served) -> None:
        self.folder = folder
        self.plane = demo.plane
        self.served = served

    def diagnose(self, *args: str) -> Done:
        address = f"127.0.0.1:{self.served.port()}"
        way = ("--transport", "sse", "--server", address)
        return call("diagnose", *way, *args, home=self.folder)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with DemoControlPlane(script=False) as demo:
        path = tmp_path / "kubeconfig"
        path.write_text(demo.kubeconfig_text())
        demo.plane.controller_crashes()
        demo.plane.crd_vanishes()
        with Served(*ANY_PORT, "--kubeconfig", str(path), home=tmp_path) as served:
            served.until_ready()
            yield Site(tmp_path, demo, served)


def test_it_says_what_the_server_tells_and_where_to_ask_for_more(site: Site) -> None:
    done = site.diagnose()
    assert done.code == 0
    sections = done.stdout.split("\n\n")
    (agents,) = [one for one in sections if one.startswith("agents-controller is degraded")]
    assert "workload: deployment/agents-controllers" in agents
    assert "this is all that the server tells; it keeps neither pods nor events" in agents
    assert "agentctl diagnose --transport kube -n agents --component 'agents-controller'" in agents
    assert "kubectl -n agents describe deployment/agents-controllers" in agents
    (supporting,) = [one for one in sections if one.startswith("supporting-controller is")]
    assert "missing crds: signals.signals.proompteng.ai" in supporting
    (snapshot,) = map(json.loads, site.diagnose("-o", "ndjson").stdout.splitlines())
    for item in snapshot["items"]:
        reasons = item.get("details", {}).get("diagnosis", [])
        assert [one["check"] for one in reasons] == ["server"] * (item["status"] == "degraded")
