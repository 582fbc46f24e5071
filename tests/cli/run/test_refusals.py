"""Refusals as people read them: who may not do what, where, and what to do next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentctl.demo import DemoControlPlane
from agentctl.engine.refusals import refusals_told
from agentctl.errors import Denied, ForbiddenError, NotFoundError
from agentctl.kube.api_failures import failure_of
from tests.cli.inprocess import call, until_timeout
from tests.net.test_http_failures import recorded


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoControlPlane]:
    with DemoControlPlane(script=False) as demo:
        yield demo


@pytest.fixture
def here(demo: DemoControlPlane, tmp_path: Path) -> Iterator[Any]:
    def typed(line: str, namespace: str = "namespace: agents") -> Any:
        config = tmp_path / "kubeconfig"
        config.write_text(demo.kubeconfig_text().replace("namespace: agents", namespace))
        return call(*line.split(), "--kubeconfig", str(config), home=tmp_path)

    yield typed
    demo.double.denied = []


def test_all_that_is_refused_is_told(demo: DemoControlPlane, here: Any) -> None:
    demo.double.denied = [("*", "*", "*")]
    for line in ("status", "status -o json", "status watch"):
        done = here(line)
        assert (done.code, done.stdout) == (3, "")
        (told,) = done.stderr.splitlines()
        assert told.startswith('agentctl: forbidden: user "')
        for resource in ("namespaces", "customresourcedefinitions.apiextensions.k8s.io", "pods"):
            assert told.count(f" {resource}") == 1
        assert "; may not list deployments.apps, pods, leases" in told
        assert " in namespace agents; " in told
        assert told.endswith("; see what is missing: agentctl auth can-watch -n agents")


def test_what_is_refused_beside_the_rest_is_told_too(demo: DemoControlPlane, here: Any) -> None:
    demo.double.denied = [("*", "", "pods"), ("*", "", "namespaces")]
    watch = "status watch -o ndjson --timeout"
    for done in (here("status -o ndjson"), until_timeout(lambda limit: here(f"{watch} {limit}"))):
        assert (done.code, done.stderr) == (0, "")
        snapshot, *others = map(json.loads, done.stdout.splitlines())
        messages = {item["message"] for item in snapshot["items"]}
        assert {"cannot list pods: forbidden", "cannot list namespaces: forbidden"} <= messages
        who = 'forbidden to user "viewer"'
        assert {one["message"] for one in others if one["type"] == "error"} == {
            f"cannot list namespaces: {who}; see agentctl auth can-watch",
            f"cannot list pods: {who} in namespace agents; see agentctl auth can-watch",
        }
    assert here("status --fail-on unknown").code == 1


def test_the_words_of_a_real_api_server() -> None:
    failure = failure_of(*recorded("list-forbidden"), "list", "deployments")
    assert isinstance(failure, ForbiddenError)
    assert failure.denied == Denied("viewer", "list", "deployments.apps", "agents")
    assert failure.message == "cannot list deployments: forbidden"
    assert failure.told == (
        'cannot list deployments: forbidden to user "viewer" in namespace agents; '
        "see agentctl auth can-watch"
    )


def test_other_words_are_told_as_they_are() -> None:
    gate = ForbiddenError("cannot list pods: forbidden: no entry here")
    assert refusals_told([gate]) == gate.told == gate.message
    crds = ForbiddenError("x", Denied("me", "list", "crds"))
    told = refusals_told([crds, gate, NotFoundError("no such path")])
    assert told == (
        'forbidden: user "me" may not list crds; cannot list pods: forbidden: no entry here; '
        "no such path; see what is missing: agentctl auth can-watch"
    )


OTHER = 'names namespace "team-a", which is not taken: give -n team-a to look there'


def test_the_contexts_namespace_is_told_where_nothing_is_found(
    demo: DemoControlPlane, here: Any
) -> None:
    done = here("status", "namespace: team-a")
    assert (done.code, done.stderr) == (0, "")
    done = here("status -n nowhere", "namespace: team-a")
    assert done.code == 3
    assert 'namespace "nowhere" not found' in done.stderr
    assert OTHER in done.stderr
    assert OTHER in here("status --debug", "namespace: team-a").stderr
    for line in ("status --debug", "status -A --debug"):
        assert "not taken" not in here(line).stderr
    demo.double.denied = [("*", "*", "*")]
    assert OTHER in here("status", "namespace: team-a").stderr
