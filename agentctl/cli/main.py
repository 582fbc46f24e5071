"""From argv to an exit code."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

from agentctl import __version__
from agentctl.cli.commands import Command, commands
from agentctl.cli.config.parser import Parser, guess
from agentctl.cli.config.word_order import command_first
from agentctl.cli.host.process import Process
from agentctl.cli.host.procfs import children, end_all
from agentctl.engine.policy import Outcome
from agentctl.errors import AgentctlError, ExitCode, UsageError
from agentctl.threads import refusal_of, reserve_little

log = logging.getLogger(__name__)

DESCRIPTION = """\
The live health of an agent control plane on Kubernetes: one snapshot, then
every change as it happens."""

EPILOG = """\
start here:
  agentctl demo              watch an embedded control plane, no cluster needed
  agentctl status            how the control plane is now
  agentctl status watch      ... and every change from now on
  agentctl status watch -o ndjson --timeout 5m | jq .
  agentctl diagnose          why what is not well is not, and what to do

exit codes: 0 done, 1 bad verdict, 2 usage, 3 refused, 4 cannot stream,
            5 cannot connect, 130 ctrl-C, 141 closed pipe, 143 terminated"""


def program(name: str = "agentctl", first: Sequence[str] = ()) -> None:
    """Run on this process's argv, environment and streams, and exit.

    ``name`` is what usage calls it; ``first`` comes before the arguments.
    """
    process = Process.real(name)
    reserve_little()
    before = children()
    code = main([*first, *sys.argv[1:]], process)
    process.stderr.close()
    if threading.active_count() > 1:
        # Stuck: in a write that nobody reads, a name lookup, a credential plugin.
        end_all(children() - before)
        os._exit(code)
    sys.exit(code)


def main(argv: Sequence[str], process: Process) -> int:
    """Run one command; every error becomes one line on stderr and its exit code.

    An output format may have another place for that line, and other codes.
    """
    code = int(_code(argv, process))
    if process.stdout.lost:
        complain(process, f"nobody reads the output: {process.stdout.lost} not written", code)
    return code


def _code(argv: Sequence[str], process: Process) -> int:
    try:
        return _run(argv, process)
    except AgentctlError as error:
        return _failed(argv, process, Outcome(error.exit_code, error.message))
    except SystemExit as done:  # --help and --version
        return int(done.code or 0)
    except BrokenPipeError:
        return ExitCode.PIPE_CLOSED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:
        return _failed(argv, process, _unforeseen(error))


def _failed(argv: Sequence[str], process: Process, outcome: Outcome) -> int:
    from agentctl.cli.output.outputs import failed

    outcome = failed(argv, process, outcome)
    if not outcome.message:
        return int(outcome.exit_code)
    return complain(process, outcome.message, outcome.exit_code)


def _unforeseen(error: Exception) -> Outcome:
    """What the host refused, or a fault of ours: Python's own code would read as a verdict."""
    refusal = _host_refusal(error)
    if refusal:
        return Outcome(ExitCode.USAGE, refusal)
    log.debug("internal error", exc_info=error)
    what = f"internal error: {type(error).__name__}: {error}; run it with --debug and report this"
    return Outcome(ExitCode.INTERNAL, what)


def _host_refusal(error: Exception) -> str:
    """What the host did not give us, as a line; empty for what is no matter of the host."""
    if isinstance(error, OSError):
        return f"cannot write the output: {error.strerror}"
    return refusal_of(error)


def build_parser(known: Sequence[Command], process: Process, wanted: str = "") -> Parser:
    """The parser of all commands; with ``wanted``, only that one knows its flags."""

    class Bound(Parser):
        """Makes its subparsers with the same output."""

        def __init__(self, **kwargs: Any) -> None:
            super().__init__(process.stdout, **kwargs)

    parser = Bound(prog=process.name, description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"agentctl {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", title="commands", parser_class=Bound)
    for command in known:
        sub = subparsers.add_parser(
            command.NAME, help=command.HELP, description=command.DESCRIPTION
        )
        if wanted in ("", command.NAME):  # flags take a while to build
            command.configure(sub)
            sub.set_defaults(run=command.run)
    return parser


def complain(process: Process, message: str, code: int) -> int:
    """One line on stderr, redacted; returns the code."""
    from agentctl.redact import redact

    process.stderr.write(f"agentctl: {redact(message)}\n")
    process.stderr.flush()
    return int(code)


def debug_to(process: Process) -> None:
    """Send the debug log to stderr."""
    log_to(process, logging.DEBUG, "%(asctime)s %(name)s: %(message)s")


def log_to(process: Process, level: int, form: str) -> None:
    """Send the log to stderr. A record is redacted whole before it is written."""
    from agentctl.redact import redact

    class Redacting(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return redact(super().format(record), limit=4096)

    class Lines:
        """Without ``flush``: nobody waits until a line of the log is out."""

        write = staticmethod(process.stderr.write)

    handler = logging.StreamHandler(Lines)
    handler.setFormatter(Redacting(form))
    logger = logging.getLogger("agentctl")
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False


def _run(argv: Sequence[str], process: Process) -> int:
    if argv and argv[0].startswith("__"):
        from agentctl.cli.completion.endpoint import HIDDEN, answer

        if argv[0] in HIDDEN:
            return answer(argv, process)
    argv = _spelled_out(argv)
    known = commands()
    names = [command.NAME for command in known]
    if argv and argv[0].startswith("-") and argv[0] not in ("-h", "--help", "--version"):
        argv = command_first(argv, build_parser(known, process))
    wanted = argv[0] if argv and argv[0] in names else ""
    parser = build_parser(known, process, wanted)
    if not argv:
        process.stderr.write(parser.format_help())
        return ExitCode.USAGE
    if not argv[0].startswith("-") and argv[0] not in names:
        hint = f"; did you mean '{process.name} status watch'?" if argv[0] == "watch" else ""
        raise UsageError(
            f"unknown command {argv[0]!r}{hint or guess(argv[0], names)}; "
            f"there are {', '.join(names)}; see '{process.name} --help'"
        )
    args = parser.parse_args(list(argv))
    if getattr(args, "debug", False):
        debug_to(process)
    return int(args.run(args, process))


def _spelled_out(argv: Sequence[str]) -> list[str]:
    """``help`` as people type it, and ``--retry`` with its value.

    argparse would take the next word for the value of an optional one, as in
    ``--retry watch``; with ``=`` alone there is no doubt.
    """
    if argv[:1] == ["help"]:
        return [*argv[1:2], "--help"]
    return ["--retry=true" if word == "--retry" else word for word in argv]
