"""Nagios output: one line for Nagios, Icinga and their kind, and the exit codes they expect.

The form is that of the Monitoring Plugins guidelines: text, ``|``, performance data as
``label=value[UOM];warn;crit;min;max``. What was seen counts only where all could be seen:
a run that failed in any way is UNKNOWN.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import IntEnum
from typing import Optional

from agentctl.engine.policy import Outcome
from agentctl.engine.verdict import GOOD, decisive, described
from agentctl.model import Event, Item, Snapshot, Status
from agentctl.redact.printable import legible
from agentctl.renderers import Style, TextSink

HELP = "one line and the exit codes of a monitoring plugin"
ONE_SHOT = True
OWN_CODES = True
TIMEOUT_S = 8.0
"""Callers give a plugin 10 s by default (check_nrpe -t): the line has to be out before."""

LINE_BYTES = 1000
"""What every transport of such lines carries whole: NRPE's first version takes 1,023 bytes."""

MESSAGE_MAX = 200
"""Characters for one component, so that one long message hides no other."""


class PluginCode(IntEnum):
    """What the process says to its caller, instead of ``ExitCode``."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


_CODES = {
    Status.ERROR: PluginCode.CRITICAL,
    Status.DEGRADED: PluginCode.WARNING,
    Status.UNKNOWN: PluginCode.UNKNOWN,
}

_BAD = (Status.DEGRADED, Status.ERROR)

_LIMITS = {Status.DEGRADED: ("0", ""), Status.ERROR: ("", "0")}
"""Warning and critical ranges: ``0`` alerts for anything above."""


class NagiosRenderer:
    """Keeps the snapshot and writes its one line at the end, when it is known how that was."""

    def __init__(self, out: TextSink, style: Style) -> None:
        self._out = out
        self._clock = style.clock
        self._started_at = style.clock.monotonic()
        self._items: Optional[Sequence[Item]] = None

    def emit(self, event: Event) -> None:
        if isinstance(event, Snapshot):
            self._items = event.items

    def conclude(self, outcome: Outcome) -> Outcome:
        """Write the line; the outcome has the plugin's code."""
        code, text, data = self._judged(outcome)
        data = [*data, f"time={self._clock.monotonic() - self._started_at:.3f}s;;;0"]
        head, tail = f"AGENTCTL {code.name} - ", f" | {' '.join(data)}"
        room = LINE_BYTES - len((head + tail).encode())
        self._out.write(f"{head}{_cut(_harmless(text), room)}{tail}\n")
        return Outcome(code)

    def _judged(self, outcome: Outcome) -> tuple[PluginCode, str, list[str]]:
        known = [item for item in self._items or () if item.cluster and item.status in _BAD]
        failed = outcome.exit_code or self._items is None
        # Of several clusters what is known to be bad comes before what is not seen.
        if failed and not known:
            why = outcome.message or f"ended with exit code {int(outcome.exit_code)}"
            return PluginCode.UNKNOWN, why, []
        judged = decisive(self._items or ())
        data = _counts(judged)
        bad = sorted(
            (item for item in judged if item.status not in GOOD), key=lambda i: -i.status.severity
        )
        if bad:
            return _CODES[bad[0].status], "; ".join(_told(item) for item in bad), data
        if not judged:
            return PluginCode.UNKNOWN, "no component has a say", data
        names = judged[0].component if len(judged) == 1 else f"all {len(judged)} components"
        return PluginCode.OK, f"healthy: {names}", data


def _counts(items: Sequence[Item]) -> list[str]:
    found = Counter(item.status for item in items)
    return [
        ";".join((f"{status.value}={found[status]}", *_LIMITS.get(status, ("", "")), "0", total))
        for total in (str(len(items)),)
        for status in Status
    ]


def _told(item: Item) -> str:
    text = described(item)
    return text if len(text) <= MESSAGE_MAX else text[: MESSAGE_MAX - 3] + "..."


def _harmless(text: str) -> str:
    """One line in which nothing looks like the beginning of the performance data."""
    return " ".join(legible(text.replace("|", "/")).split())


def _cut(text: str, room: int) -> str:
    """So many bytes at most, never inside of a character."""
    data = text.encode("utf-8", "replace")
    if len(data) <= room:
        return text
    return data[: room - 3].decode("utf-8", "ignore").rstrip(" ;") + "..."


def create(out: TextSink, style: Style) -> NagiosRenderer:
    return NagiosRenderer(out, style)
