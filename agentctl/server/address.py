"""Address of a listener: HOST:PORT as people write it, and whether others can reach it."""

from __future__ import annotations

import ipaddress
import socket

from agentctl.lazy_namedtuple import NamedTuple


class Address(NamedTuple):
    """``host`` is a name or a bare IP address; port 0 is any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this host can get there, whatever its name resolves to."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return False  # binding will say what is wrong with it
        return bool(found) and all(
            ipaddress.ip_address(str(where[0]).partition("%")[0]).is_loopback for *_, where in found
        )

    @property
    def reachable(self) -> Address:
        """An address to connect to from this host: every address includes loopback's."""
        return self._replace(host=_ANY.get(self.host, self.host))


_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def parse_address(text: str) -> Address:
    """HOST:PORT; an IPv6 address in brackets, ``:PORT`` is all of IPv4. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError(f"expected HOST:PORT, as in 127.0.0.1:8080 or [::1]:8080, got {text!r}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError(f"expected an IPv6 address in the brackets, got {text!r}") from None
    elif ":" in host:
        raise ValueError(f"expected brackets around an IPv6 address: [{host}]:{port}")
    return Address(host or "0.0.0.0", int(port))
