"""A server on a port of its own that does to each connection what a test says."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Callable, Optional

from agentctl.clock import SystemClock
from agentctl.kube.access import AccessProvider, ClusterAccess
from agentctl.kube.client import ApiClient, ApiSession
from agentctl.net.endpoint import Timeouts
from agentctl.net.kill_switch import KillSwitch
from agentctl.net.response import Response

Script = Callable[[socket.socket, "Server"], None]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Server:
    """Accepts until closed; ``requests`` is what was asked, ``done`` that the test is over."""

    def __init__(
        self,
        script: Script,
        tls: Optional[ssl.SSLContext] = None,
        family: int = socket.AF_INET,
    ) -> None:
        self.script = script
        self.tls = tls
        self.requests: list[bytes] = []
        self.connections = 0
        self.done = threading.Event()
        self._listener = socket.create_server(
            ("127.0.0.1" if family == socket.AF_INET else "::1", 0), family=family
        )
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def request(self, sock: socket.socket) -> bytes:
        """Read one request's head; b"" if the client hung up."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = sock.recv(1)
            if not byte:
                return b""
            head += byte
        self.requests.append(head)
        return head

    def close(self) -> None:
        self.done.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            if self.done.is_set():
                sock.close()
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _shake_hands(self, sock: socket.socket, context: ssl.SSLContext) -> socket.socket:
        wrapped = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        try:
            wrapped.do_handshake()
        except OSError:
            # Closed with a request unread, the connection would be reset and the alert lost.
            with wrapped, socket.socket(fileno=os.dup(wrapped.fileno())) as raw, suppress(OSError):
                raw.shutdown(socket.SHUT_WR)
                raw.settimeout(2)
                while raw.recv(65536):
                    pass
            raise
        return wrapped

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(15)
        try:
            if self.tls is not None:
                sock = self._shake_hands(sock, self.tls)
            self.script(sock, self)
        except OSError:
            pass
        finally:
            sock.close()


@contextmanager
def serving(script: Script, tls: Optional[ssl.SSLContext] = None) -> Iterator[Server]:
    server = Server(script, tls)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def asking(script: Script) -> Iterator[tuple[Server, ApiSession]]:
    """A server over plain http, and a session with it."""
    with (
        serving(script) as server,
        client_of(ClusterAccess(server=server.url)).session() as session,
    ):
        yield server, session


def drain(session: ApiSession) -> None:
    """GET, and read until it ends or fails."""
    response = get(session)
    while response.read1():
        pass


def answer(*answers: bytes) -> Script:
    """Answer requests on one connection with these, then hang up."""

    def script(sock: socket.socket, server: Server) -> None:
        for text in answers:
            if not server.request(sock):
                return
            sock.sendall(text)

    return script


def forever(text: bytes) -> Script:
    """Answer every request with the same."""

    def script(sock: socket.socket, server: Server) -> None:
        while server.request(sock):
            sock.sendall(text)

    return script


def silent(sock: socket.socket, server: Server) -> None:
    """Never say a word."""
    server.done.wait(20)


def client_of(access: ClusterAccess, allow_insecure_token: bool = False) -> ApiClient:
    clock = SystemClock()
    return ApiClient(AccessProvider(lambda: access, clock), clock, allow_insecure_token)


def get(
    session: ApiSession,
    path: str = "/api",
    connect: float = 15,
    header: float = 15,
    body: float = 15,
    switch: Optional[KillSwitch] = None,
) -> Response:
    timeouts = Timeouts(connect, header, body)
    return session.open(path, {}, "application/json", timeouts, switch or KillSwitch())


def fetch(access: ClusterAccess) -> bytes:
    """One GET with a client of its own."""
    with client_of(access).session() as session, get(session) as response:
        return response.read_all(1_000_000)


@contextmanager
def nothing_leaks() -> Iterator[None]:
    """Fail if threads or descriptors are left over."""
    threads, descriptors = set(threading.enumerate()), _descriptors()
    yield
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if set(threading.enumerate()) <= threads and _descriptors() <= descriptors:
            return
        time.sleep(0.01)
    assert set(threading.enumerate()) <= threads
    assert _descriptors() <= descriptors


def _descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len(os.listdir(folder)) if folder.exists() else 0
