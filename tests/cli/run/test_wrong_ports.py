"""Servers that are silent, or speak TLS where plain HTTP is expected and the other way round."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.inprocess import Done, call
from tests.cli.test_exit_codes import Cluster
from tests.net.certs import Authority
from tests.net.tinyserver import OK, Server, serving


def silent(sock: socket.socket, server: Server) -> None:
    server.done.wait(30)


def plain(sock: socket.socket, server: Server) -> None:
    if server.request(sock):
        sock.sendall(OK)


def bad_request(sock: socket.socket, server: Server) -> None:
    """What a server of plain HTTP answers to a TLS handshake."""
    sock.recv(65536)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


def go_https(sock: socket.socket, server: Server) -> None:
    """What a server of TLS in Go answers to plain HTTP."""
    if server.request(sock):
        body = b"Client sent an HTTP request to an HTTPS server.\n"
        head = f"HTTP/1.0 400 Bad Request\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        sock.sendall(head + body)


def kube(url: str, home: Path, *flags: str) -> Done:
    entry = {"server": url}
    if url.startswith("https"):
        entry["insecure-skip-tls-verify"] = True
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": entry}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
    }
    path = home / "kubeconfig"
    path.write_text(json.dumps(config))
    return call("status", "--kubeconfig", str(path), *flags, home=home)


def waited(run: Callable[[str], Done]) -> Done:
    """For ``run`` to do with a --timeout: a longer one where a busy host was slow to begin."""
    for timeout in ("1s", "4s", "12s"):
        done = run(timeout)
        if "no answer" in done.stderr:
            break
    return done


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_silent_api_server_is_named_with_what_it_was_asked(scheme: str, tmp_path: Path) -> None:
    with serving(silent) as server:
        url = f"{scheme}://127.0.0.1:{server.port}"
        done = waited(lambda limit: kube(url, tmp_path, "--timeout", limit))
    assert done.code == 5
    where = f"127.0.0.1:{server.port}"
    assert done.stderr.startswith(f"agentctl: no answer from {where}, asked for namespaces, within")
    assert done.stderr.endswith("; check the address, the network, the proxy\n")


@pytest.mark.parametrize("transport", ["sse", "grpc"])
def test_a_silent_server_is_named(transport: str, tmp_path: Path) -> None:
    with serving(silent) as server:
        address = f"127.0.0.1:{server.port}"
        flags = ("--transport", transport, "--server", address)
        done = waited(lambda limit: call("status", *flags, "--timeout", limit, home=tmp_path))
    assert done.code == 5
    assert f"no answer from server {address} within" in done.stderr
    assert "check the address" in done.stderr


def test_a_probe_that_hangs_is_named_with_its_component_and_address(tmp_path: Path) -> None:
    check = "{kind: probe, protocol: postgres, address: '127.0.0.1:PORT', noun: database}"
    cluster = Cluster(tmp_path)
    with cluster.double, serving(silent) as server:
        cluster.write()
        other = "{name: namespace, checks: [{kind: namespace}]}"
        text = f"components: [{{name: database, checks: [{check}]}}, {other}]"
        (tmp_path / "catalog.yaml").write_text(text.replace("PORT", str(server.port)))
        catalog = ("--catalog", str(tmp_path / "catalog.yaml"), "--probe-dependencies")
        flags = ("status", *catalog, "-o", "json")
        done = waited(lambda limit: cluster.run(*flags, "--timeout", limit))
    assert done.code == 5
    said = f"no answer from the postgres of database at 127.0.0.1:{server.port}, within"
    assert said in done.stderr
    assert "see its log" in done.stderr
    assert "probe:postgres" not in done.stderr + done.stdout
    database, _ = json.loads(done.stdout)["items"]
    assert database["message"].startswith(said)


def test_https_asked_of_a_port_of_plain_http(tmp_path: Path) -> None:
    with serving(bad_request) as server:
        done = kube(f"https://127.0.0.1:{server.port}", tmp_path)
        assert "answers plain HTTP: use http://" in done.stderr
        url = f"https://127.0.0.1:{server.port}"
        done = call("status", "--transport", "sse", "--server", url, home=tmp_path)
        assert "answers plain HTTP: use http://" in done.stderr


@pytest.mark.parametrize("kind", ["Go", "another"])
def test_http_asked_of_a_port_of_tls(kind: str, tmp_path: Path) -> None:
    context = None if kind == "Go" else Authority().server_context()
    with serving(go_https if kind == "Go" else plain, context) as server:
        url = f"http://127.0.0.1:{server.port}"
        for done in (
            kube(url, tmp_path, "--timeout", "8s"),
            call("status", "--transport", "sse", "--server", url, home=tmp_path),
        ):
            assert "https://" in done.stderr, done.stderr
            assert "TLS" in done.stderr


def http2(sock: socket.socket, server: Server) -> None:
    """What grpcio answers to a request of HTTP/1.1."""
    if server.request(sock):
        sock.sendall(bytes.fromhex("000012040000000000000400400000") + bytes(3))


@pytest.mark.parametrize("words", ["status --transport sse", "timeline"])
def test_http_asked_of_the_port_of_grpc(words: str, tmp_path: Path) -> None:
    with serving(http2) as server:
        done = call(*words.split(), "--server", f"127.0.0.1:{server.port}", home=tmp_path)
    assert done.code == 5
    assert f"127.0.0.1:{server.port}: it speaks HTTP/2: is that the port of gRPC?" in done.stderr


def test_durations_are_written_in_gos_way(tmp_path: Path) -> None:
    with serving(silent) as server:
        url = f"http://127.0.0.1:{server.port}"
        done = kube(url, tmp_path, "--request-timeout", "1ns", "--timeout", "5s")
    assert "timed out after 1ns connecting" in done.stderr
