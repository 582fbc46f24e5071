"""Where the events of one run go, and what is said when it has ended.

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
from agentctl.cli.wholefile import check_place, write_whole
from agentctl.cli.world import World
from agentctl.errors import AgentctlError, UsageError
from agentctl.policy import Outcome
from agentctl.renderers import Renderer, Style

MODE = 0o644
"""Another user has to be able to read the file: node_exporter, a web server."""


class OutputFile:
    """Takes text until ``commit``. Raises UsageError for what cannot be such a file."""

    def __init__(self, path: str) -> None:
        check_place(path)
        self._path = path
        self._text: list[str] = []

    def write(self, text: str) -> None:
        self._text.append(text)

    def commit(self) -> None:
        """Put what was taken in place; nothing happens where that is nothing."""
        if self._text:
            write_whole(self._path, "".join(self._text), MODE)


class Output:
    """A renderer, and the file that stdout is (None where nothing is written to it)."""

    def __init__(self, renderer: Renderer, fd: Optional[int]) -> None:
        self.renderer = renderer
        self.fd = fd

    @contextmanager
    def shown(self, give_up: Callable[[], None]) -> Iterator[Callable[[], None]]:
        """For the time of the run; what it yields is to be called when that is told to stop.

        ``give_up`` is called if nothing can be shown any more.
        """
        yield lambda: None

    def conclude(self, outcome: Outcome) -> Outcome:
        """Say how the run ended, where the format says it; what the process is to end with."""
        return renderers.conclude(self.renderer, outcome)


class _ToFile(Output):
    def __init__(self, renderer: Renderer, file: OutputFile) -> None:
        super().__init__(renderer, None)
        self._file = file

    def conclude(self, outcome: Outcome) -> Outcome:
        concluded = super().conclude(outcome)
        self._file.commit()
        return concluded


def _opened(name: str, path: Optional[str], style: Style, world: World) -> Output:
    """Raises UsageError for a file that cannot be one."""
    if path is None:
        return Output(renderers.create(name, world.stdout, style), world.stdout.fd)
    file = OutputFile(path)
    return _ToFile(renderers.create(name, file, style), file)


def output(args: Namespace, namespace: str, world: World, watch: bool) -> Output:
    """What the flags ask for."""
    path = getattr(args, "output_file", None)
    color = world.color(args.color) if path is None or args.color == "always" else False
    style = Style(color=color, stream=watch, namespace=namespace, clock=world.clock)
    return _opened(args.output, path, style, world)


def failed(argv: Sequence[str], world: World, outcome: Outcome) -> Outcome:
    """Have the format that was asked for say that the run has failed, if it can."""
    from agentctl.redact import redact

    try:
        asked = _asked(argv)
    except UsageError:
        return outcome
    if asked.output not in renderers.names():
        return outcome
    outcome = Outcome(outcome.exit_code, redact(outcome.message))
    style = Style(stream=False, namespace=_namespace(asked, world), clock=world.clock)
    try:
        return _opened(asked.output, asked.output_file, style, world).conclude(outcome)
    except (OSError, AgentctlError):
        mute = renderers.create(asked.output, _Nowhere(), style)
        return Outcome(renderers.conclude(mute, outcome).exit_code, outcome.message)


class _Nowhere:
    def write(self, text: str) -> None:
        pass


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


def _namespace(asked: Namespace, world: World) -> str:
    from agentctl.cli.settings import Layers

    with suppress(AgentctlError, OSError):
        found = Layers(world).pick(asked.namespace, "AGENTCTL_NAMESPACE", "namespace")
        return found or "agents"
    return asked.namespace or world.environ.get("AGENTCTL_NAMESPACE") or "agents"
