"""gRPC calls: how one is refused, how many there may be, how long one lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Optional
from urllib.parse import unquote

import grpc

from agentctl.clock import Clock
from agentctl.debug_log import DebugLog
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.server.auth import Ticket
from agentctl.server.metrics import Metrics
from agentctl.threads import refusal_of

log = DebugLog(__name__)

REQUEST_S = 10.0
"""Time to send a request, and for a short answer also to take it."""

Send = Callable[[Optional[bytes]], None]
"""grpcio's: waits for flow control; None ends the stream and waits for nothing."""


class Refused(Exception):
    """The call ends with this. ``kind`` is what metrics count it as, if at all."""

    def __init__(self, code: grpc.StatusCode, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.kind = kind


class CallTimeouts:
    """Calls that must be done by some time, or are cancelled."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._lock = threading.Lock()
        self._until: dict[grpc.ServicerContext, float] = {}

    def begin(self, context: grpc.ServicerContext, seconds: float) -> None:
        with self._lock:
            self._until[context] = self._clock.monotonic() + seconds

    def end(self, context: grpc.ServicerContext) -> None:
        with self._lock:
            self._until.pop(context, None)

    def look(self, now: float) -> None:
        """Cancel what is late."""
        with self._lock:
            late = [context for context, until in self._until.items() if until <= now]
            for context in late:
                del self._until[context]
        for context in late:
            log.debug("cancelling a call that was not done in time")
            self._metrics.stream_error("timeout")
            context.cancel()


class _Pool(ThreadPoolExecutor):
    """Works with the threads it has where the host gives no more.

    grpcio submits on its one serving thread, and with that all would end.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        try:
            return super().submit(fn, *args, **kwargs)
        except (RuntimeError, MemoryError) as error:
            if not refusal_of(error):
                raise  # it is shut down
            log.debug("a call waits for another's thread: %s", error)
            queued: Future[Any] = Future()  # of which nobody wants more than that there is one
            queued.set_result(None)
            return queued


class CallClass:
    """Calls that share threads. ``at_once`` is how many of them there may be, those
    included that wait for a thread; ``lasts_s`` how long one may take."""

    def __init__(self, name: str, threads: int, at_once: int, lasts_s: float = REQUEST_S) -> None:
        self.pool = _Pool(threads, thread_name_prefix=f"grpc-{name}")
        self.lasts_s = lasts_s
        self._free = threading.Semaphore(at_once)
        self.too_many = f"this server takes {at_once} calls of this kind at once; try again later"

    def start(self) -> None:
        """Start one of the threads: those that come later may come or not."""
        ThreadPoolExecutor.submit(self.pool, int)

    def enter(self) -> bool:
        return self._free.acquire(blocking=False)

    def leave(self) -> None:
        self._free.release()


class AdmittedCall(NamedTuple):
    """One call that was let in."""

    context: grpc.ServicerContext
    ticket: Ticket
    """What it showed, for the gate."""


def peer_key(peer: str) -> str:
    """The address in what grpc calls a peer (``ipv4:192.0.2.1:5678``, ``ipv6:[::1]:5678``)."""
    scheme, _, rest = peer.partition(":")
    if scheme not in ("ipv4", "ipv6"):
        return peer
    host = unquote(rest).rpartition(":")[0].strip("[]")
    return host[len("::ffff:") :] if host.startswith("::ffff:") and "." in host else host
