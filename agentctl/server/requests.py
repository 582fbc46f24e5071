"""What a request asks for: its target and headers as a value, or why it is refused.

No I/O. A bad parameter is told, with what was expected; so is one that does not exist,
since ``heartbaet=5s`` would otherwise be taken for the default. A parameter without a
value counts as not given. A damaged cursor is no error: the stream then begins with a
snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from typing import NamedTuple, Optional, Union
from urllib.parse import unquote_plus

from agentctl.duration import format_duration, parse_duration
from agentctl.server.services import HEARTBEAT_S, MAX_HEARTBEAT_S, MIN_HEARTBEAT_S

FORMATS = ("json", "ndjson")

MAX_PARAMETERS = 20
"""More than there are; each is looked at."""

_DAMAGED = re.compile("%(?![0-9A-Fa-f]{2})")

_ECHOED = 40
"""Characters of a bad value that are told back."""


class Refusal(NamedTuple):
    """Why not, in one line, as HTTP has it."""

    status: int
    message: str


class Target(NamedTuple):
    """A request target, taken apart."""

    path: str
    query: str


class StreamRequest(NamedTuple):
    """What a reader of the stream wants. ``since`` is None for no cursor."""

    namespace: str = ""
    since: Optional[str] = None
    heartbeat_s: float = HEARTBEAT_S
    format: str = "json"


def split_target(target: str) -> Union[Target, Refusal]:
    """Origin form, or absolute form as proxies send it (RFC 9112, 3.2)."""
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
    return Target(path, query)


def stream_request(
    query: str, last_event_id: Sequence[str], served: Container[str]
) -> Union[StreamRequest, Refusal]:
    """What a request for the stream asks for.

    ``last_event_id`` are the values of that header. It goes before ``since``: a browser
    that reconnects sends it to the URL that it began with.
    """
    found = _parameters(query, ("namespace", "heartbeat", "since", "format"))
    if isinstance(found, Refusal):
        return found
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
    form = found.get("format", FORMATS[0])
    if form not in FORMATS:
        return Refusal(400, f"format: expected {' or '.join(FORMATS)}, got {form[:_ECHOED]!r}")
    namespace = found.get("namespace", "")
    if namespace not in served:
        return _not_served(namespace)
    since = next((value for value in last_event_id if value), found.get("since"))
    return StreamRequest(namespace, since, heartbeat_s, form)


def status_request(query: str, served: Container[str]) -> Union[str, Refusal]:
    """The namespace that a one-shot request asks for; "" for all together."""
    found = _parameters(query, ("namespace",))
    if isinstance(found, Refusal):
        return found
    namespace = found.get("namespace", "")
    return namespace if namespace in served else _not_served(namespace)


def _not_served(namespace: str) -> Refusal:
    return Refusal(404, f"namespace {namespace[:_ECHOED]!r} is not served here")


def _parameters(query: str, known: Sequence[str]) -> Union[dict[str, str], Refusal]:
    """The parameters that have a value, each once."""
    pairs = [pair for pair in query.split("&") if pair]
    if len(pairs) > MAX_PARAMETERS:
        return Refusal(400, f"more than {MAX_PARAMETERS} parameters")
    found: dict[str, str] = {}
    for pair in pairs:
        raw, _, value = pair.partition("=")
        name = unquote_plus(raw)
        if name not in known:
            return Refusal(
                400, f"unknown parameter {name[:_ECHOED]!r}; expected {', '.join(known)}"
            )
        if _DAMAGED.search(value) and name != "since":
            return Refusal(400, f"{name}: damaged percent-encoding in {value[:_ECHOED]!r}")
        if name in found:
            return Refusal(400, f"{name}: given twice")
        found[name] = unquote_plus(value)
    return {name: value for name, value in found.items() if value}
