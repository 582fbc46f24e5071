"""Target of a probe: what is asked, where, and what counts as well. No I/O."""

from __future__ import annotations

from functools import cached_property

from agentctl.lazy_dataclass import dataclass, replace
from agentctl.net.tls_settings import TlsSettings
from agentctl.probe.address import HostPort

PROTOCOL_NAMES = ("tcp", "tls", "http", "grpc", "postgres", "redis")


@dataclass(frozen=True)
class Question:
    """What a catalog says of a probe, its address apart."""

    protocol: str
    tls: bool = False
    verify: bool = True
    """Whether the certificate must be good, where TLS is spoken."""
    ca_file: str = ""
    server_name: str = ""
    warn_s: float = 7 * 86400.0
    """How long a certificate must be good for yet."""
    path: str = "/"
    statuses: tuple[int, ...] = ()
    """Of HTTP; none given: 200 to 299."""
    contains: str = ""
    service: str = ""
    """Which one gRPC's health service is asked about; empty for the server as a whole."""


@dataclass(frozen=True)
class Target:
    """A question and whom to ask it."""

    question: Question
    address: HostPort

    @cached_property
    def tls_settings(self) -> TlsSettings:
        asked = self.question
        return TlsSettings(
            ca_file=asked.ca_file,
            insecure_skip_tls_verify=not asked.verify,
            tls_server_name=asked.server_name,
            trust_hint="give its CA in the catalog: ca_file",
            name_hint="give the name it is for in the catalog: server_name",
        )

    @cached_property
    def anyone(self) -> TlsSettings:
        """TLS where nothing rests on who answers."""
        return replace(self.tls_settings, insecure_skip_tls_verify=True, ca_file="")

    def takes(self, status: int) -> bool:
        """Whether an HTTP status is one of those expected."""
        wanted = self.question.statuses
        return status in wanted if wanted else 200 <= status < 300
