"""Reading a catalog: what is accepted, and that every mistake has its file and line."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agentctl.catalog import document
from agentctl.catalog.content import Catalog
from agentctl.catalog.loader import load, load_default, load_file
from agentctl.catalog.parse_component import check_kind, kinds
from agentctl.errors import CatalogError, UsageError
from agentctl.kube import checks
from agentctl.kube.checks.env import EnvCheck
from agentctl.kube.checks.lease import LeaseCheck
from agentctl.kube.checks.static import StaticCheck
from agentctl.kube.checks.workload import WorkloadCheck
from agentctl.model import Status

COMPONENTS = (
    "namespace",
    "agents-controller",
    "supporting-controller",
    "orchestration-controller",
    "runtime:workflow",
    "runtime:job",
    "runtime:temporal",
    "runtime:custom",
    "database",
    "grpc",
)
SHARED = {
    "tools.tools", "toolruns.tools", "approvalpolicies.approvals", "budgets.budgets",
    "secretbindings.security", "signals.signals", "signaldeliveries.signals",
}  # fmt: skip
CRDS = {
    "agents-controller": {
        "agents.agents", "agentruns.agents", "agentproviders.agents",
        "implementationspecs.agents", "implementationsources.agents", "memories.agents",
        "versioncontrolproviders.agents",
    },
    "orchestration-controller": SHARED
    | {"orchestrations.orchestration", "orchestrationruns.orchestration"},
    "supporting-controller": SHARED
    | {"schedules.schedules", "artifacts.artifacts", "workspaces.workspaces"},
}  # fmt: skip


def of(text: str, source: str = "my.yaml") -> Catalog:
    return load(text.encode(), source)


def one(check: str) -> str:
    return f"components:\n  - name: it\n    checks:\n      - {check}\n"


def failure(text: str) -> str:
    with pytest.raises(CatalogError) as caught:
        of(text)
    return caught.value.message


def test_the_default_has_the_components_of_the_control_plane_in_order() -> None:
    assert load_default().names == COMPONENTS


@pytest.mark.parametrize("component", CRDS)
def test_the_default_has_the_crds_of_each_controller(component: str) -> None:
    declared = next(c.declared for c in load_default().components if c.name == component)
    lists = [check["names"] for check in declared["checks"] if check["kind"] == "crds"]
    names = [name for one in lists for name in one]
    assert len(names) == len(set(names))
    assert set(names) == {f"{name}.proompteng.ai" for name in CRDS[component]}


def test_the_default_takes_milliseconds() -> None:
    load_default()
    started = time.thread_time()  # a busy machine lends its processor to others meanwhile
    load_default()
    assert time.thread_time() - started < 0.05  # about 2 ms


def test_it_reads_alike_without_the_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = load_default()
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    slow = load_default()
    assert slow == fast
    assert [c.line for c in slow.components] == [c.line for c in fast.components]


def test_typed_fields() -> None:
    catalog = of(
        "name: mine\n"
        + one("{kind: lease, name: l, max_age: 1m30s, namespace: other}")
        + "      - {kind: lease, name: l, max_age: 2.5}\n"
        + "      - {kind: env, workload: [a], variables: [on, '5'], default: !!str 5}\n"
        + "      - {kind: workload, labels: 'a in (b,c)', kinds: [DaemonSet]}\n"
    )
    lease, age, env, workload = catalog.components[0].checks
    assert lease == LeaseCheck("l", 90.0, "other")
    assert isinstance(age, LeaseCheck)
    assert age.max_age == 2.5
    assert isinstance(env, EnvCheck)
    assert (env.variables, env.default) == (("on", "5"), "5")
    assert isinstance(workload, WorkloadCheck)
    assert (str(workload.labels), workload.kinds) == ("a in (b,c)", ("DaemonSet",))
    assert catalog.name == "mine"


def test_a_catalog_without_a_name_has_its_files() -> None:
    assert of(one("{kind: namespace}"), "/etc/plane.yaml").name == "plane"


def rules(*lines: str) -> str:
    """A catalog whose rules begin on line 8."""
    head = "components:\n  - name: it\n    checks:\n      - kind: resource\n"
    head += "        of: lamps.example.org\n        in: all\n        rules:\n"
    return head + "".join(f"          {line}\n" for line in lines)


ERRORS = [
    ("", 1, "expected a catalog, got an empty file"),
    ("# nothing\n", 1, "got an empty file"),
    ("a: [", 1, "expected YAML"),
    ("a: b\n c: d", 2, "expected YAML"),
    ("a: \x00", 1, "expected YAML"),
    ("\n\n%", 3, "expected YAML"),
    ("just text", 1, "expected a mapping for the catalog, got the text 'just text'"),
    ("- a\n", 1, "expected a mapping for the catalog, got a list"),
    ("null", 1, "got nothing"),
    ("---\na: b\n---\nc: d\n", 3, "expected one document, got a second one"),
    ("name: x\n", 1, "expected a list of entries as 'components' in the catalog, got no such key"),
    ("name: x\ncomponents: {}\n", 2, "got a mapping"),
    ("components: []\n", 1, "got an empty list"),
    ("components: 5\n", 1, "got the number 5"),
    ("name: x\ncomponent: []\n", 2, "'component' (did you mean 'components'?)"),
    ("name: x\nname: y\n", 2, "expected each key once, got 'name' again (line 1)"),
    ("name: x\ncomponents:\n\t- name: a\n", 3, "(indent with spaces: there is a tab)"),
    ("name: x\ncomponents:\n  - name: a\n  \tchecks: []\n", 4, "(indent with spaces"),
    ("? [a]\n: b\n", 1, "expected a text as key, got a list or mapping"),
    ("1: b\n", 1, "expected a text as key, got the number 1"),
    ("name: 5\ncomponents: []\n", 1, "expected a text as 'name' in the catalog, got the number 5"),
    ("name: ' '\ncomponents: []\n", 1, "got an empty text"),
    ("name: !!python/none x\n", 1, "expected plain YAML, got the tag"),
    ("name: !mine x\n", 1, "expected plain YAML, got the tag '!mine'"),
    ("components:\n  - it\n", 2, "expected a mapping for a component, got the text 'it'"),
    ("components:\n  - name: it\n", 2, "expected a list of entries as 'checks'"),
    ("components:\n  - checks: [{kind: namespace}]\n", 2, "expected a text as 'name'"),
    ("components:\n  - name: 'a b'\n    checks: [{kind: namespace}]\n", 2, "got 'a b'"),
    ("components:\n  - name: x\n    check: []\n", 3, "(did you mean 'checks'?)"),
    (one("{kind: namespace}") + "  - name: it\n    checks: [{kind: namespace}]\n", 5,
     "expected each component name once in a component, got 'it' again (line 2)"),
    ("components: [{each: {}}]", 1, "expected a list of texts as 'kinds' in 'each'"),
    ("components: [{each: {kinds: [Deploymnt]}}]", 1,
     "expected a kind such as Deployment, or else plural.group, as 'kinds' in 'each', got "
     "'Deploymnt' (did you mean 'Deployment'?)"),
    ("components:\n  - each: {kinds: [Deployment]}\n    name: x\n", 3,
     "expected as key each, checks, present, namespace, only or within in a component with 'each'"),
    ("components: [{each: {kinds: [Deployment, deployments.apps]}}]", 1, "is there twice"),
    ("components: [{each: {kinds: ['a b']}}]", 1, "got 'a b'"),
    ("components: [{each: {kinds: [Pod], selects: [Deployment]}}]", 1,
     "expected 'selects' with the kind Service alone in 'each'"),
    ("components: [{each: {kinds: [Pod], where: ['=']}}]", 1, "expected an atom such as"),
    ("components: [{each: {kinds: [Pod], where: [Ready=True, Ready=False]}}]", 1,
     "expected atoms that can all hold"),
    ("components: [{each: {kinds: [Pod], names: [A]}}]", 1, "expected names of objects"),
    ("components: [{each: {kinds: [Pod], most: 0}}]", 1, "from 1 to 5000"),
    ("components:\n  - each: {kinds: [Pod]}\n    checks: [{kind: workload}]\n", 3,
     "expected 'names', or 'each' of Deployment or StatefulSet or DaemonSet (it finds Pod)"),
    ("components:\n  - each: {kinds: [Pod]}\n    checks: [{kind: resource, in: all}]\n", 3,
     "expected no key 'in' for what 'each' finds"),
    ("components:\n  - each: {kinds: [Pod]}\n    checks: [{kind: probe, protocol: tcp, "
     "address: 'a:1'}]\n", 3, "expected no check of kind 'probe' beside 'each'"),
    (one("{kind: lease, name: '{name}'}"), 4, "got '{name}'"),
    ("components:\n  - each: {kinds: [Namespace]}\n    checks: [{kind: lease, name: a, "
     "namespace: '{name}'}]\n", 3,
     "expected one namespace for all that 'each' finds as 'namespace'"),
    (one("{kind: namespace}").replace("    checks", "    only: [fine]\n    checks"), 3,
     "expected healthy, configured, unknown, degraded or error as 'only'"),
    (one("namespace"), 4, "expected a mapping for a check"),
    (one("{names: [a]}"), 4, "got no such key"),
    (one("{kind: 5}"), 4, "got the number 5"),
    (one("{kind: leese}"), 4,
     "expected component, crds, cronjob, endpoints, env, lease, namespace, probe, resource, "
     "static, webhook or workload as 'kind' in a check, got 'leese' (did you mean 'lease'?)"),
    (one("{kind: lease, nam: x}"), 4,
     "expected as key kind, name, names, max_age, namespace, absent or when in a check of kind "
     "'lease', got 'nam' (did you mean 'name'?)"),
    (one("{kind: lease}"), 4, "expected a name as 'name', or else patterns as 'names'"),
    (one("{kind: lease, names: ['A']}"), 4, "expected names of leases"),
    (one("{kind: webhook}"), 4, "expected a list of texts as 'names'"),
    (one("{kind: webhook, names: ['A']}"), 4, "expected names of webhook configurations"),
    (one("{kind: endpoints, labels: a=b, service: c}"), 4, "expected either 'service' or 'labels'"),
    (one("{kind: workload, names: [a], zero: fine}"), 4, "expected error, configured or degraded"),
    (one("{kind: lease, name: Leader}"), 4, "got 'Leader'"),
    (one("{kind: lease, name: '{other}'}"), 4, "got '{other}'"),
    (one(f"{{kind: lease, name: {'a' * 300}}}"), 4, "expected a name"),
    (one("{kind: lease, name: a, max_age: soon}"), 4, "expected a duration such as 45s"),
    (one("{kind: lease, name: a, max_age: 0}"), 4, "got the number 0"),
    (one("{kind: lease, name: a, max_age: -5}"), 4, "got the number -5"),
    (one("{kind: lease, name: a, max_age: true}"), 4, "got true"),
    (one("{kind: lease, name: a, max_age: ''}"), 4, "expected a duration"),
    (one("{kind: lease, name: a, max_age: }"), 4, "got nothing"),
    (one("{kind: workload}"), 4, "expected either 'names' or 'labels'"),
    (one("{kind: probe, protocol: tcp, address: 'u:s3:cr@t@db:1'}"), 4,
     "got the text 'u:[redacted]@db:1'"),
    (one("{kind: probe, protocol: tcp, service: 'x://u:s3cret@db'}"), 4,
     "got 'x:[redacted]@db'"),
    (one("{kind: probe, protocol: http, address: 'a:1', status: [200, 999]}"), 4,
     "expected HTTP statuses from 200 to 599 as 'status' in a check of kind 'probe', got '999'"),
    (one("{kind: probe, protocol: http, address: 'a:1', status: [2.5]}"), 4,
     "expected HTTP statuses from 200 to 599 as 'status' in a check of kind 'probe', got the num"),
    (one("{kind: workload, names: [a], labels: b}"), 4, "expected either 'names' or 'labels'"),
    (one("{kind: workload, names: a}"), 4, "expected a list of names as 'names'"),
    (one("{kind: workload, names: [a, a]}"), 4, "got 'a' again"),
    (one("kind: workload\n        names:\n          - a\n          - [b]"), 7, "got a list"),
    (one("{kind: workload, names: [a], kinds: [Deploymnt]}"), 4, "did you mean 'Deployment'?"),
    (one("{kind: workload, labels: 'a=b c'}"), 4, "expected a label selector as 'labels'"),
    (one("{kind: workload, names: [a], pods: 'a in b'}"), 4, "expected a label selector as 'pods'"),
    (one("{kind: endpoints, service: a, show_address: true}"), 4,
     "expected a whole number from 1 to 65535 as 'port'"),
    (one("{kind: endpoints, service: a, port: http}"), 4, "got the text 'http'"),
    (one("{kind: endpoints, service: a, port: 70000}"), 4, "got the number 70000"),
    (one("{kind: endpoints, service: a, port: true}"), 4, "got true"),
    (one("{kind: endpoints, service: a, port: 1, show_address: yes}"), 4,
     "expected true or false as 'show_address' in a check of kind 'endpoints', got the text 'yes'"),
    (one("{kind: endpoints, service: a, port: 1, absent: gone}"), 4,
     "expected error, configured or degraded as 'absent'"),
    (one("{kind: endpoints, service: a, port: 1, unless_env: x}"), 4, "expected a mapping"),
    (one("{kind: endpoints, service: a, port: 1, unless_env: {workload: [a]}}"), 4,
     "expected a list of texts as 'variables'"),
    (one("{kind: endpoints, service: a, port: 1, unless_env: {workloads: [a]}}"), 4,
     "did you mean 'workload'?"),
    (one("{kind: env, workload: [a], variables: [A, A]}"), 4, "got 'A' again"),
    (one("{kind: static, status: helthy}"), 4, "did you mean 'healthy'?"),
    (one(f"{{kind: static, status: error, message: {'x' * 2000}}}"), 4,
     "expected at most 1024 characters"),
    (one("{kind: crds, names: []}"), 4, "got an empty list"),
    (one("{kind: resource}"), 4, "expected a name as 'of'"),
    (one("{kind: resource, of: Lamp}"), 4, "got 'Lamp'"),
    (one("{kind: resource, of: a/b}"), 4, "got 'a/b'"),
    (one("{kind: resource, of: a-b.c}"), 4, "expected plural.group, such as"),
    (one("{kind: resource, of: a.b, in: x}"), 4, "expected 'all' or a list of namespaces"),
    (one("{kind: resource, of: a.b, names: ['{x}']}"), 4, "expected names of objects"),
    (one("{kind: resource, of: a.b, generation: new}"), 4, "expected only 'ignore'"),
    (one("{kind: resource, of: a.b, grace: 0}"), 4, "got the number 0"),
    (one("{kind: resource, of: a.b, expires: {at: notAfter}}"), 4, "expected a path"),
    (one("{kind: resource, of: a.b, expires: {at: .a, warn: 7x}}"), 4, "expected a duration"),
    (one("{kind: resource, of: a.b, rules: redy}"), 4, "did you mean 'ready'?"),
    (one("{kind: resource, of: a.b, rules: []}"), 4, "expected a list of rules, or"),
    (one("{kind: resource, of: a.b, rules: [Ready]}"), 4, "expected one rule, as in"),
    (rules("- {healthy: [A], degraded: [B]}"), 8, "got 2 keys"),
    (rules("- healty: [A]"), 8, "did you mean 'healthy'?"),
    (rules("- healthy: []"), 8, "for what no rule says: 'else'"),
    (rules("- healthy: [A=True]", "- degraded:", "    - B=True", "    - '=C'"), 11,
     "expected an atom such as Ready=True"),
    (rules("- healthy: ['Ready=True(']"), 8, "expected a ')' at the end"),
    (rules("- healthy:", "    - !Ready"), 9, "(put quotes around it)"),
    (rules("- healthy: [!Ready]"), 8, "got "),
    (rules("- healthy: [5]"), 8, "got the number 5"),
    (rules("- else: fine"), 8, "expected after 'else' healthy"),
    (rules("- else: healthy", "- degraded: [A]"), 9, "expected nothing after 'else'"),
    (rules("- healthy: [A=True, A=False]"), 8, "expected atoms that can all hold"),
    (rules("- healthy: [A]", "- degraded: [B, A]"), 9,
     "expected a rule that can be reached, got degraded: [B, A], though healthy: [A] (line 8)"),
    (one("{kind: crds, names: ['a.{namespace}.b']}"), 4, "expected full names of CRDs"),
    (one("{kind: component, name: itt}"), 4,
     "expected the name of a component in the catalog, got 'itt' (did you mean 'it'?)"),
    (one("{kind: component, name: it}"), 2, "got it -> it"),
    (one("{kind: component, name: b}")
     + "  - {name: b, checks: [{kind: namespace}, {kind: component, name: it}]}\n", 2,
     "expected components that follow no circle in the catalog, got it -> b -> it"),
    ("a: *b\n", 1, "expected an anchor before it, got the alias *b"),
    ("a: &a [*a]\n", 1, "got the alias *a"),
    ("a: " + "[" * 40, 1, "expected at most 16 levels"),
    ("[" * 100_000, 1, "expected at most 16 levels"),
    ("<<: {a: b}\n", 1, "got '<<'"),
    ("components:\n" + "  - {name: x, checks: [{kind: namespace}]}\n" * 1001, 1,
     "expected at most 1000 entries as 'components' in the catalog, got 1001"),
    ("# " + "x" * (1 << 20), 1, "expected a file of at most 1 MiB, got more"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "message"), ERRORS, ids=[e[2][:40] for e in ERRORS])
def test_every_mistake_has_its_file_and_line(text: str, line: int, message: str) -> None:
    got = failure(text)
    assert got.startswith(f"my.yaml:{line}: expected ")
    assert ", got " in got
    assert message in got
    assert len(got) < 500


def test_many_aliases_of_aliases_stay_small() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert re.match(r"my\.yaml:\d: expected at most 100000 values, got more", failure(_lines(rows)))


def _lines(rows: list[str]) -> str:
    return "\n".join(rows) + "\n"


def test_bytes_that_are_no_text_have_their_line() -> None:
    with pytest.raises(CatalogError, match=r"^my\.yaml:2: expected UTF-8 text"):
        load(b"name: x\nb: \xff\n", "my.yaml")


@pytest.mark.parametrize("order", ["utf-16", "utf-16-be"])
def test_what_some_shells_write_is_named(order: str) -> None:
    mark = "" if order == "utf-16" else "\ufeff"
    with pytest.raises(CatalogError, match="expected UTF-8 text, got UTF-16"):
        load(f"{mark}name: x\n".encode(order), "my.yaml")


@given(st.text(max_size=60) | st.text(alphabet="ab:-{}[]&*!|>'\"#%@,?\n \t0", max_size=60))
def test_any_text_is_a_catalog_or_a_mistake_with_a_line(text: str) -> None:
    try:
        load(text.encode("utf-8", "surrogatepass"), "my.yaml")
    except CatalogError as error:
        assert re.match(r"my\.yaml:\d+: expected ", error.message)  # noqa: PT017


FIELDS = sorted({"kind", *(field for kind in kinds() for field in check_kind(kind).fields)})
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["a", "it", "A B", "1m", "x=y", "Deployment", "error", "{namespace}", ""]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.sampled_from(sorted(kinds())), st.dictionaries(st.sampled_from(FIELDS), values))
def test_any_fields_are_a_check_or_a_mistake_with_a_line(kind: str, fields: dict) -> None:
    data = {"components": [{"name": "it", "checks": [{**fields, "kind": kind}]}]}
    try:
        of(yaml.safe_dump(data))
    except CatalogError as error:
        assert re.match(r"my\.yaml:\d+: expected ", error.message)  # noqa: PT017


NEW_KIND = """
from agentctl.kube.checks.static import StaticCheck
from agentctl.model import Status
KIND = "weather"
FIELDS = ("sky",)
def parse(fields):
    return StaticCheck(Status.HEALTHY, fields.choice("sky", ("blue", "grey")))
"""


def test_a_new_kind_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weather.py").write_text(NEW_KIND)
    (tmp_path / "_shared.py").write_text("")
    monkeypatch.setattr(checks, "__path__", [*checks.__path__, str(tmp_path)])
    kinds.cache_clear()
    try:
        (component,) = of(one("{kind: weather, sky: grey}")).components
        assert component.checks == (StaticCheck(Status.HEALTHY, "grey"),)
        assert "expected blue or grey as 'sky'" in failure(one("{kind: weather, sky: red}"))
    finally:
        sys.modules.pop("agentctl.kube.checks.weather")
        kinds.cache_clear()


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "plane.yaml"
    path.write_text("\ufeff" + one("{kind: namespace}"))
    assert load_file(str(path)).names == ("it",)
    path.write_bytes(b"#" * (document.MAX_BYTES + 1))
    with pytest.raises(CatalogError, match="at most 1 MiB"):
        load_file(str(path))


@pytest.mark.parametrize("path", ["missing.yaml", ".", "a\0b"])
def test_a_file_that_cannot_be_read(path: str) -> None:
    with pytest.raises(CatalogError, match="cannot read the catalog"):
        load_file(path)


def test_the_hash_is_of_the_content_and_not_of_its_form() -> None:
    flow = one("{kind: lease, name: a, namespace: b}")
    block = (
        "# a comment\n"
        + one("{namespace: 'b',\n         kind: lease, name: &x \"a\"}")
        + "name: it\n"
    )
    assert of(flow).hash == of(block).hash
    assert of(flow).hash != of(flow.replace("name: a", "name: c")).hash


def test_select_keeps_order_and_brings_what_is_followed_along_unseen() -> None:
    catalog = load_default()
    chosen = catalog.select(["runtime:*", "grpc"])
    assert chosen.names == (
        *("runtime:workflow", "runtime:job", "runtime:temporal", "runtime:custom"),
        "grpc",
    )
    assert [c.name for c in chosen.components if not c.shown] == ["agents-controller"]
    assert chosen.hash != catalog.hash
    assert catalog.select([]) is catalog
    assert catalog.select(["*"]).hash == catalog.hash


def test_select_what_is_not_there_names_what_is() -> None:
    with pytest.raises(UsageError, match=r"no component matches 'nope\*'; there are: namespace, "):
        load_default().select(["grpc", "nope*"])


@pytest.mark.parametrize("glob", ["[b-a]", "a[", "x-[!z-a]*"])
def test_a_glob_that_can_mean_nothing_is_a_mistake_with_a_line(glob: str) -> None:
    with pytest.raises(CatalogError, match=":4: expected names of leases"):
        of(one(f"{{kind: lease, names: ['{glob}']}}"))
    env = f"{{workload: [a], name: DB, hosts: [ok, '{glob}']}}"
    with pytest.raises(CatalogError, match=":4: expected globs of hosts as 'hosts'"):
        of(one(f"{{kind: probe, protocol: tcp, from_env: {env}}}"))
