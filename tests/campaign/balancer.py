"""One address in front of several servers, as a Kubernetes Service is: TCP, no more."""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
import threading
from collections.abc import Sequence
from typing import Optional

CHUNK = 1 << 16


class Balancer:
    """Forwards each connection to one of the backends that accept it, picked at random.

    Small and blocking on the write side: for a few dozen well-behaved readers.
    """

    def __init__(self, ports: Sequence[int], rng: random.Random) -> None:
        self._ports = list(ports)
        self._rng = rng
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._wake, self._woken = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._run, name="balancer")

    def __enter__(self) -> Balancer:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._wake.send(b"x")
        self._thread.join(20)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()
        self._wake.close()

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                elif self._selector.get_map().get(key.fd) is key:
                    # Its other half may have ended both, and a new one have their numbers.
                    self._forward(key.fileobj, key.data)  # type: ignore[arg-type]

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        backend = self._connect()
        if backend is None:
            client.close()
            return
        self._selector.register(client, selectors.EVENT_READ, backend)
        self._selector.register(backend, selectors.EVENT_READ, client)

    def _connect(self) -> Optional[socket.socket]:
        for port in self._rng.sample(self._ports, len(self._ports)):
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", port), timeout=2)
        return None

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        try:
            data = source.recv(CHUNK)
            if data:
                target.sendall(data)
                return
        except OSError:
            pass
        for one in (source, target):
            self._selector.unregister(one)
            one.close()
