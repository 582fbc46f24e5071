"""What every test gets: hypothesis without deadlines, and a check that nothing leaks."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import ports

settings.register_profile(
    "agentctl",
    deadline=None,  # a busy machine must not fail a law
    max_examples=30,  # tox -e campaign looks further
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("campaign", settings.get_profile("agentctl"), max_examples=400)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "agentctl"))

pytest_plugins = ["tests.overrun"]

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # as programs do: see grpc_settings

PATIENCE_S = 20.0
"""How long threads and sockets that are on their way out may take."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz-requests",
        type=int,
        default=2000,
        metavar="N",
        help="how many malformed requests the server is sent (default 2000)",
    )
    parser.addoption(
        "--fault-sequences",
        type=int,
        default=40,
        metavar="N",
        help="how many seeded sequences of faults the campaign runs (default 40)",
    )
    parser.addoption(
        "--remote-fault-sequences",
        type=int,
        default=8,
        metavar="N",
        help="the same between a server and its clients, each transport (default 8)",
    )
    parser.addoption(
        "--busy-runs",
        type=int,
        default=1,
        metavar="N",
        help="how many runs of each kind end in time on a crowded core (default 1)",
    )
    parser.addoption(
        "--every-thread-limit",
        action="store_true",
        help="try each limit of threads up to the first that is enough, not some of them",
    )
    parser.addoption(
        "--weather-restarts",
        type=int,
        default=40,
        metavar="N",
        help="how many restarts of an API server, in virtual time (default 40)",
    )
    parser.addoption(
        "--weather-spells",
        type=int,
        default=10,
        metavar="N",
        help="how many spells of frozen storage, in virtual time (default 10)",
    )
    parser.addoption(
        "--benchmarks",
        action="store_true",
        help="see that each benchmark runs, in small counts",
    )
    parser.addoption(
        "--replica-seconds",
        type=float,
        default=4.0,
        metavar="S",
        help="how long replicas are killed under their readers (default 4)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Let each of several workers compile other files: the rest is there when it gets to it.

    With what pytest makes of assertions that takes longer than all else that is collected.
    """
    worker = getattr(config, "workerinput", None)
    if worker is None or [os.path.basename(arg) for arg in config.args] != ["tests"]:
        return
    sys.dont_write_bytecode = False  # as for the programs that tests start
    files = sorted(str(path) for path in Path(__file__).parent.rglob("test_*.py"))
    first = int(worker["workerid"].lstrip("gw")) * len(files) // worker["workercount"]
    config.args = files[first:] + files[:first]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In one order, whatever came first: workers must agree on it."""
    items.sort(key=lambda item: str(item.path))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave what is collected out of the collections of garbage: it stays to the end.

    A gc.collect() in a test of a few milliseconds went through a million objects of others.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def _sockets() -> set[str]:
    """The inodes of this process's sockets (empty where there is no /proc)."""
    found = set()
    base = "/proc/self/fd"
    if not os.path.isdir(base):
        return found
    for name in os.listdir(base):
        try:
            target = os.readlink(f"{base}/{name}")
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that leaves a thread or a socket behind.

    A control plane that several tests share may be connected to at any time.
    """
    threads = set(threading.enumerate())
    shared = any(thread.name == "demo-accept" for thread in threads)
    sockets = _sockets()
    yield
    from tests.overrun import OVERRAN  # a plugin: not to be imported before pytest does

    if request.node.stash.get(OVERRAN, False):
        return  # it was not let end
    deadline = time.monotonic() + PATIENCE_S
    while True:
        left = [thread for thread in threading.enumerate() if thread not in threads]
        others = [one for one in left if shared and one.name.startswith("demo-connection")]
        left = [thread for thread in left if thread not in others]
        open_sockets = _sockets() - sockets
        if not left and len(open_sockets) <= len(others):
            return
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    assert not left, f"threads left behind: {[thread.name for thread in left]}"
    assert not open_sockets, f"sockets left open: {len(open_sockets)}"


@pytest.fixture
def free_port() -> int:
    """A port on loopback on which nothing listens."""
    return ports.free_port()
