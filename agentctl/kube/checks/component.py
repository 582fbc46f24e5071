"""``component``: as healthy as another component."""

from __future__ import annotations

from agentctl.kube.check import Check, Context, Fields, Result
from agentctl.kube.resources import Need
from agentctl.lazy_dataclass import dataclass
from agentctl.model import Status

KIND = "component"
FIELDS = ("name",)


@dataclass(frozen=True)
class ComponentCheck(Check):
    name: str

    def needs(self, namespace: str) -> tuple[Need, ...]:
        return ()

    def follows(self) -> tuple[str, ...]:
        return (self.name,)

    def evaluate(self, context: Context) -> Result:
        result = context.results[self.name]
        message = result.message
        if message and result.status.severity > Status.UNKNOWN.severity:
            message = f"{self.name}: {message}"
        return Result(result.status, message, since=result.since)


def parse(fields: Fields) -> Check:
    return ComponentCheck(fields.text("name"))
