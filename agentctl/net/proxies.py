"""Proxies: which one leads to a server, by kubeconfig's ``proxy-url`` or the environment. No I/O.

The environment is read as Go's ``golang.org/x/net/http/httpproxy`` reads it, because
that is what kubectl does.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from typing import Union
from urllib.parse import unquote, urlsplit

from agentctl.errors import ConfigError
from agentctl.lazy_dataclass import dataclass, field
from agentctl.net.origin import Origin, dns_name, is_loopback

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True)
class Proxy:
    """A proxy to dial instead of the server."""

    scheme: str
    host: str
    port: int
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def is_socks(self) -> bool:
        return self.scheme.startswith("socks")

    @property
    def headers(self) -> dict[str, str]:
        """What the proxy itself must be told: ``Proxy-Authorization``, if anything."""
        if not self.username:
            return {}
        return {"Proxy-Authorization": basic(self.username, self.password)}

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """From ``scheme://[user[:password]@]host[:port]``. Raises ConfigError."""
        forms = "http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT"
        try:
            parts = urlsplit(url)
            host, port = dns_name(parts.hostname or ""), parts.port
        except ValueError as error:
            raise ConfigError(f"cannot use the proxy: {error}; expected {forms}") from None
        if parts.scheme not in _PORTS:
            raise ConfigError(f"cannot use a proxy with scheme {parts.scheme!r}; expected {forms}")
        if not host or url != url.strip():
            raise ConfigError(f"the proxy URL is not a URL; expected {forms}")
        return cls(
            parts.scheme,
            host,
            port or _PORTS[parts.scheme],
            unquote(parts.username or ""),
            unquote(parts.password or ""),
        )


def basic(username: str, password: str) -> str:
    """An Authorization header's value (RFC 7617)."""
    pair = f"{username}:{password}".encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")


def environment_proxy(origin: Origin, environ: Mapping[str, str]) -> str:
    """The proxy URL that the environment names for a server; empty for none.

    ``HTTPS_PROXY`` or ``HTTP_PROXY``, by the server's scheme, unless ``NO_PROXY`` exempts it;
    each in lower case too, which counts where the other is not set. ``ALL_PROXY`` does not
    count. What is on this machine is never asked for by way of another.
    """
    proxy = _variable(environ, f"{origin.scheme.upper()}_PROXY")
    if not proxy or is_loopback(origin.host):
        return ""
    exempt = (entry.strip() for entry in _variable(environ, "NO_PROXY").lower().split(","))
    if any(_exempts(entry, origin) for entry in exempt if entry):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.lower()) or ""


def _exempts(entry: str, origin: Origin) -> bool:
    """Whether an entry of NO_PROXY means a server.

    It is ``*``, an address, a range (``10.0.0.0/8``), a domain, with which come those below
    it, or those below alone (``.example.com``, ``*.example.com``); all but the first and the
    ranges with a port if need be.
    """
    host = origin.host.rstrip(".")
    address = _address(host)
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, port = _split_port(entry)
    if port not in ("", str(origin.port)):
        return False
    named = _address(name)
    if named is not None:
        return named == address
    below = name.startswith((".", "*."))
    domain = _ascii(name.removeprefix("*.").strip("."))
    return bool(domain) and (host.endswith(f".{domain}") or (host == domain and not below))


def _address(text: str) -> Union[ipaddress.IPv4Address, ipaddress.IPv6Address, None]:
    """An address without its zone; IPv4 where IPv6 only wraps it."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _ascii(name: str) -> str:
    with suppress(UnicodeError):
        return name.encode("idna").decode("ascii")
    return name


def _split_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest[1:]
    name, colon, port = entry.partition(":")
    return (name, port) if colon and ":" not in port else (entry, "")
