"""Wide output: the table with AGE and REASON, as kubectl's ``-o wide``.

AGE is how long a component has been in its present status, by its workload's conditions;
REASON the one word of Kubernetes for why it is not well. What is not known is a ``-``.
"""

from __future__ import annotations

from agentctl.diagnosis.text import KEY
from agentctl.engine.verdict import GOOD
from agentctl.lazy_regex import regex
from agentctl.lenient_json import mappings, text
from agentctl.live.board import age
from agentctl.model import Item, parse_time
from agentctl.renderers import Style, TextSink
from agentctl.renderers.table import TableRenderer

HELP = "the table, with AGE and REASON"

_POD = regex(r"; [^;]+: (\S+)$")
"""``1/2 ready; agents-7x: Error``: what a workload's message ends with."""

_REASON = regex(r"(?:^|[;:] |\()([A-Z]\w*[a-z][A-Z]\w*)(?=$|[;:)])")
"""``ProgressDeadlineExceeded``: where a message puts its reason, and no word of prose."""

NOT_KNOWN = "-"


class WideRenderer(TableRenderer):
    columns = ("COMPONENT", "NAMESPACE", "STATUS", "AGE", "REASON", "MESSAGE")

    def _cells(self, item: Item) -> tuple[str, ...]:
        *head, message = super()._cells(item)
        known = self._age(item), reason_of(item)
        return (*head, *(word or NOT_KNOWN for word in known), message)

    def _age(self, item: Item) -> str:
        try:
            since = parse_time(item.since)
        except ValueError:
            return ""
        return age((self._style.clock.now() - since).total_seconds())


def reason_of(item: Item) -> str:
    """One word; empty for none, or for a component that is fine."""
    if item.status in GOOD:
        return ""
    pod = _POD.search(item.message) if "workload" in item.details else None
    told = (text(one, "message") for one in mappings(item.details, KEY))
    found = (pod, *(_REASON.search(words) for words in (item.message, *told)))
    return next((match[1] for match in found if match), "")


def create(out: TextSink, style: Style) -> WideRenderer:
    return WideRenderer(out, style)
