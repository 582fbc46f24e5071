"""Request: its target and headers as a value, or why it is refused.

No I/O. A bad parameter is told, with what was expected; so is one that is nearly one of
ours, since ``heartbaet=5s`` would otherwise be taken for the default. Any other that is
not known (clients put ``?_=1`` against caches) is ignored, and named in the answer. A
parameter without a value counts as not given. A damaged cursor is no error: the stream
then begins with a snapshot.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Optional, Union
from urllib.parse import unquote_plus

from agentctl.duration import format_duration, parse_duration
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lazy_regex import regex
from agentctl.model import parse_time
from agentctl.server.services import HEARTBEAT_S, MAX_HEARTBEAT_S, MIN_HEARTBEAT_S

FORMATS = ("json", "ndjson")

TIMELINE_FORMATS = ("json", "csv")

MAX_COLUMNS = 500
_COLUMNS = f"a number from 1 to {MAX_COLUMNS}"
_SINCE = "as 1h or 2026-01-30T18:00:00Z"

MAX_PARAMETERS = 20
"""More than there are, ``component`` apart; each is looked at."""

COMPONENT = "component"
"""A glob of those that are wanted; may be repeated."""

MAX_COMPONENTS = 100

EVENT_ID = "lastEventId"
"""Where EventSource's stand-ins, which cannot set headers, put what Last-Event-ID says."""

CURSORS = ("since", EVENT_ID)
"""Whatever they hold, they fail no request."""

STREAM_NAMES = ("namespace", "heartbeat", "since", "format", COMPONENT)
STATUS_NAMES = ("namespace", COMPONENT)
TIMELINE_NAMES = ("namespace", "since", "columns", "format", COMPONENT)
"""Of each route, beside ``clusters`` and what stands in for a header."""

CLUSTERS = "clusters"
"""Says that the reader tells items of several clusters apart."""

_NEARNESS = 0.8
"""Of difflib: ``since`` and ``sicne``, but not ``once``."""

_DAMAGED = regex("%(?![0-9A-Fa-f]{2})")

_ECHOED = 40
"""Characters of a bad value that are told back."""


class Refusal(NamedTuple):
    """Why not, in one line, as HTTP has it."""

    status: int
    message: str


class RequestTarget(NamedTuple):
    """A request target, taken apart. ``host`` is empty where it names none."""

    path: str
    query: str
    host: str = ""


class StreamRequest(NamedTuple):
    """What a reader of the stream wants. ``since`` is None for no cursor."""

    namespace: str = ""
    since: Optional[str] = None
    heartbeat_s: float = HEARTBEAT_S
    format: str = "json"
    ignored: tuple[str, ...] = ()
    """Parameters that are not known here."""
    clusters: bool = False
    components: tuple[str, ...] = ()
    """Globs of those that are wanted, sorted; none for all."""


class StatusRequest(NamedTuple):
    """Whose state is wanted, once; "" for that of all together."""

    namespace: str = ""
    ignored: tuple[str, ...] = ()
    clusters: bool = False
    components: tuple[str, ...] = ()


class TimelineRequest(NamedTuple):
    """What was when. ``since`` is a span back from now or a time; None for all that is kept.

    ``columns`` is how many equal parts are wanted in the place of spans; 0 for spans.
    """

    namespace: str = ""
    since: Union[timedelta, datetime, None] = None
    columns: int = 0
    format: str = "json"
    ignored: tuple[str, ...] = ()
    clusters: bool = False
    components: tuple[str, ...] = ()


class _Parameters(NamedTuple):
    found: dict[str, str]
    """Those that are known and have a value."""
    namespace: str
    clusters: bool
    ignored: tuple[str, ...]
    components: tuple[str, ...]


def split_target(target: str) -> Union[RequestTarget, Refusal]:
    """Origin form, or absolute form as proxies send it (RFC 9112, 3.2).

    A slash at the end of the path makes no difference.
    """
    authority = ""
    if not target.startswith("/"):
        scheme, colon, rest = target.partition("://")
        if not colon or scheme.lower() not in ("http", "https"):
            return Refusal(400, f"expected a path as the target, got {target[:_ECHOED]!r}")
        # What follows the authority; a query may follow it at once.
        authority = re.split("[/?#]", rest, maxsplit=1)[0]
        target = rest[len(authority) :]
        if not target.startswith("/"):
            target = "/" + target
    path, _, query = target.partition("#")[0].partition("?")
    return RequestTarget(path.rstrip("/") or "/", query, authority)


def stream_request(
    query: str, last_event_id: Sequence[str], served: Container[str]
) -> Union[StreamRequest, Refusal]:
    """What a request for the stream asks for.

    ``last_event_id`` are the values of that header. It, and the parameter that stands in
    for it, go before ``since``: a browser that reconnects sends it to the URL that it
    began with.
    """
    parameters = _parameters(query, STREAM_NAMES, served, EVENT_ID)
    if isinstance(parameters, Refusal):
        return parameters
    found = parameters.found
    heartbeat_s = HEARTBEAT_S
    if "heartbeat" in found:
        try:
            heartbeat_s = parse_duration(found["heartbeat"])
        except ValueError as error:
            return Refusal(400, f"heartbeat: {error}")
        if not MIN_HEARTBEAT_S <= heartbeat_s <= MAX_HEARTBEAT_S:
            low, high = format_duration(MIN_HEARTBEAT_S), format_duration(MAX_HEARTBEAT_S)
            given = found["heartbeat"][:_ECHOED]
            return Refusal(400, f"heartbeat: expected between {low} and {high}, got {given!r}")
    form = _format(found, FORMATS)
    if isinstance(form, Refusal):
        return form
    cursors = (*last_event_id, found.get(EVENT_ID), found.get("since"))
    since = next((cursor for cursor in cursors if cursor), None)
    _, namespace, clusters, ignored, components = parameters
    return StreamRequest(namespace, since, heartbeat_s, form, ignored, clusters, components)


def status_request(query: str, served: Container[str]) -> Union[StatusRequest, Refusal]:
    """What a one-shot request asks for."""
    parameters = _parameters(query, STATUS_NAMES, served)
    if isinstance(parameters, Refusal):
        return parameters
    _, namespace, clusters, ignored, components = parameters
    return StatusRequest(namespace, ignored, clusters, components)


def timeline_request(query: str, served: Container[str]) -> Union[TimelineRequest, Refusal]:
    """What a request for the timeline asks for."""
    parameters = _parameters(query, TIMELINE_NAMES, served)
    if isinstance(parameters, Refusal):
        return parameters
    found = parameters.found
    since: Union[timedelta, datetime, None] = None
    if "since" in found:
        try:
            since = _since(found["since"])
        except ValueError as error:
            return Refusal(400, f"since: {error}")
    columns = found.get("columns", "1")
    numeric = columns.isascii() and columns.isdecimal() and len(columns) < 5
    if not (numeric and 1 <= int(columns) <= MAX_COLUMNS):
        return Refusal(400, f"columns: expected {_COLUMNS}, got {columns[:_ECHOED]!r}")
    form = _format(found, TIMELINE_FORMATS)
    if isinstance(form, Refusal):
        return form
    width = int(columns) if "columns" in found else 0
    _, namespace, clusters, ignored, components = parameters
    return TimelineRequest(namespace, since, width, form, ignored, clusters, components)


def _since(text: str) -> Union[timedelta, datetime]:
    """A duration or a time. Raises ValueError, which says what is expected."""
    if "T" in text.upper():
        with suppress(ValueError):
            return parse_time(text.replace(" ", "+"))  # a plus that was not percent-encoded
    else:
        with suppress(ValueError):
            back = timedelta(seconds=parse_duration(text))
            if back:
                return back
    raise ValueError(f"expected a duration or a time, {_SINCE}, got {text[:_ECHOED]!r}")


def _format(found: Mapping[str, str], forms: Sequence[str]) -> Union[str, Refusal]:
    given = found.get("format", forms[0])
    if given in forms:
        return given
    return Refusal(400, f"format: expected {' or '.join(forms)}, got {given[:_ECHOED]!r}")


def _parameters(
    query: str, known: Sequence[str], served: Container[str], *quiet: str
) -> Union[_Parameters, Refusal]:
    """What all routes take, and the values of ``known``; ``quiet`` are taken, and not told of."""
    read = _read(query, known, (CLUSTERS, *quiet))
    if isinstance(read, Refusal):
        return read
    found, ignored, components = read
    namespace, clusters = found.get("namespace", ""), found.get(CLUSTERS, "0")
    if namespace not in served:
        return Refusal(404, f"namespace {namespace[:_ECHOED]!r} is not served here")
    if clusters not in ("0", "1", "true", "false"):
        return Refusal(400, f"{CLUSTERS}: expected 1, got {clusters[:_ECHOED]!r}")
    return _Parameters(found, namespace, clusters in ("1", "true"), ignored, components)


def _read(
    query: str, known: Sequence[str], quiet: Sequence[str]
) -> Union[tuple[dict[str, str], tuple[str, ...], tuple[str, ...]], Refusal]:
    """Values by name, each once; what is not known; and the globs of components, sorted."""
    pairs = [pair for pair in query.split("&") if pair]
    repeated = sum(pair.startswith(COMPONENT + "=") for pair in pairs)
    if repeated > MAX_COMPONENTS or len(pairs) - repeated > MAX_PARAMETERS:
        of = f"{MAX_PARAMETERS} parameters, or {MAX_COMPONENTS} times {COMPONENT}"
        return Refusal(400, f"more than {of}")
    wanted: dict[str, None] = {}
    found: dict[str, str] = {}
    ignored: dict[str, None] = {}
    for pair in pairs:
        raw, _, value = pair.partition("=")
        name = unquote_plus(raw)
        if name not in known and name not in quiet:
            if _is_nearly_ours(name, known):
                expected = ", ".join(known)
                return Refusal(400, f"unknown parameter {name[:_ECHOED]!r}; expected {expected}")
            ignored[name[:_ECHOED]] = None
            continue
        if _DAMAGED.search(value) and name not in CURSORS:
            return Refusal(400, f"{name}: damaged percent-encoding in {value[:_ECHOED]!r}")
        if name == COMPONENT:
            wanted[unquote_plus(value)] = None
            continue
        # Stand-ins append theirs to a URL that may have an older one.
        if name in found and name != EVENT_ID:
            return Refusal(400, f"{name}: given twice")
        found[name] = unquote_plus(value)
    values = {name: value for name, value in found.items() if value}
    globs = sorted(filter(None, wanted))
    if any(not glob.strip("*") for glob in globs):
        globs = []  # all of them
    return values, tuple(ignored), tuple(globs)


def _is_nearly_ours(name: str, known: Sequence[str]) -> bool:
    """Whether one of the parameters of any route is likely to be meant."""
    bare = name.casefold().replace("-", "").replace("_", "")
    ours = [one.casefold() for one in (*STREAM_NAMES, *known, EVENT_ID)]
    return len(name) <= _ECHOED and bool(difflib.get_close_matches(bare, ours, 1, _NEARNESS))
