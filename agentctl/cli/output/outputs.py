"""Outputs: where the events of a run go, and what is said when it has ended.

Some formats say something at the end whatever became of the run, a usage error included:
a monitoring plugin that prints nothing, or a file that goes on to look healthy, would be
worse than either. ``failed`` is for what ended before there was an output.
"""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NoReturn, Optional

from agentctl import renderers
from agentctl.cli.host.fd_output import END_S
from agentctl.cli.host.output_thread import OutputThread, Waiting
from agentctl.cli.host.process import Process
from agentctl.engine.backlog import Backlog
from agentctl.engine.policy import Outcome
from agentctl.engine.stream import Sink
from agentctl.errors import AgentctlError, ExitCode, UsageError
from agentctl.model import Event
from agentctl.renderers import Style

MODE = 0o644
"""Another user has to be able to read the file: node_exporter, a web server."""


Patience = Callable[[], float]
"""For how many seconds from now a reader who takes nothing is waited for."""


class Text:
    """What a renderer writes, until it is taken."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def write(self, text: str) -> None:
        self._parts.append(text)

    def take(self) -> str:
        parts, self._parts = self._parts, []
        return "".join(parts)


class OutputFile:
    """A file for one text. Raises UsageError for what cannot be such a file."""

    def __init__(self, path: str) -> None:
        from agentctl.cli.host.atomic_write import check_place

        check_place(path)
        self._path = path

    def commit(self, text: str) -> None:
        """Put it in place; nothing happens where it is empty."""
        if text:
            from agentctl.cli.host.atomic_write import write_whole

            write_whole(self._path, text, MODE)


class Output:
    """``sink`` takes the events; ``fd`` is the file that stdout is (None where no event is
    written to it)."""

    def __init__(self, sink: Sink, fd: Optional[int]) -> None:
        self.sink = sink
        self.fd = fd

    @contextmanager
    def shown(self, give_up: Callable[[int], None]) -> Iterator[Callable[[], None]]:
        """For the time of the run; what it yields is to be called when that is told to stop.

        ``give_up`` is called with an exit code if nothing can be shown any more. Raises what
        showing has raised.
        """
        yield lambda: None

    def conclude(self, outcome: Outcome) -> Outcome:
        """Say how the run ended, where the format says it; what the process is to end with."""
        return outcome


class StreamOutput(Output):
    """Events on stdout as they come. What its reader does not take in time is merged."""

    def __init__(self, name: str, style: Style, process: Process, patience: Patience) -> None:
        super().__init__(self, process.stdout.fd)
        self._stdout = process.stdout
        self._patience = patience
        self._text = Text()
        self._renderer = renderers.create(name, self._text, style)
        backlog: Waiting[Event] = Backlog()
        self._thread = OutputThread(process.stdout.fd, backlog, self._rendered)

    def emit(self, event: Event) -> None:
        """Never waits. Raises what writing has raised."""
        self._thread.put(event)

    @contextmanager
    def shown(self, give_up: Callable[[int], None]) -> Iterator[Callable[[], None]]:
        def failed(error: Exception) -> None:
            gone = isinstance(error, BrokenPipeError)
            give_up(ExitCode.PIPE_CLOSED if gone else ExitCode.INTERNAL)

        self._thread.failed = failed
        try:
            yield lambda: None
        finally:
            if not self._thread.end(self._patience()):
                left = self._thread.left()
                self._stdout.lost = "1 event" if left == 1 else f"{left} events"
        if self._thread.error is not None:
            raise self._thread.error

    def conclude(self, outcome: Outcome) -> Outcome:
        outcome = renderers.conclude(self._renderer, outcome)
        self._stdout.write_within(self._text.take(), END_S)
        return outcome

    def _rendered(self, event: Event) -> str:
        self._renderer.emit(event)
        return self._text.take()


class CollectedOutput(Output):
    """One state and how the run ended, all at its end: to stdout or to a file."""

    def __init__(
        self, name: str, style: Style, commit: Callable[[str], None], fd: Optional[int]
    ) -> None:
        self._text = Text()
        self._renderer = renderers.create(name, self._text, style)
        self._commit = commit
        super().__init__(self._renderer, fd)

    def conclude(self, outcome: Outcome) -> Outcome:
        outcome = renderers.conclude(self._renderer, outcome)
        self._commit(self._text.take())
        return outcome


def output_path(args: Namespace) -> Optional[str]:
    """The file of ``--output-file``; None for stdout, which ``-`` is too."""
    path: Optional[str] = getattr(args, "output_file", None)
    return None if path == "-" else path


def output(
    args: Namespace, namespace: str, process: Process, watch: bool, patience: Patience
) -> Output:
    """What the flags ask for. ``patience`` says how long a reader may have at the end, in
    seconds. Raises UsageError for a file that cannot be one."""
    path = output_path(args)
    color = process.color(args.color) if path is None or args.color == "always" else False
    several = "," in namespace or getattr(args, "all_namespaces", False)
    style = Style(color, watch, not args.no_headers, namespace, process.clock, several)
    if path is None and not renderers.is_one_shot(args.output):
        return StreamOutput(args.output, style, process, patience)
    return _collected(args.output, path, style, process, patience)


def _collected(
    name: str, path: Optional[str], style: Style, process: Process, patience: Patience
) -> CollectedOutput:
    if path is not None:
        return CollectedOutput(name, style, OutputFile(path).commit, None)

    def commit(text: str) -> None:
        process.stdout.write_within(text, patience())

    return CollectedOutput(name, style, commit, process.stdout.fd)


def failed(argv: Sequence[str], process: Process, outcome: Outcome) -> Outcome:
    """Have the format that was asked for say that the run has failed, if it can."""
    from agentctl.redact import redact

    try:
        asked = _asked(argv)
    except UsageError:
        return outcome
    if asked.output not in renderers.names():
        return outcome
    outcome = Outcome(outcome.exit_code, redact(outcome.message))
    style = Style(stream=False, namespace=_namespace(asked, process), clock=process.clock)
    try:
        found = _collected(asked.output, output_path(asked), style, process, lambda: END_S)
        return found.conclude(outcome)
    except (OSError, AgentctlError):
        mute = renderers.create(asked.output, Text(), style)
        return Outcome(renderers.conclude(mute, outcome).exit_code, outcome.message)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _asked(argv: Sequence[str]) -> Namespace:
    """The flags that matter at the end, of arguments that may make no sense otherwise."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("-w", "--watch", action="store_true")
    for flags in (("-o", "--output"), ("--output-file",), ("-n", "--namespace")):
        parser.add_argument(*flags)
    return parser.parse_known_args(list(argv))[0]


def _namespace(asked: Namespace, process: Process) -> str:
    from agentctl.cli.config.layers import Layers

    layers = Layers(asked, process.environ, {})
    with suppress(AgentctlError, OSError):
        layers = Layers.of(process, asked)
    return layers.text("namespace")
