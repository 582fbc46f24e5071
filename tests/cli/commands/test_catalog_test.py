"""``catalog test``: what a catalog's rules make of saved objects, and which rule decided."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.cli.inprocess import Done, call

DOCS = Path(__file__).parent.parent.parent.parent / "docs" / "catalog.md"

LAMPS = """\
apiVersion: v1
kind: List
items:
  - apiVersion: example.org/v1
    kind: Lamp
    metadata: {name: lamp-a, namespace: kitchen, labels: {room: kitchen}}
    spec: {bulbs: 3}
    status:
      litBulbs: 2
      conditions: [{type: Ready, status: "True"}]
  - apiVersion: example.org/v1
    kind: Lamp
    metadata: {name: lamp-b, namespace: kitchen, labels: {room: kitchen}}
    status:
      litBulbs: 3
      conditions: [{type: Ready, status: "False", reason: NoPower, message: token=abcdefghijkl}]
---
apiVersion: example.org/v1
kind: Lamp
metadata: {name: chandelier, deletionTimestamp: "2026-01-01T00:00:00Z"}
"""


@pytest.fixture
def example() -> str:
    """The page's example of the kind ``resource``."""
    found = re.search(r"^### `resource`\n.*?```yaml\n(.*?)```", DOCS.read_text(), re.S | re.M)
    assert found
    return found[1]


def tried(tmp_path: Path, catalog: str, objects: str, *args: str) -> Done:
    (tmp_path / "mine.yaml").write_text(catalog)
    (tmp_path / "objects.yaml").write_text(objects)
    paths = (str(tmp_path / "mine.yaml"), str(tmp_path / "objects.yaml"))
    return call("catalog", "test", *paths, *args, home=tmp_path)


def test_each_object_is_told_with_the_rule_that_decided(tmp_path: Path, example: str) -> None:
    done = tried(tmp_path, example, LAMPS)
    assert (done.code, done.stderr) == (0, "")
    line = example.splitlines().index("          - progressing: [.status.litBulbs<.spec.bulbs]") + 1
    assert done.stdout.splitlines() == [
        "Lamp.example.org kitchen/lamp-a: progressing (shown as unknown)",
        f"  lamps, line {line}: progressing: [.status.litBulbs<.spec.bulbs]",
        "  .status.litBulbs=2, less than 3",
        "Lamp.example.org kitchen/lamp-b: degraded",
        f"  lamps, line {line - 2}: degraded: [Ready=False(NoPower|LowPower)]",
        "  Ready=False (NoPower): token=[redacted]",
        "Lamp.example.org chandelier: progressing (shown as unknown)",
        "  no check is about it; the rules that ship of default: being deleted",
        "  being deleted",
    ]


@pytest.mark.parametrize(
    ("kind", "of"), [("Policy", "policies"), ("Key", "keys"), ("Box", "boxes"), ("Sheep", "sheep")]
)
def test_a_kinds_resource_is_found_by_how_plurals_are_formed(
    tmp_path: Path, kind: str, of: str
) -> None:
    catalog = f"components: [{{name: x, checks: [{{kind: resource, of: {of}.example.org}}]}}]"
    item = f"{{apiVersion: example.org/v1, kind: {kind}, metadata: {{name: a}}}}"
    (row,) = json.loads(tried(tmp_path, catalog, item, "-o", "json").stdout)
    assert row["component"] == "x"


def test_the_same_for_programs(tmp_path: Path, example: str) -> None:
    certificate = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "web", "namespace": "shop"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    (row,) = json.loads(tried(tmp_path, example, yaml.safe_dump(certificate), "-o", "json").stdout)
    assert row["component"] == "certificates"
    assert (row["status"], row["rule"]) == ("healthy", "healthy: [Ready=True]")
    assert row["rules"] == "Certificate of health.yaml"
    assert ".status.conditions" in row["reads"]


def test_programs_read_as_many_objects_as_there_are_and_no_secret(
    tmp_path: Path, example: str
) -> None:
    said = 'password=hunter2 " , "token": "abcdefghijkl'
    lamp = {
        "apiVersion": "example.org/v1",
        "kind": "Lamp",
        "status": {"conditions": [{"type": "Ready", "status": "False", "message": said}]},
    }
    objects = [{**lamp, "metadata": {"name": f"lamp-{number}"}} for number in range(50)]
    done = tried(tmp_path, example, yaml.safe_dump_all(objects), "-o", "json")
    rows = json.loads(done.stdout)
    assert [row["name"] for row in rows] == [f"lamp-{number}" for number in range(50)]
    assert rows[0]["why"].startswith("Ready=False: password=[redacted]")
    assert "hunter2" not in done.stdout
    assert "abcdefghijkl" not in done.stdout


def test_json_is_read_as_that_as_it_takes_a_thirtieth_of_the_time(
    tmp_path: Path, example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lamp = {"apiVersion": "example.org/v1", "kind": "Lamp", "metadata": {"name": "a"}}
    for text in ("{apiVersion: example.org/v1, kind: Lamp, metadata: {name: a}}", "{a: b}\n--- {}"):
        assert tried(tmp_path, example, text).code == 0  # what only looks like it
    expected = tried(tmp_path, example, yaml.safe_dump(lamp)).stdout
    monkeypatch.setattr("yaml.load_all", None)
    for objects in (lamp, {"apiVersion": "v1", "kind": "List", "items": [lamp]}):
        done = tried(tmp_path, example, f"\n{json.dumps(objects, indent=4)}\n")
        assert (done.code, done.stdout) == (0, expected)


def test_the_catalog_may_be_named_as_in_other_commands(tmp_path: Path, example: str) -> None:
    tried(tmp_path, example, LAMPS)
    mine, objects = str(tmp_path / "mine.yaml"), str(tmp_path / "objects.yaml")
    named = call("catalog", "test", "--catalog", mine, objects, home=tmp_path)
    assert (named.code, named.stdout) == (0, tried(tmp_path, example, LAMPS).stdout)


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ("a: ]", "objects.yaml:1: expected objects as YAML or JSON"),
        ("!!python/object:os.system {}", "expected objects as YAML or JSON"),
    ],
)
def test_what_is_no_object_ends_with_2(
    tmp_path: Path, example: str, objects: str, message: str
) -> None:
    done = tried(tmp_path, example, objects)
    assert done.code == 2
    assert message in done.stderr


@pytest.mark.parametrize("objects", ["", "a: b", "- 1\n- 2", "null", "apiVersion: 5\nkind: []"])
def test_odd_documents_are_told_or_passed_over(tmp_path: Path, example: str, objects: str) -> None:
    assert tried(tmp_path, example, objects).code == 0


@pytest.mark.parametrize("objects", ["", "apiVersion: v1\nkind: List\nitems: []"])
def test_files_without_an_object_are_named(tmp_path: Path, example: str, objects: str) -> None:
    done = tried(tmp_path, example, objects)
    assert (done.code, done.stdout, done.stderr.count("\n")) == (0, "", 1)
    assert "no object in" in done.stderr
    assert "objects.yaml: give what kubectl get -o yaml prints" in done.stderr


def test_nothing_of_an_object_acts_on_a_terminal(tmp_path: Path, example: str) -> None:
    hostile = "\x1b[2J\u202e\r"
    lamp = {
        "apiVersion": "example.org/v1",
        "kind": f"Lamp{hostile}",
        "metadata": {"name": f"a{hostile}", "namespace": f"n{hostile}"},
        "status": {"conditions": [{"type": "Ready", "status": "False", "message": hostile}]},
    }
    done = tried(tmp_path, example, json.dumps(lamp))
    assert done.stdout.startswith("Lamp")
    assert all(line.isprintable() for line in done.stdout.split("\n"))


def test_a_mistake_in_the_catalog_ends_with_its_line(tmp_path: Path) -> None:
    done = tried(tmp_path, "components:\n  - name: 5\n", LAMPS)
    assert done.code == 2
    assert "mine.yaml:2: expected" in done.stderr


def test_files_are_wanted_where_they_are_of_use(tmp_path: Path) -> None:
    done = call("catalog", "test", "mine.yaml", home=tmp_path)
    assert (done.code, "takes a catalog file and files" in done.stderr) == (2, True)
    done = call("catalog", "show", "mine.yaml", home=tmp_path)
    assert (done.code, "mine.yaml: cannot read the catalog" in done.stderr) == (2, True)
    done = call("catalog", "list", "mine.yaml", home=tmp_path)
    assert (done.code, "takes no file" in done.stderr) == (2, True)
    done = call("catalog", "list", "--catalog", "mine.yaml", home=tmp_path)
    assert (done.code, "takes no file" in done.stderr) == (2, True)
    done = call("catalog", home=tmp_path)
    assert (done.code, "FILE" in done.stderr) == (2, False)
