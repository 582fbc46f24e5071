"""``agentctl timeline --server``: what it draws, what it refuses, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Optional
from xml.etree import ElementTree

import pytest

from agentctl.engine.policy import Notice
from agentctl.model import ErrorCode
from tests.cli.inprocess import Done, call
from tests.cli.program import PATIENCE_S, Program
from tests.fakes import FakeClock
from tests.server.http_rig import Site
from tests.server.replica import item

LOST = [Notice("deployments", ErrorCode.DISCONNECTED, "refused")]


def told(site: Site) -> None:
    """An hour of everything: ten minutes each of what can be."""
    published = site.replica.publish
    site.replica.begin(item("grpc"), item("queue"), item("grpc", ns="staging"))

    def live(minutes: int, lost: bool = False) -> None:
        for _ in range(minutes * 60):
            site.clock.advance(1)
            site.replica.broadcaster.beat(LOST if lost else [])

    live(10)
    published(item("grpc", "degraded", "slow"), item("queue"), item("grpc", ns="staging"))
    live(10)
    published(item("grpc"), item("grpc", ns="staging"))
    live(10)
    live(10, lost=True)
    published(item("grpc", "unknown", "no data for 2m0s"), item("grpc", "error", ns="staging"))
    live(10, lost=True)
    published(item("grpc"), item("grpc", ns="staging"))
    live(10)


@contextmanager
def served(token: Optional[str] = None) -> Iterator[Site]:
    with Site("agents", "staging", clock=FakeClock(), token=token).serve() as site:
        yield site


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with served() as site:
        told(site)
        yield site


def timeline(site: Site, home: Path, *args: str, **extra: str) -> Done:
    where = ("--server", f"127.0.0.1:{site.http.port}")
    return call("timeline", *where, *args, home=home, extra=extra)


PICTURE = """\
2026-01-30 18:15:00 to 19:15:00 UTC, 1h0m0s; a column is 2m24s
                    18:30       19:00
COMPONENT     ------|-----------|------  AVAILABLE  UNKNOWN   STALE  UNSEEN  CHANGES
agents/grpc   ....ooooo.../////~~~~....     75.01%           16.66%  16.63%        2
agents/queue  .........                       100%                                 1
staging/grpc  ............////XXXXX....     80.00%                   16.63%        2

. healthy   ~ stale   / unseen   o degraded   X error   blank absent
unseen 2026-01-30 18:45:01 to 19:05:01 UTC (20m0s): disconnected: refused
"""


def test_a_table(site: Site, tmp_path: Path) -> None:
    done = timeline(site, tmp_path, "--width", "84")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout == PICTURE


def test_json_and_csv_say_what_the_route_says(site: Site, tmp_path: Path) -> None:
    done = timeline(site, tmp_path, "-o", "json", "--since", "30m", "--component", "gr*")
    found = json.loads(done.stdout)
    assert (found["seconds"], found["complete_from"]) == (1800, found["from"])
    assert [one["namespace"] for one in found["components"]] == ["agents", "staging"]
    states = [one["status"] for one in found["components"][0]["spans"]]
    assert states == ["healthy", "unseen", "stale", "healthy"]
    done = timeline(site, tmp_path, "-o", "csv", "--since", "2026-01-30T18:45:00Z")
    lines = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    assert [one["status"] for one in lines if one["namespace"] == "agents"] == states
    assert lines[2]["message"] == "no data for 2m0s"


def test_an_svg_tells_stale_unseen_and_absent_apart(site: Site, tmp_path: Path) -> None:
    done = timeline(site, tmp_path, "--svg", "-")
    root = ElementTree.fromstring(done.stdout)
    kinds = [str(one.get("class")) for one in root.iter("{http://www.w3.org/2000/svg}rect")]
    for kind, least in (("stale", 2), ("unseen", 3), ("absent", 1)):
        assert kinds.count(kind) >= least, kind
    texts = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"stale", "unseen", "absent"} <= set(texts)


def test_what_is_coarse_says_its_share(tmp_path: Path) -> None:
    with served() as site:
        site.replica.begin(item("grpc"))
        for number in range(2_000):
            site.clock.advance(0.3 if number % 2 else 0.1)
            site.replica.publish(item("grpc", "healthy" if number % 2 else "error", "why"))
            if not number % 10:
                site.replica.broadcaster.beat([])
        done = timeline(site, tmp_path, "-o", "json")
        found = json.loads(done.stdout)
        first = found["components"][0]["spans"][0]
        assert (first["status"], first["rest"], first["to_s"]) == ("error", "healthy", 60.0)
        assert first["share"] == pytest.approx(0.75, abs=0.01)
        assert found["complete_from"] > found["from"]
        done = timeline(site, tmp_path)
        assert "complete from 2026-01-30" in done.stdout
        done = timeline(site, tmp_path, "--svg", "-")
        assert "of it, else healthy: 2026-01-30T18:15:00Z" in done.stdout


def test_several_clusters(tmp_path: Path) -> None:
    from agentctl.model import Item, Status

    with served() as site:
        site.replica.broadcaster.clusters = ("east", "west")
        both = [Item("grpc", "agents", Status.HEALTHY, cluster=name) for name in ("east", "west")]
        site.replica.begin(*both)
        site.clock.advance(1)
        lost = [LOST[0]._replace(cluster="east")]
        site.replica.broadcaster.beat(lost)
        site.clock.advance(1)
        site.replica.broadcaster.beat(lost)
        found = json.loads(timeline(site, tmp_path, "-o", "json").stdout)
        assert [one["cluster"] for one in found["components"]] == ["east", "west"]
        assert [len(one["spans"]) for one in found["components"]] == [2, 1]
        assert found["gaps"][0]["reason"] == "east: disconnected: refused"


def test_with_a_token(tmp_path: Path) -> None:
    with served(token="good") as site:
        site.replica.begin(item("grpc"))
        (tmp_path / "token").write_text("good\n")
        assert timeline(site, tmp_path, "--token-file", str(tmp_path / "token")).code == 0
        assert timeline(site, tmp_path, AGENTCTL_TOKEN="good").code == 0
        refused = timeline(site, tmp_path, "--token", "bad")
        assert refused.code == 3
        assert "check --token or --token-file" in refused.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "give a recording's FILE, or --server ADDRESS"),
        (("--server", "h:1", "--since", "soon"), "--since: expected how far back, as 6h"),
        (("--server", "h:1", "--since", "0s"), "--since: expected how far back, as 6h"),
        (("r.ndjson", "--server", "h:1"), "--server is for a server's timeline"),
        (("r.ndjson", "--since", "1h"), "--since is for a server's timeline"),
        (("r.ndjson", "--tls"), "--tls is for a server's timeline"),
        (("--server", "ftp://h"), "expected host:port"),
        (("--server", "http://h", "--token", "t"), "refusing to send a token"),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, args: tuple[str, ...], words: str) -> None:
    done = call("timeline", *args, home=tmp_path)
    assert done.code == 2
    assert words in done.stderr


def test_what_the_server_does_not_take(site: Site, tmp_path: Path) -> None:
    done = timeline(site, tmp_path, "--since", "2027-01-30T18:00:00Z")
    assert (done.code, "has not come yet" in done.stderr) == (2, True)
    done = timeline(site, tmp_path, "--component", "zz*")
    assert (done.code, "no component matches --component zz*" in done.stderr) == (2, True)


def test_a_server_that_keeps_none_or_is_not_ready(tmp_path: Path) -> None:
    with served() as site:
        done = timeline(site, tmp_path)
        assert (done.code, "not known yet" in done.stderr) == (5, True)
        site.replica.broadcaster.history = None
        done = timeline(site, tmp_path)
        assert (done.code, "serve with --timeline" in done.stderr) == (3, True)


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        done = call("timeline", "--server", f"127.0.0.1:{port}", home=tmp_path)
    assert (done.code, "refused" in done.stderr.lower()) == (5, True)


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A server that says one thing, to one client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.recv(65536)
                sock.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(PATIENCE_S)


def response(status: str, body: bytes, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body


OLDER = b'{"error":"nothing here; the stream is at /api/agents/control-plane","status":404}'


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (response("404 Not Found", OLDER), 3, "this server keeps no timeline, it is older"),
        (response("404 Not Found", b"<h1>no</h1>", "text/html"), 3, "is it an agentctl server?"),
        (response("200 OK", b"<h1>Log in</h1>", "text/html"), 5, "a timeline as JSON"),
        (response("200 OK", b'{"from":'), 5, "not a timeline"),
        (response("200 OK", b"{}"), 5, "no timeline"),
        (response("200 OK", b'{"seconds":1e999,"components":[]}'), 5, "timeline"),
        (response("502 Bad Gateway", b"", "text/html"), 5, "502"),
        (response("200 OK", b'{"from"')[:-3], 5, ""),
    ],
)
def test_what_else_may_answer(tmp_path: Path, answer: bytes, code: int, words: str) -> None:
    with answering(answer) as port:
        done = call("timeline", "--server", f"127.0.0.1:{port}", home=tmp_path)
    assert done.code == code, done.stderr
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_prefix_that_nothing_takes_away(tmp_path: Path) -> None:
    with answering(response("404 Not Found", OLDER)) as port:
        done = call("timeline", "--server", f"http://127.0.0.1:{port}/status", home=tmp_path)
    assert done.code == 3
    assert "no timeline under /status; leave the prefix out" in done.stderr


def test_what_a_server_says_is_cleaned(tmp_path: Path) -> None:
    row = {
        "component": "a\x1b[31m",
        "namespace": "n",
        "seconds": {"healthy": 1.0, "novel": 1.0},
        "spans": [
            {"from_s": 5, "to_s": 1, "status": "novel", "message": "password=hunter2\x1b[2J"},
            {"from_s": 0, "to_s": 99, "status": "healthy", "message": 7},
        ],
    }
    data = {"from": "2026-01-30T18:00:00Z", "seconds": 2.0, "components": [row, 5], "gaps": None}
    with answering(response("200 OK", json.dumps(data).encode())) as port:
        done = call("timeline", "--server", f"127.0.0.1:{port}", "-o", "json", home=tmp_path)
    assert done.code == 0, done.stderr
    assert "hunter2" not in done.stdout
    assert "\x1b" not in done.stdout
    (found,) = json.loads(done.stdout)["components"]
    assert [(one["status"], one["from_s"], one["to_s"]) for one in found["spans"]] == [
        ("unknown", 2.0, 2.0),
        ("healthy", 2.0, 2.0),
    ]


def test_a_signal_ends_a_question_without_an_answer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        with Program("timeline", "--server", where, home=tmp_path) as program:
            sock, _ = silent.accept()
            program.process.send_signal(signal.SIGTERM)
            assert program.process.wait(PATIENCE_S) == 143
            sock.close()
