"""Dependencies asked with --probe-dependencies: real sockets behind the real command."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.inprocess import Done, call
from tests.cli.program import Program
from tests.cli.test_exit_codes import Cluster
from tests.net.tinyserver import Server

CATALOG = """
components:
  - name: cache
    checks:
      - {kind: probe, protocol: redis, address: "127.0.0.1:PORT", every: 1s, noun: cache}
  - name: database
    checks:
      - {kind: env, workload: [agents], variables: [DATABASE_URL]}
      - kind: probe
        protocol: redis
        every: 1s
        from_env:
          {workload: [agents], name: DATABASE_URL, hosts: ["127.0.0.1", "*.svc", "169.254.*"]}
"""


def pong(sock: socket.socket, server: Server) -> None:
    server.requests.append(sock.recv(100))
    sock.sendall(b"+PONG\r\n")


@pytest.fixture
def redis() -> Iterator[Server]:
    server = Server(pong)
    yield server
    server.close()


@pytest.fixture
def cluster(tmp_path: Path, redis: Server) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    (tmp_path / "catalog.yaml").write_text(CATALOG.replace("PORT", str(redis.port)))
    with cluster.double:
        cluster.write()
        yield cluster


def set_url(cluster: Cluster, value: str) -> None:
    def edit(item: dict[str, Any]) -> None:
        container = item["spec"]["template"]["spec"]["containers"][0]
        container["env"] = [
            *[one for one in container.get("env", []) if one["name"] != "DATABASE_URL"],
            {"name": "DATABASE_URL", "value": value},
        ]

    cluster.double.store.update("deployments", "agents", "agents", edit)


def status(cluster: Cluster, *flags: str) -> tuple[Done, dict[str, dict[str, Any]]]:
    catalog = str(cluster.folder / "catalog.yaml")
    done = call(
        *("status", "-o", "json", "--catalog", catalog, *flags),
        home=cluster.folder,
        extra=cluster.extra,
    )
    assert done.code == 0, done.stderr
    return done, {item["component"]: item for item in json.loads(done.stdout)["items"]}


def test_nothing_is_asked_unless_it_is_wished_for(cluster: Cluster, redis: Server) -> None:
    _, items = status(cluster)
    assert items["cache"]["status"] == items["database"]["status"] == "configured"
    assert redis.connections == 0


def test_one_look(cluster: Cluster, redis: Server) -> None:
    set_url(cluster, f"redis://user:secret@127.0.0.1:{redis.port}/0")
    done, items = status(cluster, "--probe-dependencies")
    for name in ("cache", "database"):
        assert items[name]["status"] == "healthy"
        assert items[name]["details"]["address"] == f"127.0.0.1:{redis.port}"
        assert items[name]["details"]["latency_ms"] > 0
    assert redis.requests == [b"PING\r\n", b"PING\r\n"]
    assert "secret" not in done.stdout


@pytest.mark.parametrize(
    ("url", "state", "words"),
    [
        ("redis://evil.example:6379", "unknown", "evil.example, which hosts: does not allow"),
        ("redis://169.254.169.254:80", "degraded", "169.254.169.254 is link-local: not dialled"),
        ("redis://nobody.svc:6379", "degraded", "connection retrying: cannot look up nobody.svc"),
        ("mystery", "configured", ""),
    ],
)
def test_who_edits_a_deployment_cannot_aim_it(
    cluster: Cluster, url: str, state: str, words: str
) -> None:
    set_url(cluster, url)
    _, items = status(cluster, "--probe-dependencies")
    assert items["database"]["status"] == state
    assert words in items["database"]["message"]


def test_lost_and_restored(cluster: Cluster, redis: Server) -> None:
    with Program(
        *("status", "watch", "-o", "ndjson", "--probe-dependencies", "--component", "cache"),
        *("--catalog", str(cluster.folder / "catalog.yaml")),
        home=cluster.folder,
        extra=cluster.extra,
    ) as program:
        first = program.wait_for(lambda event: event["type"] == "snapshot")
        assert [item["status"] for item in first["items"]] == ["healthy"]
        redis.script = lambda sock, server: None
        told = program.wait_for(lambda event: changed(event, "degraded"))
        assert told["changes"][0]["message"].startswith("cache connection retrying: it closed")
        redis.script = pong
        told = program.wait_for(
            lambda event: changed(event, "healthy", "cache connection restored")
        )


def changed(event: dict[str, Any], status: str, message: str = "") -> bool:
    return event["type"] == "delta" and any(
        one["status"] == status and one["message"] in (message or one["message"],)
        for one in event["changes"]
    )


@pytest.mark.parametrize(
    ("url", "cause", "remedy"),
    [
        ("redis://127.0.0.1:1", "refused", "nothing listens on 127.0.0.1:1"),
        ("redis://gone.agents.svc:6379", "name", "gone.agents.svc does not resolve from here"),
        ("redis://169.254.169.254:80", "address", "name it in the catalog"),
    ],
)
def test_a_diagnosis_says_what_to_do(cluster: Cluster, url: str, cause: str, remedy: str) -> None:
    set_url(cluster, url)
    catalog = str(cluster.folder / "catalog.yaml")
    flags = ("--probe-dependencies", "--catalog", catalog, "--component", "database")
    done = call("diagnose", "-o", "json", *flags, home=cluster.folder, extra=cluster.extra)
    (item,) = json.loads(done.stdout)["items"]
    assert "diagnosis" in item["details"], item
    (reason,) = item["details"]["diagnosis"]
    assert remedy in reason["remedy"]
    assert cause in (reason.get("cause"), reason.get("facts", {}).get("cause")), reason
    if "agents.svc" in url:
        assert any("get service gone" in command for command in reason["commands"])


def test_what_cannot_be_asked_from_here_is_not_said_to_be_down(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)  # as where grpcio is not installed
    row = "{kind: probe, protocol: grpc, address: '127.0.0.1:1'}"
    (cluster.folder / "catalog.yaml").write_text(
        f"components:\n  - {{name: temporal, checks: [{row}]}}\n"
    )
    _, items = status(cluster, "--probe-dependencies")
    told = items["temporal"]
    assert told["status"] == "unknown"
    assert told["message"] == "not asked: a grpc probe needs the package grpcio here"


def test_many_probes(cluster: Cluster, redis: Server) -> None:
    rows = "".join(
        f"  - {{name: c{n}, checks: [{{kind: probe, protocol: redis, "
        f"address: '127.0.1.{n + 1}:1'}}]}}\n"
        for n in range(100)
    )
    (cluster.folder / "catalog.yaml").write_text("components:\n" + rows)
    _, items = status(cluster, "--probe-dependencies", "--timeout", "60s")
    assert len(items) == 100
    assert {item["status"] for item in items.values()} == {"degraded"}
