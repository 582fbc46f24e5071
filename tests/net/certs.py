"""Certificates for tests: a CA and what it signs, made anew in each run."""

from __future__ import annotations

import base64
import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Optional

import trustme


class Authority:
    """A cluster's CA, with PEM texts and server contexts for the asking."""

    def __init__(self, ca: Optional[trustme.CA] = None) -> None:
        self.ca = ca or trustme.CA()
        self.pem = self.ca.cert_pem.bytes().decode()

    def intermediate(self) -> Authority:
        """One that this has signed; its servers send its certificate along."""
        return Authority(self.ca.create_child_ca())

    def server_context(
        self, *names: str, client_ca: Optional[Authority] = None, days: int = 30
    ) -> ssl.SSLContext:
        """What a server for ``names`` presents; with ``client_ca`` it demands our certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._issue(names or ("127.0.0.1", "localhost"), days).configure_cert(context)
        if client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            client_ca.ca.configure_trust(context)
        return context

    def client_pair(self, name: str = "admin.example", days: int = 30) -> tuple[str, str]:
        """A client's certificate and key as PEM; negative ``days`` makes it expired."""
        issued = self._issue((name,), days)
        return (
            issued.cert_chain_pems[0].bytes().decode(),
            issued.private_key_pem.bytes().decode(),
        )

    def _issue(self, names: tuple[str, ...], days: int) -> trustme.LeafCert:
        now = datetime.now(timezone.utc)
        return self.ca.issue_cert(
            *names,
            not_before=now - timedelta(days=abs(days) + 10),
            not_after=now + timedelta(days=days),
        )


def bundles(root: str, intermediate: str, leaf: str) -> dict[str, bytes]:
    """PEM texts that Go takes for the CA of a server with ``leaf``."""
    broken = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
    return {
        "intermediate": intermediate.encode(),
        "leaf": leaf.encode(),
        "comment": f"# Autorité 根证书\n{root}".encode(),
        "latin comment": f"# Autorité\n{root}".encode("latin-1"),
        "broken after it": (root + broken.format("MIIB!")).encode(),
        "broken before it": (broken.format("MIIB!") + root).encode(),
        "no certificate before it": (broken.format("MIIB") + root).encode(),
        "cut off before it": (root[:200] + "\n" + root).encode(),
        "another before it": (Authority().pem + root).encode(),
        "crlf": root.replace("\n", "\r\n").encode(),
    }


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)
