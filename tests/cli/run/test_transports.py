"""Kube, grpc and sse side by side: what an operator sees must not depend on the way there."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agentctl.demo import DemoControlPlane
from tests.campaign.test_replicas import Site
from tests.cli.inprocess import call, until_timeout
from tests.cli.program import Program
from tests.ports import free_ports

REMOTE = ("grpc", "sse")


class Served:
    """A control plane on which nothing happens by itself, and a server for it."""

    more: tuple[str, ...] = ()
    """Further flags of the server."""
    token = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.demo = DemoControlPlane(script=False)
        self.plane = self.demo.plane
        self.http, self.grpc = free_ports(2)
        self._kubeconfig = folder / "kubeconfig"
        self._stack = ExitStack()

    def __enter__(self) -> Served:
        self._stack.enter_context(self.demo)
        self._kubeconfig.write_text(self.demo.kubeconfig_text())
        self.server = self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def start(self) -> Program:
        """A server on the same ports as before."""
        listen = ["--http", f"127.0.0.1:{self.http}", "--grpc", f"127.0.0.1:{self.grpc}"]
        flags = [*listen, "--kubeconfig", str(self._kubeconfig), *self.more]
        program = Program("serve", *flags, home=self.folder)
        self._stack.enter_context(program)
        Site.wait_until_ready(self.http, self.token)
        return program

    def way(self, transport: str) -> list[str]:
        """The flags that lead there."""
        if transport == "kube":
            return ["--kubeconfig", str(self._kubeconfig)]
        port = self.grpc if transport == "grpc" else self.http
        return ["--transport", transport, "--server", f"127.0.0.1:{port}"]

    def watch(self, transport: str, *flags: str) -> Program:
        arguments = ["status", "watch", "-o", "ndjson", *self.way(transport), *flags]
        return Program(*arguments, home=self.folder)

    @contextmanager
    def watched(self) -> Iterator[dict[str, Program]]:
        """A watcher on each way, with its snapshot."""
        with ExitStack() as stack:
            names = ("kube", *REMOTE)
            watchers = {name: stack.enter_context(self.watch(name)) for name in names}
            for watcher in watchers.values():
                watcher.wait_lines(1)
            yield watchers


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Shared: a test that changes something changes it back."""
    with Served(tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Served]:
    """For a test that is hard on the server."""
    with Served(tmp_path) as served:
        yield served


def seen(event: dict[str, Any]) -> dict[str, Any]:
    """What must be the same whichever way it came."""
    return {key: value for key, value in event.items() if key not in ("generated_at", "cursor")}


def of_type(program: Program, *types: str) -> list[dict[str, Any]]:
    return [seen(event) for event in program.events if event["type"] in types]


def state_of(program: Program) -> dict[str, Any]:
    """What a reader of the output knows by now."""
    state: dict[str, Any] = {}
    for event in of_type(program, "snapshot", "delta"):
        for item in event.get("items") or event.get("changes", ()):
            state[item["component"]] = item
    return state


def reach(watchers: dict[str, Program], component: str, status: str) -> None:
    for watcher in watchers.values():
        watcher.wait_for(
            lambda _, watcher=watcher: state_of(watcher)[component]["status"] == status
        )


def test_all_transports_show_the_same_snapshot_and_the_same_deltas(served: Served) -> None:
    """Each change here is one source's: what two say may arrive in either order."""
    plane = served.plane
    with served.watched() as watchers:
        for _ in range(3):
            for change, component, status in (
                (plane.temporal_degrades, "runtime:temporal", "degraded"),
                (plane.grpc_degrades, "grpc", "degraded"),
                (plane.temporal_recovers, "runtime:temporal", "configured"),
                (plane.grpc_recovers, "grpc", "healthy"),
            ):
                change()
                reach(watchers, component, status)
        kube, grpc, sse = (of_type(one, "snapshot", "delta") for one in watchers.values())
    assert kube == grpc == sse
    assert [event["type"] for event in kube] == ["snapshot"] + ["delta"] * 12


def test_all_transports_end_up_with_the_same_state(served: Served) -> None:
    with served.watched() as watchers:
        served.plane.controller_crashes()
        served.plane.crd_vanishes()
        for watcher in watchers.values():
            watcher.wait_for(
                lambda _, watcher=watcher: (
                    "CrashLoopBackOff" in state_of(watcher)["agents-controller"]["message"]
                    and "missing_crds" in state_of(watcher)["orchestration-controller"]["details"]
                )
            )
        served.plane.crd_returns()
        served.plane.controller_recovers()
        reach(watchers, "agents-controller", "healthy")
        reach(watchers, "orchestration-controller", "healthy")
        kube, grpc, sse = (state_of(one) for one in watchers.values())
    assert kube == grpc == sse


@pytest.mark.parametrize("transport", REMOTE)
def test_a_server_that_is_frozen_killed_and_restarted_is_folded_into_one_snapshot(
    own: Served, transport: str
) -> None:
    with own.watch(transport, "--retry-backoff", "100ms", "--heartbeat", "1s") as watcher:
        watcher.wait_for(lambda event: event["type"] == "heartbeat")
        own.server.process.send_signal(signal.SIGSTOP)
        error = watcher.wait_for(lambda event: event["type"] == "error")
        assert error["code"] == "disconnected"
        own.server.process.send_signal(signal.SIGCONT)
        beats = len(of_type(watcher, "heartbeat"))
        watcher.wait_for(lambda _: len(of_type(watcher, "heartbeat")) > beats)
        errors = len(of_type(watcher, "error"))
        own.server.process.kill()
        watcher.wait_for(lambda _: len(of_type(watcher, "error")) > errors)
        own.plane.temporal_degrades()
        own.start()
        delta = watcher.wait_for(lambda event: event["type"] == "delta")
        assert [change["component"] for change in delta["changes"]] == ["runtime:temporal"]
        beats = len(of_type(watcher, "heartbeat"))
        watcher.wait_for(lambda _: len(of_type(watcher, "heartbeat")) > beats)
        assert watcher.signal(signal.SIGTERM)[0] == 143
        assert len(of_type(watcher, "snapshot")) == 1


@pytest.mark.parametrize("transport", REMOTE)
def test_follow_only_prints_no_snapshot(served: Served, transport: str) -> None:
    with served.watch(transport, "--follow-only", "--heartbeat", "200ms") as watcher:
        watcher.wait_for(lambda event: event["type"] == "heartbeat")
        served.plane.temporal_degrades()
        watcher.wait_for(lambda event: event["type"] == "delta")
        served.plane.temporal_recovers()
        assert of_type(watcher, "snapshot") == []


@pytest.mark.parametrize("transport", REMOTE)
def test_since_prints_exactly_what_changed(served: Served, transport: str) -> None:
    watch = ("status", "watch", "-o", "ndjson", *served.way(transport))
    first = until_timeout(partial(call, *watch, "--timeout", home=served.folder))
    assert first.code == 0
    cursor = first.stdout.split('"cursor":"')[-1].split('"')[0]
    later = partial(call, *watch, "--since", cursor, "--timeout", home=served.folder)
    nothing = until_timeout(later)
    assert (nothing.code, nothing.stdout) == (0, "")
    served.plane.temporal_degrades()
    changed = until_timeout(later)
    served.plane.temporal_recovers()
    assert changed.code == 0
    assert changed.stdout.count("\n") == 1
    assert '"runtime:temporal"' in changed.stdout


@pytest.mark.parametrize("transport", REMOTE)
def test_one_shot_status(served: Served, transport: str) -> None:
    kube = call("status", *served.way("kube"), home=served.folder)
    done = call("status", *served.way(transport), home=served.folder)
    assert (done.code, done.stdout, done.stderr) == (0, kube.stdout, "")


@pytest.mark.parametrize("transport", REMOTE)
def test_component_narrows_what_is_shown(served: Served, transport: str) -> None:
    way = served.way(transport)
    done = call("status", *way, "--component", "runtime:*", "-o", "ndjson", home=served.folder)
    assert done.code == 0
    assert done.stdout.count('"component"') == 4
    done = call("status", *way, "--component", "runtim", home=served.folder)
    assert done.code == 2
    assert "runtime:temporal" in done.stderr
