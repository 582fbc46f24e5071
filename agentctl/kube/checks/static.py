"""``static``: always the same, for what cannot be seen from here."""

from __future__ import annotations

from agentctl.kube.check import Check, Context, Fields, Result, fill
from agentctl.kube.resources import Need
from agentctl.lazy_dataclass import dataclass
from agentctl.model import Status

KIND = "static"
FIELDS = ("status", "message")


@dataclass(frozen=True)
class StaticCheck(Check):
    status: Status
    message: str

    def needs(self, namespace: str) -> tuple[Need, ...]:
        return ()

    def evaluate(self, context: Context) -> Result:
        return Result(self.status, fill(self.message, context.namespace))


def parse(fields: Fields) -> Check:
    status = fields.choice("status", [status.value for status in Status])
    return StaticCheck(Status(status), fields.text("message", ""))
