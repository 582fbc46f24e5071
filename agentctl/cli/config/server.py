"""Server settings: address, TLS and token, from flags, environment and config file."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable
from typing import Optional

from agentctl.cli.config.layers import Layers, flagged
from agentctl.cli.config.table import BY_KEY, TLS_PARTS
from agentctl.engine.policy import StreamPolicy
from agentctl.errors import UsageError
from agentctl.net.proxies import environment_proxy
from agentctl.net.tls_settings import TlsSettings
from agentctl.remote.access import (
    ServerAccess,
    ServerAddress,
    check_tls,
    client_tls,
    token_from_file,
)
from agentctl.remote.receiver import asked_heartbeat

PORTS = {"grpc": 50051, "sse": 8080}
"""Where an address names none: the defaults of ``agentctl serve``."""


def server_access(
    layers: Layers, transport: str, namespace: str, policy: StreamPolicy, poll_interval_s: float
) -> ServerAccess:
    """All that a transport needs. Raises UsageError and ConfigError."""
    text = layers.text("address")
    if not text:
        raise UsageError(
            f"--transport {transport} needs a server: give --server ADDRESS "
            f"(or {BY_KEY['address'].variables[0]}, or address in the config file)"
        )
    place = layers.place("address")
    address = ServerAddress.parse(text, PORTS[transport], place)
    if transport == "grpc" and address.prefix:
        raise UsageError(f"{place} {text!r}: gRPC knows no path; give host:port")
    tls = _tls(layers, address)
    token = _token(layers)
    if token is not None and tls is None and not address.is_local:
        _allow_plaintext(layers.args, address)
    return ServerAccess(
        address,
        namespace,
        asked_heartbeat(policy.heartbeat_s),
        tls,
        token,
        policy.since,
        poll_interval_s,
        policy.once,
        os.path.expanduser(layers.args.token_file or ""),
        lambda origin: environment_proxy(origin, layers.environ),
    )


def _allow_plaintext(args: Namespace, address: ServerAddress) -> None:
    if not args.insecure_plaintext_token:
        raise UsageError(
            f"refusing to send a token to {address} over plain text: use --tls or https://, "
            "or --insecure-plaintext-token if you must"
        )


def _tls(layers: Layers, address: ServerAddress) -> Optional[TlsSettings]:
    said = layers.args.tls
    parts = (one.by for key in TLS_PARTS for one in flagged(layers.args, BY_KEY[key]))
    asking = "--tls" if said else next(parts, "")
    if said is False and (address.tls or asking):
        why = f"{asking} is for TLS" if asking else "--server https://... is TLS"
        raise UsageError(f"--no-tls asks for plain text, and {why}: give one of them")
    if address.tls is False and asking:
        raise UsageError(
            f"--server http://... is plain text, and {asking} is for TLS: use https://"
        )
    if not layers.checked("tls"):
        return None
    files = client_tls(
        ca=layers.path("tls.ca"),
        certificate=layers.path("tls.cert"),
        key=layers.path("tls.key"),
        server_name=layers.text("tls.server_name"),
    )
    check_tls(files)
    return files


def _token(layers: Layers) -> Optional[Callable[[], str]]:
    """Reads the token; None where none is to be sent."""
    text, path = layers.args.token, layers.args.token_file
    if text and path:
        raise UsageError("--token and --token-file: give one of them")
    if path:
        reader = token_from_file(os.path.expanduser(path))
        reader()  # a file that is not there is told at once
        return reader
    if not layers.text("token"):
        return None
    token = layers.checked("token")
    return lambda: token
