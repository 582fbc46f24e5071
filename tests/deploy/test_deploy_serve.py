"""The container's own command, run with the rights it gets: it serves, and is ready."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from agentctl.apidouble.double import ApiDouble
from agentctl.demo import ControlPlane
from tests.deploy.authorizer import Asked, allowed, asked, granted
from tests.deploy.shipped import container, documents

PATIENCE_S = 20.0
RULES = granted(documents(), ("agents", "agentctl"))


def refuses(verb: str, group: str, plural: str, namespace: str) -> bool:
    """What RBAC says, names aside: the double does not tell which one is asked for."""
    one = Asked(verb, "", group, plural, namespace)
    names = {name for _, rule in RULES for name in rule.get("resourceNames", ())}
    return not any(allowed(RULES, one._replace(name=name)) for name in ("", *names))


@pytest.fixture
def cluster() -> Iterator[ApiDouble]:
    with ApiDouble() as double:
        ControlPlane(double.store).install()
        double.denied = refuses
        yield double


@contextmanager
def running(double: ApiDouble, place: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The server as the container runs it, but on loopback, and the port of its probes."""
    (place / "token").write_text("letmein\n")
    double.kubeconfig(place / "kubeconfig")
    arguments = [
        re.sub(r"0\.0\.0\.0:\d+", "127.0.0.1:0", one).replace("/etc/agentctl/token", str(place))
        for one in container()["args"]
    ]
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-m", "agentctl", *arguments, f"--kubeconfig={place / 'kubeconfig'}"],
        env={**kept, "HOME": "/nonexistent"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            probe = re.search(r"http://127\.0\.0\.1:(\d+)/readyz", line)
            if probe:
                yield process, int(probe[1])
                return
        raise AssertionError(f"it said nothing of its probes: {said}")
    finally:
        process.kill()
        process.communicate()


def status_of(port: int, path: str) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


def test_it_becomes_ready_with_the_rights_it_has_and_ends_when_told(
    cluster: ApiDouble, tmp_path: Path
) -> None:
    with running(cluster, tmp_path) as (process, probe):
        assert status_of(probe, "/healthz") == 200
        give_up_at = time.monotonic() + PATIENCE_S
        while status_of(probe, "/readyz") != 200:
            assert time.monotonic() < give_up_at
            time.sleep(0.02)
        assert status_of(probe, "/metrics") == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 143
    requests = {asked(request.path, request.query) for request in cluster.requests}
    assert len(requests) > len(RULES)
    assert [one for one in requests if not allowed(RULES, one)] == []
