"""``probe``: a dependency answers when it is asked, in the first words of its protocol.

What is asked, and where, is a ``ProbePlan``; asking is for a source (``kube.probe_source``).
Unless probes were asked for, such a check is ``configured`` and needs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional, Union

from agentctl.kube.check import Check, Context, Fields, Result, blind
from agentctl.kube.explain.finding import Finding
from agentctl.kube.resources import Need, Seen
from agentctl.lazy_dataclass import dataclass, replace
from agentctl.model import Status

KIND = "probe"
FIELDS = (
    *("protocol", "address", "service", "port", "namespace", "from_env", "noun", "show_address"),
    *("every", "timeout", "failures", "slow"),
    *("tls", "verify", "ca_file", "server_name", "warn"),
    *("path", "status", "contains", "grpc_service"),
)
"""Where, how it is told of, when, TLS, and what HTTP and gRPC are asked."""

ONLY_FOR = {
    "path": ("http",),
    "status": ("http",),
    "contains": ("http",),
    "grpc_service": ("grpc",),
    "warn": ("tls",),
    "tls": ("http", "grpc", "redis"),
    "verify": ("tls", "http", "redis"),
    "ca_file": ("tls", "http", "grpc", "redis"),
    "server_name": ("tls", "http", "grpc", "redis"),
}
"""Fields that only some protocols have a use for."""

MIN_EVERY_S, MAX_TIMEOUT_S = 1.0, 60.0
MAX_FAILURES = 100


def cut_reading(item: Any, seen: Seen) -> Any:
    """A source of readings makes no other objects."""
    return item["reading"]


@dataclass(frozen=True)
class ProbeCheck(Check):
    """``plan`` is a ``ProbePlan``; ``noun`` is what its words call the dependency."""

    plan: Any
    noun: str = ""
    show_address: bool = False
    enabled: bool = True

    asks = True

    def asking(self, address: str) -> ProbeCheck:
        from agentctl.kube.checks._probe_plan import LiteralAddress
        from agentctl.probe.address import parse_address

        there = parse_address(address)
        assert there is not None, "it is HOST:PORT"
        plan = replace(self.plan, address=LiteralAddress(there), every=MIN_EVERY_S)
        return replace(self, plan=plan)

    def unasked(self) -> ProbeCheck:
        return replace(self, enabled=False)

    def needs(self, namespace: str) -> tuple[Need, ...]:
        if not self.enabled:
            return ()
        resource = self.plan.resource
        readings = Need(resource, namespace if resource.namespaced else "", cut_reading)
        return (readings, *self.plan.aim_needs(namespace))

    def evaluate(self, context: Context) -> Result:
        if not self.enabled:
            return Result(Status.CONFIGURED)
        aim: Union[tuple[Any, ...], Result] = self.plan.aim(context)
        if isinstance(aim, Result):
            return aim
        reading = self._reading(context)
        if reading is None or reading.address != aim:
            unseen = context.view.blind(self.plan.resource, context.namespace)
            return blind(unseen or "not asked yet")
        return self._judge(reading)

    def explain(self, context: Context, result: Result) -> Optional[Finding]:
        reading = self._reading(context)
        if reading is None or reading.cause is None:
            return Finding("it was not asked: see why in its message")
        from agentctl.kube.explain.probe import explained

        protocol = self.plan.question.protocol
        where = context.namespace
        return explained(protocol, reading.address, reading.cause, reading.failures, where)

    def _reading(self, context: Context) -> Any:
        readings = context.view.objects(self.plan.resource, context.namespace, cut_reading)
        return next(iter(readings.values()), None)

    def _judge(self, reading: Any) -> Result:
        address = str(reading.address)
        connection = f"{self.noun} connection" if self.noun else "connection"
        details: dict[str, Any] = {"address": address}
        if reading.latency_ms:
            details["latency_ms"] = round(reading.latency_ms, 1)
        if reading.answer is not None:
            details.update(reading.answer.details)
            fine = address if self.show_address else ""
            message = f"{connection} restored" if reading.restored else fine
            return Result(Status.HEALTHY, message, details, asked=True)
        cause = details["cause"] = reading.cause.value
        if cause == "local":  # it was not asked: that says nothing of how it is
            return Result(Status.UNKNOWN, f"not asked: {reading.message}", details, asked=True)
        answered = reading.cause.answered
        message = reading.message if answered else f"{connection} retrying: {reading.message}"
        if reading.failures >= self.plan.failures:
            return Result(Status.DEGRADED, message, details, asked=True)
        status = Status.HEALTHY if reading.known_good else Status.UNKNOWN
        return Result(status, message, details, asked=True)


def parse(fields: Fields) -> Check:
    from agentctl.kube.checks._probe_plan import ProbePlan
    from agentctl.probe.target import PROTOCOL_NAMES

    protocol = fields.choice("protocol", PROTOCOL_NAMES)
    for field, protocols in ONLY_FOR.items():
        if fields.has(field) and protocol not in protocols:
            raise fields.fail(field, f"{field!r} only with protocol {' or '.join(protocols)}")
    every = fields.seconds("every") or 10.0
    timeout = fields.seconds("timeout") or 3.0
    if every < MIN_EVERY_S:
        raise fields.fail("every", "at least 1s as 'every'")
    if timeout > MAX_TIMEOUT_S:
        raise fields.fail("timeout", "at most 60s as 'timeout'")
    plan = ProbePlan(
        question=_question(fields, protocol),
        address=_address(fields),
        namespace=fields.name("namespace", ""),
        every=every,
        timeout=timeout,
        failures=fields.number("failures", 1, MAX_FAILURES) if fields.has("failures") else 2,
        slow=fields.seconds("slow"),
    )
    return ProbeCheck(plan, fields.text("noun", ""), fields.flag("show_address"))


def _question(fields: Fields, protocol: str) -> Any:
    from agentctl.probe.target import Question

    statuses: Sequence[str] = ()
    if fields.has("status"):
        statuses = fields.switches("status", _STATUSES, "HTTP statuses from 200 to 599")
    path = fields.text("path", "/")
    if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
        raise fields.fail("path", "a path that begins with '/', percent-encoded, as 'path'")
    return Question(
        protocol,
        tls=protocol == "tls" or fields.flag("tls"),
        verify=fields.flag("verify") if fields.has("verify") else True,
        ca_file=fields.text("ca_file", ""),
        server_name=fields.name("server_name", ""),
        warn_s=fields.seconds("warn") or Question.warn_s,
        path=path,
        statuses=tuple(int(one) for one in statuses),
        contains=fields.text("contains", ""),
        service=fields.text("grpc_service", "")[:127],
    )


_STATUSES = tuple(str(status) for status in range(200, 600))


def _address(fields: Fields) -> Any:
    from agentctl.kube.checks._probe_plan import EnvAddress, LiteralAddress, ServiceAddress
    from agentctl.kube.checks._workloads import Names, parse_kinds
    from agentctl.probe.address import parse_address

    given = [one for one in ("address", "service", "from_env") if fields.has(one)]
    if len(given) != 1:
        raise fields.fail((*given, "address")[0], "one of 'address', 'service' and 'from_env'")
    if given != ["service"] and fields.has("port"):
        raise fields.fail("port", "'port' only with 'service'")
    if fields.has("address"):
        text = fields.text("address")
        address = parse_address(text.replace("{namespace}", "x"))
        if address is None:
            raise fields.fail("address", "HOST:PORT as 'address'")
        host = text.rpartition(":")[0].strip("[]").rstrip(".").lower()
        return LiteralAddress(address._replace(host=host))
    if fields.has("service"):
        return ServiceAddress(fields.name("service"), fields.number("port", 1, 65535))
    known = ("workload", "kinds", "name", "names", "hosts", "port")
    env = fields.group("from_env", known)
    assert env is not None, "it is there"
    if env.has("name") == env.has("names"):
        raise env.fail("name", "either 'name' or 'names'")
    from agentctl.globs import fault

    hosts = env.texts("hosts")
    if bad := next(filter(None, (fault(host.lower()) for host in hosts)), ""):
        raise env.fail("hosts", f"globs of hosts as 'hosts' ({bad})")
    return EnvAddress(
        Names(env.names("workload"), parse_kinds(env)),
        env.texts("names") if env.has("names") else (env.text("name"),),
        hosts,
        env.number("port", 1, 65535) if env.has("port") else 0,
    )
