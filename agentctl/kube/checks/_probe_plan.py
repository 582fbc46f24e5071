"""Plan of a probe: whom to ask, how often, and what its readings come to. No I/O."""

from __future__ import annotations

import zlib
from typing import Optional, Union

from agentctl.kube.check import Context, Result, blind, fill, place
from agentctl.kube.checks._workloads import Names
from agentctl.kube.cuts.addresses import NO_PORT, EnvAddresses, cut_env_addresses
from agentctl.kube.resources import Need, Resource
from agentctl.lazy_dataclass import dataclass
from agentctl.model import Status
from agentctl.probe.address import HostPort, allowed_host
from agentctl.probe.answer import Answer, Cause
from agentctl.probe.target import Question


@dataclass(frozen=True)
class EnvAddress:
    """The address is in a variable of a workload; ``hosts`` are globs of those allowed."""

    workload: Names
    names: tuple[str, ...]
    hosts: tuple[str, ...]
    port: int = 0

    def needs(self, namespace: str, where: str) -> tuple[Need, ...]:
        return self.workload.needs(namespace, where, cut_env_addresses)

    def find(self, context: Context, where: str) -> Union[HostPort, Result]:
        """The address, or why there is none to be asked."""
        found = self.workload.first(context.view, context.namespace, where, cut_env_addresses)
        if found.blind:
            return blind(found.blind)
        env: Optional[EnvAddresses] = found.value
        if env is None:
            return Result(Status.CONFIGURED)
        known = dict(env.addresses)
        name = next((one for one in self.names if one in known), "")
        if not name:
            return Result(Status.CONFIGURED)
        address = known[name]
        port = self.port if address is not None and address.port == NO_PORT else 0
        if address is None or (address.port == NO_PORT and not port):
            return Result(
                Status.CONFIGURED, details={"not_probed": f"{name} is no literal address"}
            )
        globs = [fill(one, context.namespace) for one in self.hosts]
        glob = allowed_host(address.host, globs)
        if glob is None:
            message = f"not probed: {name} points to {address.host}, which hosts: does not allow"
            return Result(Status.UNKNOWN, message)
        return address._replace(port=port or address.port, named=glob)


@dataclass(frozen=True)
class ServiceAddress:
    """The address is a Service's name in the cluster's DNS."""

    service: str
    port: int

    def needs(self, namespace: str, where: str) -> tuple[Need, ...]:
        return ()

    def find(self, context: Context, where: str) -> Union[HostPort, Result]:
        return HostPort(f"{fill(self.service, context.namespace)}.{where}.svc", self.port)


@dataclass(frozen=True)
class LiteralAddress:
    """The address stands in the catalog."""

    address: HostPort

    def needs(self, namespace: str, where: str) -> tuple[Need, ...]:
        return ()

    def find(self, context: Context, where: str) -> Union[HostPort, Result]:
        host = fill(self.address.host, context.namespace)
        return HostPort(host, self.address.port, named=host)


@dataclass(frozen=True)
class ProbePlan:
    """One dependency to be asked; times in seconds."""

    question: Question
    address: Union[EnvAddress, ServiceAddress, LiteralAddress]
    namespace: str = ""
    every: float = 10.0
    timeout: float = 3.0
    failures: int = 2
    """How many in a row there must be before it counts as degraded."""
    slow: Optional[float] = None

    @property
    def resource(self) -> ProbedResource:
        digest = zlib.crc32(repr(self).encode())
        plural = f"probe:{self.question.protocol}:{digest:08x}"
        literal = isinstance(self.address, LiteralAddress) and "{" not in self.address.address.host
        return ProbedResource("", "", plural, namespaced=not literal, plan=self)

    def aim(self, context: Context) -> Union[HostPort, Result]:
        """Where to ask now, or the verdict where nobody can be asked."""
        return self.address.find(context, place(self.namespace, context.namespace))

    def aim_needs(self, namespace: str) -> tuple[Need, ...]:
        """What ``aim`` looks at."""
        return self.address.needs(namespace, place(self.namespace, namespace))


@dataclass(frozen=True)
class ProbedResource(Resource):
    """Not a resource of the API but a dependency, whose readings are its objects."""

    plan: Optional[ProbePlan] = None

    __hash__ = Resource.__hash__

    @property
    def is_api(self) -> bool:
        return False


@dataclass(frozen=True)
class ProbeReading:
    """What the last probes of one address came to."""

    address: HostPort
    answer: Optional[Answer]
    """The last one, if it was good."""
    cause: Optional[Cause] = None
    message: str = ""
    failures: int = 0
    """In a row."""
    known_good: bool = False
    """Whether it was well before these failures, or is now."""
    restored: bool = False
    """It is well again, after having been degraded."""
    latency_ms: float = 0.0
    """Of the last good answer: another one is news for whoever shows it, and no change."""

    def after(
        self, answer: Optional[Answer], cause: Optional[Cause], message: str, limit: int
    ) -> ProbeReading:
        """The reading after one more probe: an answer, or a failure's cause and words."""
        if answer is not None:
            restored = self.restored or self.failures >= limit
            return ProbeReading(
                self.address, answer, None, "", 0, True, restored, answer.latency_ms
            )
        failures = self.failures + 1
        good = self.known_good and failures < limit
        return ProbeReading(self.address, None, cause, message, failures, good)
