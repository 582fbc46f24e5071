"""TLS failures in words, the same for each transport: what went wrong and what to do."""

from __future__ import annotations

import ssl

from agentctl.net.tls_settings import TlsSettings

NOT_VALID_YET = "the server's certificate is not valid yet; check this machine's clock"
EXPIRED = "the server's certificate has expired; renew it, or check this machine's clock"
NO_TLS = "it does not speak TLS; if it answers plain HTTP: use http://"


def untrusted(settings: TlsSettings) -> str:
    return f"certificate signed by unknown authority; {settings.trust_hint}"


def other_name(settings: TlsSettings) -> str:
    return f"the server's certificate is for another name; {settings.name_hint}"


_UNTRUSTED = (18, 19, 20, 21)  # X509_V_ERR_* of OpenSSL, as are those below
_NAME_MISMATCH = (62, 64)
_OUT_OF_DATE = {9: NOT_VALID_YET, 10: EXPIRED}

_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
)

_REFUSED_CERTIFICATE = {
    "CERTIFICATE_EXPIRED": "our client certificate has expired; renew it",
    "CERTIFICATE_REVOKED": "our client certificate was revoked; get a new one",
    "CERTIFICATE_REQUIRED": "it wants a client certificate and we gave none",
    "UNKNOWN_CA": "it does not know the authority that signed our client certificate",
    "CERTIFICATE_UNKNOWN": "it refused our client certificate",
    "BAD_CERTIFICATE": "it refused our client certificate",
    "UNSUPPORTED_CERTIFICATE": "it refused our client certificate",
}


def explain_tls(error: ssl.SSLError, settings: TlsSettings) -> str:
    """One clause on what went wrong and what to do; the caller puts the peer before it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_verification(error, settings)
    reason = error.reason or ""
    _, alert, name = reason.partition("ALERT_")
    if reason in _NOT_TLS:
        return NO_TLS
    if alert:
        broke_off = f"it broke off the TLS handshake ({name.replace('_', ' ').lower()})"
        return _REFUSED_CERTIFICATE.get(name, broke_off)
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return "it closed the connection during TLS"
    return f"TLS failed: {reason.replace('_', ' ').lower() or error}"


def _explain_verification(error: ssl.SSLCertVerificationError, settings: TlsSettings) -> str:
    if error.verify_code in _UNTRUSTED:
        return untrusted(settings)
    if error.verify_code in _NAME_MISMATCH:
        return other_name(settings)
    other = f"the server's certificate is not good: {error.verify_message}"
    return _OUT_OF_DATE.get(error.verify_code, other)
