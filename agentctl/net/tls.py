"""TLS contexts from ``TlsSettings``."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from agentctl.errors import ConfigError
from agentctl.net.pem import certificates
from agentctl.net.tls_settings import TlsSettings

MAX_CA_BYTES = 16 << 20

_PARTIAL_CHAIN = ssl.VerifyFlags(0x80000)
"""``X509_V_FLAG_PARTIAL_CHAIN``: any certificate that is trusted ends the chain, an intermediate
or the server's own as well, as in Go and in gRPC. Python names it from 3.10 on."""


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


def trust_certificates(context: ssl.SSLContext, text: bytes) -> list[bytes]:
    """Trust each certificate of a PEM text, and return them as DER.

    One that is broken hides no other.
    """
    trusted = []
    for der in certificates(text):
        with suppress(ssl.SSLError):
            context.load_verify_locations(cadata=der)
            trusted.append(der)
    return trusted


def _trust(context: ssl.SSLContext, settings: TlsSettings) -> None:
    context.verify_flags |= _PARTIAL_CHAIN
    if settings.ca_data:
        _add(context, settings.ca_data.encode(), "certificate-authority-data", settings)
    elif settings.ca_file:
        _add(context, _content(settings.ca_file, settings), settings.ca_file, settings)
    else:
        context.load_default_certs()


def _add(context: ssl.SSLContext, text: bytes, what: str, settings: TlsSettings) -> None:
    if not trust_certificates(context, text):
        raise ConfigError(
            f"{settings.description}: cannot use the CA in {what}: no certificate in PEM form"
        )


def _content(path: str, settings: TlsSettings) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MAX_CA_BYTES)
    except OSError as error:
        raise ConfigError(
            f"{settings.description}: cannot use the CA in {path}: {error.strerror or error}"
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
    """A path to ``data`` for as long as it takes to load it.

    In memory where the system has that (Linux): a key is nothing for a disk, which may be
    read-only, too. Elsewhere a file that is ours alone (mkstemp makes it 0600).
    """
    if not data:
        yield path
        return
    handle = _in_memory()
    name = f"/proc/self/fd/{handle}"
    if handle < 0:
        import tempfile  # not cheap, and seldom needed

        handle, name = tempfile.mkstemp(prefix="agentctl-", suffix=".pem")
    with os.fdopen(handle, "w", encoding="ascii") as file:
        try:
            file.write(data)
            file.flush()
            yield name
        finally:
            if not name.startswith("/proc/"):
                os.unlink(name)


def _in_memory() -> int:
    """A new file's descriptor; -1 where there are no such files, or none that has a path."""
    if not hasattr(os, "memfd_create") or not os.path.isdir("/proc/self/fd"):
        return -1
    try:
        return os.memfd_create("agentctl")
    except OSError:
        return -1
