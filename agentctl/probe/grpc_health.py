"""gRPC's health service (grpc.health.v1) asked as a probe. Needs grpcio."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Optional

from agentctl.net.tls_words import EXPIRED
from agentctl.probe.answer import Cause, ProbeError
from agentctl.probe.target import Target

METHOD = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"
"""HealthCheckResponse{status: SERVING} on the wire."""

MAX_BYTES = 4096

_UNAVAILABLE = (
    (Cause.REFUSED, ("connection refused",), "connection refused"),
    (Cause.CERTIFICATE, ("certificate has expired",), EXPIRED),
    (Cause.CERTIFICATE, ("hostname", "peer name"), "the server's certificate is for another name"),
    (
        Cause.CERTIFICATE,
        ("issuer", "self-signed", "self signed"),
        "certificate signed by unknown authority",
    ),
    (
        Cause.CERTIFICATE,
        ("certificate", "handshake failed", "ssl_error", "peer name"),
        "TLS failed: see its certificate",
    ),
    (Cause.TIMEOUT, ("timeout", "timed out", "deadline"), "no answer in time"),
)
"""What the library's own words for a lost connection mean."""


def ask(
    target: Target,
    addresses: Sequence[str],
    seconds: float,
    on_stop: Callable[[Optional[Callable[[], None]]], None],
) -> dict[str, Any]:
    """Ask the addresses until one takes a connection, and return details. Raises ProbeError.

    ``on_stop`` takes what ends a call from any thread, and None when it is over.
    """
    try:
        grpc = importlib.import_module("grpc")
    except ImportError:
        raise ProbeError(Cause.LOCAL, "a grpc probe needs the package grpcio here") from None
    port = target.address.port
    peers = ",".join(
        f"[{one}]:{port}" if ":" in one else f"{one}:{port}" for one in _one_family(addresses)
    )
    family = "ipv6" if peers.startswith("[") else "ipv4"
    name = target.question.server_name or target.address.host
    options = [
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
        ("grpc.max_receive_message_length", MAX_BYTES),
        ("grpc.default_authority", f"{name}:{port}"),
        ("grpc.use_local_subchannel_pool", 1),  # a connection anew each time: that is the probe
    ]
    channel = _channel(grpc, target, f"{family}:{peers}", name, options)
    service = target.question.service.encode()
    request = b"\x0a" + bytes([len(service)]) + service if service else b""
    try:
        check = channel.unary_unary(METHOD)
        call = check.future(request, timeout=seconds)
        on_stop(call.cancel)
        answer = call.result()
    except grpc.RpcError as error:
        failure = _failure(grpc, error, service)
        if failure is None:
            return {}
        raise failure from None
    except grpc.FutureCancelledError:
        raise ProbeError(Cause.LOCAL, "stopped") from None
    finally:
        on_stop(None)
        channel.close()
    if answer[:2] != SERVING:
        raise ProbeError(Cause.STATUS, "it says NOT_SERVING")
    return {}


def _one_family(addresses: Sequence[str]) -> list[str]:
    """Those of the first one's family: a channel has addresses of one only."""
    six = ":" in addresses[0]
    return [one for one in addresses if (":" in one) is six]


def _channel(grpc: Any, target: Target, peers: str, name: str, options: list[Any]) -> Any:
    if not target.question.tls:
        return grpc.insecure_channel(peers, options)
    roots = None
    if target.question.ca_file:
        try:
            with open(target.question.ca_file, "rb") as file:
                roots = file.read(1 << 20)
        except OSError as error:
            words = f"cannot read {target.question.ca_file}: {error.strerror}"
            raise ProbeError(Cause.LOCAL, words) from None
    options = [*options, ("grpc.ssl_target_name_override", name)]
    return grpc.secure_channel(peers, grpc.ssl_channel_credentials(roots), options)


def _failure(grpc: Any, error: Any, service: bytes) -> Optional[ProbeError]:
    """What went wrong; None where a server that is well may say so."""
    code, codes = error.code(), grpc.StatusCode
    if code is codes.UNAVAILABLE:
        words = (error.details() or "").lower()
        for cause, signs, said in _UNAVAILABLE:
            if any(sign in words for sign in signs):
                return ProbeError(cause, said)
    known = {
        codes.UNAVAILABLE: (Cause.CUT, "it closed the connection without an answer"),
        codes.DEADLINE_EXCEEDED: (Cause.TIMEOUT, "no answer in time"),
        codes.RESOURCE_EXHAUSTED: (Cause.FULL, "it takes no more calls"),
        codes.NOT_FOUND: (Cause.STATUS, "its health service does not know this service"),
        codes.UNIMPLEMENTED: (Cause.STATUS, "it has no health service (grpc.health.v1)"),
    }
    # It speaks gRPC, which is all that was asked where no service is named.
    well = (
        codes.UNAUTHENTICATED,
        codes.PERMISSION_DENIED,
        *(() if service else (codes.UNIMPLEMENTED,)),
    )
    if code in well:
        return None
    return ProbeError(*known.get(code, (Cause.PROTOCOL, f"it answered {code.name}")))
