"""Many clusters in one run: which are meant, what one that is lost leaves of it, and the codes."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentctl.demo import DemoControlPlane
from tests.cli.inprocess import Done, call, until_timeout
from tests.cli.program import Program
from tests.cli.serving import STATUS, STREAM, Served
from tests.ports import free_port

NAMES = ("prod-eu", "prod-us", "dev")


class Fleet:
    """Three clusters that are well, in one kubeconfig, with contexts of others."""

    def __init__(self, folder: Path, demos: dict[str, DemoControlPlane]) -> None:
        self.demos = demos
        self.folder = folder
        self.path = folder / "kubeconfig"
        self._silent = socket.create_server(("127.0.0.1", 0))
        self.urls = {name: demo.url for name, demo in demos.items()}
        self.urls["silent"] = f"http://127.0.0.1:{self._silent.getsockname()[1]}"
        self.urls["gone"] = f"http://127.0.0.1:{free_port()}"
        self.urls["prod-twin"] = self.urls["prod-eu"]
        self.write()

    def write(self, users: Any = None) -> None:
        users = {name: {} for name in self.urls} | (users or {})
        config = {
            "clusters": [{"name": n, "cluster": {"server": u}} for n, u in self.urls.items()],
            "users": [{"name": name, "user": user} for name, user in users.items()],
            "contexts": [{"name": n, "context": {"cluster": n, "user": n}} for n in self.urls],
        }
        self.path.write_text(yaml.safe_dump(config))

    def close(self) -> None:
        self._silent.close()

    def call(self, *words: str) -> Done:
        return call(*words, "--kubeconfig", str(self.path), home=self.folder)

    def watch(self, *words: str) -> Program:
        flags = ("-o", "ndjson", "--kubeconfig", str(self.path))
        return Program("status", "watch", *flags, *words, home=self.folder)


@contextmanager
def running(folder: Path) -> Iterator[Fleet]:
    demos = {name: DemoControlPlane(free_port(), script=False).start() for name in NAMES}
    found = Fleet(folder, demos)
    yield found
    found.close()
    for demo in demos.values():
        demo.stop()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running(tmp_path_factory.mktemp("fleet")) as found:
        yield found


@pytest.fixture
def fleet_of_its_own(tmp_path: Path) -> Iterator[Fleet]:
    with running(tmp_path) as found:
        yield found


def events(done: Done) -> list[Any]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def changed(fleet: Fleet, name: str) -> Iterator[None]:
    """While one of its endpoints is not ready."""
    fleet.demos[name].plane.grpc_degrades()
    try:
        yield
    finally:
        fleet.demos[name].plane.grpc_recovers()


def clusters(done: Done) -> list[str]:
    (snapshot,) = events(done)
    return list(dict.fromkeys(item["cluster"] for item in snapshot["items"]))


@pytest.mark.parametrize(
    ("flags", "expected", "told"),
    [
        (("--context", "dev", "--context", "prod-eu"), ["dev", "prod-eu"], "dev, prod-eu"),
        (
            (
                "--context",
                "prod-[eu][us]",
            ),
            ["prod-eu", "prod-us"],
            "prod-eu, prod-us",
        ),
        (
            ("--context", "eu=prod-eu", "--context", "prod-*", "--exclude-context", "prod-t*"),
            ["eu", "prod-us"],
            "eu (context prod-eu), prod-us",
        ),
    ],
)
def test_contexts_by_name_by_glob_and_under_a_short_name(
    fleet: Fleet, flags: tuple[str, ...], expected: list[str], told: str
) -> None:
    done = fleet.call("status", "-o", "ndjson", *flags)
    assert (done.code, clusters(done)) == (0, expected)
    assert done.stderr == f"agentctl: watching 2 clusters: {told}\n"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--context", "prod-eu", "--context", "prod-uk"), "did you mean 'prod-us'"),
        (("--context", "nope-*"), "--context 'nope-*' matches no context"),
        (("--context", "x=nope"), "no context 'nope'"),
        (("--context", "=prod-eu"), "expected NAME=CONTEXT"),
        (("--context", "x=prod-eu", "--context", "x=prod-us"), "would both be called 'x'"),
        (("--context", "prod-*", "--exclude-context", "prod-*"), "leaves out all"),
        (("--context", "prod-*", "--exclude-context", "nobody"), "no such context"),
        (("--context", "prod-*", "--exclude-context", "["), "'[': matches no context"),
        (("--context", "prod-*", "--exclude-context", "old-*"), "'old-*': matches no context"),
        (("--exclude-context", "dev"), "give that too"),
    ],
)
def test_names_that_are_not_there_end_it_before_anything_runs(
    fleet: Fleet, flags: tuple[str, ...], words: str
) -> None:
    done = fleet.call("status", *flags)
    assert (done.code, done.stdout) == (2, "")
    assert words in done.stderr


def test_one_that_a_glob_matches_is_one_cluster(fleet: Fleet) -> None:
    done = fleet.call("status", "-o", "ndjson", "--context", "de?")
    (snapshot,) = events(done)
    assert done.code == 0
    assert not any("cluster" in item for item in snapshot["items"])
    assert done.stderr == "agentctl: watching 1 cluster: dev\n"


def test_two_contexts_of_one_cluster_are_told_and_watched_twice(fleet: Fleet) -> None:
    done = fleet.call("status", "-o", "ndjson", "--context", "prod-eu", "--context", "prod-twin")
    assert clusters(done) == ["prod-eu", "prod-twin"]
    assert "prod-eu and prod-twin lead to one API server: it is watched twice" in done.stderr


def test_the_table_has_a_column_for_it(fleet: Fleet) -> None:
    done = fleet.call("status", "--context", "dev", "--context", "prod-eu")
    heading, first, *_ = done.stdout.splitlines()
    assert heading.split() == ["CLUSTER", "COMPONENT", "NAMESPACE", "STATUS", "MESSAGE"]
    assert first.split() == ["dev", "namespace", "agents", "healthy"]


def test_a_lost_cluster_is_not_the_end_and_is_unseen_at_the_end(fleet: Fleet) -> None:
    flags = ("--context", "dev", "--context", "gone", "--timeout")
    for timeout in ("2s", "10s"):  # the longer one where a busy machine was slow
        done = fleet.call("status", "watch", "-o", "ndjson", *flags, timeout)
        if "healthy" in done.stdout and "refused" in done.stdout:
            break
    snapshot, *others = events(done)
    of = {cluster: set() for cluster in ("dev", "gone")}
    for item in snapshot["items"]:
        of[item["cluster"]].add(item["status"])
    assert "healthy" in of["dev"]
    assert "healthy" not in of["gone"]
    assert {one["cluster"] for one in others if one["type"] == "error"} == {"gone"}
    assert done.code == 5
    assert "gone: " in done.stderr.splitlines()[-1]


def test_one_that_accepts_and_never_answers_holds_up_nobody(fleet: Fleet) -> None:
    with fleet.watch("--context", "dev", "--context", "silent", "--timeout", "30s") as run:
        snapshot = run.wait_for(lambda event: event["type"] == "snapshot")
        seen = {i["cluster"] for i in snapshot["items"] if i["status"] == "healthy"}
        assert seen == {"dev"}
        assert {i["cluster"] for i in snapshot["items"]} == {"dev", "silent"}


def test_a_plugin_that_hangs_for_one_leaves_the_others(fleet: Fleet) -> None:
    hangs = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "/bin/sh",
            "args": ["-c", "sleep 300"],
            "interactiveMode": "Never",
        }
    }
    fleet.write({"prod-us": hangs})
    try:
        with fleet.watch("--context", "prod-*", "--exclude-context", "prod-twin") as run:
            snapshot = run.wait_for(lambda event: event["type"] == "snapshot")
            seen = {i["cluster"] for i in snapshot["items"] if i["status"] == "healthy"}
            assert seen == {"prod-eu"}
            code, _ = run.signal(signal.SIGTERM)  # takes the plugin with it
            assert code == 143
    finally:
        fleet.write()


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (("--context", "dev", "--until", "healthy"), 0),
        (("--context", "dev", "--context", "prod-eu", "--until", "healthy"), 0),
        (("--context", "dev", "--context", "gone", "--timeout", "1s"), 5),
        (("--context", "dev", "--context", "gone", "--fail-on", "degraded", "--timeout", "8s"), 1),
    ],
)
def test_known_bad_before_unseen_before_good(
    fleet: Fleet, flags: tuple[str, ...], code: int
) -> None:
    plane = fleet.demos["dev"].plane
    if code == 1:
        plane.grpc_degrades()
    try:
        done = fleet.call("status", "watch", *flags)
    finally:
        plane.grpc_recovers()
    assert done.code == code, done.stderr
    if code == 1:
        assert "dev/grpc is degraded" in done.stderr


def test_monitoring_names_the_cluster_and_says_which_is_unseen(fleet: Fleet) -> None:
    flags = ("--context", "dev", "--context", "gone", "--timeout")
    fleet.demos["dev"].plane.grpc_degrades()
    try:
        for timeout in ("4s", "10s"):  # the longer one where a busy machine was slow
            nagios = fleet.call("status", "-o", "nagios", *flags, timeout)
            prom = fleet.call("status", "-o", "prom", *flags, timeout)
            if nagios.code == 1 and "agentctl_up" in prom.stdout:
                break
    finally:
        fleet.demos["dev"].plane.grpc_recovers()
    assert nagios.code == 1
    assert "dev/grpc is degraded" in nagios.stdout
    assert 'agentctl_up{member_cluster="dev",namespace="agents"} 1' in prom.stdout
    assert 'agentctl_up{member_cluster="gone",namespace="agents"} 0' in prom.stdout
    assert 'member_cluster="gone",namespace="agents",component' not in prom.stdout
    assert prom.code == 5
    assert nagios.code == 1


def test_diagnose_explains_in_the_context_it_is_about(fleet: Fleet) -> None:
    fleet.demos["dev"].plane.controller_crashes()
    try:
        done = fleet.call("diagnose", "--context", "dev", "--context", "prod-eu")
    finally:
        fleet.demos["dev"].plane.controller_recovers()
    assert "dev/agents-controller is degraded" in done.stdout
    assert f"kubectl --kubeconfig {fleet.path} --context dev -n agents" in done.stdout


def test_a_cursor_of_several_clusters_is_resumed(fleet: Fleet) -> None:
    flags = ("--context", "dev", "--context", "prod-eu", "-o", "ndjson")
    watch = ("status", "watch", *flags)
    first = until_timeout(partial(fleet.call, *watch, "--timeout"))
    cursor = events(first)[-1]["cursor"]
    again = partial(fleet.call, *watch, "--since", cursor, "--timeout")
    assert events(until_timeout(again)) == []
    fleet.demos["dev"].plane.grpc_degrades()
    try:
        changed = until_timeout(again)
    finally:
        fleet.demos["dev"].plane.grpc_recovers()
    (delta,) = events(changed)
    assert [(c["cluster"], c["component"]) for c in delta["changes"]] == [("dev", "grpc")]
    # Of other clusters it is no cursor.
    other = ("status", "watch", *flags[:2], *flags[4:], "--since", cursor, "--timeout")
    assert events(until_timeout(partial(fleet.call, *other)))[0]["type"] == "snapshot"


def test_namespaces_may_be_several(fleet: Fleet) -> None:
    done = fleet.call(
        "status", "-o", "ndjson", "--context", "dev", "-n", "agents,temporal", "-n", "x"
    )
    (snapshot,) = events(done)
    found = list(dict.fromkeys(item["namespace"] for item in snapshot["items"]))
    assert found == ["agents", "temporal", "x"]
    assert done.code == 3
    assert 'namespace "x" not found' in done.stderr


BOTH = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")


def test_a_server_of_several_answers_who_tells_them_apart(fleet: Fleet) -> None:
    flags = ("--kubeconfig", str(fleet.path), "--context", "dev", "--context", "prod-eu")
    with Served(*flags, *BOTH, home=fleet.folder) as served:
        assert served.line("watching 2 clusters: dev, prod-eu")
        addresses = {kind: f"127.0.0.1:{served.port(kind)}" for kind in ("http", "grpc")}
        served.until_ready()
        for path in (STATUS, STREAM):
            status, body = served.get(path)
            assert status == 400
            assert "ask with clusters=1" in json.loads(body)["error"]
        # Our own clients do, by themselves.
        for transport, kind in (("sse", "http"), ("grpc", "grpc")):
            there = ("--transport", transport, "--server", addresses[kind], "-o", "ndjson")
            once = call("status", *there, home=fleet.folder)
            assert (once.code, clusters(once)) == (0, ["dev", "prod-eu"])
            watch = partial(call, "status", "watch", *there, home=fleet.folder)
            watched = until_timeout(partial(watch, "--timeout"))
            assert watched.code == 0
            cursor = events(watched)[-1]["cursor"]
            with changed(fleet, "dev"):
                resumed = until_timeout(partial(watch, "--since", cursor, "--timeout"))
            changes = [c for event in events(resumed) for c in event.get("changes", ())]
            assert ("dev", "grpc") in [(c["cluster"], c["component"]) for c in changes]
            assert {c["cluster"] for c in changes} == {"dev"}


def test_who_does_not_know_of_clusters_is_refused_in_grpc(fleet: Fleet) -> None:
    import grpc

    from agentctl.rpc import agentctl_pb2 as pb
    from agentctl.rpc.agentctl_pb2_grpc import AgentctlServiceStub

    flags = ("--kubeconfig", str(fleet.path), "--context", "dev", "--context", "prod-eu")
    with Served(*flags, *BOTH, home=fleet.folder) as served:
        address = f"127.0.0.1:{served.port('grpc')}"
        served.until_ready()
        with grpc.insecure_channel(address) as channel:
            stub = AgentctlServiceStub(channel)
            with pytest.raises(grpc.RpcError) as refused:
                stub.GetControlPlaneStatus(pb.GetControlPlaneStatusRequest(), timeout=40)
            assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
            assert "field 100" in refused.value.details()
            answer = stub.GetControlPlaneStatus(
                pb.GetControlPlaneStatusRequest(clusters=True), timeout=40
            )
            assert {item.cluster for item in answer.items} == {"dev", "prod-eu"}


def test_an_old_client_of_one_cluster_is_answered_as_ever(fleet: Fleet) -> None:
    flags = ("--kubeconfig", str(fleet.path), "--context", "dev", "--http", "127.0.0.1:0")
    with Served(*flags, "--grpc", "off", home=fleet.folder) as served:
        served.until_ready()
        status, body = served.get(STATUS)
        assert status == 200
        assert not any("cluster" in item for item in json.loads(body)["items"])


def folded(told: list[Any]) -> dict[tuple[str, str], tuple[str, str]]:
    """What a reader of all events has."""
    state: dict[tuple[str, str], tuple[str, str]] = {}
    for event in told:
        for item in (*event.get("items", ()), *event.get("changes", ())):
            state[item["cluster"], item["component"]] = item["status"], item["message"]
        for key in event.get("removed", ()):
            del state[key["cluster"], key["component"]]
    return state


def test_one_killed_and_one_frozen_and_both_back_and_no_word_of_the_third(
    fleet_of_its_own: Fleet,
) -> None:
    fleet = fleet_of_its_own
    flags = [part for name in NAMES for part in ("--context", name)]
    killed, frozen, third = (fleet.demos[name] for name in ("prod-us", "prod-eu", "dev"))
    with fleet.watch(*flags, "--max-staleness", "2s", "--heartbeat", "1s") as run:
        run.wait_for(lambda event: event["type"] == "snapshot")

        def of(cluster: str, kind: str, **more: str) -> Any:
            def is_it(event: Any) -> bool:
                if kind == "error":
                    place = event.get("cluster") == cluster
                else:
                    place = any(i["cluster"] == cluster for i in event.get("changes", ()))
                return place and all(event.get(key) == value for key, value in more.items())

            return run.wait_for(is_it)

        killed.double.stop()
        frozen.double.freeze()
        of("prod-us", "error", code="disconnected")
        killed.plane.grpc_degrades()  # while nobody sees it
        of("prod-eu", "error", code="stale")
        third.plane.grpc_degrades()
        of("dev", "delta")
        killed.double.start()
        frozen.double.thaw()
        of("prod-us", "error", code="recovered")
        of("prod-eu", "error", code="recovered")
        killed.plane.grpc_recovers()
        third.plane.grpc_recovers()
        truth = fleet.call("status", "-o", "ndjson", *flags)
        expected = folded(events(truth))
        run.wait_for(lambda event: folded(run.events) == expected)
        told = run.events
    assert sum(event["type"] == "snapshot" for event in told) == 1
    assert not any(event.get("cluster") == "dev" for event in told)
    own = [i for event in told for i in event.get("changes", ()) if i["cluster"] == "dev"]
    assert {item["component"] for item in own} == {"grpc"}
