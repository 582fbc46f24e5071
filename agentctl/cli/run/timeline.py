"""Timeline of a server for the CLI: asked for under signals, within a time."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Optional

from agentctl.cli.config.layers import Layers
from agentctl.cli.config.server import server_access
from agentctl.cli.host.process import Process
from agentctl.cli.run.runner import Last, Runner
from agentctl.duration import format_duration, parse_duration
from agentctl.engine.policy import Outcome, StreamPolicy
from agentctl.errors import ExitCode, ServerError, SourceError, UsageError
from agentctl.lazy_dataclass import replace
from agentctl.model import parse_time
from agentctl.remote.timeline import TimelineQuestion
from agentctl.timeline.facts import Row, Timeline
from agentctl.timeline.read_json import timeline_in

PATIENCE_S = 120.0
"""For all of it; each step has its own bound, but for a name lookup."""


class _Reading:
    """One question as the runner has it."""

    def __init__(self, question: TimelineQuestion, since: str, globs: Sequence[str]) -> None:
        self._question = question
        self._since = since
        self._globs = globs
        self._stopped: Optional[int] = None
        self.found: Optional[Timeline] = None

    def run(self) -> Outcome:
        try:
            data = self._question.ask(self._since, self._globs)
            self.found = timeline_in(data)
        except ValueError as error:
            raise ServerError(f"the server's answer is no timeline: {error}") from None
        except SourceError:
            if self._stopped is None:
                raise
            return Outcome(self._stopped)
        return Outcome(ExitCode.OK)

    def stop(self, exit_code: int) -> None:
        self._stopped = exit_code
        self._question.stop()


def server_timeline(args: Namespace, process: Process) -> tuple[Optional[Timeline], Outcome]:
    """What a server keeps of the components that are asked for, unless it ends before that.

    Raises UsageError, ConfigError and SourceError.
    """
    layers = Layers.of(process, args)
    if not layers.text("address"):
        raise UsageError("what to draw? give a recording's FILE, or --server ADDRESS")
    since = _since(args.since)
    access = server_access(layers, "sse", "", StreamPolicy(once=True), 0.0)
    reading = _Reading(TimelineQuestion(access, process.clock), since, args.component)
    late = Outcome(
        ExitCode.DISCONNECTED, f"{access.address}: no answer within {format_duration(PATIENCE_S)}"
    )
    last = Last(time.monotonic() + PATIENCE_S, lambda: late)
    outcome = Runner(reading, None, last=last).run()
    found = reading.found
    if found is not None and args.component:
        rows = tuple(row for row in found.rows if _fits(row, args.component))
        if not rows:
            raise UsageError(f"no component matches --component {' or '.join(args.component)}")
        found = replace(found, rows=rows)
    return found, outcome


def _fits(row: Row, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(row.key.component, glob) for glob in globs)


def _since(text: Optional[str]) -> str:
    """As the server takes it. Raises UsageError."""
    if not text:
        return ""
    with suppress(ValueError):
        parse_time(text)
        return text
    with suppress(ValueError):
        if parse_duration(text):
            return text
    raise UsageError(
        f"--since: expected how far back, as 6h, or a time, as 2026-01-30T18:00:00Z, got {text!r}"
    )
