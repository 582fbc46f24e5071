"""Origin of a URL: scheme, host and port, as they are dialled, compared and shown."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

PORTS = {"http": 80, "https": 443}

_HOST = re.compile(r"[\w.:%~-]+", re.ASCII)


class Origin(NamedTuple):
    """Two URLs with equal ones are of one server, however they are spelt."""

    scheme: str
    host: str
    """In lower case, without brackets, a zone after ``%``; IDNA where it is not ASCII."""
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Raises ValueError for what is no URL of an HTTP server."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        # RFC 6874 has a zone's % written as %25; in a name %-signs may stand for anything.
        host = host.replace("%25", "%", 1) if ":" in host else unquote(host)
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
        if parts.scheme not in PORTS or not _HOST.fullmatch(host):
            raise ValueError("no URL of an HTTP server")
        return cls(parts.scheme, host, parts.port or PORTS[parts.scheme])

    @property
    def secure(self) -> bool:
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """``host:port``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def host_header(self) -> str:
        """Without the port where it goes without saying, and without a zone, which is ours."""
        host = self._replace(host=self.host.partition("%")[0])
        default = self.port == PORTS[self.scheme]
        return host.authority.rpartition(":")[0] if default else host.authority


def is_loopback(host: str) -> bool:
    """Whether ``host`` can only mean this machine."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
