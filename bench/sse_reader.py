"""Just enough of SSE over HTTP/1.1 to count events cheaply: no I/O."""

from __future__ import annotations

from collections.abc import Iterator

PATH = "/api/agents/control-plane/status/stream"


def request(path: str = PATH) -> bytes:
    """What asks for a stream."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n".encode()


class SseStream:
    """One response. Chunks are not undone: an event and a chunk end where they end.

    ``count``, ``ended``, ``outgoing`` and ``feed`` are those of ``GrpcStreams``.
    """

    __slots__ = ("_head", "_held", "count", "ended", "outgoing")

    def __init__(self, asked: bytes) -> None:
        self.count = 1
        self.ended: set[int] = set()
        self.outgoing = bytearray(asked)
        self._head = True
        self._held = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The events that are whole now, as they came, and 0 for the one stream there is.

        What has no data is none: a comment, or how long to wait before coming back. Raises
        ValueError if the response is not a stream.
        """
        if self._held:
            data = self._held + data
        if self._head:
            head, end, rest = data.partition(b"\r\n\r\n")
            if not end:
                self._held = data
                return
            status = head.partition(b"\r\n")[0]
            if b" 200 " not in status + b" ":
                raise ValueError(f"no stream: {status.decode('latin-1')}")
            self._head, data = False, rest
        *events, self._held = data.split(b"\n\n")
        for event in events:
            if b"data:" in event:
                yield 0, event
