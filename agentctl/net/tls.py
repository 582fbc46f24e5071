"""TLS contexts from ``TlsSettings``."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from agentctl.errors import ConfigError
from agentctl.net.tls_settings import TlsSettings


def server_context(settings: TlsSettings, alpn: Sequence[str] = ("http/1.1",)) -> ssl.SSLContext:
    """The context for a server: its CA, and our certificate if we have one.

    Without a CA the system's are trusted, as kubectl does. Raises ConfigError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if settings.insecure_skip_tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        _trust(context, settings)
    _identify(context, settings)
    return context


def proxy_context(settings: TlsSettings) -> ssl.SSLContext:
    """The context for an https proxy: the system's CAs and the cluster's, no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_default_certs()
    if settings.ca_file or settings.ca_data:
        _trust(context, settings)
    return context


def _trust(context: ssl.SSLContext, settings: TlsSettings) -> None:
    try:
        if settings.ca_data:
            context.load_verify_locations(cadata=settings.ca_data)
        elif settings.ca_file:
            context.load_verify_locations(cafile=settings.ca_file)
        else:
            context.load_default_certs()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        what = settings.ca_file if not settings.ca_data else "certificate-authority-data"
        pem = isinstance(error, (ssl.SSLError, UnicodeError))
        reason = "no certificate in PEM form" if pem else getattr(error, "strerror", error)
        raise ConfigError(
            f"{settings.description}: cannot use the CA in {what}: {reason}"
        ) from error


def _identify(context: ssl.SSLContext, settings: TlsSettings) -> None:
    if not (settings.client_cert_file or settings.client_cert_data):
        return
    encrypted = False

    def no_passphrase() -> str:
        # Without this OpenSSL would ask for one on the terminal.
        nonlocal encrypted
        encrypted = True
        return ""

    with ExitStack() as files:
        cert = files.enter_context(_as_file(settings.client_cert_data, settings.client_cert_file))
        key = files.enter_context(_as_file(settings.client_key_data, settings.client_key_file))
        try:
            context.load_cert_chain(cert, key or None, password=no_passphrase)
        except (OSError, ValueError) as error:
            if encrypted:
                reason = "the key is encrypted; give one without a passphrase"
            elif getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
                reason = "the key does not belong to the certificate"
            elif isinstance(error, ssl.SSLError):
                reason = "certificate or key is not in PEM form"
            else:
                reason = f"{error.strerror}: {error.filename or cert}"  # type: ignore[union-attr]
            raise ConfigError(
                f"{settings.description}: cannot use the client certificate: {reason}"
            ) from error


@contextmanager
def _as_file(data: str, path: str) -> Iterator[str]:
    """A path to ``data`` for as long as it takes to load it (mkstemp makes it 0600)."""
    if not data:
        yield path
        return
    handle, name = tempfile.mkstemp(prefix="agentctl-", suffix=".pem")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(data)
        yield name
    finally:
        os.unlink(name)
