"""Attempt: one connection attempt of a source, in a thread of its own.

A source is asked for one attempt at a time, each with an epoch of its own. All that the
attempt finds out is put on the queue as messages. It always ends with ``Ended``,
whatever it died of, unless it was stopped.
"""

from __future__ import annotations

import queue
import threading
from typing import Callable, Optional, Union

from agentctl.debug_log import DebugLog
from agentctl.engine.messages import Ended, Message, Stop
from agentctl.errors import DisconnectedError, ServerError, SourceError
from agentctl.threads import refusal_of

log = DebugLog(__name__)

UNREACHED = "check the address, the network, the proxy"
"""What to do where a server does not answer."""

PUT_POLL_S = 0.1
"""How soon a producer blocked on a full queue notices that it was stopped."""


class Attempt:
    """One connection attempt of one source, in a thread of its own.

    The source's ``run`` gets this object: it puts its messages here, asks
    ``stopping`` between steps, waits with ``wait`` and registers with ``on_stop``
    what frees a blocked read.
    """

    def __init__(
        self,
        source: Source,
        epoch: int,
        resource_version: str,
        inbox: queue.Queue[Union[Message, Stop]],
    ) -> None:
        self.source = source.name
        self.epoch = epoch
        self.resource_version = resource_version
        """Where the last attempt got to, as far as the engine has applied it."""
        self._inbox = inbox
        self.stopping = False
        self._roused = threading.Event()
        self._lock = threading.Lock()
        self._free: Optional[Callable[[], None]] = None
        # Daemon: a thread stuck in a name lookup cannot be freed, and loses nothing.
        self._thread = threading.Thread(
            target=self._main, args=(source,), name=f"source-{source.name}-{epoch}", daemon=True
        )

    def start(self) -> None:
        """Raises DisconnectedError where the host gives no thread."""
        try:
            self._thread.start()
        except (RuntimeError, MemoryError) as error:
            raise DisconnectedError(refusal_of(error)) from None

    def put(self, message: Message) -> None:
        """Hand a message to the engine; waits while the queue is full, until stopped."""
        while not self.stopping:
            try:
                self._inbox.put(message, timeout=PUT_POLL_S)
                return
            except queue.Full:
                continue

    def wait(self, seconds: float) -> bool:
        """Sleep, unless stopped or roused; True when stopped."""
        if not self.stopping:
            self._roused.wait(seconds)
            self._roused.clear()
        return self.stopping

    def rouse(self) -> None:
        """Cut its present wait short, or else the next one; from any thread."""
        self._roused.set()

    def on_stop(self, free: Optional[Callable[[], None]]) -> None:
        """Register what unblocks the attempt; called at once if it is stopped already."""
        with self._lock:
            self._free = free
            late = self.stopping
        if late and free is not None:
            free()

    def stop(self) -> None:
        """Ask it to end and free it from a blocked read; does not wait (see ``join``)."""
        with self._lock:
            self.stopping = True
            self._roused.set()
            free = self._free
        if free is not None:
            free()

    def join(self, timeout: float) -> bool:
        """Wait for the thread, at most ``timeout`` seconds; True if it has ended."""
        if self._thread.ident is not None:  # it was started
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _main(self, source: Source) -> None:
        failure: Optional[SourceError] = None
        try:
            source.run(self)
        except SourceError as error:
            failure = error
            # With its trace it would keep all that was being read, until there is another.
            failure.__traceback__ = failure.__cause__ = failure.__context__ = None
        except Exception as error:  # a producer that dies becomes a message
            log.debug("source %s failed", source.name, exc_info=True)
            refusal = refusal_of(error)
            what = f"internal error: {type(error).__name__}: {error}"
            failure = DisconnectedError(refusal) if refusal else ServerError(what)
        self.put(Ended(source.name, self.epoch, failure))


class Source:
    """Something that can be attempted again and again."""

    name: str
    """Unique in a run: where several clusters are watched it begins with ``CLUSTER:``."""
    noun: str
    """What a person calls it, for messages: ``deployments``."""
    server = ""
    """Which server it asks: sources of one server are lost and found together. Empty where
    there is one."""
    proves = False
    """Whether it does nothing but ask the server's storage for a proof of life."""
    stands_in_for = ""
    """The source without whose permission alone it is needed; empty where it always is."""
    essential = True
    """Whether the run is over at the start when all such sources are refused."""

    cluster = ""
    """Which cluster its server belongs to, where several are watched."""

    @property
    def label(self) -> str:
        """What ``error.source`` says: its name among those of its cluster."""
        return self.name[len(self.cluster) + 1 :] if self.cluster else self.name

    @property
    def asked(self) -> str:
        """Whom it asks and for what, where no answer comes."""
        return self.label

    advice = ""
    """What to do where no answer comes."""

    def credentials(self) -> object:
        """What can be compared of the files that it authenticates with; never blocks."""
        return None

    def run(self, attempt: Attempt) -> None:
        """Do one attempt: return when done, raise SourceError when it failed.

        Blocks. Must return within a second of ``attempt.stop``.
        """
        raise NotImplementedError

    def fallback(self) -> Optional[Source]:
        """A source of the same name that polls; None where there is none."""
        return None
