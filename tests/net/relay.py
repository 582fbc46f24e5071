"""Bytes passed both ways between two sockets, as a proxy does."""

from __future__ import annotations

import select
import socket
import ssl
from contextlib import suppress


def relay(one: socket.socket, other: socket.socket) -> None:
    """Until either hangs up; then both are shut down.

    In one thread: OpenSSL does not allow a read and a write of one connection at the
    same time, and now and then ends it for that.
    """
    to = {one: other, other: one}
    with suppress(OSError):
        while ready := _readable(one, other):
            for source in ready:
                _pass_on(source, to[source])
    for sock in to:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _readable(*socks: socket.socket) -> list[socket.socket]:
    """Who has something to read; what TLS has decrypted already shows on no socket."""
    decrypted = [sock for sock in socks if isinstance(sock, ssl.SSLSocket) and sock.pending()]
    return decrypted or select.select(socks, [], [], 20)[0]


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    source.settimeout(0)  # what there was may be of TLS alone
    try:
        data = source.recv(65536)
    except (BlockingIOError, ssl.SSLWantReadError):
        return
    if not data:
        raise ConnectionResetError
    sink.settimeout(5)
    sink.sendall(data)
