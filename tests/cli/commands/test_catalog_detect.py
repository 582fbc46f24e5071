"""agentctl catalog detect: what is installed, where, and the command that watches it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentctl.catalog.files import SHIPPED
from agentctl.catalog.loader import load_chosen
from agentctl.cli.run import detect
from agentctl.kube.detect import INSTALLED, Detected, custom
from tests.apidouble.faults import Fault, Reply
from tests.apidouble.faulty import FaultyDouble
from tests.catalog.planes import FACTS, install, objects
from tests.cli.inprocess import Done, call

EVERYWHERE = ["kubernetes"]
"""Every cluster has that."""


class Cluster:
    def __init__(self, folder: Path, double: FaultyDouble) -> None:
        self.folder = folder
        self.double = double
        self.path = folder / "kubeconfig"
        double.kubeconfig(self.path)

    def run(self, *args: str, **extra: str) -> Done:
        return call(*args, home=self.folder, extra={"KUBECONFIG": str(self.path), **extra})

    def detect(self, *args: str, **extra: str) -> Done:
        return self.run("catalog", "detect", *args, **extra)

    def found(self, *args: str, code: int = 0, **extra: str) -> dict[str, Any]:
        done = self.detect("-o", "json", *args, **extra)
        assert done.code == code, done.stderr
        return dict(json.loads(done.stdout))

    def rows(self, *args: str, code: int = 0) -> list[tuple[str, str, str]]:
        found = self.found(*args, code=code)["found"]
        return [(one["catalog"], one["namespace"], one["state"]) for one in found]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with all of them."""
    with FaultyDouble() as double:
        install(double.store)
        yield Cluster(tmp_path_factory.mktemp("full"), double)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Cluster]:
    with FaultyDouble() as double:
        yield Cluster(tmp_path, double)


def test_what_crds_checks_name_tells_too() -> None:
    assert "signals.signals.proompteng.ai" in custom(load_chosen("agents"))


def test_all_are_found_where_they_are_with_the_command(full: Cluster) -> None:
    done = full.detect()
    assert (done.code, done.stderr) == (0, "")
    header, *lines = done.stdout.splitlines()
    assert header.split() == ["CATALOG", "NAMESPACE", "FOUND", "COMMAND"]
    expected = sorted([*FACTS, *EVERYWHERE])
    assert [line.split()[0] for line in lines] == expected
    for line, name in zip(lines, expected):
        namespace = load_chosen(name).namespace
        assert line.split() == [
            *(name, namespace, "installed"),
            *f"agentctl status watch --catalog {name}".split(),
        ]


@pytest.mark.parametrize("name", sorted(FACTS))
def test_the_command_shows_that_all_is_well(full: Cluster, name: str) -> None:
    done = full.run("status", "--catalog", name, "-o", "json")
    assert (done.code, done.stderr) == (0, "")
    catalog = load_chosen(name)
    optional = {one.name for one in catalog.components if one.presence}
    for item in json.loads(done.stdout)["items"]:
        assert item["status"] in ("healthy", "configured"), item
        if item["status"] == "configured":
            there = "no " in item["message"] and item["message"].endswith(" there")
            assert there or item["component"] in optional, item


def test_where_a_variable_says_another_namespace_the_command_says_the_right_one(
    full: Cluster,
) -> None:
    (one,) = full.found("flux", AGENTCTL_NAMESPACE="elsewhere")["found"]
    assert one["command"] == "agentctl status watch --catalog flux -n flux-system"


def test_the_command_takes_the_flags_of_the_connection_along(full: Cluster) -> None:
    path = full.folder / "a copy"
    path.write_text(full.path.read_text())
    flags = ("--kubeconfig", str(path), "--as", "jane", "--as-group", "a", "--as-group", "b")
    (one,) = full.found("flux", *flags)["found"]
    words = shlex.split(one["command"])
    assert words[: -len(flags)] == ["agentctl", "status", "watch", "--catalog", "flux"]
    assert words[-len(flags) :] == list(flags)


def test_one_that_is_broken_is_found_as_partly_there(empty: Cluster) -> None:
    for one in objects("argocd"):
        if one["metadata"]["name"] not in ("argocd-server", "argocd-repo-server"):
            empty.double.store.create(one)
    (row,) = empty.found("argocd")["found"]
    assert row["state"] == "partly"
    assert row["components"] == ["application-controller", "redis"]
    assert row["missing"] == ["server", "repo-server"]
    assert "partly (2 of 4)" in empty.detect().stdout


def test_one_in_another_namespace_has_it_in_its_command(empty: Cluster) -> None:
    for one in objects("argocd"):
        if one["metadata"].get("namespace") == "argocd":
            one["metadata"]["namespace"] = "gitops"
        if one["kind"] != "Namespace":
            empty.double.store.create(one)
    (row,) = empty.found("argocd")["found"]
    assert (row["namespace"], row["state"]) == ("gitops", "installed")
    assert row["command"] == "agentctl status watch --catalog argocd -n gitops"


def test_names_that_others_have_too_are_no_control_plane(empty: Cluster) -> None:
    for name in ("controller", "webhook", "activator", "autoscaler"):
        one = next(iter(_deployments("knative-serving", name)))
        one["metadata"]["namespace"] = "shop"
        empty.double.store.create(one)
    assert empty.rows() == [("kubernetes", "kube-system", "installed")]
    # With its resources served it may well be there; most of its workloads must be.
    for one in objects("knative-serving"):
        if one["kind"] == "CustomResourceDefinition":
            empty.double.store.create(one)
    assert empty.rows("knative-serving") == [("knative-serving", "shop", "installed")]
    for name in ("activator", "autoscaler"):
        empty.double.store.delete("deployments", "shop", name)
    assert empty.rows("knative-serving") == [("knative-serving", "knative-serving", "CRDs alone")]


def _deployments(plane: str, name: str) -> Iterator[dict[str, Any]]:
    for one in objects(plane):
        if one["kind"] == "Deployment" and one["metadata"]["name"] == name:
            yield one


def test_custom_resources_that_were_left_behind_are_told_as_such(empty: Cluster) -> None:
    for one in objects("flux"):
        if one["kind"] == "CustomResourceDefinition":
            empty.double.store.create(one)
    done = empty.detect("flux")
    assert done.code == 0
    assert "CRDs alone" in done.stdout
    assert "flux: custom resources are served, but no workload has a name" in done.stderr


def test_nothing_found_ends_with_1(empty: Cluster) -> None:
    done = empty.detect("flux", "argocd")
    assert done.code == 1
    assert "nothing found that a catalog knows" in done.stderr


def test_a_catalog_of_ones_own_is_looked_for_as_well(empty: Cluster) -> None:
    path = empty.folder / "mine.yaml"
    path.write_text(
        "namespace: shop\ncomponents: [{name: a, checks: [{kind: workload, names: [a]}]}]"
    )
    assert empty.detect(str(path)).code == 1
    (one,) = _deployments("temporal", "temporal-web")
    one["metadata"].update(name="a", namespace="shop")
    empty.double.store.create(one)
    for given in ([str(path)], ["--catalog", str(path)]):
        (row,) = empty.found(*given)["found"]
        assert row["command"] == f"agentctl status watch --catalog {path}"


def test_without_rights_in_all_namespaces_the_usual_ones_are_looked_at(empty: Cluster) -> None:
    install(empty.double.store, "flux")
    empty.double.denied = (("list", "apps", "*"),)
    done = empty.detect("flux")
    assert done.code == 0
    assert "CRDs alone" in done.stdout
    assert "not seen: deployments, statefulsets, daemonsets: " in done.stderr
    assert "whether it runs is not known" in done.stderr


def test_of_what_may_not_be_looked_at_it_is_not_told_that_nothing_runs(empty: Cluster) -> None:
    install(empty.double.store, "flux", "argocd")
    for one in objects("cert-manager"):
        if one["kind"] == "CustomResourceDefinition":
            empty.double.store.create(one)
    mine = ("argocd", "cert-manager")
    empty.double.denied = lambda verb, group, plural, where: group == "apps" and where not in mine
    done = empty.detect("flux", "argocd", "cert-manager")
    assert done.code == 0
    names = [line.split()[0] for line in done.stdout.splitlines()[1:]]
    assert names == ["flux", "argocd", "cert-manager"]
    _, hidden, alone = done.stderr.splitlines()
    assert hidden.startswith("agentctl: flux: custom resources are served, but")
    assert hidden.endswith("no workload could be looked at: whether it runs is not known")
    assert alone.startswith("agentctl: cert-manager: custom resources are served, but")
    assert "no workload has a name that the catalog knows" in alone


def test_the_refused_kinds_alone_are_told(empty: Cluster) -> None:
    install(empty.double.store, "flux")
    empty.double.denied = (("list", "apps", "daemonsets"),)
    found = empty.found()
    assert ("flux", "installed") in [(one["catalog"], one["state"]) for one in found["found"]]
    (unseen,) = found["unseen"]
    assert unseen["what"] == "daemonsets"
    assert "forbidden" in unseen["why"]


def test_who_may_see_nothing_at_all_ends_with_3(empty: Cluster) -> None:
    empty.double.denied = (("list", "apps", "*"),)
    empty.double.faults.add(Fault(Reply(403, b"{}"), "apis"))
    done = empty.detect()
    assert (done.code, done.stdout) == (3, "")


def test_in_some_namespaces_alone(full: Cluster) -> None:
    assert full.rows("-n", "argo,flux-system") == [
        ("argo-workflows", "argo", "installed"),
        ("flux", "flux-system", "installed"),
    ]


def test_a_cluster_that_is_not_there_ends_with_5(empty: Cluster) -> None:
    empty.double.stop()
    done = empty.detect()
    assert (done.code, done.stdout) == (5, "")
    assert "connection refused" in done.stderr


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("detect", "-o", "yaml"), "catalog detect -o yaml: expected table or json"),
        (("detect", "fluxx"), "did you mean 'flux'?"),
        (("detect", "auto"), "status watch --catalog auto -n NAMESPACE"),
        (("detect", "-"), "takes files and names"),
        (("show", "--context", "x"), "--context is for 'catalog detect'"),
        (("list", "--as", "x"), "--as is for 'catalog detect'"),
        (("detcet",), "did you mean detect?"),
    ],
)
def test_what_makes_no_sense_ends_with_2(tmp_path: Path, args: tuple[str, ...], says: str) -> None:
    done = call("catalog", *args, home=tmp_path)
    assert (done.code, done.stdout) == (2, "")
    assert says in done.stderr


def test_no_namespace_acts_on_a_terminal() -> None:
    row = Detected("flux", "n\x1b[2J\u202e", INSTALLED)
    assert all(line.isprintable() for line in detect._table([row], ["true"]).split("\n"))


def test_the_facts_are_of_all_that_ship_but_the_chart_and_kubernetes() -> None:
    assert set(FACTS) == set(SHIPPED) - {"agents", "auto", *EVERYWHERE}
