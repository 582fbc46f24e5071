"""Server settings: address, TLS and token, from flags, environment and config file."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Optional

from agentctl.cli.config.flags import ADDRESS_VARIABLES, TOKEN_VARIABLES
from agentctl.cli.config.parser import boolean, guess
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

    def variable(self, *names: str) -> str:
        """The first that is set; empty if none is."""
        return next((name for name in names if self.environ.get(name)), "")

    def text(self, flag: str, *variables: str, key: str = "") -> str:
        found = self.environ.get(self.variable(*variables))
        return self.flag(flag) or found or self.config.get(key) or ""


def server_text(given: Given) -> str:
    """The server's address as it was given; empty if none was."""
    return given.text("--server", *ADDRESS_VARIABLES, key="address")


def server_access(
    given: Given, transport: str, namespace: str, policy: StreamPolicy, poll_interval_s: float
) -> ServerAccess:
    """All that a transport needs. Raises UsageError and ConfigError."""
    text = server_text(given)
    if not text:
        raise UsageError(
            f"--transport {transport} needs a server: give --server ADDRESS "
            f"(or {ADDRESS_VARIABLES[0]}, or address in the config file)"
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
    said = given.args.tls
    asking = ["--tls"] if said else [flag for flag in TLS_FLAGS if given.flag(flag)]
    if said is False and (address.tls or asking):
        why = f"{asking[0]} is for TLS" if asking else "--server https://... is TLS"
        raise UsageError(f"--no-tls asks for plain text, and {why}: give one of them")
    if address.tls is False and asking:
        raise UsageError("--server http://... is plain text, and --tls is not: use https://")
    wanted = address.tls if asking == [] else True
    if wanted is None:
        wanted = said if said is not None else tls_variable(given.environ)
    if wanted is None:
        wanted = bool(given.config.get("tls") or files != ClientTls())
    if not wanted:
        return None
    files.check()
    return files


def tls_variable(environ: Mapping[str, str]) -> Optional[bool]:
    """What AGENTCTL_TLS says, if anything. Raises UsageError."""
    text = environ.get("AGENTCTL_TLS")
    try:
        return boolean(text) if text else None
    except ArgumentTypeError as error:
        raise UsageError(f"AGENTCTL_TLS: {error}") from None


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
    source = "--token" if text else given.variable(*TOKEN_VARIABLES) or "the config's token"
    found = given.text("--token", *TOKEN_VARIABLES, key="token")
    if not found:
        return None
    token = checked_token(found, source)
    return lambda: token


def _path(text: str) -> str:
    return os.path.expanduser(text) if text else ""
