"""TLS of the server: certificate, key and client CA, read again when their files change."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Sequence
from typing import Optional

from agentctl.clock import Clock
from agentctl.errors import ConfigError
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import format_time
from agentctl.net.der import validity
from agentctl.server.reloading import Named, Reloading

log = logging.getLogger(__name__)


class TlsPem(NamedTuple):
    """The files' content, for grpc."""

    key: bytes
    certificate: bytes
    client_ca: Optional[bytes]
    """Client certificates must be signed by it; None where none are asked for."""


class ServerTls:
    """What listeners present and demand. A bad new file leaves the old one in force.

    Raises ConfigError, which names flag and file, for files that cannot be used.
    """

    def __init__(self, certificate: str, key: str, client_ca: Optional[str], clock: Clock) -> None:
        self._files = [Named("--tls-cert", certificate), Named("--tls-key", key)]
        if client_ca is not None:
            self._files.append(Named("--client-ca", client_ca))
        self._clock = clock
        self._made = Reloading(self._files, self._make, clock)

    @property
    def mutual(self) -> bool:
        """Clients must show a certificate."""
        return len(self._files) > 2

    def context(self) -> ssl.SSLContext:
        """For the next connection; the same object until the files change."""
        return self._made.get()[0]

    def pem(self) -> TlsPem:
        """For the next connection; the same object until the files change."""
        return self._made.get()[1]

    def _make(self, contents: Sequence[bytes]) -> tuple[ssl.SSLContext, TlsPem]:
        certificate, key = contents[0], contents[1]
        pem = TlsPem(key, certificate, contents[2] if self.mutual else None)
        self._check_form(pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        self._identify(context)
        if self.mutual:
            context.verify_mode = ssl.CERT_REQUIRED
            self._trust(context)
        self._warn_of_dates(certificate)
        return context, pem

    def _check_form(self, pem: TlsPem) -> None:
        certificate, key, *client_ca = self._files
        if b"-----BEGIN CERTIFICATE-----" not in pem.certificate:
            raise ConfigError(f"{certificate}: holds no certificate in PEM form")
        if b"PRIVATE KEY-----" not in pem.key:
            raise ConfigError(f"{key}: holds no private key in PEM form")
        if b"-----BEGIN ENCRYPTED" in pem.key or b"Proc-Type: 4,ENCRYPTED" in pem.key:
            raise ConfigError(f"{key}: is encrypted; give a key without a passphrase")
        if client_ca and b"-----BEGIN CERTIFICATE-----" not in (pem.client_ca or b""):
            raise ConfigError(f"{client_ca[0]}: holds no certificate in PEM form")

    def _identify(self, context: ssl.SSLContext) -> None:
        certificate, key = self._files[:2]
        try:
            # The files, not the bytes that were read: a root that is mounted read-only has
            # no room for a copy. Should they change in between, the next look sees it.
            context.load_cert_chain(certificate.path, key.path, password=lambda: "")
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise ConfigError(f"{key}: does not belong to {certificate}") from None
            reason = (error.reason or str(error)).replace("_", " ").lower()
            raise ConfigError(f"cannot use {certificate} with {key}: {reason}") from None
        except OSError as error:
            raise ConfigError(
                f"cannot use {certificate} with {key}: {error.strerror or error}"
            ) from None

    def _trust(self, context: ssl.SSLContext) -> None:
        client_ca = self._files[2]
        try:
            context.load_verify_locations(cafile=client_ca.path)
        except OSError as error:  # ssl.SSLError is one
            reason = getattr(error, "reason", "") or error.strerror or str(error)
            reason = reason.replace("_", " ").lower()
            raise ConfigError(f"{client_ca}: cannot be used: {reason}") from None

    def _warn_of_dates(self, certificate: bytes) -> None:
        """A clock may be wrong, and a client may not care: it is theirs to refuse."""
        dates = validity(certificate)
        now = self._clock.now()
        if dates is not None and now > dates[1]:
            log.warning("%s: has expired at %s", self._files[0], format_time(dates[1]))
        elif dates is not None and now < dates[0]:
            log.warning("%s: is not valid before %s", self._files[0], format_time(dates[0]))
