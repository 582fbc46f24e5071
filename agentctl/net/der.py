"""DER certificates: their time of validity, the one thing that ``ssl`` does not tell.

X.509 (RFC 5280, section 4.1): Certificate is a sequence that begins with tbsCertificate,
which is a sequence of [0] version (may be missing), serial number, signature, issuer,
validity (a sequence of two times).
"""

from __future__ import annotations

import ssl
from datetime import datetime, timezone
from typing import Optional

_UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x17, 0x18, 0xA0


def validity(pem: bytes) -> Optional[tuple[datetime, datetime]]:
    """Of the first certificate in a PEM text; None for what cannot be read."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    try:
        text = pem.decode("ascii", "replace")
        start = text.index(begin)
        der = ssl.PEM_cert_to_DER_cert(text[start : text.index(end, start) + len(end)])
        _, certificate, _ = _element(der)
        _, fields, _ = _element(certificate)
        if fields[0] == _VERSION:
            _, _, fields = _element(fields)
        for _ in range(3):
            _, _, fields = _element(fields)
        _, both, _ = _element(fields)
        first, not_before, rest = _element(both)
        last, not_after, _ = _element(rest)
        return _time(first, not_before), _time(last, not_after)
    except (ValueError, IndexError):
        return None


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag, content and what follows (X.690, definite lengths)."""
    tag, size, at = data[0], data[1], 2
    if size >= 0x80:
        at += size & 0x7F
        size = int.from_bytes(data[2:at], "big")
    return tag, data[at : at + size], data[at + size :]


def _time(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if tag == _UTC_TIME:  # two digits of a year: 1950 to 2049
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)
