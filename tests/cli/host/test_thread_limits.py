"""Where the host gives few threads: a line and an exit code, or a run that is well."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import grpc
import pytest

from agentctl.demo import DemoControlPlane
from agentctl.rpc import agentctl_pb2 as pb
from agentctl.rpc.agentctl_pb2_grpc import AgentctlServiceStub
from tests.cli import limited
from tests.cli.program import COMMAND, environment
from tests.cli.serving import Served

pytestmark = pytest.mark.timeout(600)

ENOUGH = 100
SAMPLE = (1, 2, 4, 7, 11, 30)


class Site(NamedTuple):
    extra: dict[str, str]
    http: str
    grpc: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A cluster, and a server of its own."""
    home = tmp_path_factory.mktemp("site")
    with DemoControlPlane(script=False) as demo:
        path = home / "kubeconfig"
        path.write_text(demo.kubeconfig_text())
        ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
        with Served("--source", "demo", *ports, home=home) as served:
            served.until_ready()
            yield Site(
                {"KUBECONFIG": str(path)},
                f"http://127.0.0.1:{served.port()}",
                f"127.0.0.1:{served.port('grpc')}",
            )


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> list[int]:
    """Which to try, up to the first that is enough: each test has others of the sample."""
    if request.config.getoption("--every-thread-limit"):
        return list(range(1, ENOUGH))
    first = request.node.callspec.indices["name"] % 3
    return [*SAMPLE[first::3], ENOUGH]


COMMANDS = {
    "status": ("status",),
    "watch": ("status", "watch", "--until", "healthy"),
    "demo": ("demo", "--no-script", "--until", "healthy"),
    "sse": ("status", "watch", "--until", "healthy", "--transport", "sse", "--server", "{http}"),
    "grpc": ("status", "watch", "--until", "healthy", "--transport", "grpc", "--server", "{grpc}"),
    "grpc-once": ("status", "--transport", "grpc", "--server", "{grpc}"),
}


def refused_in_a_line(code: int, stdout: str, stderr: str) -> bool:
    one = stderr.startswith("agentctl: ") and stderr.count("\n") == 1 and "raise" in stderr
    return code in (2, 5) and one and not stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_it_refuses_to_start_in_a_line_or_runs(
    tmp_path: Path, site: Site, limits: list[int], name: str
) -> None:
    args = [word.format(http=site.http, grpc=site.grpc) for word in COMMANDS[name]]
    for limit in limits:
        done = subprocess.run(
            [*limited.threads(limit), *COMMAND, *args],
            env=environment(tmp_path, site.extra),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode == 0:
            assert "healthy" in done.stdout
            assert "Traceback" not in done.stderr
            return
        assert refused_in_a_line(done.returncode, done.stdout, done.stderr), (limit, done)
    raise AssertionError("it never ran")


@pytest.mark.parametrize("name", ["off", "127.0.0.1:0"])
def test_a_server_refuses_to_start_in_a_line_or_is_ready(
    tmp_path: Path, limits: list[int], name: str
) -> None:
    ports = ("--http", "127.0.0.1:0", "--grpc", name)
    for limit in limits:
        command = [*limited.threads(limit), *COMMAND, "serve", "--source", "demo", *ports]
        with Served(home=tmp_path, command=command) as served:
            if "raise" not in served.line("^agentctl: ").string:
                served.until_ready()
                served.process.send_signal(signal.SIGTERM)
                assert served.wait() == 143
                return
            code = served.wait()
        assert refused_in_a_line(code, "", f"{served.stderr}\n"), (limit, served.lines)
    raise AssertionError("it never ran")


def test_a_server_that_gets_no_more_threads_serves_with_those_it_has(tmp_path: Path) -> None:
    ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
    command = [*limited.threads(200), *COMMAND, "serve", "--source", "demo", *ports]
    with Served(home=tmp_path, command=command) as served:
        served.until_ready()
        pid = served.process.pid
        limited.limit_running(pid, limited.count(pid))
        together = threading.Barrier(40)

        def first_event(number: int) -> str:
            with grpc.insecure_channel(
                f"127.0.0.1:{served.port('grpc')}", [("grpc.use_local_subchannel_pool", 1)]
            ) as channel:
                request = pb.WatchControlPlaneStatusRequest(namespace="agents")
                watch = AgentctlServiceStub(channel).WatchControlPlaneStatus(request, timeout=60)
                event = next(watch)
                together.wait(60)
                return event.Type.Name(event.type)

        with ThreadPoolExecutor(40) as pool:
            assert set(pool.map(first_event, range(40))) == {"SNAPSHOT"}
        assert served.get("/readyz")[0] == 200
        served.process.send_signal(signal.SIGTERM)
        assert served.wait() == 143


@pytest.mark.parametrize("name", ["watch", "demo", "sse", "grpc"])
def test_half_a_gigabyte_of_addresses_is_enough(tmp_path: Path, site: Site, name: str) -> None:
    args = [word.format(http=site.http, grpc=site.grpc) for word in COMMANDS[name]]
    done = subprocess.run(
        [*limited.memory(500), *COMMAND, *args],
        env=environment(tmp_path, site.extra),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_half_a_gigabyte_of_addresses_is_enough_for_a_server(tmp_path: Path) -> None:
    command = [*limited.memory(500), *COMMAND, "serve", "--source", "demo"]
    ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
    with Served(*ports, home=tmp_path, command=command) as served:
        served.until_ready()
        assert json.loads(served.get("/api/agents/control-plane/status")[1])
        served.process.send_signal(signal.SIGTERM)
        assert served.wait() == 143
