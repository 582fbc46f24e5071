"""A header block without end, in 20,000 CONTINUATION frames: it costs next to nothing.

The C core reads on, and has no setting for how many there may be; what it keeps of them is
bounded by ``grpc.max_metadata_size``, and nobody else waits.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from pathlib import Path

import grpc
import pytest

from agentctl.rpc import agentctl_pb2 as pb
from agentctl.rpc.agentctl_pb2_grpc import AgentctlServiceStub
from tests.cli.program import PATIENCE_S
from tests.cli.serving import Served
from tests.kube.test_huge_pages import peak_bytes

FRAMES = 20_000
HEADERS, SETTINGS, CONTINUATION = 1, 4, 9
BEGIN = b"\x83\x86\x84"
"""POST, http, /: nothing is complete without END_HEADERS."""


def frame(kind: int, stream: int, payload: bytes) -> bytes:
    return (
        struct.pack(">I", len(payload))[1:] + bytes([kind, 0]) + struct.pack(">I", stream) + payload
    )


def header(number: int, value: bytes) -> bytes:
    """One that is in no table (RFC 7541, 6.2.2); the value's length is a multi-byte number."""
    name = b"x%06d" % number
    rest = len(value) - 127
    length = bytes([127, rest % 128 + 128, rest // 128]) if rest >= 0 else bytes([len(value)])
    return b"\x00" + bytes([len(name)]) + name + length + value


@pytest.mark.parametrize("size", [1, 16_000])
def test_it_keeps_nobody_waiting_and_no_memory(size: int, tmp_path: Path) -> None:
    listen = ("--http", "off", "--grpc", "127.0.0.1:0")
    with Served("--source", "demo", *listen, home=tmp_path) as served:
        where = ("127.0.0.1", served.port("grpc"))
        with grpc.insecure_channel(f"127.0.0.1:{where[1]}") as channel:
            stub = AgentctlServiceStub(channel)
            stub.GetServerInfo(pb.GetServerInfoRequest(), timeout=PATIENCE_S)
            before = peak_bytes(served.process.pid)
            with socket.create_connection(where, PATIENCE_S) as flood:
                flood.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, b""))
                flood.sendall(frame(HEADERS, 1, BEGIN))
                with contextlib.suppress(OSError):  # newer releases cut it
                    for number in range(FRAMES):
                        flood.sendall(frame(CONTINUATION, 1, header(number, b"v" * size)))
                assert stub.GetServerInfo(pb.GetServerInfoRequest(), timeout=PATIENCE_S).version
            grown = peak_bytes(served.process.pid) - before
    # 20 to 80 MiB are in buffers of the C core, as many for a gigabyte as for a tenth of it.
    assert grown < 150 << 20, f"{grown >> 20} MiB for {FRAMES * size >> 20} MiB that were sent"
