"""Failures of a gRPC call as our own errors: from a status to a line that helps. No I/O.

grpc tells what happened to a connection in texts only, which differ between its releases;
those here are of 1.59 to 1.85. What is not recognised is told as it is.
"""

from __future__ import annotations

import re

from agentctl.errors import (
    DisconnectedError,
    ForbiddenError,
    NotFoundError,
    ServerError,
    SourceError,
    StreamingUnsupported,
    UnauthorizedError,
)
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lazy_regex import regex
from agentctl.net import tls_words
from agentctl.redact import redact
from agentctl.redact.printable import legible
from agentctl.remote.access import client_tls

MAX_DETAILS = 300

_NOT_CONNECTED = "failed to connect to all addresses"

_CLOSED = "socket closed|connection reset|broken pipe"
_CLOSED_TLS = (
    "it accepted the connection and closed it during TLS; is a server behind it, or does it "
    "want a client certificate (--tls-cert), or another one?"
)
_CLOSED_PLAIN = (
    "it accepted the connection and closed it without an answer; is a server behind it, or "
    "does it want TLS (--tls)?"
)
"""A balancer that has no server behind it looks the same: grpc does not tell them apart."""

_CONNECTING = (
    ("connection refused", "connection refused; is the server running, is the port right?"),
    (
        "certificate has expired",
        tls_words.EXPIRED,
    ),
    (
        "certificate is not yet valid",
        tls_words.NOT_VALID_YET,
    ),
    (
        "issuer certificate|self.signed|unable to verify the first",
        tls_words.untrusted(client_tls()),
    ),
    (
        # grpc 1.59 says no more.
        "certificate_verify_failed",
        "the server's certificate is not good: out of date, or signed by an authority that "
        "is not in --tls-ca",
    ),
    (
        "hostname verification check failed|is not in peer certificate",
        tls_words.other_name(client_tls()),
    ),
    (
        "wrong_version_number|http_request",
        tls_words.NO_TLS,
    ),
    ("_alert_", "it refused TLS with us; check --tls-cert and --tls-key"),
    (
        # 80 is the P of HTTP.
        "http1.x server|got frame type 80",
        "it answered in HTTP/1.1, not gRPC; is this the port of --transport sse, or of a proxy?",
    ),
    ("failed parsing http/2|last error: ok$", "what it answered is not gRPC; is the port right?"),
    ("http proxy returned", "the proxy on the way refused to connect"),
    ("no such file", "there is no such socket; is the server running, is the path right?"),
    ("permission denied", "permission denied; may this user use the socket?"),
    ("no route to host|network is unreachable", "it cannot be reached from this network"),
    (
        "before receiving settings|handshake read failed|fd shutdown|timed out|timeout",
        "timed out connecting; check the address, the network, the proxy",
    ),
)
"""What to look for in a failure to connect, and what to say."""

TOO_MANY_PINGS = "too.many.pings"
"""What a server says that was pinged more often than it allows."""

_LOST = (
    (
        "^(dns resolution failed|errors resolving|address lookup failed)",
        "cannot look up the name; check the server's address and DNS",
    ),
    ("^(keepalive|ping timeout)", "the connection is dead: a ping was not answered"),
    (
        TOO_MANY_PINGS,
        "the server ended the connection: it wants to be asked less often whether it is there",
    ),
    ("^goaway", "the server ended the connection"),
    (
        "^(socket closed|connection reset|connection dropped|broken pipe|recvmsg|sendmsg"
        "|endpoint closing|stream removed)",
        "the connection was lost",
    ),
)
"""The same for a call that grpc, and not the server, ended: details begin so."""

_MEANINGS: dict[str, tuple[type[SourceError], str]] = {
    "OK": (DisconnectedError, "the server ended the stream"),
    "UNAVAILABLE": (DisconnectedError, "unavailable"),
    "CANCELLED": (DisconnectedError, "the server cancelled the call"),
    "DEADLINE_EXCEEDED": (DisconnectedError, "no answer in time"),
    "PERMISSION_DENIED": (ForbiddenError, "forbidden"),
    "NOT_FOUND": (NotFoundError, "not found"),
    "RESOURCE_EXHAUSTED": (ServerError, "the server is at its limit"),
    "INVALID_ARGUMENT": (ServerError, "did not accept what it was asked for"),
}
"""Of those codes that mean the same whatever was asked."""

_REMOVED = regex(r"Stream removed \((.*)\)", re.DOTALL)
"""What newer releases put around it."""

_HTTP = regex(r"http2 header with status: (\d+)")
_TOO_LARGE = regex(r"message larger than max", re.IGNORECASE)


class Asked(NamedTuple):
    """Of whom, how and for what: for the words of a failure."""

    where: str
    """host:port"""
    tls: bool
    token: bool
    streaming: bool


def failure_of(code: str, details: str, asked: Asked) -> SourceError:
    """The error for a status that ended a call; ``code`` is its name, as ``UNAVAILABLE``."""
    removed = _REMOVED.fullmatch(details)
    details = removed[1] if removed else details
    http = _HTTP.search(details)
    if http:
        said = f"something on the way to it answered HTTP {http[1]}"
    else:
        said = _line(details)
        # The second is what 1.59 says where something else than gRPC comes of a stream.
        ours = code == "UNAVAILABLE" or (code, details) == ("UNKNOWN", "Stream removed")
        reason = _of_the_connection(details, asked.tls) if ours else ""
        if reason:
            return DisconnectedError(f"{asked.where}: {reason}")
    kind, what, hint = _meaning(code, asked)
    if _TOO_LARGE.search(details):
        what = "sent more than fits into one message"
    because = f": {said}" if said else ""
    return kind(f"{asked.where}: {what}{because}{hint}")


def was_pinged_too_often(details: str) -> bool:
    """Whether a call ended because its server allows fewer pings."""
    return re.search(TOO_MANY_PINGS, details, re.IGNORECASE) is not None


def _meaning(code: str, asked: Asked) -> tuple[type[SourceError], str, str]:
    """The error, what to say and, after the server's own words, what to do."""
    if code == "UNAUTHENTICATED":
        what = "refused the token" if asked.token else "wants to know who we are"
        return UnauthorizedError, what, "" if asked.token else "; give --token-file"
    if code == "UNIMPLEMENTED" and not asked.streaming:
        return NotFoundError, "does not tell a control plane's status", ""
    if code in ("UNIMPLEMENTED", "FAILED_PRECONDITION") and asked.streaming:
        return StreamingUnsupported, "cannot be watched", "; poll it with --fallback-poll"
    kind, what = _MEANINGS.get(code, (ServerError, f"failed with {code}"))
    return kind, what, ""


def _of_the_connection(details: str, tls: bool) -> str:
    """What became of the connection; empty if these are words of the server."""
    if not details.startswith(_NOT_CONNECTED):
        return _found(_LOST, details)
    if re.search(_CLOSED, details, re.IGNORECASE):
        return _CLOSED_TLS if tls else _CLOSED_PLAIN
    unknown = f"cannot connect: {_line(details.partition('last error: ')[2])}"
    return _found(_CONNECTING, details) or unknown


def _found(known: tuple[tuple[str, str], ...], details: str) -> str:
    reasons = (reason for pattern, reason in known if re.search(pattern, details, re.IGNORECASE))
    return next(reasons, "")


def _line(text: str) -> str:
    """One line of at most 300 characters, without secrets."""
    text = " ".join(redact(legible(text[:5_000])).split())
    return text if len(text) <= MAX_DETAILS else text[: MAX_DETAILS - 1] + "…"
