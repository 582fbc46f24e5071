"""``catalog generate``: what runs in a namespace as a catalog, edited, and used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agentctl.apidouble.store import Store
from agentctl.catalog.generate import explicit, text_of
from agentctl.catalog.loader import load
from tests.apidouble.faulty import FaultyDouble
from tests.cli.inprocess import Done, call
from tests.kube.judged import deployment
from tests.kube.test_checks_cronjob import cron, job
from tests.kube.test_selects import service, slice_of, templated

NAMESPACE = "shop"


def placed(version: str, kind: str, item: dict[str, Any]) -> dict[str, Any]:
    metadata = {**item["metadata"], "namespace": NAMESPACE}
    return {**item, "apiVersion": version, "kind": kind, "metadata": metadata}


class Shop(NamedTuple):
    double: FaultyDouble
    home: Path

    def call(self, *args: str) -> Done:
        kubeconfig = self.home / "kubeconfig"
        self.double.kubeconfig(kubeconfig)
        return call(*args, "--kubeconfig", str(kubeconfig), "-n", NAMESPACE, home=self.home)

    def verdicts(self, catalog: str) -> list[tuple[str, str, str]]:
        done = self.call("status", "-o", "ndjson", "--catalog", catalog)
        items = json.loads(done.stdout.splitlines()[0])["items"]  # what cannot be seen follows
        return [(one["component"], one["status"], one.get("message", "")) for one in items]

    def write(self, text: str) -> str:
        path = self.home / "mine.yaml"
        path.write_text(text)
        return str(path)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    double = FaultyDouble(store=Store())
    double.store.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    objects = [
        placed("apps/v1", "Deployment", templated("web", app="web")),
        placed("apps/v1", "Deployment", deployment("idle", desired=0)),
        placed("apps/v1", "Deployment", deployment("1.5", ready=1)),
        placed("apps/v1", "StatefulSet", deployment("web", ready=0)),
        placed("v1", "Service", service("web", app="web")),
        placed("discovery.k8s.io/v1", "EndpointSlice", slice_of("web", False)),
        placed("batch/v1", "CronJob", cron()),
        placed("batch/v1", "Job", job("backup-1", "01:00:00", failed=True)),
    ]
    for one in objects:
        double.store.create(one)
    with double:
        yield Shop(double, tmp_path)


def test_what_is_generated_gives_the_same_verdicts(shop: Shop) -> None:
    done = shop.call("catalog", "generate")
    assert (done.code, done.stderr) == (0, "")
    verdicts = shop.verdicts("auto")
    assert [name for name, _, _ in verdicts] == [
        "deployment/1.5",
        "deployment/idle",
        "deployment/web",
        "statefulset/web",
        "service/web",
        "cronjob/backup",
    ]
    assert shop.verdicts(shop.write(done.stdout)) == verdicts


def test_names_that_yaml_reads_as_something_else_and_those_that_no_check_takes(shop: Shop) -> None:
    taken = ["on", "1e3", "null", "0x1f", "2026-01-01", "template", "x" * 253]
    refused = ["system:a", "a/b", "A"]
    for name in (*taken, *refused):
        shop.double.store.create(placed("apps/v1", "Deployment", deployment(name)))
    done = shop.call("catalog", "generate")
    named = {f"deployment/{name}" for name in taken}
    found = {name for name, _, _ in shop.verdicts(shop.write(done.stdout))}
    assert found >= named
    assert not any(f"deployment/{name}" in found for name in refused)


def test_each_part_says_where_it_is_from(shop: Shop) -> None:
    lines = shop.call("catalog", "generate").stdout.splitlines()
    assert lines[0] == "# What was found in namespace shop of context demo"
    assert "  # services web: its selector means deployment/web" in lines
    at = lines.index("  - name: deployment/web")
    assert lines[at - 1].startswith("  # deployments.apps web: 1 of 1 available")
    assert lines[at + 2] == (
        "      - {kind: workload, names: [web], kinds: [Deployment], zero: configured}"
    )
    assert "  # Job: found as they come and go, not written out one by one." in lines


def test_a_context_of_any_name_stays_in_its_comment() -> None:
    text = text_of(NAMESPACE, NAMESPACE, [], ["of context a\nname: b\x1b[2J"])
    assert text.splitlines() == [
        "# of context a?name: b?[2J",
        "name: shop",
        "namespace: shop",
        "components:",
    ]


def test_it_is_edited_and_used(shop: Shop) -> None:
    text = shop.call("catalog", "generate").stdout
    text = text.replace("name: deployment/web\n", "name: front\n")
    text = text.replace(
        "kinds: [StatefulSet], zero", "kinds: [StatefulSet], absent: degraded, zero"
    )
    text += "  - name: leader\n    checks:\n      - {kind: lease, name: web}\n"
    catalog = shop.write(text)
    shop.double.store.delete("statefulsets.apps", NAMESPACE, "web")
    shop.double.store.delete("deployments.apps", NAMESPACE, "idle")
    found = {name: status for name, status, _ in shop.verdicts(catalog)}
    assert found["front"] == "healthy"
    assert found["statefulset/web"] == "degraded"  # as the edit says
    assert found["deployment/idle"] == "error"  # what is written must be there
    assert found["leader"] == "error"


@pytest.mark.parametrize(
    "what", ["where: [.spec.replicas=2]}", "unless: [.spec.replicas=0]}", "}\n    only: [error]"]
)
def test_what_comes_and_goes_stays_as_it_is_found(shop: Shop, what: str) -> None:
    each = f"components:\n  - each: {{kinds: [Deployment, StatefulSet], {what}\n"
    done = shop.call("catalog", "generate", "--catalog", shop.write(each.replace(", }", "}")))
    assert (done.code, done.stderr) == (0, "")
    assert "  # Deployment: found as they come and go" in done.stdout
    assert "name: deployment/" not in done.stdout


def test_for_programs(shop: Shop) -> None:
    found = json.loads(shop.call("catalog", "generate", "-o", "json").stdout)
    assert (found["name"], found["namespace"]) == (NAMESPACE, NAMESPACE)
    check = {"kind": "endpoints", "service": "web", "zero": "configured"}
    assert {"name": "service/web", "checks": [check]} in found["components"]
    assert shop.verdicts(shop.write(json.dumps(found))) == shop.verdicts("auto")


def test_what_may_not_be_listed_stays_as_it_was(shop: Shop) -> None:
    shop.double.denied = [("list", "apps", "statefulsets")]
    done = shop.call("catalog", "generate")
    assert "not written out, as it cannot be listed: " in done.stderr
    assert "statefulsets" in done.stderr
    assert "each: {kinds: [StatefulSet]}" in done.stdout
    assert shop.verdicts(shop.write(done.stdout)) == shop.verdicts("auto")
    shop.double.denied = [("list", "*", "*")]
    done = shop.call("catalog", "generate")
    assert (done.code, done.stdout) == (3, "")


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("more",), 2, "catalog generate takes no file: --catalog more"),
        (("--catalog", "argocd"), 2, "it finds nothing by 'each'"),
        (("-n", "other"), 2, "give -n once"),
        (("-o", "table"), 2, "expected yaml or json"),
    ],
)
def test_mistakes(shop: Shop, args: tuple[str, ...], code: int, says: str) -> None:
    done = shop.call("catalog", "generate", *args)
    assert (done.code, done.stdout) == (code, "")
    assert says in done.stderr


def test_a_namespace_that_is_not_there(shop: Shop) -> None:
    shop.double.store.delete("namespaces", "", NAMESPACE)
    done = shop.call("catalog", "generate")
    assert (done.code, done.stdout) == (3, "")
    assert 'namespace "shop" not found' in done.stderr


CHECKS = """
components:
  - each: {kinds: [Deployment, lamps.example.org], namespace: hall}
    present: {crd: lamps.example.org}
    checks:
      - {kind: resource, rules: ready}
      - {kind: lease, name: "{name}-leader"}
      - {kind: workload, names: ["{name}-db"]}
      - {kind: cronjob, name: "{name}"}
      - {kind: endpoints, service: "{name}", port: 8080, show_address: true}
"""


def test_checks_of_any_kind_name_their_object() -> None:
    components = load(CHECKS.encode(), "mine.yaml").components
    each = components[1].each
    assert each is not None
    made = explicit(components[1], each, "a")
    assert made == {
        "name": "lamp/a",
        "namespace": "hall",
        "present": {"crd": "lamps.example.org"},
        "checks": [
            {"kind": "resource", "of": "lamps.example.org", "names": ["a"], "rules": "ready"},
            {"kind": "lease", "name": "a-leader"},
            {"kind": "workload", "names": ["a-db"]},
            {"kind": "cronjob", "name": "a"},
            {"kind": "endpoints", "service": "a", "port": 8080, "show_address": True},
        ],
    }
    load(json.dumps({"components": [made]}).encode(), "made.yaml")
