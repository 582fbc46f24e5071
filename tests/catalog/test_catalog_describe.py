"""The catalog as plain data, and its documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from agentctl.catalog.loader import load, load_default
from agentctl.catalog.parse_component import check_kind, kinds
from agentctl.kube.rbac import describe

DOCS = Path(__file__).parent.parent.parent / "docs" / "catalog.md"


def test_what_is_described_can_be_loaded_again() -> None:
    catalog = load_default()
    data = describe(catalog, ["agents"])
    again = load(yaml.safe_dump(data).encode(), "again.yaml")
    assert again == catalog
    assert again.hash == data["requires"]["hash"]


def test_watches_and_permissions_follow_the_namespaces() -> None:
    data = describe(load_default(), ["one", "two"])
    assert data["requires"]["namespaces"] == ["one", "two"]
    sources = [watch["source"] for watch in data["requires"]["watches"]]
    assert "deployments/one" in sources
    assert "deployments/two" in sources
    namespaces = [role["metadata"].get("namespace") for role in data["requires"]["permissions"]]
    assert namespaces == [None, "one", "temporal", "two"]


def test_one_namespaces_sources_go_by_their_plural() -> None:
    sources = [
        watch["source"] for watch in describe(load_default(), ["agents"])["requires"]["watches"]
    ]
    assert "deployments" in sources
    assert "endpointslices/temporal" in sources


def section(kind: str) -> str:
    found = re.search(rf"^### `{kind}`\n(.*?)(?=^##|\Z)", DOCS.read_text(), re.S | re.M)
    assert found, f"docs/catalog.md does not tell of kind {kind!r}"
    return found[1]


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_each_kind_is_documented_with_each_of_its_fields(kind: str) -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", section(kind), re.M))
    assert documented == set(check_kind(kind).fields)


def test_each_key_of_a_catalog_and_of_a_component_is_documented() -> None:
    from agentctl.catalog.include import INCLUDE_KEYS, KEYS
    from agentctl.catalog.parse_component import COMPONENT_KEYS, EACH_KEYS

    table = re.search(r"^\| key \| what it is \|(.*?)\n\n", DOCS.read_text(), re.S | re.M)
    assert table
    found = set(re.findall(r"^\| `([\w\[\].]+)` \|", table[1], re.M))
    wanted = {f"components[].{key}" for key in (*COMPONENT_KEYS, *EACH_KEYS)}
    assert found >= {*KEYS, *wanted}
    listed = re.search(r"or a mapping:\n\n(.*?)\n\n", DOCS.read_text(), re.S)
    assert listed
    assert set(re.findall(r"^\| `(\w+)` \|", listed[1], re.M)) == set(INCLUDE_KEYS)


def test_the_examples_of_the_documentation_load() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.S)
    assert examples
    for example in examples:
        load(example.encode(), "docs/catalog.md")


def test_each_key_of_each_is_documented() -> None:
    from agentctl.catalog.each import FIELDS

    found = re.search(r"\| key of `each` \|(.*?)\n\n", DOCS.read_text(), re.S)
    assert found
    assert set(re.findall(r"^\| `(\w+)` \|", found[1], re.M)) == set(FIELDS)


def test_a_component_for_several_kinds_is_written_once() -> None:
    text = "components: [{each: {kinds: [Deployment, DaemonSet], names: [w*]}, only: [error]}]"
    catalog = load(text.encode(), "mine.yaml")
    data = describe(catalog, ["agents"])
    each = {"kinds": ["Deployment", "DaemonSet"], "names": ["w*"]}
    assert data["components"] == [{"each": each, "only": ["error"]}]
    again = load(yaml.safe_dump(data).encode(), "again.yaml")
    assert again.hash == data["requires"]["hash"] == catalog.hash
    sources = [watch["source"] for watch in data["requires"]["watches"]]
    assert sources == ["deployments", "pods", "daemonsets"]


def mappings(value: object) -> Iterator[dict[str, object]]:
    """All that is in an example, however deep."""
    if isinstance(value, dict):
        yield value
    for one in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from mappings(one)


def test_each_field_has_an_example() -> None:
    from agentctl.catalog.each import FIELDS
    from agentctl.catalog.include import INCLUDE_KEYS, KEYS
    from agentctl.catalog.parse_component import COMPONENT_KEYS, WITHIN_KEYS
    from agentctl.kube.conditions import PRESENT_FIELDS, WHEN_FIELDS

    examples = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.S)
    tops = [yaml.safe_load(example) for example in examples]
    components = [one for top in tops for one in top.get("components", [])]
    checks = [check for one in components for check in one.get("checks", [])]
    shown = {
        "a catalog": (KEYS, tops),
        "a component": (COMPONENT_KEYS, components),
        "within": (WITHIN_KEYS, [one["within"] for one in components if "within" in one]),
        "each": (FIELDS, [one["each"] for one in components if "each" in one]),
        "include": (INCLUDE_KEYS, [one for top in tops for one in mappings(top.get("include"))]),
        "when": (WHEN_FIELDS, [one for check in checks for one in mappings(check.get("when"))]),
        "present": (
            PRESENT_FIELDS,
            [one for component in components for one in mappings(component.get("present"))],
        ),
        **{
            kind: (check_kind(kind).fields, [one for one in checks if one["kind"] == kind])
            for kind in kinds()
        },
    }
    missing = {
        what: set(fields) - {key for one in found for key in one} - {"requires"}
        for what, (fields, found) in shown.items()
    }
    assert sorted((what, *sorted(keys)) for what, keys in missing.items() if keys) == []
