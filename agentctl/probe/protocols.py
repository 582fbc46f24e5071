"""First words of each protocol: what is asked of a dependency, and what counts as an answer.

Each function speaks on a line that is dialled already, and returns details to tell of a
good answer; it raises ProbeError for one that is not, OSError and the errors of
``net.http1`` for none. No credentials are ever sent.
"""

from __future__ import annotations

import re
import ssl
import struct
import time
from collections.abc import Mapping
from typing import Any, Callable
from urllib.parse import urljoin, urlsplit

from agentctl.net.der import validity
from agentctl.net.http1 import CutShort, Head, request
from agentctl.net.origin import Origin
from agentctl.net.timed_stream import ChunkDecoder
from agentctl.probe.answer import Cause, ProbeError
from agentctl.probe.line import Line
from agentctl.probe.target import Target

MAX_BODY = 64 * 1024
"""Bytes of an HTTP answer in which a text is looked for."""

MAX_REDIRECTS = 3

MAX_ERROR = 16 * 1024
"""Bytes of a PostgreSQL error."""

DAY_S = 86400

Details = dict[str, Any]


def tcp(line: Line, target: Target) -> Details:
    """That it takes connections is all there is to know."""
    return {}


def tls(line: Line, target: Target) -> Details:
    """A handshake; the certificate is for its name and good for some time yet."""
    return _expiry(line.secure(target.tls_settings, target.address.host), target)


def _expiry(sock: ssl.SSLSocket, target: Target) -> Details:
    der = sock.getpeercert(binary_form=True)
    times = validity(ssl.DER_cert_to_PEM_cert(der).encode()) if der else None
    if times is None:
        return {}
    left = times[1].timestamp() - time.time()
    days = int(left // DAY_S)
    details = {"days_left": days}
    if left <= 0:  # the handshake lets it pass only where nothing is verified
        raise ProbeError(Cause.CERTIFICATE, "the certificate has expired")
    if left < target.question.warn_s:
        word = "day" if days == 1 else "days"
        raise ProbeError(Cause.CERTIFICATE, f"the certificate expires in {days} {word}")
    return details


def http(line: Line, target: Target) -> Details:
    """A GET, or as many as redirects on the same host ask for."""
    host, path = target.address.host, target.question.path
    secure = target.question.tls
    for left in reversed(range(MAX_REDIRECTS + 1)):
        if secure:
            line.secure(target.tls_settings, host)
        authority = Origin("https" if secure else "http", host, target.address.port).authority
        headers = [("Host", authority), ("User-Agent", "agentctl-probe"), ("Accept", "*/*")]
        line.send(request(path, [*headers, ("Connection", "close")], None))
        head = line.stream.head()
        location = head.headers.get("location", "")
        redirects = head.status in (301, 302, 303, 307, 308) and location
        if not left or not redirects or target.takes(head.status):
            break
        path = _same_host(target, path, location)
        line.redial()
    if not target.takes(head.status):
        raise ProbeError(Cause.STATUS, f"HTTP {head.status}")
    if target.question.contains and target.question.contains.encode() not in _body(line, head):
        raise ProbeError(Cause.STATUS, f"HTTP {head.status}, its body lacks the text expected")
    return {}


def _same_host(target: Target, path: str, location: str) -> str:
    """The path of a redirect that stays where it is. Raises ProbeError."""
    scheme = "https" if target.question.tls else "http"
    here = f"{scheme}://{target.address}"
    try:
        parts = urlsplit(urljoin(here + path, location))
        port = parts.port or (443 if parts.scheme == "https" else 80)
        there = (parts.scheme, (parts.hostname or "").rstrip("."), port)
    except ValueError:
        there = ("", "", 0)
    if there != (scheme, target.address.host, target.address.port):
        raise ProbeError(Cause.STATUS, "it redirects to another host")
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _body(line: Line, head: Head) -> bytes:
    """Up to MAX_BODY bytes."""
    chunks = ChunkDecoder() if head.chunked else None
    body, read = b"", 0
    goal = MAX_BODY if head.length is None else min(head.length, MAX_BODY)
    while len(body) < goal and read < 4 * MAX_BODY:
        piece = line.stream.read(MAX_BODY)
        if not piece:
            if chunks is not None or head.length is not None:
                raise CutShort
            break
        read += len(piece)
        body += piece if chunks is None else chunks.feed(piece)
        if chunks is not None and chunks.ended:
            break
    return body[:MAX_BODY]


def redis(line: Line, target: Target) -> Details:
    """PING: PONG, or that a password is needed, which a living server says."""
    if target.question.tls:
        line.secure(target.tls_settings, target.address.host)
    line.send(b"PING\r\n")
    answer = line.read_line()
    if answer in (b"+PONG", b"$4") or answer.startswith(b"-NOAUTH"):
        return {}
    if not answer.startswith(b"-"):
        raise ProbeError(Cause.PROTOCOL, "what it answered is not Redis")
    words = _readable(answer[1:])
    code = answer[1:].split(b" ")[0]
    if code in (b"LOADING", b"MASTERDOWN"):
        raise ProbeError(Cause.STARTING, words)
    full = b"max number of clients" in answer
    raise ProbeError(Cause.FULL if full else Cause.STATUS, words)


PG_SSL_REQUEST = struct.pack(">ii", 8, 80877103)
PG_VERSION = 196608
"""Protocol 3.0."""


def postgres(line: Line, target: Target) -> Details:
    """Whether TLS is spoken: a question that each server answers, and none logs."""
    line.send(PG_SSL_REQUEST)
    answer = line.read_exactly(1)
    if answer == b"S":
        # Broken off here, it would log an error; whose certificate it is matters to its clients.
        line.secure(target.anyone, target.address.host)
    elif answer == b"E":
        _judge_postgres(_postgres_body(line))
    elif answer != b"N":
        raise ProbeError(Cause.PROTOCOL, "what it answered is not PostgreSQL")
    return {}


def postgres_startup(line: Line, target: Target) -> Details:
    """The same, and then who we are: a server that would ask for a password is up."""
    postgres(line, target)
    words = b"user\0agentctl\0database\0agentctl\0application_name\0agentctl probe\0\0"
    line.send(struct.pack(">ii", len(words) + 8, PG_VERSION) + words)
    kind = line.read_exactly(1)
    if kind not in (b"E", b"R"):
        raise ProbeError(Cause.PROTOCOL, "what it answered is not PostgreSQL")
    body = _postgres_body(line)  # left unread, it would log a reset
    if kind == b"E":
        _judge_postgres(body)
    return {}


def _postgres_body(line: Line) -> bytes:
    (size,) = struct.unpack(">i", line.read_exactly(4))
    if not 4 <= size <= MAX_ERROR:
        raise ProbeError(Cause.PROTOCOL, "what it answered is not PostgreSQL")
    return line.read_exactly(size - 4)


_PG_CAUSES = {"57P03": Cause.STARTING, "53300": Cause.FULL}


def _judge_postgres(body: bytes) -> None:
    """Raises ProbeError for an ErrorResponse that a server that is well would not give."""
    fields = {part[:1]: part[1:] for part in body.split(b"\0") if part}
    state = fields.get(b"C", b"").decode("ascii", "replace")
    # 28: who we are is not good enough. 3D: there is no such database.
    if state[:2] in ("28", "3D"):
        return
    words = _readable(fields.get(b"M", b"")) or f"SQLSTATE {state}"
    raise ProbeError(_PG_CAUSES.get(state, Cause.STATUS), words)


def _readable(words: bytes) -> str:
    return re.sub(r"\s+", " ", words[:200].decode("utf-8", "replace")).strip()


PROTOCOLS: Mapping[str, Callable[[Line, Target], Details]] = {
    "tcp": tcp,
    "tls": tls,
    "http": http,
    "postgres": postgres,
    "redis": redis,
}
"""Those that are spoken on a line of ours; ``grpc`` has a file of its own."""
