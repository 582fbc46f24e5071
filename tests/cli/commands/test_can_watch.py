"""agentctl auth can-watch: what is granted and what is not, asked before any watch."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import pytest
import yaml

from agentctl.demo import ControlPlane
from tests.apidouble.faulty import FaultyDouble
from tests.cli.inprocess import Done, call
from tests.cli.program import run
from tests.deploy.authorizer import Asked, Granted
from tests.kubectl import KUBECTL, NO_KUBECTL

MISSING = (
    ("watch", "", "pods"),
    ("list", "coordination.k8s.io", "leases"),
    ("*", "apiextensions.k8s.io", "customresourcedefinitions"),
)
NEEDED = 8
"""Rows of RBAC for the default catalog."""


class Cluster:
    def __init__(self, folder: Path, double: FaultyDouble) -> None:
        self.folder = folder
        self.double = double
        self.path = folder / "kubeconfig"
        double.kubeconfig(self.path)

    def can_watch(self, *args: str) -> Done:
        return call(
            "auth", "can-watch", *args, home=self.folder, extra={"KUBECONFIG": str(self.path)}
        )


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with FaultyDouble() as double:
        ControlPlane(double.store).install()
        yield Cluster(tmp_path, double)


def rules_of(manifests: list[dict[str, Any]]) -> list[Granted]:
    """The rules that hold, where they hold: a role that nothing binds grants nothing."""
    bound = {
        (one["roleRef"]["kind"], one["roleRef"]["name"]) for one in manifests if "roleRef" in one
    }
    return [
        Granted(one["metadata"].get("namespace", ""), rule)
        for one in manifests
        if (one["kind"], one["metadata"]["name"]) in bound
        for rule in one["rules"]
    ]


def test_all_is_granted(cluster: Cluster) -> None:
    done = cluster.can_watch()
    lines = done.stdout.splitlines()
    assert (done.code, done.stderr) == (0, "")
    assert lines[0].split() == ["RESOURCE", "NAMESPACE", "NAME", "NEEDED", "MISSING"]
    assert len(lines) == 1 + NEEDED + 2
    assert {line.split()[-1] for line in lines[1 : 1 + NEEDED]} == {"-"}
    assert lines[-1] == "viewer may watch all that the catalog needs"
    told = {
        request.path.rpartition("/")[2]
        for request in cluster.double.requests
        if request.method != "POST"
    }
    assert told == set(), "it must not read anything"


def test_what_is_missing_is_told_and_ends_with_3(cluster: Cluster) -> None:
    cluster.double.denied = MISSING
    done = cluster.can_watch()
    assert done.code == 3
    missing = {
        line.split()[0]: line.split()[-1]
        for line in done.stdout.splitlines()[1 : 1 + NEEDED]
        if not line.endswith(" -")
    }
    assert missing == {
        "pods": "watch",
        "leases.coordination.k8s.io": "list",
        "customresourcedefinitions.apiextensions.k8s.io": "list,watch",
    }
    assert done.stderr == (
        "agentctl: viewer may not watch all that the catalog needs: missing watch pods in agents, "
        "list leases.coordination.k8s.io in agents, "
        "list,watch customresourcedefinitions.apiextensions.k8s.io\n"
    )
    documents = done.stdout.partition("and this:\n\n")[2]
    assert len(list(yaml.safe_load_all(documents))) == 4


def test_the_yaml_grants_what_is_missing_and_no_more(cluster: Cluster) -> None:
    cluster.double.denied = MISSING
    done = cluster.can_watch("-o", "yaml")
    rules = rules_of(list(yaml.safe_load_all(done.stdout)))

    def granted(verb: str, group: str, resource: str, namespace: str, name: str = "") -> bool:
        asked = Asked(verb, "", group, resource, namespace, name)
        return any(rule.allows(asked) for rule in rules)

    leader = "agents-controller-leader"
    assert granted("watch", "", "pods", "agents")
    assert granted("list", "coordination.k8s.io", "leases", "agents", leader)
    for verb in ("list", "watch"):
        assert granted(verb, "apiextensions.k8s.io", "customresourcedefinitions", "")
    assert not granted("list", "", "pods", "agents")
    assert not granted("watch", "", "pods", "default")
    assert not granted("list", "coordination.k8s.io", "leases", "agents", "another")
    assert not granted("watch", "coordination.k8s.io", "leases", "agents", leader)


def test_json_has_the_same(cluster: Cluster) -> None:
    cluster.double.denied = MISSING
    done = cluster.can_watch("-o", "json")
    told = json.loads(done.stdout)
    assert (done.code, told["allowed"], told["user"]) == (3, False, "viewer")
    assert len(told["permissions"]) == NEEDED
    assert told["permissions"][2] == {
        "resource": "pods",
        "namespace": "agents",
        "names": [],
        "needed": ["list", "watch"],
        "missing": ["watch"],
    }
    applied = list(yaml.safe_load_all(cluster.can_watch("-o", "yaml").stdout))
    assert told["apply"] == applied


def test_a_service_account_is_bound_as_one(cluster: Cluster) -> None:
    cluster.double.api.user = "system:serviceaccount:ops:watcher"
    cluster.double.denied = MISSING[:1]
    told = json.loads(cluster.can_watch("-o", "json").stdout)
    (binding,) = [one for one in told["apply"] if one["kind"] == "RoleBinding"]
    account = {"kind": "ServiceAccount", "name": "watcher", "namespace": "ops"}
    assert binding["subjects"] == [account]


def test_an_api_that_does_not_tell_who_we_are_leaves_the_binding_open(cluster: Cluster) -> None:
    cluster.double.faults.status(404, "selfsubjectreviews")
    cluster.double.denied = MISSING[:1]
    done = cluster.can_watch("-o", "json")
    told = json.loads(done.stdout)
    assert (told["user"], [one["kind"] for one in told["apply"]]) == ("", ["Role"])
    assert done.stderr.startswith("agentctl: the API does not tell who you are")
    assert "you may not watch" in done.stderr


def test_names_differ_with_what_they_grant(cluster: Cluster) -> None:
    names = set()
    for rule in MISSING:
        cluster.double.denied = [rule]
        for one in yaml.safe_load_all(cluster.can_watch("-o", "yaml").stdout):
            names.add(one["metadata"]["name"])
    assert len(names) == len(MISSING)


def test_namespaces_components_and_catalogs_decide_what_is_asked(
    cluster: Cluster, tmp_path: Path
) -> None:
    done = cluster.can_watch("-n", "one", "-n", "two", "--component", "grpc")
    rows = [line.split()[:2] for line in done.stdout.splitlines()[1:3]]
    assert rows == [["endpointslices.discovery.k8s.io", where] for where in ("one", "two")]
    catalog = tmp_path / "own.yaml"
    catalog.write_text("components: [{name: a, checks: [{kind: namespace}]}]")
    done = cluster.can_watch("--catalog", str(catalog))
    assert [line.split()[0] for line in done.stdout.splitlines()[1:2]] == ["namespaces"]


OF_BOTH_SCOPES = """
components:
  - {name: home, checks: [{kind: namespace}]}
  - {name: lamps, checks: [{kind: resource, of: lamps.example.org}]}
  - {name: rooms, checks: [{kind: resource, of: rooms.example.org}]}
"""


@pytest.fixture
def of_both_scopes(cluster: Cluster, tmp_path: Path) -> str:
    """A catalog of custom resources in no namespace and in one, which may not be read."""
    for kind, scope in (("Lamp", "Cluster"), ("Room", "Namespaced")):
        plural = f"{kind.lower()}s"
        spec = {
            "group": "example.org",
            "names": {"plural": plural, "kind": kind, "singular": kind.lower()},
            "scope": scope,
            "versions": [{"name": "v1", "served": True, "storage": True}],
        }
        cluster.double.store.create(
            {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {"name": f"{plural}.example.org"},
                "spec": spec,
                "status": {"conditions": [{"type": "Established", "status": "True"}]},
            }
        )
    cluster.double.denied = (("*", "example.org", "*"),)
    catalog = tmp_path / "both.yaml"
    catalog.write_text(OF_BOTH_SCOPES)
    return str(catalog)


def granted_by(manifests: list[dict[str, Any]]) -> dict[str, str]:
    """Each resource and the kind of role that grants it."""
    return {
        resource: one["kind"]
        for one in manifests
        if "rules" in one
        for rule in one["rules"]
        for resource in rule.get("resources", ())
    }


def test_what_is_in_no_namespace_is_asked_for_and_granted_in_none(
    cluster: Cluster, of_both_scopes: str
) -> None:
    done = cluster.can_watch("--catalog", of_both_scopes, "-o", "json")
    asked = {one["resource"]: one["namespace"] for one in json.loads(done.stdout)["permissions"]}
    assert (asked["lamps.example.org"], asked["rooms.example.org"]) == ("", "agents")
    done = cluster.can_watch("--catalog", of_both_scopes, "-o", "yaml")
    found = granted_by(list(yaml.safe_load_all(done.stdout)))
    assert found == {"lamps": "ClusterRole", "rooms": "Role"}


def test_diagnose_grants_in_no_namespace_what_is_in_none(
    cluster: Cluster, of_both_scopes: str
) -> None:
    ask = ("diagnose", "--catalog", of_both_scopes, "-o", "ndjson", "-n", "agents")
    done = call(*ask, home=cluster.folder, extra={"KUBECONFIG": str(cluster.path)})
    found: dict[str, str] = {}
    for item in json.loads(done.stdout.splitlines()[0])["items"]:
        for one in item.get("details", {}).get("diagnosis", ()):
            found.update(granted_by(one.get("apply", [])))
    assert found == {"lamps": "ClusterRole", "rooms": "Role"}


def test_where_discovery_may_not_be_read_the_names_are_gone_by(
    cluster: Cluster, of_both_scopes: str
) -> None:
    cluster.double.faults.status(403, "apis")
    done = cluster.can_watch("--catalog", of_both_scopes, "-o", "yaml")
    found = granted_by(list(yaml.safe_load_all(done.stdout)))
    assert found == {"lamps": "Role", "rooms": "Role"}


@pytest.mark.parametrize(
    ("status", "plural", "code"),
    [(401, "", 3), (403, "selfsubjectaccessreviews", 3), (500, "selfsubjectaccessreviews", 5)],
)
def test_an_api_that_does_not_answer_the_question(
    cluster: Cluster, status: int, plural: str, code: int
) -> None:
    cluster.double.faults.status(status, plural)
    done = cluster.can_watch()
    assert (done.code, done.stdout) == (code, "")
    assert done.stderr.startswith("agentctl: cannot ask for a review of our own access")


def test_nobody_there_is_5(tmp_path: Path, free_port: int) -> None:
    double = FaultyDouble(free_port)
    cluster = Cluster(tmp_path, double)
    done = cluster.can_watch()
    assert done.code == 5
    assert "connection refused" in done.stderr


def test_it_is_a_program(cluster: Cluster) -> None:
    cluster.double.denied = MISSING[:1]
    done = run("auth", "can-watch", "--kubeconfig", str(cluster.path), home=cluster.folder)
    assert done.returncode == 3
    assert "missing watch pods in agents" in done.stderr


@pytest.mark.skipif(KUBECTL is None, reason=NO_KUBECTL)
def test_kubectl_is_told_the_same(cluster: Cluster) -> None:
    cluster.double.denied = MISSING
    cluster.double.faults.status(403, "deployments", ["list"])

    def kubectl(*args: str) -> str:
        where = [f"--kubeconfig={cluster.path}", f"--cache-dir={cluster.folder / 'cache'}"]
        done = subprocess.run(
            [str(KUBECTL), *where, "auth", *args], capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        return done.stdout.strip()

    def can_i(verb: str, resource: str, name: Optional[str] = None) -> str:
        return kubectl("can-i", verb, f"{resource}/{name}" if name else resource, "-n", "agents")

    told = json.loads(cluster.can_watch("-o", "json").stdout)
    for permission in told["permissions"][1:4]:
        name = permission["names"][0] if permission["names"] else None
        for verb in permission["needed"]:
            said = can_i(verb, permission["resource"], name)
            assert said == ("no" if verb in permission["missing"] else "yes"), permission
    assert told["user"] in kubectl("whoami")
