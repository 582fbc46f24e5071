"""The catalogs that ship: their list, ``--catalog NAME``, and whose namespace counts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Optional

import pytest
import yaml

import agentctl.catalog
from agentctl.catalog.files import SHIPPED
from agentctl.catalog.loader import load, load_chosen, load_default
from agentctl.errors import CatalogError
from agentctl.kube.resources import DEPLOYMENTS
from tests.cli.inprocess import call
from tests.kube.judged import Cluster, deployment

FOLDER = Path(agentctl.catalog.__file__).parent
MINE = "name: mine\nnamespace: mine\ncomponents: [{name: it, checks: [{kind: namespace}]}]\n"
OTHERS = [name for name in SHIPPED if name not in ("agents", "auto")]
"""Those of one control plane."""


def _labels(check: dict) -> dict[str, str]:
    return dict(one.split("=", 1) for one in check.get("labels", "").split(",") if one)


def _name(check: dict) -> str:
    return str(check.get("names", ["any"])[-1])


def shown(home: Path, *args: str, variable: str = "") -> dict:
    extra = {"AGENTCTL_NAMESPACE": variable} if variable else {}
    done = call("catalog", "show", "-o", "json", *args, home=home, extra=extra)
    assert (done.code, done.stderr) == (0, "")
    return dict(json.loads(done.stdout))


def test_the_list_is_that_of_the_files() -> None:
    files = {path.stem for path in FOLDER.glob("*.yaml")}
    assert sorted(SHIPPED) == sorted(files - {"health"})


@pytest.mark.parametrize("name", OTHERS)
def test_each_has_its_name_a_namespace_and_says_where_its_facts_come_from(name: str) -> None:
    catalog = load_chosen(name)
    assert catalog.name == name
    assert catalog.namespace
    comment = " ".join(re.findall(r"^# (.*)", (FOLDER / f"{name}.yaml").read_text(), re.M))
    assert "Names" in comment
    assert "Tried on" in comment


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_there_is_told_and_what_need_not_be_there_is_no_alarm(name: str) -> None:
    cluster = Cluster((FOLDER / f"{name}.yaml").read_text())
    optional = {one.name for one in cluster.components if one.told}
    for one in (one for one in cluster.components if one.each is None):
        said = cluster.says(one.name)
        if one.name in optional:
            assert said == ("configured", "not installed")
        elif any(need.resource == DEPLOYMENTS for need in one.needs("agents")):
            assert said[0] == "error"


@pytest.mark.parametrize("name", OTHERS)
def test_a_workload_that_is_down_is_an_alarm_in_each_component_that_has_one(name: str) -> None:
    cluster = Cluster((FOLDER / f"{name}.yaml").read_text())
    for one in (one for one in cluster.components if one.each is None):
        for check in one.declared["checks"]:
            if (
                check["kind"] == "workload"
                and check.get("kinds", ["Deployment"])[0] == "Deployment"
            ):
                where = one.declared.get("namespace")
                source = f"{DEPLOYMENTS.plural}/{where}" if where else DEPLOYMENTS.plural
                down = deployment(_name(check), ready=0, labels=_labels(check))
                down["metadata"]["namespace"] = where or "agents"
                cluster.has(source, down)
                assert cluster.says(one.name) == ("error", "0/2 ready")


def test_the_list_names_each_with_its_namespace(tmp_path: Path) -> None:
    done = call("catalog", "list", home=tmp_path)
    assert done.code == 0
    rows = [line.split()[:2] for line in done.stdout.splitlines()[1:]]
    assert [name for name, _ in rows] == list(SHIPPED)
    assert ["agents", "agents"] in rows
    assert ["flux", "flux-system"] in rows
    listed = json.loads(call("catalog", "list", "-o", "json", home=tmp_path).stdout)
    assert [[one["name"], one["namespace"]] for one in listed] == rows
    assert call("catalog", "list", "more", home=tmp_path).code == 2


@pytest.mark.parametrize(
    ("flag", "variable", "config", "expected"),
    [
        ("a", "b", "c", "a"),
        (None, "b", "c", "b"),
        (None, "", "c", "c"),
        (None, "", "", "cert-manager"),
    ],
)
def test_the_catalogs_namespace_counts_where_nobody_says_another(
    tmp_path: Path, flag: Optional[str], variable: str, config: str, expected: str
) -> None:
    if config:
        (tmp_path / ".config" / "agentctl").mkdir(parents=True)
        told = json.dumps({"namespace": config})
        (tmp_path / ".config" / "agentctl" / "config.json").write_text(told)
    given = ("-n", flag) if flag else ()
    found = shown(tmp_path, "--catalog", "cert-manager", *given, variable=variable)
    assert found["requires"]["namespaces"] == [expected]


def test_a_catalog_that_names_none_has_the_default(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE.replace("namespace: mine\n", ""))
    found = shown(tmp_path, "--catalog", str(tmp_path / "mine.yaml"))
    assert found["requires"]["namespaces"] == ["agents"]
    assert "namespace" not in found


def test_what_is_shown_keeps_its_namespace(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE)
    found = shown(tmp_path, "--catalog", str(tmp_path / "mine.yaml"))
    assert found["requires"]["namespaces"] == ["mine"]
    assert load(yaml.safe_dump(found).encode(), "again.yaml").namespace == "mine"


def test_a_path_is_a_file_and_a_name_that_ships_goes_before_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("flux", "flux.yaml", "own"):
        (tmp_path / name).write_text(MINE)
    assert load_chosen("flux").name == "flux"
    for path in ("./flux", "flux.yaml", "own"):
        assert load_chosen(path).name == "mine"
    assert load_chosen("agents", probes=False).hash == load_default().hash


@pytest.mark.parametrize("name", ['"{namespace}"', "a.b", "A", "[a]"])
def test_a_namespace_that_is_none_has_its_line(name: str) -> None:
    text = MINE.replace("namespace: mine", f"namespace: {name}")
    with pytest.raises(CatalogError, match=r"^my.yaml:2: expected .* as 'namespace'"):
        load(text.encode(), "my.yaml")


def test_one_is_shown_by_its_name_alone(tmp_path: Path) -> None:
    assert shown(tmp_path, "flux") == shown(tmp_path, "--catalog", "flux")
    done = call("catalog", "show", "flux", "argocd", home=tmp_path)
    assert (done.code, done.stdout) == (2, "")
    assert "catalog show takes one catalog, got 2" in done.stderr
    assert call("catalog", "show", "flux", "--catalog", "flux", home=tmp_path).code == 2


def test_they_are_there_in_a_folder_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a shell's is whose release was replaced."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert load_chosen("").names
    assert load_chosen("argocd").names
    with pytest.raises(CatalogError, match="cannot read the catalog"):
        load_chosen("mine.yaml")
