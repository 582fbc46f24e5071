"""Conditions: where a controller runs stands on deployment ``agents``, and what follows from it."""

from __future__ import annotations

import pkgutil
from typing import Any, Optional

import pytest

from agentctl.catalog.loader import load, load_default
from agentctl.errors import CatalogError
from agentctl.kube.cuts.objects import cut_switches
from agentctl.kube.resources import CRDS, DEPLOYMENTS, LEASES, SERVED, Seen
from agentctl.model import Status
from tests.kube.judged import SEEN, Cluster, deployment, named
from tests.kube.test_checks_lease import lease

SWITCHES = {
    "agents-controller": "AGENTS_CONTROLLER_ENABLED",
    "supporting-controller": "AGENTS_SUPPORTING_CONTROLLER_ENABLED",
    "orchestration-controller": "AGENTS_ORCHESTRATION_CONTROLLER_ENABLED",
}
ALL_OFF = dict.fromkeys(SWITCHES.values(), "0")
ALL_ON = dict.fromkeys(SWITCHES.values(), "1")
FROM_A_MAP = {key: {"valueFrom": {"configMapKeyRef": {}}} for key in ALL_ON}
DEFAULT = (pkgutil.get_data("agentctl.catalog", "agents.yaml") or b"").decode()


def crd_names() -> set[str]:
    return {
        name
        for component in load_default().components
        for check in component.checks
        for name in getattr(check, "names", ())
        if isinstance(name, str) and name.endswith(".proompteng.ai")
    }


def with_env(name: str, env: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A deployment whose container has these variables; a value that is no text is a source."""
    made = deployment(name, **more)
    entries = [
        {"name": key, "value": value} if isinstance(value, str) else {"name": key, **value}
        for key, value in env.items()
    ]
    container = {"name": "app", "env": entries}
    made["spec"]["template"] = {"spec": {"containers": [container]}}
    return made


def install(
    agents: Optional[dict[str, Any]], controllers: Optional[int] = None, without: str = ""
) -> Cluster:
    """The default catalog over a cluster: deployment ``agents`` with these variables (None: there
    is none), ``agents-controllers`` with so many ready of 2 (None: there is none)."""
    cluster = Cluster(DEFAULT)
    there = []
    if agents is not None:
        there.append(with_env("agents", agents))
    if controllers is not None:
        there.append(deployment("agents-controllers", 2, controllers))
    cluster.has(DEPLOYMENTS.plural, *there)
    crds = [named(name, "") for name in sorted(crd_names()) if name != without]
    cluster.has(CRDS.plural, *crds).has(SERVED.plural, *crds)
    held = lease()
    held["metadata"]["name"] = "agents-controller-leader"
    cluster.has(LEASES.plural, held)
    return cluster


@pytest.mark.parametrize(
    ("agents", "controllers", "expected"),
    [
        (ALL_OFF, 2, ("healthy", "")),
        (ALL_OFF, None, ("error", "deployment agents-controllers not found")),
        (ALL_OFF, 1, ("degraded", "1/2 ready")),
        (ALL_ON, None, ("healthy", "")),
        (ALL_ON, 0, ("healthy", "")),  # a leftover does not decide
        ({}, 2, ("healthy", "")),
        ({}, None, ("healthy", "")),
        ({}, 0, ("error", "0/2 ready")),
        (FROM_A_MAP, None, ("healthy", "")),
        (dict.fromkeys(ALL_ON, "yes"), 2, ("healthy", "")),  # no literal of the closed set
        (dict.fromkeys(ALL_ON, "false"), None, ("error", "deployment agents-controllers not")),
        (dict.fromkeys(ALL_ON, "true"), None, ("healthy", "")),
        (None, 2, ("healthy", "")),
        (None, None, ("error", "deployment agents-controllers or agents not found")),
    ],
)
@pytest.mark.parametrize("name", SWITCHES)
def test_where_a_controller_runs_decides_what_is_looked_at(
    name: str, agents: Optional[dict[str, Any]], controllers: Optional[int], expected: Any
) -> None:
    status, message = install(agents, controllers).says(name)
    assert status == expected[0]
    assert message.startswith(expected[1])


@pytest.mark.parametrize("name", SWITCHES)
def test_one_that_is_off_while_another_runs_inside_is_no_alarm(name: str) -> None:
    cluster = install({**ALL_ON, SWITCHES[name]: "0"})
    assert cluster.says(name) == ("configured", "switched off on deployment agents")
    others = [cluster.says(other)[0] for other in SWITCHES if other != name]
    assert others == ["healthy", "healthy"]


def test_deployments_that_cannot_be_seen_decide_nothing() -> None:
    cluster = install(ALL_OFF, 2).cannot_see(DEPLOYMENTS.plural, "forbidden")
    assert cluster.says("agents-controller") == ("unknown", "forbidden")


@pytest.mark.parametrize(
    ("value", "missing"), [("0", False), ("false", False), ("1", True), (None, True)]
)
def test_version_control_providers_count_unless_they_are_off(
    value: Optional[str], missing: bool
) -> None:
    name = "versioncontrolproviders.agents.proompteng.ai"
    assert name in crd_names()
    env = {} if value is None else {"AGENTS_CONTROLLER_VCS_PROVIDERS_ENABLED": value}
    status, message = install({**ALL_ON, **env}, without=name).says("agents-controller")
    assert (name in message) is missing
    assert (status == "healthy") is not missing


def components(cluster: Cluster) -> list[str]:
    cluster.evaluator.evaluate(None, 1000.0)
    return [item.component for item in cluster.evaluator.items()]


def test_upstreams_runtimes_are_workflow_job_and_custom() -> None:
    names = [name for name in components(install(ALL_ON)) if name.startswith("runtime:")]
    assert names == ["runtime:workflow", "runtime:job", "runtime:custom"]


def test_temporal_comes_with_its_variable_and_goes_with_it() -> None:
    cluster = install({**ALL_ON, "TEMPORAL_ADDRESS": "temporal.example:7233"})
    assert "runtime:temporal" in components(cluster)
    assert cluster.says("runtime:temporal") == ("configured", "")
    cluster.has(DEPLOYMENTS.plural, with_env("agents", ALL_ON))
    assert "runtime:temporal" not in components(cluster)


def test_a_component_that_was_there_stays_while_it_cannot_be_seen() -> None:
    cluster = install({**ALL_ON, "TEMPORAL_HOST": "t"})
    assert "runtime:temporal" in components(cluster)
    cluster.cannot_see(DEPLOYMENTS.plural, "no data for 2m0s")
    assert cluster.says("runtime:temporal") == ("unknown", "no data for 2m0s")


def test_one_that_was_never_seen_is_not_made_up() -> None:
    cluster = install(ALL_ON).cannot_see(DEPLOYMENTS.plural, "no data yet")
    assert "runtime:temporal" not in components(cluster)


def test_nothing_of_a_variable_is_kept_but_a_switch() -> None:
    env = {
        "A": "1",
        "B": "hunter22",
        "C": {"valueFrom": {"secretKeyRef": {}}},
        "D": "TRUE",
        "E": "",
    }
    assert cut_switches(with_env("agents", env), SEEN) == (("A", "1"),)


def test_containers_that_dispute_a_switch_leave_it_unset() -> None:
    made = with_env("agents", {"A": "1"})
    made["spec"]["template"]["spec"]["containers"].append({"env": [{"name": "A", "value": "0"}]})
    assert cut_switches(made, Seen(0.0, 0.0)) == (("A", ""),)


def check(when: str) -> str:
    return (
        "components:\n  - name: it\n    checks:\n"
        f"      - {{kind: workload, names: [a], when: {when}}}\n"
    )


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("7", "expected a mapping for a 'when' condition"),
        ("[]", "expected a list of entries as 'when'"),
        ("{}", "expected a list of values as 'is'"),
        ("{env: A, of: [b]}", "expected a list of values as 'is'"),
        ("{env: A, of: [b], is: []}", "got an empty list"),
        ("{env: A, of: [b], is: [yes]}", "expected 0, 1, true or false as 'is'"),
        ("{env: A, of: [b], is: [1, '1']}", "expected each of 'is' once"),
        ("{env: A, of: [b], is: [1], unset: keep}", "expected hold, drop or only as 'unset'"),
        ("{env: A, of: [b], is: [1], unset: only}", "expected no key 'is'"),
        ("{env: A, of: b, is: [1]}", "expected a list of names as 'of'"),
        ("{evn: A, of: [b], is: [1]}", "did you mean 'env'?"),
    ],
)
def test_a_mistake_in_when_has_its_line(when: str, expected: str) -> None:
    with pytest.raises(CatalogError) as caught:
        load(check(when).encode(), "my.yaml")
    assert caught.value.message.startswith("my.yaml:4: ")
    assert expected in caught.value.message


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ("{service: a, env: [B]}", "one of the keys 'env', 'service', 'crd' and 'workload'"),
        ("{env: [A]}", "as 'of'"),
        ("{crd: a.b, workload: c}", "one of the keys"),
        ("{crd: a.b, namespace: c}", "no key 'namespace' beside 'crd'"),
        ("{workload: a, of: [b]}", "no key 'of' beside 'workload'"),
        ("{workload: A}", "as 'workload'"),
        ("7", "expected a mapping for a 'present' condition"),
    ],
)
def test_a_mistake_in_present_has_its_line(present: str, expected: str) -> None:
    text = f"components:\n  - name: it\n    present: {present}\n    checks: [{{kind: namespace}}]\n"
    with pytest.raises(CatalogError) as caught:
        load(text.encode(), "my.yaml")
    assert caught.value.message.startswith("my.yaml:3: ")
    assert expected in caught.value.message


def test_values_may_be_written_as_yaml_has_them() -> None:
    for value in ("[1]", "['1']"):
        (component,) = load(check(f"{{env: A, of: [b], is: {value}}}").encode(), "x").components
        assert component.conditions[0][0].values == ("1",)  # type: ignore[attr-defined]


def test_a_component_whose_checks_are_all_left_out_is_no_alarm() -> None:
    cluster = Cluster(check("{env: A, of: [b], is: [1], unset: drop}"))
    assert cluster.item().status is Status.CONFIGURED
