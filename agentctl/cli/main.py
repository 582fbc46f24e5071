"""Main program: from argv to an exit code."""

from __future__ import annotations

import atexit
import errno
import os
import sys
import threading
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from agentctl.cli.command_line import build_parser, command_parser
from agentctl.cli.commands import command, commands
from agentctl.cli.host.process import Process
from agentctl.cli.host.procfs import children, end_all
from agentctl.cli.host.stderr import complain, debug_to, tell_end
from agentctl.debug_log import DebugLog
from agentctl.engine.policy import Outcome
from agentctl.errors import AgentctlError, ExitCode, UsageError
from agentctl.lazy_dataclass import replace
from agentctl.threads import refusal_of, reserve_little

log = DebugLog(__name__)

OWN_FLAGS = ("-h", "--help", "--help-all", "--version")
"""Those that are no command's."""


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
    _exit_now(code)


def _exit_now(code: int) -> NoReturn:
    """Exit without taking the interpreter apart, which is a tenth of a one-shot's time."""
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError, AttributeError):  # closed, or there were none
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def main(argv: Sequence[str], process: Process) -> int:
    """Run one command; every error becomes one line on stderr and its exit code.

    An output format may have another place for that line, and other codes.
    """
    code = int(_code(argv, process))
    if process.stdout.lost:
        complain(process, f"nobody reads the output: {process.stdout.lost} not written")
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

    return tell_end(process, failed(argv, process, outcome))


def _unforeseen(error: Exception) -> Outcome:
    """What the host refused, or a fault of ours: Python's own code would read as a verdict."""
    refusal = _host_refusal(error)
    if refusal:
        return Outcome(ExitCode.USAGE, refusal)
    if isinstance(error, ImportError):
        from agentctl.requirements import told_of

        missing = told_of(error)
        if missing:
            return Outcome(ExitCode.USAGE, missing)
    log.debug("internal error", exc_info=error)
    what = f"internal error: {type(error).__name__}: {error}; run it with --debug and report this"
    return Outcome(ExitCode.INTERNAL, what)


def _host_refusal(error: Exception) -> str:
    """What the host did not give us, as a line; empty for what is no matter of the host."""
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return "no more files can be opened: raise the limit (ulimit -n, or that of the host)"
    # What is open already cannot be found missing: that is a file that we forgot may be.
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        return f"cannot write the output: {error.strerror}"
    return refusal_of(error)


def _run(argv: Sequence[str], process: Process) -> int:
    if argv and argv[0].startswith("__"):
        from agentctl.cli.completion.endpoint import HIDDEN, answer

        if argv[0] in HIDDEN:
            return answer(argv, process)
    argv = _spelled_out(list(argv))
    wanted = command(argv[0]) if argv else None
    if argv and argv[0].startswith("-") and argv[0] not in OWN_FLAGS:
        from agentctl.cli.config.word_order import command_first

        argv = command_first(argv, build_parser(commands(), process))
        wanted = command(argv[0])
    if wanted is None:
        return _without_command(argv, process)
    if len(argv) > 1 and not argv[1].startswith("-"):
        from agentctl.cli.config.habits import other_command

        hint = other_command(argv[:2], process.name)
        if hint:
            raise UsageError(f"unknown command {' '.join(argv[:2])!r}{hint}")
    args = command_parser(wanted, process).parse_args(list(argv[1:]))
    return int(wanted.run(args, _talking(args, process)))


def _without_command(argv: Sequence[str], process: Process) -> int:
    """``--help`` and the like; raises UsageError for a command that there is not."""
    known = commands()
    parser = build_parser(known, process, "-")
    if not argv:
        process.stdout.write(parser.format_help())
        return ExitCode.OK
    if argv[0].startswith("-"):
        parser.parse_args(list(argv))
    from agentctl.cli.config.habits import other_command
    from agentctl.cli.config.parser import guess

    names = [one.NAME for one in known]
    hint = other_command(argv[:1], process.name) or guess(argv[0], names)
    raise UsageError(
        f"unknown command {argv[0]!r}{hint}; "
        f"there are {', '.join(names)}; see '{process.name} --help'"
    )


def _talking(args: Namespace, process: Process) -> Process:
    """The process with as much on stderr as the flags ask for."""
    quiet, verbosity = getattr(args, "quiet", False), getattr(args, "verbosity", 0)
    if verbosity:
        args.debug = True
    if getattr(args, "debug", False):
        if quiet:
            raise UsageError(f"--quiet and {'-v' if verbosity else '--debug'}: give one of them")
        debug_to(process)
    return replace(process, quiet=quiet)


def _spelled_out(argv: Sequence[str]) -> Sequence[str]:
    """``help status`` as people type it."""
    if argv[:1] == ["help"]:
        return [*argv[1:2], "--help"]
    return argv[1:] if argv[:1] == ["--"] else argv
