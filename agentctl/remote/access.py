"""Access to an agentctl server: address, TLS and token, whatever the transport.

Address forms: ``host:port``, ``http://host[:port][/prefix]``, ``https://...``,
``unix:/path`` (``unix://`` works too), ``[v6]:port``. The prefix is for a server behind a
proxy that strips it; gRPC knows none.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Optional
from urllib.parse import urlsplit

from agentctl.errors import ConfigError, UsageError
from agentctl.lazy_dataclass import dataclass
from agentctl.net.origin import Origin, dns_name, is_loopback
from agentctl.net.tls_settings import TlsSettings
from agentctl.net.token import fingerprint, read_token

FORMS = "host:port, http://host:port, https://host/prefix or unix:/path"


@dataclass(frozen=True)
class ServerAddress:
    """``path`` is a unix socket's; a prefix of the URL is ``prefix``, without a slash at its end.

    ``tls`` is None where the address does not say.
    """

    host: str = ""
    port: int = 0
    path: str = ""
    prefix: str = ""
    tls: Optional[bool] = None

    @classmethod
    def parse(cls, text: str, default_port: int, what: str = "--server") -> ServerAddress:
        """Raises UsageError, which names the forms and ``what``, who says it."""
        text = text.strip()
        if text.startswith("unix:"):
            path = text[len("unix:") :]
            path = path[2:] if path.startswith("//") else path
            if not path:
                raise UsageError(f"{what} {text!r}: a path is missing, as in unix:/run/agentctl")
            return cls(path=path)
        scheme, separator, _ = text.partition("://")
        if separator and scheme.lower() not in ("http", "https"):
            raise UsageError(f"{what} {text!r}: expected {FORMS}")
        try:
            parts = urlsplit(text if separator else f"//{text}")
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise UsageError(f"{what} {text!r}: expected {FORMS}") from None
        strange = parts.query or parts.fragment or (parts.path and not separator)
        if parts.username is not None or parts.password is not None:
            raise UsageError(f"{what}: no user and password in it; use --token-file")
        if not host or strange or any(c.isspace() for c in text):
            raise UsageError(f"{what} {text!r}: expected {FORMS}")
        try:
            dns_name(host)
        except ValueError as error:
            raise UsageError(f"{what}: {error}") from None
        if separator and port is None:
            port = 443 if scheme.lower() == "https" else 80
        tls = scheme.lower() == "https" if separator else None
        return cls(host, port or default_port, "", parts.path.rstrip("/"), tls)

    @property
    def is_local(self) -> bool:
        """What is sent there does not leave this host."""
        return bool(self.path) or is_loopback(self.host)

    @property
    def authority(self) -> str:
        """``host:port``, as URLs and gRPC targets have it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else self.authority


def client_tls(
    ca: str = "", certificate: str = "", key: str = "", server_name: str = ""
) -> TlsSettings:
    """Of files, read at each connection, so that renewed ones are used. Empty for none."""
    return TlsSettings(
        "--tls-ca, --tls-cert and --tls-key",
        ca_file=ca,
        client_cert_file=certificate,
        client_key_file=key,
        tls_server_name=server_name,
        trust_hint="give its CA with --tls-ca",
        name_hint="check the address, or give --tls-server-name",
    )


def check_tls(tls: TlsSettings) -> None:
    """Raises ConfigError for files that are not there or come alone, and for no name."""
    try:
        dns_name(tls.tls_server_name)
    except ValueError as error:
        raise UsageError(f"--tls-server-name: {error}") from None
    certificate, key = tls.client_cert_file, tls.client_key_file
    if bool(certificate) != bool(key):
        missing = "--tls-key" if certificate else "--tls-cert"
        raise UsageError(f"a client certificate needs its key: {missing} is missing")
    for flag, path in (("--tls-ca", tls.ca_file), ("--tls-cert", certificate), ("--tls-key", key)):
        if path and not os.access(path, os.R_OK):
            raise ConfigError(f"{flag} {path}: cannot be read")


def token_from_file(path: str) -> Callable[[], str]:
    """Reads the token anew each time; raises ConfigError, which names the file."""
    return lambda: read_token(path, f"--token-file {path}")


@dataclass(frozen=True)
class ServerAccess:
    """All that a transport needs to reach a server."""

    address: ServerAddress
    namespace: str
    heartbeat_s: float
    """What the server is asked for."""
    tls: Optional[TlsSettings] = None
    """None for plain text."""
    token: Optional[Callable[[], str]] = None
    """Gives the bearer token of this moment; may raise ConfigError."""
    since: Optional[str] = None
    """The user's own cursor: a replica that has not seen as much yet is waited for."""
    poll_interval_s: float = 10.0
    once: bool = False
    token_file: str = ""
    """Where ``token`` reads from, if from a file."""
    proxy: Callable[[Origin], str] = lambda _: ""
    """The URL of the proxy on the way to a server; empty for none."""

    def credentials(self) -> object:
        """What can be compared of the token's file."""
        return fingerprint([self.token_file] if self.token_file else [])

    @property
    def silence_s(self) -> float:
        """A server that sends nothing for so long is gone."""
        return 2.5 * self.heartbeat_s
