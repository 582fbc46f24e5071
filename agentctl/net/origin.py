"""Origin of a URL: scheme, host and port, as they are dialled, compared and shown."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import unquote, urlsplit

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lazy_regex import regex

PORTS = {"http": 80, "https": 443}

MAX_LABEL, MAX_NAME = 63, 253
"""Characters of a host's name, and of what stands between two dots (RFC 1035, 2.3.4)."""

_HOST = regex(r"[\w.:%~-]+", re.ASCII)


class Origin(NamedTuple):
    """Two URLs with equal ones are of one server, however they are spelt."""

    scheme: str
    host: str
    """In lower case, without brackets, a zone after ``%``; IDNA where it is not ASCII."""
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Raises ValueError, in words, for what is no URL of an HTTP server."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        # RFC 6874 has a zone's % written as %25; in a name %-signs may stand for anything.
        host = host.replace("%25", "%", 1) if ":" in host else unquote(host)
        host = dns_name(host)
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


def dns_name(host: str) -> str:
    """A host as it is looked up: in IDNA where it is not ASCII; an address as it is.

    Raises ValueError, which says in words why no host can have that name.
    """
    if ":" in host:
        return host
    name = ".".join(map(_ascii_label, host.split(".")))
    *labels, last = name.split(".")
    shown = f"the name {host if len(host) <= MAX_NAME else host[:MAX_LABEL] + '…'!r}"
    if "" in labels:
        raise ValueError(f"{shown} has an empty label: two dots together, or one in front")
    if any(len(label) > MAX_LABEL for label in (*labels, last)):
        raise ValueError(f"{shown} has a label of more than {MAX_LABEL} characters")
    if len(name.rstrip(".")) > MAX_NAME:
        raise ValueError(f"{shown} has more than {MAX_NAME} characters")
    return name


def _ascii_label(label: str) -> str:
    if label.isascii():
        return label
    try:
        return label.encode("idna").decode("ascii")
    except UnicodeError:
        # Too long, most likely; else what no name may have.
        return "xn--" + label.encode("punycode", "replace").decode("ascii")


def is_loopback(host: str) -> bool:
    """Whether ``host`` can only mean this machine."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def is_ip(host: str) -> bool:
    """Whether ``host`` is an address, and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
