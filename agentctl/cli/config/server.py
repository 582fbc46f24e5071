"""Where the server is and how to be let in, from flags, environment and config file."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Optional

from agentctl.cli.config.parser import guess
from agentctl.engine.policy import StreamPolicy
from agentctl.errors import ConfigError, UsageError
from agentctl.remote.access import (
    ClientTls,
    ServerAccess,
    ServerAddress,
    checked_token,
    token_from_file,
)
from agentctl.remote.receiver import asked_heartbeat

PORTS = {"grpc": 50051, "sse": 8080}
"""Where an address names none: the defaults of ``agentctl serve``."""

TLS_KEYS = ("ca", "cert", "key", "server_name")
"""Of the config's ``tls``, where it is an object."""

TLS_FLAGS = ("--tls-ca", "--tls-cert", "--tls-key", "--tls-server-name")


class Given(NamedTuple):
    """The places that are asked, the first one first."""

    args: Namespace
    environ: Mapping[str, str]
    config: Mapping[str, Any]

    def flag(self, name: str) -> Optional[str]:
        return getattr(self.args, name[2:].replace("-", "_")) or None

    def text(self, flag: str, variable: str, key: str = "") -> str:
        return self.flag(flag) or self.environ.get(variable) or self.config.get(key) or ""


def server_text(given: Given) -> str:
    """The server's address as it was given; empty if none was."""
    return given.text("--server", "AGENTCTL_SERVER", "address")


def server_access(
    given: Given, transport: str, namespace: str, policy: StreamPolicy, poll_interval_s: float
) -> ServerAccess:
    """All that a transport needs. Raises UsageError and ConfigError."""
    text = server_text(given)
    if not text:
        raise UsageError(
            f"--transport {transport} needs a server: give --server ADDRESS "
            "(or AGENTCTL_SERVER, or address in the config file)"
        )
    address = ServerAddress.parse(text, PORTS[transport])
    if transport == "grpc" and address.prefix:
        raise UsageError(f"--server {text!r}: gRPC knows no path; give host:port")
    tls = _tls(given, address)
    token = _token(given)
    if token is not None and tls is None and not address.is_local:
        _allow_plaintext(given, address)
    return ServerAccess(
        address,
        namespace,
        asked_heartbeat(policy.heartbeat_s),
        tls,
        token,
        policy.since,
        poll_interval_s,
        policy.once,
        _path(given.flag("--token-file") or ""),
    )


def _allow_plaintext(given: Given, address: ServerAddress) -> None:
    if not given.args.insecure_plaintext_token:
        raise UsageError(
            f"refusing to send a token to {address} over plain text: use --tls or https://, "
            "or --insecure-plaintext-token if you must"
        )


def _tls(given: Given, address: ServerAddress) -> Optional[ClientTls]:
    config = tls_config(given.config)
    files = ClientTls(
        ca=_path(given.text("--tls-ca", "AGENTCTL_CA_CERT") or config.get("ca", "")),
        certificate=_path(
            given.text("--tls-cert", "AGENTCTL_CLIENT_CERT") or config.get("cert", "")
        ),
        key=_path(given.text("--tls-key", "AGENTCTL_CLIENT_KEY") or config.get("key", "")),
        server_name=given.flag("--tls-server-name") or config.get("server_name", ""),
    )
    asked = given.flag("--tls") or any(given.flag(flag) for flag in TLS_FLAGS)
    if address.tls is False and asked:
        raise UsageError("--server http://... is plain text, and --tls is not: use https://")
    wanted = address.tls
    if wanted is None:
        wanted = bool(asked or given.config.get("tls") or files != ClientTls())
    if not wanted:
        return None
    files.check()
    return files


def tls_config(config: Mapping[str, Any]) -> Mapping[str, str]:
    """The files of the config's ``tls``. Raises ConfigError for what cannot be meant."""
    tls = config.get("tls")
    if tls is None or isinstance(tls, bool):
        return {}
    if not isinstance(tls, dict):
        raise ConfigError(
            f"config: tls: expected true, false or an object of {', '.join(TLS_KEYS)}"
        )
    for key, value in tls.items():
        if key not in TLS_KEYS:
            raise ConfigError(f"config: tls: unknown key {key!r}{guess(key, TLS_KEYS)}")
        if not isinstance(value, str):
            raise ConfigError(f"config: tls.{key}: expected text, got {type(value).__name__}")
    return tls


def _token(given: Given) -> Optional[Callable[[], str]]:
    """Reads the token; None where none is to be sent."""
    text, path = given.flag("--token"), given.flag("--token-file")
    if text and path:
        raise UsageError("--token and --token-file: give one of them")
    if path:
        reader = token_from_file(_path(path))
        reader()  # a file that is not there is told at once
        return reader
    source = "--token" if text else "AGENTCTL_TOKEN"
    found = text or given.environ.get("AGENTCTL_TOKEN") or given.config.get("token")
    if not found:
        return None
    token = checked_token(found, source)
    return lambda: token


def _path(text: str) -> str:
    return os.path.expanduser(text) if text else ""
