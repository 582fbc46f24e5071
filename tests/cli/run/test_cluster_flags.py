"""Flags that override a kubeconfig as kubectl's do, on the wire and in what is shown."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentctl.demo import DemoControlPlane
from tests.cli.inprocess import Done, call
from tests.net.certs import Authority, b64
from tests.net.tinyserver import OK, Server, serving

REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}"


def refuse(sock: socket.socket, server: Server) -> None:
    """One that has started and refuses everything."""
    while head := server.request(sock):
        sock.sendall(OK if head.startswith(b"GET /readyz") else REFUSED)


def say_nothing(sock: socket.socket, server: Server) -> None:
    server.request(sock)
    server.done.wait(20)


def kubeconfig(folder: Path, *servers: str, ca: str = "") -> str:
    """The first cluster is the context's; each has a user that authenticates in its own way."""
    given = {"certificate-authority-data": ca} if ca else {}
    content = {
        "clusters": [
            {"name": f"cluster{n}", "cluster": {"server": url, **given}}
            for n, url in enumerate(servers)
        ],
        "users": [{"name": f"user{n}", "user": {"token": f"token{n}"}} for n in range(2)],
        "contexts": [
            {
                "name": "here",
                "context": {"cluster": "cluster0", "user": "user0", "namespace": "team-a"},
            }
        ],
        "current-context": "here",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(content))
    return str(path)


def status(folder: Path, *flags: str, **extra: str) -> Done:
    variables = {"KUBECONFIG": str(folder / "kubeconfig"), **extra}
    return call("status", *flags, home=folder, extra=variables)


@pytest.mark.parametrize(
    ("flags", "sent"),
    [
        (("--as", "dev"), ["Impersonate-User: dev", "Bearer token0"]),
        (
            ("--as=dev", "--as-group", "a", "--as-group=b", "--as-uid", "7"),
            ["Impersonate-User: dev", "Impersonate-Group: a", "Impersonate-Group: b", "-Uid: 7"],
        ),
        (("--as", "josé"), ["Impersonate-User: josé"]),
        (("--user", "user1"), ["Bearer token1"]),
    ],
)
def test_who_asks(tmp_path: Path, flags: tuple[str, ...], sent: list[str]) -> None:
    with serving(refuse) as server:
        kubeconfig(tmp_path, server.url)
        done = status(tmp_path, "grpc", *flags)
    assert done.code == 3
    first = server.requests[0].decode()
    assert [words for words in sent if words not in first] == []


def test_who_asks_can_be_set_for_good(tmp_path: Path) -> None:
    assert call("config", "set", "as", "dev", home=tmp_path).code == 0
    assert call("config", "get", "as", home=tmp_path).stdout == "dev\n"
    with serving(refuse) as server:
        kubeconfig(tmp_path, server.url)
        status(tmp_path, "grpc")
        assert b"Impersonate-User: dev" in server.requests[0]
        status(tmp_path, "grpc", "--as", "me")
        assert b"Impersonate-User: me" in server.requests[-1]


def test_another_cluster(tmp_path: Path) -> None:
    with serving(refuse) as one, serving(refuse) as other:
        kubeconfig(tmp_path, one.url, other.url)
        status(tmp_path, "grpc", "--cluster", "cluster1")
    assert (one.requests == [], other.requests == []) == (True, False)


def test_a_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    with serving(refuse, Authority().server_context()) as server:
        kubeconfig(tmp_path, server.url, ca=b64(Authority().pem))
        assert status(tmp_path, "grpc").code == 5
        assert status(tmp_path, "grpc", "--insecure-skip-tls-verify").code == 3
        assert status(tmp_path, "grpc", "--insecure-skip-tls-verify=true").code == 3
        assert status(tmp_path, "grpc", "--insecure-skip-tls-verify=false").code == 5


def test_an_answer_that_does_not_come(tmp_path: Path) -> None:
    with serving(say_nothing) as server:
        kubeconfig(tmp_path, server.url)
        done = status(tmp_path, "namespace", "--request-timeout", "200ms", "--timeout", "15s")
    assert done.code == 5
    assert "timed out after 200ms" in done.stderr


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--as-group", "x"), "impersonated only with a user; set as too, or give --as"),
        (("--cluster", "x"), "no cluster 'x' (there are: cluster0)"),
        (("--user", "x"), "no user 'x' (there are: user0, user1)"),
        (("--request-timeout", "-5s"), "--request-timeout: expected a duration such as 500ms"),
        (("--request-timeout", "soon"), "--request-timeout: expected a duration such as 500ms"),
        (("--insecure-skip-tls-verify=maybe",), "expected true or false, got 'maybe'"),
        (("--as", ""), "--as has an empty value: give NAME, or leave it out"),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, flags: tuple[str, ...], says: str) -> None:
    kubeconfig(tmp_path, "http://127.0.0.1:1")
    done = status(tmp_path, *flags)
    assert (done.code, done.stdout) == (2, "")
    assert says in done.stderr


@pytest.mark.parametrize("transport", ["sse", "grpc"])
@pytest.mark.parametrize(
    "flag",
    [
        "--as=x",
        "--as-group=x",
        "--as-uid=x",
        "--cluster=x",
        "--user=x",
        "--request-timeout=5s",
        "--insecure-skip-tls-verify",
    ],
)
def test_a_server_in_the_clusters_place_takes_none_of_them(
    tmp_path: Path, flag: str, transport: str
) -> None:
    done = status(tmp_path, "--transport", transport, "--server", "127.0.0.1:1", flag)
    name = flag.partition("=")[0]
    told = f"agentctl: {name} has no meaning with --transport {transport}: it is for kube mode\n"
    assert (done.code, done.stderr) == (2, told)


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoControlPlane]:
    with DemoControlPlane(script=False) as demo:
        demo.plane.temporal_degrades()
        yield demo


def diagnosed(demo: DemoControlPlane, folder: Path, *flags: str) -> Any:
    path = folder / "kubeconfig"
    path.write_text(demo.kubeconfig_text())
    words = ("diagnose", "runtime:temporal", "-o", "yaml", "--kubeconfig", str(path))
    done = call(*words, *flags, home=folder)
    return yaml.safe_load(done.stdout)["items"][0]["details"]["diagnosis"][0]


def test_what_diagnose_advises_is_asked_as_it_asked(demo: DemoControlPlane, tmp_path: Path) -> None:
    flags = ("--as=dev", "--as-group=two words", "--cluster=demo", "--insecure-skip-tls-verify")
    (line, *_) = diagnosed(demo, tmp_path, *flags)["commands"]
    assert line.startswith(
        "kubectl --cluster=demo --as=dev '--as-group=two words' --insecure-skip-tls-verify "
    )
