"""Messages that sources put on the queue, and the thread that runs one attempt.

A source is asked for one attempt at a time, each with an epoch of its own. All
that the attempt finds out is put on the queue as a message that carries source
and epoch; the engine drops those of an earlier epoch, so an attempt that could
not be stopped in time can do no harm. An attempt always ends with ``Ended``,
whatever it died of, unless it was stopped.
"""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple, Optional, Protocol, Union

from agentctl.errors import DisconnectedError, ServerError, SourceError
from agentctl.model import ErrorCode, Event
from agentctl.threads import refusal_of

log = logging.getLogger(__name__)

PUT_POLL_S = 0.1
"""How soon a producer blocked on a full queue notices that it was stopped."""


class ObjectKey(NamedTuple):
    """What an object is known by inside one source."""

    namespace: str
    name: str


class Change(NamedTuple):
    """One object's new state: a value for each of the source's tables.

    A None means that the table has nothing to keep of it: it was deleted, or it is
    of no interest. A namesake with another uid simply takes its place.
    """

    key: ObjectKey
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Alive:
    """Proof of life without news: an answer's headers, a bookmark, a clean close."""

    source: str
    epoch: int
    resource_version: str = ""
    forgets: bool = False
    """The place to resume from is none any more."""
    consistent: bool = False
    """Whether the answer went through the server's storage, and no cache stood for it."""


@dataclass(frozen=True)
class Pending:
    """An answer of which nothing can be told yet, for this reason."""

    source: str
    epoch: int
    reason: str


@dataclass(frozen=True)
class Replaced:
    """A complete list: what is not in it is gone."""

    source: str
    epoch: int
    changes: tuple[Change, ...]
    resource_version: str
    consistent: bool = True
    """As ``Alive.consistent``: a list without a resourceVersion is."""


@dataclass(frozen=True)
class Changed:
    """What a watch reported, in order; all that one read brought is one message."""

    source: str
    epoch: int
    changes: tuple[Change, ...]
    resource_version: str


@dataclass(frozen=True)
class Received:
    """An event of a server that watches the cluster in our place."""

    source: str
    epoch: int
    event: Event

    @property
    def resource_version(self) -> str:
        """Where to go on from: the server's own cursor."""
        return self.event.cursor


@dataclass(frozen=True)
class Warned:
    """Something went wrong that the attempt survives (history lost, a resync)."""

    source: str
    epoch: int
    code: ErrorCode
    message: str


@dataclass(frozen=True)
class Ended:
    """The attempt is over; ``failure`` is None when all was done that was asked."""

    source: str
    epoch: int
    failure: Optional[SourceError]


@dataclass(frozen=True)
class Stop:
    """Not from a source: somebody wants the run to end, with this exit code."""

    exit_code: int


News = Union[Replaced, Changed, Received]
"""What says something of the state."""

Message = Union[Alive, Pending, News, Warned, Ended]


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
        self._stop = threading.Event()
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

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def put(self, message: Message) -> None:
        """Hand a message to the engine; waits while the queue is full, until stopped."""
        while not self._stop.is_set():
            try:
                self._inbox.put(message, timeout=PUT_POLL_S)
                return
            except queue.Full:
                continue

    def wait(self, seconds: float) -> bool:
        """Sleep, unless stopped or roused; True when stopped."""
        if not self._stop.is_set():
            self._roused.wait(seconds)
            self._roused.clear()
        return self._stop.is_set()

    def rouse(self) -> None:
        """Cut its present wait short, or else the next one; from any thread."""
        self._roused.set()

    def on_stop(self, free: Optional[Callable[[], None]]) -> None:
        """Register what unblocks the attempt; called at once if it is stopped already."""
        with self._lock:
            self._free = free
            late = self._stop.is_set()
        if late and free is not None:
            free()

    def stop(self) -> None:
        """Ask it to end and free it from a blocked read; does not wait (see ``join``)."""
        with self._lock:
            self._stop.set()
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
        except Exception as error:  # a producer that dies becomes a message
            log.debug("source %s failed", source.name, exc_info=True)
            refusal = refusal_of(error)
            what = f"internal error: {type(error).__name__}: {error}"
            failure = DisconnectedError(refusal) if refusal else ServerError(what)
        self.put(Ended(source.name, self.epoch, failure))


class Source(Protocol):
    """Something that can be attempted again and again."""

    @property
    def name(self) -> str:
        """What ``error.source`` says; unique in a run."""

    @property
    def noun(self) -> str:
        """What a person calls it, for messages: ``deployments``."""

    @property
    def server(self) -> str:
        """Which server it asks: sources of one server are lost and found together."""

    @property
    def proves(self) -> bool:
        """Whether it does nothing but ask the server's storage for a proof of life."""

    @property
    def essential(self) -> bool:
        """Whether the run is over at the start when all such sources are refused."""

    def credentials(self) -> object:
        """What can be compared of the files that it authenticates with; never blocks."""

    def run(self, attempt: Attempt) -> None:
        """Do one attempt: return when done, raise SourceError when it failed.

        Blocks. Must return within a second of ``attempt.stop``.
        """

    def fallback(self) -> Optional[Source]:
        """A source of the same name that polls; None where there is none."""
