"""Wide watches: one of a resource in all namespaces where that is permitted, else one in each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

from agentctl.apidouble.objects import encode
from agentctl.catalog.loader import load_default
from agentctl.demo import ControlPlane
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.wide import widened
from tests.apidouble.faults import Fault, Reply
from tests.apidouble.faulty import FaultyDouble
from tests.cli.inprocess import call
from tests.cli.program import Program

TEAMS = ("team-a", "team-b")
NAMESPACED = {"deployments", "pods", "leases", "endpointslices"}


class Install:
    """Two teams' control planes on one API server."""

    def __init__(self, folder: Path) -> None:
        self.double = FaultyDouble()
        self.planes = {}
        for team in TEAMS:
            plane = ControlPlane(self.double.store, team, f"{team}-temporal", 24 * 3600)
            self.planes[team] = plane
        self.planes["team-a"].install()
        self._second()
        self.double.start()
        self.folder = folder
        self.path = folder / "kubeconfig"
        self.path.write_text(self.double.kubeconfig(namespace="team-a"))

    def _second(self) -> None:
        """The second install shares the cluster's CRDs and its namespace ``default``."""
        from agentctl.apidouble.failures import ApiFailure
        from agentctl.demo import controlplane

        store, create = self.double.store, self.double.store.create

        def lenient(value: Any) -> Any:
            try:
                return create(value)
            except ApiFailure:
                return None

        store.create = lenient  # type: ignore[method-assign]
        definitions, controlplane.DEFINITIONS = controlplane.DEFINITIONS, ()
        try:
            self.planes["team-b"].install()
        finally:
            controlplane.DEFINITIONS = definitions
            store.create = create  # type: ignore[method-assign]

    def forbid(self, only: Callable[[str], bool], verbs: tuple[str, ...] = ("list",)) -> None:
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403}
        reply = Reply(403, encode({**status, "reason": "Forbidden", "message": "forbidden"}))
        for plural in NAMESPACED:
            fault = Fault(reply, plural, verbs, None, only=lambda request: only(request.path))
            self.double.faults.add(fault)

    def watch(self, *flags: str) -> Program:
        found = ("-o", "ndjson", "--kubeconfig", str(self.path), "-n", ",".join(TEAMS))
        return Program("status", "watch", *found, *flags, home=self.folder)

    def once(self, *flags: str) -> list[Any]:
        path = str(self.path)
        done = call("status", "-o", "ndjson", "--kubeconfig", path, *flags, home=self.folder)
        assert done.code == 0, done.stderr
        return list(json.loads(done.stdout)["items"])


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Install]:
    found = Install(tmp_path)
    yield found
    found.double.faults.clear()
    found.double.stop()


def statuses(items: list[Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for item in items:
        if item["component"] != "runtime:custom":
            found.setdefault(item["namespace"], set()).add(item["status"])
    return found


WELL = {"healthy", "configured"}


def test_sixty_namespaces_take_no_more_watches_than_one() -> None:
    components = load_default().components
    one = Evaluator(components, ["agents"], "agents").specs
    many = Evaluator(components, [f"team-{n}" for n in range(60)], "").specs
    wide = widened(many)
    left = {spec.name for spec in many} - {part.name for w in wide for part in w.parts.values()}
    assert len(wide) + len(left) <= len(one)
    assert {spec.resource.plural for spec in wide} == NAMESPACED
    assert all(spec.resource.path(spec.namespace).count("namespaces") == 0 for spec in wide)


def test_changes_reach_their_own_namespace(install: Install) -> None:
    with install.watch() as run:
        first = run.wait_for(lambda event: event["type"] == "snapshot")
        assert statuses(first["items"]) == {"team-a": WELL, "team-b": WELL}
        install.planes["team-b"].grpc_degrades()
        delta = run.wait_for(lambda event: event["type"] == "delta")
    changed = [(item["namespace"], item["component"]) for item in delta["changes"]]
    assert changed == [("team-b", "grpc")]


def test_where_all_is_forbidden_each_namespace_is_watched(install: Install) -> None:
    install.forbid(lambda target: "/namespaces/" not in target)
    with install.watch() as run:
        first = run.wait_for(lambda event: event["type"] == "snapshot")
        assert statuses(first["items"]) == {"team-a": WELL, "team-b": WELL}
        # One namespace's relist leaves the other alone.
        install.double.faults.status(410, "pods", ("watch",), times=1)
        install.planes["team-a"].controller_crashes()
        delta = run.wait_for(lambda event: event["type"] == "delta")
        assert {item["namespace"] for item in delta["changes"]} == {"team-a"}
        assert not any("forbidden" in line for line in run.lines)


def test_where_one_namespace_is_forbidden_it_alone_is_unknown(install: Install) -> None:
    install.forbid(lambda target: "/namespaces/team-a" not in target)
    with install.watch() as run:
        first = run.wait_for(lambda event: event["type"] == "snapshot")
    found = statuses(first["items"])
    assert found["team-a"] <= {*WELL, "unknown"}  # Temporal's is another namespace
    assert "unknown" in found["team-b"]
    assert "healthy" in found["team-a"]


def test_all_namespaces_are_those_that_hold_what_the_catalog_names(install: Install) -> None:
    items = install.once("-A")
    assert list(statuses(items)) == ["team-a", "team-b"]


def test_a_namespace_deleted_and_made_again_is_followed(install: Install) -> None:
    from agentctl.demo import bodies

    def release(namespace: Any) -> None:
        namespace["spec"] = {}

    with install.watch("--component", "namespace") as run:
        run.wait_for(lambda event: event["type"] == "snapshot")
        install.double.store.delete("namespaces", "", "team-b")
        install.double.store.update("namespaces", "", "team-b", release)
        gone = run.wait_for(lambda event: event["type"] == "delta")
        assert [(i["namespace"], i["status"]) for i in gone["changes"]] == [("team-b", "error")]
        install.double.store.create(bodies.namespace("team-b"))
        back = run.wait_for(
            lambda event: event["type"] == "delta" and event["changes"][0]["status"] == "healthy"
        )
        assert [item["namespace"] for item in back["changes"]] == ["team-b"]
