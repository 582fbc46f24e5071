"""Faults on demand: what a test can make a ``FaultyDouble`` do, while it runs.

A fault applies to requests by resource (plural, ``apis`` for discovery) and verb, until
it is cleared or for a number of requests. Streams under way are failed with
``interrupt``, ``cut`` and ``freeze``.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Callable, Optional, Protocol, Union

from agentctl.apidouble.failures import REASONS, ApiFailure, expired_list, too_large
from agentctl.apidouble.objects import encode
from agentctl.apidouble.wire import Headers, Request, Splitter

HTML = b"<!DOCTYPE html><html><body><h1>Sign in to continue</h1></body></html>\n"
EXPIRED_LINE = b'{"type":"ERROR","object":%s}\n' % encode(
    ApiFailure(410, "too old resource version: 1 (2)").body()
)
GONE_LINE = b'{"type":"ERROR","object":%s}\n' % encode(
    ApiFailure(410, "The event in requested index is outdated", "Gone").body()
)
GARBAGE_LINE = b"upstream connect error or disconnect/reset before headers\n"
UNKNOWN_LINE = b'{"type":"PROGRESS","object":{"kind":"Progress","apiVersion":"v1"}}\n'
HALF_LINE = b'{"type":"MODIFIED","object":{"kind":"Pod","apiVersion":"v1","metadata":{"na'


class Then(Enum):
    """How an interrupted stream goes on."""

    CONTINUE = "continue"
    END = "end"
    """The proper end of a chunked body."""
    CLOSE = "close"
    """A FIN in the middle of the body."""
    RESET = "reset"
    HANG = "hang"
    """Silence until ``Faults.clear``; then it continues."""
    ENDLESS = "endless"
    """One line that never ends."""


@dataclass(frozen=True)
class Interruption:
    """For a watch: send these bytes into the stream, then do that."""

    raw: bytes = b""
    then: Then = Then.CONTINUE


@dataclass(frozen=True)
class Reply:
    """Answer this instead."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Headers = ()


@dataclass(frozen=True)
class Hang:
    """Do not answer before ``Faults.clear``."""


@dataclass(frozen=True)
class Split:
    """Answer as usual, in pieces."""

    splitter: Splitter


@dataclass(frozen=True)
class Truncate:
    """Answer as usual, but stop after so many bytes of the body: CLOSE, RESET or HANG."""

    after: int
    then: Then


Action = Union[Interruption, Reply, Hang, Split, Truncate]


@dataclass
class Fault:
    """An action and the requests it is for."""

    action: Action
    plural: str = ""
    """Empty for all."""
    verbs: Collection[str] = ()
    """Empty for all: get, list, watch, create, update, patch, delete."""
    times: Optional[int] = None
    """Requests left; None for as long as it is not cleared."""
    only: Optional[Callable[[Request], bool]] = None

    def matches(self, plural: str, verb: str, request: Request) -> bool:
        if self.plural not in {"", plural} or (self.verbs and verb not in self.verbs):
            return False
        if isinstance(self.action, Interruption) and verb != "watch":
            return False
        return self.only is None or self.only(request)


def every(size: int) -> Splitter:
    """Pieces of ``size`` bytes."""
    return lambda data: (data[i : i + size] for i in range(0, len(data), size))


def inside_characters(data: bytes) -> Iterable[bytes]:
    """Pieces that end after the first byte of every UTF-8 sequence of several bytes."""
    start = 0
    for index, byte in enumerate(data):
        if byte >= 0xC0:
            yield data[start : index + 1]
            start = index + 1
    if start < len(data):
        yield data[start:]


class StreamControl(Protocol):
    """What faults need of the streams under way."""

    def interrupt(self, plural: str, interruption: Interruption) -> int:
        """Do it to each; returns to how many, once it is done."""


class Faults:
    """All faults in force. Every method may be called from any thread at any time."""

    def __init__(
        self,
        streams: StreamControl,
        open_port: Callable[[], None],
        close_port: Callable[[], None],
    ) -> None:
        self._streams = streams
        self._open_port = open_port
        self._close_port = close_port
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._refusing = False
        self.epoch = 0
        """Grows with each ``clear``: what hangs ends when it changes."""

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """End every fault, hanging ones and ``refuse`` included."""
        with self._lock:
            self._faults.clear()
            self.epoch += 1
        self.accept()

    def take(self, plural: str, verb: str, request: Request) -> Optional[Action]:
        """The action for a request, counted as used: that of the oldest fault that fits."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(plural, verb, request):
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times <= 0:
                            self._faults.remove(fault)
                    return fault.action
        return None

    def forbids(self, plural: str, verb: str) -> bool:
        """Whether such requests are answered with 403 until that is cleared."""
        with self._lock:
            return any(
                isinstance(fault.action, Reply)
                and fault.action.status == 403
                and fault.plural in {"", plural}
                and (not fault.verbs or verb in fault.verbs)
                and fault.times is None
                and fault.only is None
                for fault in self._faults
            )

    # Whole server.

    def refuse(self, reset: bool = False) -> None:
        """Close the port, and every connection (with a RST, if ``reset``)."""
        if reset:
            self.cut(reset=True)
        self._refusing = True
        self._close_port()

    def accept(self) -> None:
        """Listen on the same port again, after ``refuse``."""
        if self._refusing:
            self._refusing = False
            self._open_port()

    # Requests.

    def status(
        self,
        code: int,
        plural: str = "",
        verbs: Collection[str] = (),
        times: Optional[int] = None,
        retry_after: Optional[str] = None,
        message: str = "",
    ) -> None:
        """Answer with a failure; ``retry_after`` is the header, seconds or a date."""
        headers = (("Retry-After", retry_after),) if retry_after is not None else ()
        failure = ApiFailure(code, message or REASONS.get(code, "the server failed"))
        self.add(Fault(Reply(code, encode(failure.body()), headers=headers), plural, verbs, times))

    def html(
        self, plural: str = "", verbs: Collection[str] = (), times: Optional[int] = None
    ) -> None:
        """A proxy's page with status 200."""
        self.add(Fault(Reply(200, HTML, "text/html; charset=utf-8"), plural, verbs, times))

    def hang(
        self, plural: str = "", verbs: Collection[str] = (), times: Optional[int] = None
    ) -> None:
        """Accept requests and never answer."""
        self.add(Fault(Hang(), plural, verbs, times))

    def truncate(
        self,
        after: int,
        then: Then = Then.CLOSE,
        plural: str = "",
        verbs: Collection[str] = ("get", "list"),
        times: Optional[int] = None,
    ) -> None:
        """Stop after so many bytes of the body."""
        self.add(Fault(Truncate(after, then), plural, verbs, times))

    def split(
        self,
        size: int = 1,
        plural: str = "",
        verbs: Collection[str] = (),
        times: Optional[int] = None,
    ) -> None:
        """Send bodies in pieces of ``size`` bytes."""
        self.add(Fault(Split(every(size)), plural, verbs, times))

    def split_characters(
        self, plural: str = "", verbs: Collection[str] = (), times: Optional[int] = None
    ) -> None:
        """Send bodies in pieces that end inside every UTF-8 character of several bytes."""
        self.add(Fault(Split(inside_characters), plural, verbs, times))

    # Expired history. ``Store.compact`` is the natural way; these are for the others.

    def expire_lists(
        self, plural: str = "", times: Optional[int] = None, with_version_only: bool = False
    ) -> None:
        """410 for first pages; ``with_version_only`` spares lists without resourceVersion."""

        def fits(request: Request) -> bool:
            versioned = request.query.get("resourceVersion", "") not in {"", "0"}
            return "continue" not in request.query and (versioned or not with_version_only)

        reply = Reply(410, encode(expired_list().body()))
        self.add(Fault(reply, plural, ("list",), times, fits))

    def lag(self, plural: str = "", times: Optional[int] = None) -> None:
        """504 for lists: the cache is behind its storage."""
        failure = too_large(2, 1)
        reply = Reply(504, encode(failure.body()), headers=failure.headers)
        self.add(Fault(reply, plural, ("list",), times))

    def expire_pages(self, plural: str = "", times: Optional[int] = None) -> None:
        """410 for second and further pages."""
        reply = Reply(410, encode(expired_list("eyJydiI6LTF9").body()))
        self.add(Fault(reply, plural, ("list",), times, lambda r: "continue" in r.query))

    def expire_watches(
        self, plural: str = "", times: Optional[int] = None, http: bool = False
    ) -> None:
        """410 for watches with a version: an ERROR event, or the HTTP status if ``http``."""

        def fits(request: Request) -> bool:
            return request.query.get("resourceVersion", "") not in {"", "0"}

        action: Action = Interruption(EXPIRED_LINE, Then.END)
        if http:
            failure = ApiFailure(410, "too old resource version: 1 (2)")
            action = Reply(410, encode(failure.body()))
        self.add(Fault(action, plural, ("watch",), times, fits))

    # Streams: ``on_watch`` for those to come, ``interrupt`` for those under way.

    def on_watch(
        self,
        raw: bytes = b"",
        then: Then = Then.CONTINUE,
        plural: str = "",
        times: Optional[int] = None,
    ) -> None:
        """Begin watches with ``raw`` (GARBAGE_LINE, HALF_LINE...), then go on as told."""
        self.add(Fault(Interruption(raw, then), plural, ("watch",), times))

    def close_at_once(self, plural: str = "", times: Optional[int] = None) -> None:
        """Watches that end properly right away and have sent nothing."""
        self.on_watch(b"", Then.END, plural, times)

    def interrupt(self, raw: bytes = b"", then: Then = Then.CONTINUE, plural: str = "") -> int:
        """Send ``raw`` into each stream under way, then go on as told; how many there were."""
        return self._streams.interrupt(plural, Interruption(raw, then))

    def cut(self, plural: str = "", reset: bool = False, mid_line: bool = False) -> int:
        """Break the streams under way, with a FIN or a RST; how many there were."""
        then = Then.RESET if reset else Then.CLOSE
        return self.interrupt(HALF_LINE if mid_line else b"", then, plural)

    def freeze(self, plural: str = "", mid_line: bool = False) -> int:
        """Streams under way say nothing more until ``clear``, and stay open."""
        return self.interrupt(HALF_LINE if mid_line else b"", Then.HANG, plural)
