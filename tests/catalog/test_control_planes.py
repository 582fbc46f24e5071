"""What ships keeps users' objects apart, says its rights, and loses no more than it may not see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import agentctl.catalog
from agentctl.catalog.loader import load_chosen
from agentctl.kube.rbac import describe
from tests.apidouble.faulty import FaultyDouble
from tests.catalog.planes import install
from tests.cli.inprocess import call
from tests.kube.judged import Cluster
from tools import control_planes
from tools.control_planes import NAMED, is_of_users, judged_by, reads, viewed

FOLDER = Path(agentctl.catalog.__file__).parent
OTHERS = [name for name in NAMED if name != "agents"]


@pytest.mark.parametrize("name", NAMED)
def test_what_users_make_is_in_components_of_its_own_that_none_follows(name: str) -> None:
    catalog = load_chosen(name)
    of_users = {one.name for one in catalog.components if is_of_users(one)}
    for one in catalog.components:
        if one.name in of_users or one.each is not None:
            continue
        assert not of_users & set(one.follows())
        for check in one.declared["checks"]:
            if check["kind"] == "resource":
                group = check["of"].partition(".")[2]
                built_in = not group or group.endswith(("k8s.io", "batch"))
                assert built_in, f"{one.name}: objects of users beside other checks"
                assert "names" in check or name == "kubernetes", f"{one.name}: all {check['of']}"


@pytest.mark.parametrize("name", OTHERS)
def test_what_may_not_be_seen_turns_those_alone_unknown_that_need_it(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text()
    usual = Cluster(text)
    parts = [one for one in usual.components if one.each is None]
    before = {one.name: usual.says(one.name) for one in parts}
    for source, view in usual.evaluator.view.sources.items():
        cluster = Cluster(text).cannot_see(source, f"cannot list {source}: forbidden")
        resource, where = view.spec.resource, view.spec.namespace
        for one in parts:
            now = cluster.says(one.name)
            needs = [need for check in one.checks for need in check.needs("agents")]
            mine = any((need.resource, need.namespace) == (resource, where) for need in needs)
            if not mine and not one.presence:
                assert now == before[one.name], (source, one.name)


@pytest.mark.parametrize("name", NAMED)
def test_the_permissions_that_it_shows_are_those_of_its_components(name: str) -> None:
    catalog = load_chosen(name)
    shown = describe(catalog, ["agents"])["requires"]["permissions"]
    granted = {
        f"{resource}.{group}" if group else resource
        for role in shown
        for rule in role["rules"]
        for group in rule.get("apiGroups", ())
        for resource in rule["resources"]
    }
    assert granted == {noun for one in catalog.components for noun in reads(one)}
    for one in catalog.components:
        assert set(judged_by(one)) <= set(reads(one))


@pytest.fixture(scope="module")
def double() -> Iterator[FaultyDouble]:
    with FaultyDouble() as double:
        install(double.store, "argocd", "cert-manager")
        yield double


def statuses(double: FaultyDouble, home: Path, catalog: str) -> dict[str, str]:
    double.kubeconfig(home / "kubeconfig")
    extra = {"KUBECONFIG": str(home / "kubeconfig")}
    done = call("status", "--catalog", catalog, "-o", "json", home=home, extra=extra)
    snapshot, _ = json.JSONDecoder().raw_decode(done.stdout)
    return {one["component"]: one["status"] for one in snapshot["items"]}


def test_a_users_broken_application_colours_its_own_component_alone(
    double: FaultyDouble, tmp_path: Path
) -> None:
    before = statuses(double, tmp_path, "argocd")
    double.store.create(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "shop", "namespace": "argocd"},
            "status": {"health": {"status": "Degraded"}},
        }
    )
    after = statuses(double, tmp_path, "argocd")
    assert after.pop("applications") == "degraded"
    before.pop("applications")
    assert after == before
    assert set(after.values()) <= {"healthy", "configured"}


def test_with_the_rights_of_view_those_alone_are_unknown_that_the_page_names(
    double: FaultyDouble, tmp_path: Path
) -> None:
    def denies(verb: str, group: str, plural: str, namespace: str) -> bool:
        noun = f"{plural}.{group}" if group else plural
        return bool(plural) and group != "authorization.k8s.io" and not viewed(noun)

    double.denied = denies
    try:
        for name in ("argocd", "cert-manager"):
            found = statuses(double, tmp_path, name)
            unknown = {one for one, status in found.items() if status == "unknown"}
            expected = {
                one.name
                for one in load_chosen(name).components
                if not all(map(viewed, judged_by(one)))
            }
            assert unknown == expected
    finally:
        double.denied = None


def test_what_is_missing_for_a_catalog_that_ships_is_told(
    double: FaultyDouble, tmp_path: Path
) -> None:
    double.kubeconfig(tmp_path / "kubeconfig")
    extra = {"KUBECONFIG": str(tmp_path / "kubeconfig")}
    ask = ("auth", "can-watch", "--catalog", "cert-manager", "-o")
    assert call(*ask, "json", home=tmp_path, extra=extra).code == 0
    double.denied = (("*", "cert-manager.io", "*"),)
    try:
        done = call(*ask, "yaml", home=tmp_path, extra=extra)
    finally:
        double.denied = None
    assert done.code == 3
    (role,) = [one for one in yaml.safe_load_all(done.stdout) if one["kind"] == "ClusterRole"]
    resources = {one for rule in role["rules"] for one in rule["resources"]}
    assert resources == {"certificates", "issuers", "clusterissuers"}


def test_the_tables_of_the_page_name_every_component() -> None:
    rows = control_planes.rights().splitlines()[2:]
    named = [tuple(cell.strip(" `") for cell in row.strip("|").split("|")[:2]) for row in rows]
    for name in NAMED:
        for one in load_chosen(name).components:
            assert ((name, one.name.replace("*", "\\*")) in named) == bool(reads(one))


def test_the_page_is_current() -> None:
    assert control_planes.main(check=True) == ""
