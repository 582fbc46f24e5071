"""Proxies: which one leads to a server, by kubeconfig's ``proxy-url`` or the environment. No I/O.

The environment is read as Go's ``golang.org/x/net/http/httpproxy`` reads it, because
that is what kubectl does.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from agentctl.errors import ConfigError

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
        pair = f"{self.username}:{self.password}".encode()
        return {"Proxy-Authorization": "Basic " + base64.b64encode(pair).decode("ascii")}

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """From ``scheme://[user[:password]@]host[:port]``. Raises ConfigError."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ConfigError("the proxy URL is not a URL; expected http://HOST:PORT") from None
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ConfigError(
                f"cannot use a proxy with scheme {parts.scheme!r}; "
                "expected http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT"
            )
        return cls(
            parts.scheme,
            parts.hostname,
            port or _PORTS[parts.scheme],
            unquote(parts.username or ""),
            unquote(parts.password or ""),
        )


def environment_proxy(server: str, environ: Mapping[str, str]) -> str:
    """The proxy URL that the environment names for ``server``; empty for none."""
    parts = urlsplit(server)
    name = "HTTPS_PROXY" if parts.scheme == "https" else "HTTP_PROXY"
    proxy = environ.get(name) or environ.get(name.lower()) or ""
    if not proxy or not parts.hostname:
        return ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    exceptions = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    if is_loopback(parts.hostname) or _is_exempt(parts.hostname, port, exceptions):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def is_loopback(host: str) -> bool:
    """Whether ``host`` can only mean this machine."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _is_exempt(host: str, port: int, exceptions: str) -> bool:
    host = host.rstrip(".").lower()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    for entry in exceptions.lower().replace(" ", ",").split(","):
        if not entry:
            continue
        if entry == "*":
            return True
        if address is not None and "/" in entry:
            try:
                if address in ipaddress.ip_network(entry, strict=False):
                    return True
            except ValueError:
                pass
            continue
        name, wanted_port = _split_port(entry)
        if wanted_port not in ("", str(port)):
            continue
        if address is not None:
            try:
                if ipaddress.ip_address(name) == address:
                    return True
            except ValueError:
                pass
        elif _is_name_exempt(host, name.rstrip(".")):
            return True
    return False


def _is_name_exempt(host: str, name: str) -> bool:
    if name.startswith("*."):
        name = name[1:]
    if name.startswith("."):
        return host.endswith(name)
    return host == name or host.endswith(f".{name}")


def _split_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest[1:]
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, port
    return entry, ""
