"""The RBAC that ships is what the default catalog needs: no more, no less, and it cannot drift."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from agentctl.apidouble.double import ApiDouble
from agentctl.catalog.content import Catalog
from agentctl.catalog.loader import load, load_default
from agentctl.clock import SystemClock
from agentctl.demo import ControlPlane
from agentctl.engine.attempt import Attempt
from agentctl.engine.messages import Alive, Replaced
from agentctl.kube import discovery
from agentctl.kube.access import AccessProvider, ClusterAccess
from agentctl.kube.client import ApiClient
from agentctl.kube.context import KubeContext
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.rbac import describe
from agentctl.kube.resources import CRDS, SERVED
from agentctl.kube.sources import cluster_sources
from agentctl.net.memory_budget import MemoryBudget
from tests.deploy.authorizer import Asked, Granted, allowed, asked, granted
from tests.deploy.shipped import container, documents, parsed, the
from tools import rbac

PATIENCE_S = 20.0


def specs(catalog: Catalog) -> Any:
    return Evaluator(catalog.components, ["agents"], "agents").specs


def grants(shipped: list[dict[str, Any]]) -> list[Granted]:
    pod = the("Deployment")["spec"]["template"]["spec"]
    home = the("Deployment")["metadata"]["namespace"]
    return granted(shipped, (home, pod["serviceAccountName"]))


@pytest.fixture(scope="module")
def shipped() -> list[dict[str, Any]]:
    return documents()


@pytest.fixture(scope="module")
def rules(shipped: list[dict[str, Any]]) -> list[Granted]:
    return grants(shipped)


def recorded() -> set[Asked]:
    """What the sources of the default catalog ask a real server for, over real sockets."""
    clock = SystemClock()
    with ApiDouble() as double:
        ControlPlane(double.store).install()
        provider = AccessProvider(lambda: ClusterAccess(server=double.url), clock)
        context = KubeContext(ApiClient(provider, clock), clock)
        inbox: queue.Queue[Any] = queue.Queue()
        # Soon enough for a proof of life to be among what is asked.
        sources = cluster_sources(specs(load_default()), context, max_staleness_s=0.3)
        attempts = [Attempt(source, 1, "", inbox) for source in sources]
        for attempt in attempts:
            attempt.start()
        # A watch says Alive once it is accepted; discovery only ever replaces.
        waiting = {source.name for source in sources}
        while waiting:
            message = inbox.get(timeout=PATIENCE_S)
            assert isinstance(message, (Alive, Replaced)), message
            if isinstance(message, Alive) or message.source == SERVED.plural:
                waiting.discard(message.source)
        for attempt in attempts:
            attempt.stop()
        ended = [attempt.join(PATIENCE_S) for attempt in attempts]
        assert all(ended)
        return {asked(request.path, request.query) for request in double.requests}


class Said(NamedTuple):
    """An answer of 200."""

    body: bytes
    status: int = 200

    def read_all(self, limit: int, share: object = None) -> bytes:
        return self.body


class OlderDiscovery:
    """An API server that names the groups alone, before Kubernetes 1.27."""

    def __init__(self, groups: set[str]) -> None:
        self.asked: set[Asked] = set()
        self.budget = MemoryBudget()
        self._groups = [
            {"name": group, "versions": [{"groupVersion": f"{group}/v1alpha1"}]} for group in groups
        ]

    @contextmanager
    def get(
        self, path: str, query: Mapping[str, str], accept: str, timeouts: object
    ) -> Iterator[Said]:
        self.asked.add(asked(path, query))
        groups = {"kind": "APIGroupList", "groups": self._groups}
        answer = groups if path == "/apis" else {"kind": "APIResourceList", "resources": []}
        yield Said(json.dumps(answer).encode())


def of_older_servers() -> set[Asked]:
    crds = next(spec for spec in specs(load_default()) if spec.resource == CRDS)
    names = {name for need in crds.needs for name in need.names or ()}
    api: Any = OlderDiscovery({name.partition(".")[2] for name in names})
    discovery.served(api, names)
    return set(api.asked)


@pytest.fixture(scope="module")
def requests() -> set[Asked]:
    return recorded() | of_older_servers()


def test_the_recorded_requests_are_those_of_every_watch(requests: set[Asked]) -> None:
    about = {(one.group, one.resource, one.namespace) for one in requests if not one.path}
    watched = {
        (spec.resource.group, spec.resource.plural, spec.namespace)
        for spec in specs(load_default())
        if spec.resource is not SERVED
    }
    assert about == watched
    assert {"/apis", "/apis/agents.proompteng.ai/v1alpha1"} <= {one.path for one in requests}


def test_every_request_is_allowed(rules: list[Granted], requests: set[Asked]) -> None:
    assert [one for one in requests if not allowed(rules, one)] == []


def test_without_any_one_rule_something_is_forbidden(
    rules: list[Granted], requests: set[Asked]
) -> None:
    assert len(rules) > 5
    for rule in rules:
        others = [one for one in rules if one is not rule]
        assert any(not allowed(others, one) for one in requests), f"{rule} is needed by nothing"


def narrower(rule: Granted) -> Iterator[Granted]:
    """The same rule less one word of it."""
    for field, values in rule.rule.items():
        for value in values:
            rest = [one for one in values if one != value]
            if field != "resourceNames" or rest:  # without names at all it would be wider
                yield Granted(rule.namespace, {**rule.rule, field: rest})


def test_without_any_one_word_of_a_rule_something_is_forbidden(
    rules: list[Granted], requests: set[Asked]
) -> None:
    for rule in rules:
        others = [one for one in rules if one is not rule]
        for less in narrower(rule):
            assert any(not allowed([*others, less], one) for one in requests), (rule, less)


def test_nothing_more_is_granted_than_is_asked(rules: list[Granted], requests: set[Asked]) -> None:
    """Each object, verb and place that a rule names is in a request, and none by ``*``."""
    for where, rule in rules:
        assert "*" not in str({**rule, "nonResourceURLs": ""}), rule
        for verb in rule["verbs"]:
            for group in rule.get("apiGroups", ()):
                for resource in rule["resources"]:
                    for name in rule.get("resourceNames", ("",)):
                        assert Asked(verb, "", group, resource, where, name) in requests
    urls = [url for _, rule in rules for url in rule.get("nonResourceURLs", ())]
    assert urls == ["/apis", "/apis/*"]


FORBIDDEN = [
    ("/api/v1/namespaces/agents/secrets", {}),
    ("/api/v1/namespaces/agents/configmaps", {}),
    ("/api/v1/secrets", {}),
    ("/api/v1/pods", {}),
    ("/api/v1/namespaces/temporal/pods", {}),
    ("/api/v1/namespaces/kube-system/pods", {}),
    ("/api/v1/namespaces", {}),
    ("/api/v1/namespaces", {"fieldSelector": "metadata.name=default"}),
    ("/apis/coordination.k8s.io/v1/namespaces/agents/leases", {}),
    ("/api/v1/namespaces/agents/pods/agents-0", {}),
    ("/metrics", {}),
]


@pytest.mark.parametrize(("path", "query"), FORBIDDEN, ids=str)
def test_what_is_not_needed_is_forbidden(
    rules: list[Granted], path: str, query: dict[str, str]
) -> None:
    assert not allowed(rules, asked(path, query))
    assert not allowed(rules, asked(path, {**query, "watch": "true"}))


def test_each_checks_resources_are_covered(rules: list[Granted]) -> None:
    for component in load_default().components:
        for check in component.checks:
            for need in check.needs("agents"):
                if need.resource is SERVED:
                    assert allowed(rules, Asked("get", "/apis"))
                    continue
                for name in need.names or {""}:
                    want = Asked("list", "", need.resource.group, need.resource.plural)
                    one = want._replace(namespace=need.namespace, name=name)
                    assert allowed(rules, one), (component.name, one)
                    assert allowed(rules, one._replace(verb="watch")), (component.name, one)


def plain(documents_: list[dict[str, Any]]) -> list[tuple[str, str, Any]]:
    roles = [one for one in documents_ if one["kind"] in ("Role", "ClusterRole")]
    return [(one["kind"], one["metadata"].get("namespace", ""), one["rules"]) for one in roles]


def test_the_roles_are_those_that_catalog_show_lists(shipped: list[dict[str, Any]]) -> None:
    served = parsed(container()["args"]).namespace
    wanted = describe(load_default(), served)["requires"]["permissions"]
    assert plain(shipped) == plain(wanted)


def test_each_role_is_bound_to_the_account_of_the_pods_and_to_nobody_else(
    shipped: list[dict[str, Any]], rules: list[Granted]
) -> None:
    roles = [one for one in shipped if one["kind"] in ("Role", "ClusterRole")]
    assert sum(len(one["rules"]) for one in roles) == len(rules)
    account = the("ServiceAccount")["metadata"]
    subjects = [one["subjects"] for one in shipped if one["kind"].endswith("Binding")]
    only = [{"kind": "ServiceAccount", **{key: account[key] for key in ("name", "namespace")}}]
    assert subjects == [only] * len(roles)


def test_the_file_is_current() -> None:
    assert rbac.main(["--check"]) == ""


ANOTHER = """
  - name: another
    checks:
      - {kind: %s}
"""
CHANGES: dict[str, Callable[[Catalog], Catalog]] = {
    f"a check more: {fields}": lambda catalog, fields=fields: replace(
        catalog,
        components=(
            *catalog.components,
            *load(f"name: x\ncomponents:{ANOTHER % fields}".encode(), "x.yaml").components,
        ),
    )
    for fields in (
        "workload, names: [db], kinds: [StatefulSet]",
        "workload, names: [agents], namespace: elsewhere",
        "lease, name: another-leader",
        "namespace, name: temporal",
    )
} | {
    "no temporal": lambda catalog: replace(
        catalog,
        components=tuple(one for one in catalog.components if one.name != "runtime:temporal"),
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_catalog_that_changes_is_noticed(
    change: Callable[[Catalog], Catalog],
    shipped: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changed = change(load_default())
    assert plain(shipped) != plain(describe(changed, ["agents"])["requires"]["permissions"])
    monkeypatch.setattr(rbac, "load_default", lambda: changed)
    assert "not current" in rbac.main(["--check"])


def test_other_namespaces_and_catalogs_get_a_file_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("components: [{name: api, checks: [{kind: lease, name: api}]}]")
    arguments = ["--print", "--catalog", str(mine), "-n", "shop", "--account", "ops"]
    assert rbac.main([*arguments, "--name", "watcher"]) == ""
    made = list(yaml.safe_load_all(capsys.readouterr().out))
    rules = granted(made, ("ops", "watcher"))
    assert {where for where, _ in rules} == {"shop"}
    leases, one = "/apis/coordination.k8s.io/v1/namespaces/{}/leases", "metadata.name=api"
    assert allowed(rules, asked(leases.format("shop"), {"fieldSelector": one}))
    assert not allowed(rules, asked(leases.format("agents"), {"fieldSelector": one}))
    assert not granted(made, ("agents", "agentctl"))


def test_a_catalog_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert "mine.yaml" in rbac.main(["--print", "--catalog", str(tmp_path / "mine.yaml")])
