"""Address of a dependency, and which ones may be dialled. No I/O."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from fnmatch import fnmatchcase
from typing import Optional, Union
from urllib.parse import urlsplit

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lazy_regex import regex
from agentctl.net.origin import is_ip
from agentctl.probe.answer import Cause, ProbeError

MAX_ADDRESSES = 10
"""Of those that a name has, how many are dialled."""

DEFAULT_PORTS = {
    "http": 80,
    "https": 443,
    "postgres": 5432,
    "postgresql": 5432,
    "redis": 6379,
    "rediss": 6379,
}
"""Of the schemes that a variable's URL may have."""

_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)
"""Where clouds answer questions about a machine, beside 169.254.169.254, which is link-local."""

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_HOST = regex(r"[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?\.?\Z")

IPAddress = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


class HostPort(NamedTuple):
    """Where to dial, and which host the catalog itself names."""

    host: str
    port: int
    named: str = ""
    """What the catalog spells out in full (no glob): that may be any address."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_address(text: str) -> Optional[HostPort]:
    """``HOST:PORT``, ``[IPV6]:PORT``; None for what is neither."""
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if not is_ip(host):
            return None
    elif not _HOST.match(host) or len(host) > 253:
        return None
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        return None
    return HostPort(host.rstrip(".").lower(), int(port))


def address_in(value: str, port: int = 0) -> Optional[HostPort]:
    """Host and port, and nothing else, out of a variable's value.

    The value is a URL, ``HOST:PORT`` or ``HOST``; ``port`` is what holds where it has none.
    None for what cannot be read: several hosts too, of which nobody can say which is meant.
    """
    value = value.strip()
    if len(value) > 2048 or "," in value:
        return None
    if "://" not in value:
        found = parse_address(value.partition("/")[0])
        if found is None and port and ":" not in value:
            found = parse_address(f"{value.partition('/')[0]}:{port}")
        return found
    try:
        parts = urlsplit(value)
        host, own = parts.hostname or "", parts.port
    except ValueError:
        return None
    own = own or port or DEFAULT_PORTS.get(parts.scheme.partition("+")[0].lower(), 0)
    return parse_address(f"[{host}]:{own}" if ":" in host else f"{host}:{own}")


def allowed_host(host: str, globs: Collection[str]) -> Optional[str]:
    """The glob that lets a host be dialled, None if none does; an exact one comes first."""
    exact = host.lower()
    if exact in globs:
        return exact
    return next((glob for glob in globs if fnmatchcase(exact, glob.lower())), None)


def why_refused(ip: IPAddress) -> str:
    """Why nobody may aim a probe here unless the catalog says so; empty for other addresses."""
    ip = _embedded(ip)
    for word in ("loopback", "link_local", "unspecified", "multicast"):
        if getattr(ip, f"is_{word}"):
            return f"is {word.replace('_', '-')}"
    return "is a metadata service" if ip in _METADATA else ""


def _embedded(ip: IPAddress) -> IPAddress:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and ip in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return inner
    return ip


def permitted(address: HostPort, found: Collection[str]) -> list[str]:
    """Those of a name's addresses that may be dialled, at most MAX_ADDRESSES.

    Raises ProbeError where none may.
    """
    if address.named == address.host:
        return list(found)[:MAX_ADDRESSES]
    good, refused = [], ""
    for text in found:
        reason = why_refused(ipaddress.ip_address(text.partition("%")[0]))
        if not reason:
            good.append(text)
        refused = refused or (f"{text} {reason}" if reason else "")
    if not good:
        raise ProbeError(
            Cause.ADDRESS,
            f"{refused}: not dialled unless the catalog names it"
            if refused
            else "the name has no address",
        )
    return good[:MAX_ADDRESSES]
