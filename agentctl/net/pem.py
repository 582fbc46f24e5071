"""PEM: the certificates of a text, found as Go's ``encoding/pem`` and ``CertPool`` find them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from agentctl.lazy_regex import regex

_CERTIFICATE = regex(
    rb"^-----BEGIN CERTIFICATE-----[ \t\r]*\n([\w+/=\s]*)^-----END CERTIFICATE-----[ \t\r]*$",
    re.MULTILINE,
)


def certificates(text: bytes) -> Iterator[bytes]:
    """The DER of each block that has one; what stands between them, or is broken, is passed over.

    That it is a certificate is for who loads it to find out.
    """
    for block in _CERTIFICATE.finditer(text):
        try:
            yield base64.b64decode(b"".join(block[1].split()), validate=True)
        except binascii.Error:
            continue
