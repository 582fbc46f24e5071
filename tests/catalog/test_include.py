"""``include``: catalogs made of others; a catalog's own ``present``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from agentctl.catalog.content import Catalog
from agentctl.catalog.files import SHIPPED
from agentctl.catalog.loader import load, load_chosen, load_file
from agentctl.errors import CatalogError
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.rbac import describe
from agentctl.kube.resources import CRDS
from tests.kube.judged import Cluster, deployment, named

COMPONENT = "components: [{{name: {}, checks: [{{kind: workload, names: [{}]}}]}}]\n"


class Folder:
    """Catalog files that name each other."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def has(self, name: str, text: str) -> Folder:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text)
        return self

    def load(self, name: str = "top.yaml") -> Catalog:
        return load_file(str(self.path / name))

    def failure(self, name: str = "top.yaml") -> str:
        with pytest.raises(CatalogError) as caught:
            self.load(name)
        return caught.value.message.replace(f"{self.path}/", "")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_what_is_included_comes_first_in_its_order(folder: Folder) -> None:
    folder.has("a.yaml", COMPONENT.format("a", "a"))
    folder.has("more/b.yaml", "include: [c.yaml]\n" + COMPONENT.format("b", "b"))
    folder.has("more/c.yaml", COMPONENT.format("c", "c"))
    folder.has("top.yaml", "include: [more/b.yaml, a.yaml]\n" + COMPONENT.format("top", "top"))
    catalog = folder.load()
    assert (catalog.name, catalog.names) == ("top", ("c", "b", "a", "top"))


def test_one_that_ships_looks_into_its_own_namespace(folder: Folder) -> None:
    folder.has("top.yaml", "include: [cert-manager]\n" + COMPONENT.format("shop", "shop"))
    catalog = folder.load()
    assert catalog.names == (*load_chosen("cert-manager").names, "shop")
    specs = Evaluator(catalog.components, ["web"], "web").specs
    places = {spec.namespace for spec in specs if spec.resource.plural == "deployments"}
    assert places == {"cert-manager", "web"}


def test_its_namespace_and_its_names_may_be_others(folder: Folder) -> None:
    folder.has(
        "part.yaml",
        "namespace: usual\ncomponents:\n"
        "- {name: a, checks: [{kind: workload, names: ['{namespace}-a']}]}\n"
        "- {name: b, checks: [{kind: component, name: a}]}\n",
    )
    entries = "{catalog: part.yaml, as: one}, {catalog: part.yaml, as: two, namespace: other}"
    folder.has("top.yaml", f"include: [{entries}]\n")
    catalog = folder.load()
    assert catalog.names == ("one/a", "one/b", "two/a", "two/b")
    needs = [next(iter(one.needs("web"))) for one in catalog.components[::2]]
    assert [(need.namespace, set(need.names or ())) for need in needs] == [
        ("usual", {"usual-a"}),
        ("other", {"other-a"}),
    ]
    assert catalog.components[3].follows() == ("two/a",)


def test_what_is_found_has_the_name_too(folder: Folder) -> None:
    entries = "{catalog: auto, as: one, namespace: a}, {catalog: auto, as: two, namespace: b}"
    folder.has("part.yaml", f"include: [{entries}]\n")
    folder.has("top.yaml", "include: [{catalog: part.yaml, as: all}]\n")
    names = folder.load().names
    assert names[:2] == ("all/one/namespace", "all/one/deployment/*")
    assert "all/two/service/*" in names


def test_what_is_shown_is_one_file_that_says_the_same(folder: Folder) -> None:
    folder.has("part.yaml", "present: {crd: lamps.example.org}\n" + COMPONENT.format("a", "a"))
    folder.has("top.yaml", "include: [{catalog: part.yaml, as: lamps}, auto]\n")
    catalog = folder.load()
    again = load(yaml.safe_dump(describe(catalog, ["agents"])).encode(), "again.yaml")
    assert again.names == catalog.names
    assert again.components == catalog.components or again.hash == catalog.hash


def test_all_that_ship_may_be_included_at_once(folder: Folder) -> None:
    entries = ", ".join(f"{{catalog: {name}, as: {name}}}" for name in SHIPPED)
    folder.has("top.yaml", f"include: [{entries}]\n")
    assert len(folder.load().names) > 60


MISTAKES = [
    (["b.yaml"], 1, "a.yaml", "catalogs that include no circle", "a.yaml -> b.yaml -> a.yaml"),
    (["./top.yaml"], 1, "top.yaml", "catalogs that include no circle", "top.yaml -> top.yaml"),
    (["nowhere.yaml"], 1, "top.yaml", "a catalog that ships, or a file", "No such file"),
    (["argo-cd"], 1, "top.yaml", "a catalog that ships, or a file", "did you mean 'argocd'?"),
    ([5], 1, "top.yaml", "a catalog's name or file, or a mapping", "the number 5"),
    ([{"as": "x"}], 1, "top.yaml", "a text as 'catalog'", "no such key"),
    ([{"catalog": "auto", "as": "a b"}], 1, "top.yaml", "letters, digits and", "'a b'"),
    ([{"catalog": "auto", "name": "x"}], 1, "top.yaml", "as key catalog, as or namespace", ""),
    ([], 1, "top.yaml", "a list of entries as 'include'", "an empty list"),
]


@pytest.mark.parametrize(("entries", "line", "where", "expected", "got"), MISTAKES)
def test_mistakes_name_the_file_and_the_line(
    folder: Folder, entries: list, line: int, where: str, expected: str, got: str
) -> None:
    folder.has("a.yaml", "include: [b.yaml]\n").has("b.yaml", "include: [a.yaml]\n")
    name = "a.yaml" if where == "a.yaml" else "top.yaml"
    if name == "top.yaml":
        folder.has("top.yaml", f"include: {yaml.safe_dump(entries, default_flow_style=True)}")
    found = folder.failure(name)
    place = "b.yaml" if where == "a.yaml" else "top.yaml"
    assert found.startswith(f"{place}:{line}: expected {expected}"), found
    assert got in found


def test_a_name_given_twice_names_both_files(folder: Folder) -> None:
    folder.has("a.yaml", "\n" + COMPONENT.format("x", "x"))
    folder.has("top.yaml", "include: [a.yaml]\n" + COMPONENT.format("x", "x"))
    assert folder.failure() == (
        "top.yaml:2: expected each component name once in a component, got 'x' again "
        "(a.yaml:2); give one of the catalogs another name with 'as'"
    )


def test_a_catalog_included_twice_wants_another_name(folder: Folder) -> None:
    folder.has("a.yaml", COMPONENT.format("x", "x")).has("top.yaml", "include: [a.yaml, a.yaml]\n")
    assert folder.failure().endswith(
        "got 'x' again (line 1); give one of the catalogs another name with 'as'"
    )
    one = "{name: y, checks: [{kind: namespace}]}"
    folder.has("a.yaml", f"components:\n  - {one}\n  - {one}\n")
    assert folder.failure().endswith("got 'y' again (line 2)")


def test_a_long_name_of_a_file_is_told_in_short(folder: Folder) -> None:
    folder.has("top.yaml", f"include: [{'x' * 5000}]\n")
    assert len(folder.failure()) < 400


def test_a_mistake_in_what_is_included_is_its_own(folder: Folder) -> None:
    folder.has("a.yaml", "\ncomponents: [{name: x, checks: [{kind: leese}]}]\n")
    folder.has("top.yaml", "include: [a.yaml]\n")
    assert folder.failure().startswith("a.yaml:2: expected component, crds,")


def test_there_are_bounds(folder: Folder) -> None:
    many = ", ".join(f"{{catalog: a.yaml, as: x{n}}}" for n in range(51))
    folder.has("a.yaml", COMPONENT.format("a", "a")).has("top.yaml", f"include: [{many}]\n")
    assert "expected at most 50 entries as 'include'" in folder.failure()
    two = "include: [{{catalog: {0}, as: a}}, {{catalog: {0}, as: b}}]\n"
    for n in range(9):
        folder.has(f"d{n}.yaml", two.format(f"d{n + 1}.yaml"))
    folder.has("d9.yaml", COMPONENT.format("a", "a"))
    assert "expected at most 50 catalogs in all" in folder.failure("d0.yaml")


LAMPS = "lamps.example.org"
PRESENT = f"""
name: lamps
present: {{crd: {LAMPS}}}
components:
  - name: controller
    checks: [{{kind: workload, names: [lamp-controller]}}]
  - each: {{kinds: [StatefulSet]}}
  - name: switch
    optional: true
    checks: [{{kind: workload, names: [switch]}}]
"""


def told(cluster: Cluster) -> dict[str, tuple[str, str]]:
    cluster.evaluator.evaluate(None, 1000.0)
    return {one.component: (one.status.value, one.message) for one in cluster.evaluator.items()}


def test_a_catalog_that_is_not_there_is_one_line() -> None:
    cluster = Cluster(PRESENT).has("statefulsets", deployment("db"))
    assert told(cluster) == {"lamps": ("configured", "not installed")}
    cluster.has(CRDS.plural, named(LAMPS, ""))
    assert told(cluster) == {
        "controller": ("error", "deployment lamp-controller not found"),
        "statefulset/db": ("healthy", ""),
        "switch": ("configured", "not installed"),
    }
    cluster.has(CRDS.plural)
    assert told(cluster) == {"lamps": ("configured", "not installed")}


def test_where_that_cannot_be_seen_its_parts_are_judged() -> None:
    cluster = Cluster(PRESENT).cannot_see(CRDS.plural, "forbidden")
    assert "controller" in told(cluster)
    assert "lamps" not in told(cluster)


def test_a_component_of_the_catalogs_name_says_it() -> None:
    cluster = Cluster(PRESENT.replace("name: controller", "name: lamps"))
    assert told(cluster) == {"lamps": ("configured", "not installed")}
    cluster.has(CRDS.plural, named(LAMPS, ""))
    assert told(cluster)["lamps"] == ("error", "deployment lamp-controller not found")


def test_of_several_that_are_included_each_is_there_or_not(folder: Folder) -> None:
    folder.has("lamps.yaml", PRESENT)
    folder.has(
        "top.yaml", "include: [{catalog: lamps.yaml, as: hall}]\n" + COMPONENT.format("x", "x")
    )
    cluster = Cluster("components: [{name: it, checks: [{kind: namespace}]}]")
    cluster.components = folder.load().components
    cluster.evaluator = Evaluator(cluster.components, ["agents"], "agents")
    for source in cluster.evaluator.view.sources:
        cluster.evaluator.view.replace(source, ())
    assert told(cluster) == {
        "hall/lamps": ("configured", "not installed"),
        "x": ("error", "deployment x not found"),
    }


@pytest.mark.parametrize("given", ["", "folder", "./folder", "pipe", "/dev/zero"])
def test_what_is_no_file_is_not_waited_for(folder: Folder, given: str) -> None:
    (folder.path / "folder").mkdir()
    os.mkfifo(folder.path / "pipe")
    folder.has("top.yaml", f"name: top\ninclude: [{given!r}]\n")
    failure = folder.failure()
    assert failure.startswith("top.yaml:2: expected a file, no directory and no pipe"), failure
    assert repr(given) in failure


def test_a_deep_chain_is_named_without_a_dot_for_each_step(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.path)
    folder.has("a.yaml", "include: [./b.yaml]\n").has("b.yaml", "include: [./a.yaml]\n")
    with pytest.raises(CatalogError, match=r"got \./a\.yaml -> \./b\.yaml -> \./a\.yaml$"):
        load_file("./a.yaml")


def test_a_letter_is_no_catalogs_name_mistyped(folder: Folder) -> None:
    folder.has("top.yaml", "include: ['-']\n")
    assert "did you mean" not in folder.failure()


def test_a_shipped_name_with_an_ending_is_told_to_do_without(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.path)
    with pytest.raises(CatalogError, match=r"No such file .*\('flux' without \.yaml is one that"):
        load_chosen("flux.yaml")
