"""Line to a dependency: one socket with a deadline for all that is said on it."""

from __future__ import annotations

import errno
import functools
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Optional

from agentctl.clock import Clock
from agentctl.errors import AgentctlError
from agentctl.net.dial import Route, dial
from agentctl.net.http1 import CutShort, NoAnswer, NotHttp
from agentctl.net.kill_switch import KillSwitch, Lifeline
from agentctl.net.timed_stream import ChunkError, TimedStream
from agentctl.net.tls import server_context
from agentctl.net.tls_settings import TlsSettings
from agentctl.net.tls_words import NO_TLS, explain_tls
from agentctl.probe.answer import Cause, ProbeError

MAX_LINE = 1024
"""Bytes of a line that a dependency may answer."""


@functools.lru_cache(maxsize=64)
def context_for(settings: TlsSettings) -> ssl.SSLContext:
    """Loading the system's CAs takes milliseconds: once for all probes that trust the same."""
    return server_context(settings, alpn=())


class Line:
    """For one thread; the switch ends it from any other."""

    def __init__(self, clock: Clock, switch: KillSwitch, deadline: float) -> None:
        self._clock = clock
        self._lifeline = Lifeline()
        self._deadline = deadline
        self._sock: Optional[socket.socket] = None
        self._peer = ("", 0)
        self.stream: TimedStream
        self._lifeline.obey(switch)

    def dial(self, addresses: Sequence[str], port: int) -> None:
        """Connect to the first address that takes it. Raises OSError."""
        found = addresses
        failure: Optional[OSError] = None
        for index, host in enumerate(found):
            now = self._clock.monotonic()
            share = now + (self._deadline - now) / (len(found) - index)
            try:
                self._take(dial(Route(host, port), self._lifeline, self._clock, share))
                self._peer = (host, port)
                return
            except OSError as error:
                failure = error
        assert failure is not None, "there was an address"
        raise failure

    def redial(self) -> None:
        """A new connection to the same address, in what is left of the time. Raises OSError."""
        host, port = self._peer
        self.close()
        self.dial((host,), port)

    def secure(self, settings: TlsSettings, host: str) -> ssl.SSLSocket:
        """Speak TLS from here on. Raises OSError, of which SSLError is one."""
        assert self._sock is not None, "it is dialled"
        name = settings.tls_server_name or host.partition("%")[0]
        left = self._deadline - self._clock.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        self._sock.settimeout(left)
        secured = context_for(settings).wrap_socket(self._sock, server_hostname=name)
        self._take(secured)
        return secured

    def send(self, data: bytes) -> None:
        self.stream.send(data)

    def read_exactly(self, size: int) -> bytes:
        """Raises NoAnswer or CutShort where there are fewer bytes."""
        data = b""
        while len(data) < size:
            piece = self.stream.read(size - len(data))
            if not piece:
                raise CutShort if data else NoAnswer
            data += piece
        return data

    def read_line(self) -> bytes:
        """Up to a line's end, which is left out; at most MAX_LINE bytes are read."""
        data = b""
        while b"\n" not in data and len(data) < MAX_LINE:
            piece = self.stream.read(MAX_LINE - len(data))
            if not piece:
                raise CutShort if data else NoAnswer
            data += piece
        return data.partition(b"\n")[0].rstrip(b"\r")

    def close(self) -> None:
        self._lifeline.let_go()
        if isinstance(self._sock, ssl.SSLSocket):
            # Without a goodbye some servers log an error. Sent only, never waited for.
            with suppress(OSError, ValueError):
                self._sock.setblocking(False)
                self._sock.unwrap()
        if self._sock is not None:
            self._sock.close()

    def _take(self, sock: socket.socket) -> None:
        self._sock = sock
        self.stream = TimedStream(sock, self._clock)
        self.stream.limit(None, self._deadline)


_UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)

_CUT = "it closed the connection without an answer"
_FAILURES: tuple[tuple[tuple[type[Exception], ...], Cause, str], ...] = (
    ((socket.timeout, TimeoutError), Cause.TIMEOUT, "no answer in time"),
    ((ConnectionRefusedError,), Cause.REFUSED, "connection refused"),
    ((NoAnswer, CutShort, ConnectionResetError, BrokenPipeError), Cause.CUT, _CUT),
    ((NotHttp, ChunkError), Cause.PROTOCOL, "what it answered is not HTTP"),
)


def failure_of(error: Exception, settings: TlsSettings) -> ProbeError:
    """What a probe died of, in words."""
    if isinstance(error, ProbeError):
        return error
    for kinds, cause, words in _FAILURES:
        if isinstance(error, kinds):
            return ProbeError(cause, words)
    if isinstance(error, ssl.SSLError):
        words = explain_tls(error, settings)
        cut = isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
        cause = Cause.CUT if cut else Cause.CERTIFICATE
        return ProbeError(Cause.PROTOCOL if words == NO_TLS else cause, words)
    if isinstance(error, OSError):
        cause = Cause.UNREACHABLE if error.errno in _UNREACHABLE else Cause.LOCAL
        return ProbeError(cause, (error.strerror or str(error)).lower())
    if isinstance(error, AgentctlError):
        return ProbeError(Cause.LOCAL, error.message)
    return ProbeError(Cause.LOCAL, f"internal error: {type(error).__name__}: {error}")
