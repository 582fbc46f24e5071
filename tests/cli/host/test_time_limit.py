"""Whatever keeps a run waiting before its first question, it ends in time and says so."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Optional

import pytest

from agentctl.cli.host import procfs, time_limit
from agentctl.cli.host.fd_output import END_S, FdOutput
from agentctl.cli.host.process import Process
from agentctl.cli.host.procfs import ProcessStart, process_age_s
from agentctl.cli.host.time_limit import TimeLimit
from agentctl.clock import SystemClock
from agentctl.errors import DisconnectedError
from tests.cli.inprocess import Done, call
from tests.cli.program import run
from tests.fakes import FakeClock
from tests.kube.rig import eventually

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "http://cluster.example:80"}}]
users: [{name: u, user: {%s}}]
"""

BUSY = "is this host too busy"
WAITING = "the kubeconfig, a file that it names, or a credential plugin keeps us waiting"


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    yield path
    # Somebody who opens it, and says nothing, lets go whoever waits for it, or is about to.
    while left := [thread for thread in threading.enumerate() if thread.name == "prepare"]:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
        left[0].join(0.01)


def plugin(path: Path, command: str) -> str:
    """A kubeconfig whose user runs this to log in."""
    script = path.parent / "plugin"
    script.write_text(f"#!/bin/sh\n{command}\n")
    script.chmod(0o755)
    version = "client.authentication.k8s.io/v1"
    user = f'exec: {{apiVersion: {version}, interactiveMode: Never, command: "{script}"}}'
    path.write_text(KUBECONFIG % user)
    return str(path)


def waiting(kind: str, fifo: Path, folder: Path) -> dict[str, str]:
    """An environment in which something waits for the pipe."""
    path = folder / "kubeconfig"
    if kind == "kubeconfig":
        return {"KUBECONFIG": str(fifo)}
    if kind == "token file":
        path.write_text(KUBECONFIG % f'tokenFile: "{fifo}"')
        return {"KUBECONFIG": str(path)}
    return {"KUBECONFIG": plugin(path, f'exec cat "{fifo}"'), "PATH": os.environ["PATH"]}


def limited(
    *args: str,
    home: Path,
    extra: Optional[dict[str, str]] = None,
    says: str = "not connected after",
) -> Done:
    """With a ``--timeout`` of 100ms, as it says, or a longer one where a busy host was slow to
    begin."""
    for timeout in ("100ms", "1s", "5s"):
        done = call(*args, "--timeout", timeout, home=home, extra=extra)
        told = f"{done.stdout}{done.stderr}"
        if BUSY not in told and says in told:
            break
    return Done(done.code, *(one.replace(f"after {timeout}", "after 100ms") for one in done[1:]))


@pytest.mark.parametrize("kind", ["kubeconfig", "token file", "plugin"])
def test_timeout_covers_what_comes_before_the_connection(
    kind: str, fifo: Path, tmp_path: Path
) -> None:
    extra = waiting(kind, fifo, tmp_path)
    for command in (("status",), ("status", "watch"), ("diagnose", "--watch")):
        done = limited(*command, home=tmp_path, extra=extra)
        assert done == Done(5, "", f"agentctl: not connected after 100ms: {WAITING}\n")


def test_a_cluster_that_does_not_tell_its_namespaces_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"http://127.0.0.1:{silent.getsockname()[1]}"
        text = (KUBECONFIG % "").replace("http://cluster.example:80", server)
        (tmp_path / "kubeconfig").write_text(text)
        extra = {"KUBECONFIG": str(tmp_path / "kubeconfig")}
        done = limited("status", "-A", home=tmp_path, extra=extra)
    assert (done.code, done.stdout) == (5, "")
    assert "or the cluster, asked for its namespaces, keeps us waiting\n" in done.stderr


def test_a_plugin_says_so_in_its_line(fifo: Path, tmp_path: Path) -> None:
    extra = waiting("kubeconfig", fifo, tmp_path)
    done = limited("status", "-o", "nagios", home=tmp_path, extra=extra)
    assert done.code == 3
    assert done.stdout.startswith("AGENTCTL UNKNOWN - not connected after 100ms: ")
    assert done.stderr == ""


def test_a_textfile_does_not_go_on_to_look_healthy(fifo: Path, tmp_path: Path) -> None:
    extra = waiting("kubeconfig", fifo, tmp_path)
    done = limited("status", "-o", "prom", home=tmp_path, extra=extra)
    assert done.code == 5
    assert 'agentctl_up{namespace="agents"} 0\n' in done.stdout


@pytest.mark.parametrize(
    "flags",
    [
        ("--transport", "sse", "--token-file", "FIFO"),
        ("--transport", "grpc", "--token-file", "FIFO"),
        ("--transport", "sse", "--tls-ca", "FIFO"),
        ("--transport", "grpc", "--tls-ca", "FIFO"),
        ("--catalog", "FIFO"),
    ],
    ids=" ".join,
)
def test_and_the_files_of_a_server(flags: tuple[str, ...], fifo: Path, tmp_path: Path) -> None:
    given = [str(fifo) if flag == "FIFO" else flag for flag in flags]
    server = ("--server", "localhost:1") if "--transport" in flags else ()
    done = limited("status", *server, *given, home=tmp_path)
    assert (done.code, done.stdout) == (5, "")
    assert done.stderr.startswith("agentctl: not connected after 100ms: ")


@pytest.mark.parametrize("command", [("status",), ("status", "watch")], ids=" ".join)
def test_a_name_that_is_looked_up_for_ever(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def never(*args: Any, **kwargs: Any) -> Any:
        over.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "over")

    (tmp_path / "kubeconfig").write_text(KUBECONFIG % "")
    monkeypatch.setattr(socket, "getaddrinfo", never)
    extra = {"KUBECONFIG": str(tmp_path / "kubeconfig")}
    try:
        done = limited(*command, home=tmp_path, extra=extra, says="no answer")
    finally:
        over.set()
    assert done.code == 5
    assert "no answer" in done.stderr


@pytest.mark.parametrize(
    "script", ["echo $$ > {}; exec sleep 1000", "sleep 1000 & echo $! > {}; wait"]
)
def test_a_plugin_that_nobody_waits_for_any_more_is_ended_with_its_children(
    script: str, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    kubeconfig = plugin(tmp_path / "kubeconfig", script.format(started))
    done = run("status", "--timeout", "3s", "--kubeconfig", kubeconfig, home=tmp_path)
    assert done.returncode == 5
    if not started.exists():
        return  # a host so busy that it was not even begun
    number = int(started.read_text())
    try:
        assert eventually(lambda: _is_over(number))  # by itself it would last a thousand seconds
    finally:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def _is_over(pid: int) -> bool:
    """Gone, or about to be reaped by whoever inherits it."""
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_children_are_seen_and_ended() -> None:
    before = procfs.children()
    with subprocess.Popen(["sleep", "1000"]) as child:
        assert procfs.children() - before == {child.pid}
        procfs.end_all({child.pid})
    assert child.returncode == -signal.SIGTERM


def test_what_prepares_in_time_gives_its_value_and_its_errors() -> None:
    limit = TimeLimit(SystemClock(), SystemClock().monotonic(), 30.0, once=True)
    assert limit.prepared(lambda: 1) == 1
    with pytest.raises(ZeroDivisionError):
        limit.prepared(lambda: 1 // 0)


def test_without_a_limit_nothing_is_hurried() -> None:
    limit = TimeLimit(FakeClock(), 0.0, None, once=False)
    assert limit.prepared(threading.current_thread) is threading.current_thread()
    assert limit.ends_at is limit.left_s() is None


def test_one_shot_has_ten_seconds_unless_somebody_may_have_to_log_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = Process({}, FdOutput(1), io.StringIO())
    for user, output, seconds in (
        (False, "table", 10.0),
        (True, "table", None),
        (True, "nagios", 8.0),
        (False, "nagios", 8.0),
    ):
        monkeypatch.setattr(os, "isatty", lambda fd, user=user: user)
        found = time_limit.time_limit(Namespace(timeout=None, output=output), process, once=True)
        assert found.seconds == seconds
    found = time_limit.time_limit(Namespace(timeout=None, output="table"), process, once=False)
    assert found.seconds is None


def test_a_reader_of_one_shot_has_until_its_time_and_of_a_watch_half_a_second() -> None:
    clock = FakeClock()
    for once, elapsed, patience in ((True, 2.0, 6.0), (True, 9.0, END_S), (False, 2.0, END_S)):
        limit = TimeLimit(clock, clock.monotonic() - elapsed, 8.0, once)
        assert limit.end_patience_s() == patience


# When the process began


def test_the_time_of_the_process_counts_but_half_of_the_limit_is_left() -> None:
    assert ProcessStart(100.0, 2.0).at(6.0) == 98.0
    assert ProcessStart(100.0, 4.0).at(6.0) == 97.0


SAY_FORKED = "from agentctl.cli.host import procfs; print(procfs.forked().waited_for_others)"
SAY_AGE = "from agentctl.cli.host.procfs import process_age_s; print(process_age_s())"


@pytest.mark.skipif(sys.platform != "linux", reason="what else tells is not known")
def test_an_interpreter_that_is_slow_to_start_has_used_its_time(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import time; time.sleep(0.5)")
    path = os.pathsep.join([str(tmp_path), os.getcwd()])
    done = subprocess.run(
        [sys.executable, "-c", SAY_AGE],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        check=True,
    )
    assert float(done.stdout) >= 0.49


@pytest.mark.skipif(sys.platform != "linux", reason="what else tells is not known")
def test_what_a_script_waited_for_before_it_became_this_program_does_not_count() -> None:
    """As far as the kernel tells: a child that has ended is what gives it away."""
    done = subprocess.run(
        ["sh", "-c", 'sleep 0.01; exec "$0" -c "$1"', sys.executable, SAY_FORKED],
        capture_output=True,
        check=True,
    )
    assert done.stdout.split() == [b"True"]
    done = subprocess.run([sys.executable, "-c", SAY_FORKED], capture_output=True, check=True)
    assert done.stdout.split() == [b"False"]


@pytest.mark.parametrize(
    ("forked", "age"),
    [
        (procfs.Forked(2.0, waited_for_others=False), 2.0),
        (procfs.Forked(2.0, waited_for_others=True), 0.25),
        (procfs.Forked(3600.0, waited_for_others=False), 0.25),
        (None, 0.25),
    ],
)
def test_the_age_is_what_is_likely(
    forked: Any, age: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(procfs, "forked", lambda: forked)
    monkeypatch.setattr(procfs, "_waited_for_processor_s", lambda: 0.05)
    monkeypatch.setattr(procfs.time, "process_time", lambda: 0.2)
    assert process_age_s() == age


def test_a_host_that_is_too_busy_to_start_is_not_blamed_on_a_plugin() -> None:
    clock = SystemClock()
    limit = TimeLimit(clock, clock.monotonic() - 9.9, 10.0, once=True)
    forever = threading.Event()
    with pytest.raises(DisconnectedError) as caught:
        limit.prepared(forever.wait)
    forever.set()
    assert "half of that was gone when agentctl had started" in str(caught.value)
    assert WAITING not in str(caught.value)
