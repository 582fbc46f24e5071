"""Kubeconfigs beside kubectl: both ask a server the same, or both refuse."""

from __future__ import annotations

import base64
import os
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from string import Template
from typing import NamedTuple, Optional

import pytest

from agentctl.clock import SystemClock
from agentctl.errors import AgentctlError
from agentctl.kube.access import AccessProvider
from agentctl.kube.client import ApiClient
from agentctl.kube.find_access import discover
from tests.kube.kubeconfig_rows import BROKEN, ROWS, Row
from tests.kubectl import KUBECTL, LEAN, NO_KUBECTL
from tests.net.certs import Authority
from tests.net.tinyserver import Server, get

VERSION = b'{"major": "1", "minor": "32", "gitVersion": "v1.32.0"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
PROCESSES = 2


class Asked(NamedTuple):
    """Of a request: who asks for it."""

    credentials: tuple[str, ...]
    certificate: bool


class Lab:
    """Two servers that write down who asks for what, and a folder for each row."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked: dict[str, list[Asked]] = {}
        root, other, clients = Authority(), Authority(), Authority()
        signer = root.intermediate()
        certificate, key = clients.client_pair()
        tls = signer.server_context()
        tls.verify_mode = ssl.CERT_OPTIONAL
        clients.ca.configure_trust(tls)
        self._servers = (Server(self._answer, tls), Server(self._answer))
        secure, plain = self._servers
        leaf = ssl.get_server_certificate(("127.0.0.1", secure.port))
        ca = root.pem.encode()
        broken, junk = BROKEN.format("MIIB!").encode(), BROKEN.format("MIIB").encode()
        comment = "# Autorité 根证书\n"
        self._pem = {
            "ca": ca,
            "int": signer.pem.encode(),
            "leaf": leaf.encode(),
            "other": other.pem.encode(),
            "utf8-comment": comment.encode() + ca,
            "latin-comment": "# Autorité\n".encode("latin-1") + ca,
            "broken": broken,
            "good-broken": ca + broken,
            "broken-good": broken + ca,
            "junk-good": junk + ca,
            "key-ca": key.encode() + ca,
            "crlf-ca": ca.replace(b"\n", b"\r\n"),
            "cert": certificate.encode(),
            "cert-comment": comment.encode() + certificate.encode(),
            "key": key.encode(),
        }
        self._texts = {
            **{_variable(name): _b64(pem) for name, pem in self._pem.items()},
            **{"SERVER": secure.url, "HOST": secure.url[8:], "PORT": str(secure.port)},
            **{"PLAIN": plain.url, "PLAIN_HOST": plain.url[7:]},
        }

    def close(self) -> None:
        for server in self._servers:
            server.close()

    def _answer(self, sock: socket.socket, server: Server) -> None:
        while True:
            head = server.request(sock)
            if not head:
                return
            first, *lines = head.decode().rstrip().split("\r\n")
            shown = isinstance(sock, ssl.SSLSocket) and bool(sock.getpeercert(True))
            asked = Asked(_credentials(lines), shown)
            self._asked.setdefault(first.split()[1].partition("?")[0], []).append(asked)
            sock.sendall(ANSWER % (len(VERSION), VERSION))

    def prepare(self, row: Row) -> Path:
        """A folder with the files of the row."""
        folder = self._folder / _slug(row)
        if folder.exists():
            return folder
        folder.mkdir()
        for name, pem in self._pem.items():
            (folder / f"{name}.crt").write_bytes(pem)
        (folder / "me.crt").write_bytes(self._pem["cert"])
        (folder / "me.key").write_bytes(self._pem["key"])
        (folder / "token").write_text("from-file\n")
        (folder / "empty").write_text("")
        encoding = {"utf-16": "utf-16", "not utf-8": "latin-1"}.get(row.name, "utf-8")
        for name, text in row.files.items():
            assert isinstance(text, str)
            filled = Template(text).substitute(self._texts, DIR=str(folder))
            (folder / name).write_bytes(filled.encode(encoding))
        return folder

    def place(self, row: Row) -> tuple[Optional[str], dict[str, str], str]:
        """``--kubeconfig``, the environment and the home of a run on this row."""
        folder = self.prepare(row)
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
        if not row.listed:
            return str(folder / "config"), environ, str(folder)
        environ["KUBECONFIG"] = Template(row.listed).substitute(DIR=str(folder))
        return None, environ, str(folder)

    def take(self, path: str) -> list[Asked]:
        """Who has asked for ``path`` since."""
        return self._asked.pop(path, [])


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def _b64(pem: bytes) -> str:
    return base64.b64encode(pem).decode()


def _slug(row: Row) -> str:
    return re.sub(r"\W+", "-", row.name)


def _credentials(lines: list[str]) -> tuple[str, ...]:
    """Names in lower case: how Go writes them is nobody's business."""
    named = [
        (name.lower(), value.strip()) for name, _, value in (one.partition(":") for one in lines)
    ]
    who = [one for one in named if one[0].startswith(("authorization", "impersonate-"))]
    return tuple(sorted(f"{name}: {value}".rstrip() for name, value in who))


def expected(row: Row) -> Optional[Asked]:
    if row.sent is None:
        return None
    return Asked(tuple(sorted(filter(None, row.sent))), row.certificate)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("kubeconfigs"))
    yield lab
    lab.close()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_we_ask_as_kubectl_does(row: Row, lab: Lab) -> None:
    file, environ, home = lab.place(row)
    path = row.path or f"/ours/{_slug(row)}"
    clock = SystemClock()
    refusal: Optional[AgentctlError] = None
    try:
        provider = AccessProvider(lambda: discover(file, environ, home), clock)
        client = ApiClient(provider, clock)
        with client.session() as session:
            get(session, "/version" if row.path else path).read_all(1000)
    except AgentctlError as error:
        refusal = error
    if refusal is None:
        assert not row.said
        assert lab.take(path) == [expected(row)]
    else:
        assert row.said, refusal
        assert re.search(row.said, refusal.message), refusal.message
        assert (refusal.exit_code, "\n" in refusal.message) == (row.code, False)
        assert lab.take(path) == []


@pytest.mark.skipif(KUBECTL is None, reason=NO_KUBECTL)
def test_kubectl_asks_as_the_rows_say(lab: Lab) -> None:
    def asked(row: Row) -> Optional[Asked]:
        file, environ, home = lab.place(row)
        path = row.path or f"/theirs/{_slug(row)}"
        command = [str(KUBECTL), f"--cache-dir={home}/cache"]
        command += [f"--kubeconfig={file}"] if file else []
        command += ["version"] if row.path else ["get", "--raw", path]
        done = subprocess.run(
            command,
            env={**environ, **LEAN},
            cwd=home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        requests = lab.take(path)
        assert bool(requests) == (done.returncode == 0), (row.name, done.stderr)
        return requests[0] if requests else None

    with ThreadPoolExecutor(PROCESSES) as pool:
        found = dict(zip((row.name for row in ROWS), pool.map(asked, ROWS)))
    assert found == {row.name: expected(row) for row in ROWS}


def test_there_are_as_many_rows_as_names() -> None:
    names = {_slug(row) for row in ROWS}
    assert len(names) == len(ROWS) >= 100
