"""Resources judged by rules, from the API double to what each command prints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agentctl.demo.controlplane import SIGNALS
from tests.apidouble.faulty import FaultyDouble
from tests.cli.inprocess import Done, call
from tests.kube.test_locate import signal

CATALOG = f"""\
name: mine
components:
  - name: signals
    checks: [{{kind: resource, of: {SIGNALS}, in: all}}]
  - name: lamps
    checks: [{{kind: resource, of: lamps.example.org}}]
  - name: nodes
    checks: [{{kind: resource, of: nodes}}]
  - name: hooks
    checks: [{{kind: webhook, names: ["demo-*"], absent: configured}}]
"""


class Plane(NamedTuple):
    double: FaultyDouble
    home: Path

    def call(self, *args: str) -> Done:
        catalog = self.home / "catalog.yaml"
        catalog.write_text(CATALOG)
        kubeconfig = self.home / "kubeconfig"
        self.double.kubeconfig(kubeconfig)
        flags = ("--catalog", str(catalog), "--kubeconfig", str(kubeconfig))
        return call(*args, *flags, home=self.home)

    def statuses(self) -> dict[str, tuple[str, str]]:
        printed = self.call("status", "-o", "ndjson").stdout.splitlines()
        snapshot = json.loads(printed[0])  # what cannot be seen follows it
        return {one["component"]: (one["status"], one["message"]) for one in snapshot["items"]}


@pytest.fixture
def plane(tmp_path: Path, plane_double: FaultyDouble) -> Plane:
    return Plane(plane_double, tmp_path)


@pytest.fixture
def plane_double() -> Iterator[FaultyDouble]:
    from agentctl.apidouble.store import Store
    from agentctl.demo import ControlPlane

    double = FaultyDouble(store=Store())
    ControlPlane(double.store).install()
    double.store.create(signal("a"))
    double.store.create(signal("b", "False"))
    node: dict[str, Any] = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}
    node["status"] = {"conditions": [{"type": "Ready", "status": "Unknown"}]}
    double.store.create(node)
    with double:
        yield double


def test_each_is_told_with_what_its_status_says(plane: Plane) -> None:
    assert plane.statuses() == {
        "signals": ("degraded", "1 of 2 degraded: b: Ready=False"),
        "lamps": ("unknown", "lamps.example.org is not served: is it installed?"),
        "nodes": ("error", "n1: Ready=Unknown"),
        "hooks": ("configured", ""),
    }


def test_who_lacks_the_rights_on_one_sees_unknown_there_alone(plane: Plane) -> None:
    group = SIGNALS.partition(".")[2]
    plane.double.denied = [("list", group, "signals"), ("watch", group, "signals")]
    found = plane.statuses()
    assert found["signals"][0] == "unknown"
    assert "forbidden" in found["signals"][1]
    assert found["nodes"] == ("error", "n1: Ready=Unknown")
    done = plane.call("auth", "can-watch")
    (row,) = (line for line in done.stdout.splitlines() if line.startswith(SIGNALS))
    assert row.split()[-1] == "list,watch"


def test_a_diagnosis_names_the_object_the_rule_and_what_to_do(plane: Plane) -> None:
    lines = [line.strip() for line in plane.call("diagnose").stdout.splitlines()]
    assert "signal/b in agents" in lines
    assert any("rule: degraded: [Ready=False]" in line for line in lines)
    assert any(line.endswith(f"-n agents describe {SIGNALS} b") for line in lines)
    assert any(line.startswith("remedy: install what defines lamps.example.org") for line in lines)
    assert any(line.endswith("describe nodes n1") for line in lines)
