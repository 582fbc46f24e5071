"""gRPC contract of both ends: the service's names, and pings.

A client that pings more often than its server allows is sent away ("too many pings"), one
that does not ping waits for ever on a connection whose other end vanished: so the numbers
of both ends stand here, and importing them imports no grpc.
"""

from __future__ import annotations

Option = tuple[str, int]

SERVICES = ("proompteng.agents.v1.AgentctlService", "proompteng.jangar.v1.AgentctlService")
"""The service's name, and the one it had before: the same messages under both."""


def client_ping_s(heartbeat_s: float) -> float:
    """How often to ask a server that is to be heard of each ``heartbeat_s``.

    One that is silent for two and a half beats is given up: so it is asked twice at most
    without having said anything, which any server allows.
    """
    return max(CLIENT_PING_S, heartbeat_s)


SERVER_PING_S = 30.0
"""How often the server asks a silent client whether it is there."""

CLIENT_PING_S = 20.0
"""The most often that a client asks a silent server whether it is there."""

DEFAULT_RULE_S = 300.0
"""What grpc's servers ask for where nobody set anything: each ping that comes sooner after
the last is a strike, unless the server has sent something in between, and the third ends
the connection (gRFC A8; Go and the C core alike)."""

PING_ANSWER_S = 10.0
"""How long either waits for the answer before it gives the connection up."""

MIN_CLIENT_PING_S = 10.0
"""The most often that any client may ping without being sent away."""

_PUNCTUALITY_S = 1.0
"""Pings sent 10 s apart do not arrive 10 s apart."""

MAX_REQUEST_BYTES = 64 * 1024
"""A request is a namespace and a cursor of at most 1 KB."""

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""A snapshot of 10,000 items has some 3 MB; grpc's own limit is 4 MB."""

MAX_METADATA_BYTES = 16 * 1024
"""A request's metadata with its token; some JWTs have several KB."""

_BOTH = (
    ("grpc.keepalive_timeout_ms", int(PING_ANSWER_S * 1000)),
    # In newer releases this one decides, and its default is a minute.
    ("grpc.http2.ping_timeout_ms", int(PING_ANSWER_S * 1000)),
    ("grpc.keepalive_permit_without_calls", 1),
    # Without this grpc stops after two pings between which no data went.
    ("grpc.http2.max_pings_without_data", 0),
)

CLIENT_OPTIONS: tuple[Option, ...] = (
    *_BOTH,
    ("grpc.keepalive_time_ms", int(CLIENT_PING_S * 1000)),
    ("grpc.max_receive_message_length", MAX_EVENT_BYTES),
)
"""For a client's channel."""

SERVER_OPTIONS: tuple[Option, ...] = (
    *_BOTH,
    ("grpc.keepalive_time_ms", int(SERVER_PING_S * 1000)),
    (
        "grpc.http2.min_ping_interval_without_data_ms",
        int((MIN_CLIENT_PING_S - _PUNCTUALITY_S) * 1000),
    ),
    ("grpc.http2.max_ping_strikes", 2),
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
    ("grpc.max_send_message_length", MAX_EVENT_BYTES),
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
)
"""For a server."""
