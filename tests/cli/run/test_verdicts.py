"""Verdicts as cron and a deploy script see them: a code, and a line that says who decided."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from agentctl.demo import DemoControlPlane
from tests.cli.inprocess import Done as Shot
from tests.cli.inprocess import call, until_timeout
from tests.cli.program import Program
from tests.ports import free_port

Done = tuple[int, str]
"""The code and the last line of stderr."""


class Cluster:
    def __init__(self, folder: Path, demo: DemoControlPlane) -> None:
        self.plane, self.double = demo.plane, demo.double
        self._folder = folder
        self._path = folder / "kubeconfig"
        self._path.write_text(demo.kubeconfig_text())

    def judged(self, *flags: str) -> Done:
        """Without a process: nothing but what is watched takes of ``--timeout``."""
        watch = ("status", "watch", "--kubeconfig", str(self._path), *flags)
        run = partial(call, *watch, home=self._folder)
        done = until_timeout(run) if flags[-1] == "--timeout" else run()
        return done.code, done.stderr.splitlines()[-1]

    def shot(self, *words: str) -> Shot:
        return call(*words, "--kubeconfig", str(self._path), home=self._folder)

    def watch(self, *flags: str) -> Program:
        path = str(self._path)
        watch = ("status", "watch", "-o", "ndjson", "--kubeconfig", path)
        return Program(*watch, *flags, home=self._folder)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with DemoControlPlane(free_port(), script=False) as demo:
        yield Cluster(tmp_path, demo)


@pytest.fixture(scope="module")
def degraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with DemoControlPlane(script=False) as demo:
        demo.plane.temporal_degrades()
        yield Cluster(tmp_path_factory.mktemp("degraded"), demo)


@contextmanager
def meanwhile(action: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=action)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def ended(program: Program) -> Done:
    code = program.wait()
    return code, program.stderr.splitlines()[-1]


def test_reached(cluster: Cluster) -> None:
    cluster.plane.grpc_degrades()
    with cluster.watch("--until", "healthy", "--timeout", "15s") as program:
        program.wait_lines(1)
        cluster.plane.grpc_recovers()
        assert ended(program) == (0, "agentctl: healthy: all 9 components")


def test_reached_on_the_snapshot(cluster: Cluster) -> None:
    with cluster.watch("--until", "healthy", "--component", "grpc") as program:
        assert ended(program) == (0, "agentctl: healthy: grpc")
    assert [event["type"] for event in program.events] == ["snapshot"]


def test_flapping_is_not_healthy(cluster: Cluster) -> None:
    done = threading.Event()

    def flap() -> None:
        while not done.wait(0.1):
            cluster.plane.grpc_degrades()
            done.wait(0.1)
            cluster.plane.grpc_recovers()

    with meanwhile(flap):
        for timeout in ("3s", "10s"):  # the longer one where a busy machine was slow
            goal = ("--until", "healthy", "--stable-for", "2s", "--timeout", timeout)
            code, line = cluster.judged(*goal)
            if code != 5:
                break
        done.set()
    assert code == 1
    assert line.startswith("agentctl: not healthy before --timeout: ")


def test_failing_fast(cluster: Cluster) -> None:
    with cluster.watch(
        "--until", "healthy", "--stable-for", "1m", "--fail-on", "degraded"
    ) as program:
        program.wait_lines(1)
        cluster.plane.crd_vanishes()
        code, line = ended(program)
    assert code == 1
    assert line.startswith("agentctl: failed: ")
    assert "signals" in line


def test_never_reached(cluster: Cluster) -> None:
    cluster.plane.temporal_degrades()
    code, line = cluster.judged("--until", "healthy", "--timeout")
    assert code == 1
    assert line.startswith("agentctl: not healthy before --timeout: runtime:temporal is degraded")


ONE_SHOTS = [
    (("status", "--fail-on", "degraded"), 1),
    (("status", "--exit-code"), 1),
    (("diagnose", "--exit-code"), 1),
    (("diagnose", "--fail-on", "unknown", "-o", "ndjson"), 1),
    (("status", "--fail-on", "error"), 0),
    (("status", "--exit-code", "runtime:w*"), 0),
    (("status", "--fail-on", "unknown", "runtime:custom"), 0),  # fixed: it has no say
    (("status",), 0),
]


@pytest.mark.parametrize(("words", "code"), ONE_SHOTS)
def test_one_shot(degraded: Cluster, words: tuple[str, ...], code: int) -> None:
    done = degraded.shot(*words)
    assert done.code == code
    assert "runtime:" in done.stdout  # it is shown all the same
    why = "runtime:temporal is degraded: temporal-frontend: 1/2 endpoints ready"
    assert done.stderr == (f"agentctl: failed: {why}\n" if code else "")


def test_one_shot_in_a_file_for_prometheus(degraded: Cluster, tmp_path: Path) -> None:
    """A bad verdict is not a run that saw nothing."""
    done = degraded.shot("status", "-o", "prom", "--exit-code", "--output-file", f"{tmp_path}/x")
    assert done.code == 1
    assert 'agentctl_up{namespace="agents"} 1' in (tmp_path / "x").read_text()


def test_nagios_has_codes_of_its_own(degraded: Cluster) -> None:
    done = degraded.shot("status", "-o", "nagios", "--exit-code")
    assert done.code == 3
    assert "-o nagios has exit codes of its own: leave --fail-on out" in done.stdout


def test_one_shot_that_could_not_see_says_so_first(degraded: Cluster) -> None:
    assert degraded.shot("status", "--exit-code", "-n", "elsewhere").code == 3


def test_disconnected_at_the_end(cluster: Cluster) -> None:
    over = threading.Event()

    def stop() -> None:
        while not cluster.double.streams.wait_for(1, "leases", 0.1) and not over.is_set():
            pass
        cluster.double.stop()

    for timeout in ("2s", "10s"):  # the longer one where a busy machine was slow
        over.clear()
        with meanwhile(stop):
            goal = ("--until", "healthy", "--stable-for", "1m", "--timeout", timeout)
            code, line = cluster.judged(*goal)
            over.set()
        cluster.double.start()
        if "still disconnected" in line:
            break
    assert code == 5
    assert line.startswith("agentctl: still disconnected at --timeout: ")


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("watch", "--stable-for", "3s"), "--until"),
        (("watch", "--until", "helthy"), "healthy"),
        (("--until", "healthy"), "agentctl status watch --until"),
    ],
)
def test_a_goal_that_makes_no_sense_is_a_usage_error(
    tmp_path: Path, flags: tuple[str, ...], says: str
) -> None:
    done = call("status", *flags, home=tmp_path)
    assert done.code == 2
    assert says in done.stderr
