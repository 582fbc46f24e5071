"""agentctl status: how the control plane is, once or as it changes."""

from __future__ import annotations

import gc
from argparse import Namespace

from agentctl.cli.config.flags import (
    ALSO_ONCE,
    ONE_SHOT_TIMEOUT,
    TIMEOUT,
    add_connection,
    add_selection,
    add_watch,
    add_words,
    refuse_watch_flags,
    take_words,
)
from agentctl.cli.config.output_flags import add_output
from agentctl.cli.config.parser import Parser
from agentctl.cli.host.process import Process
from agentctl.errors import UsageError

NAME = "status"
HELP = "how the control plane is; 'status watch' follows every change"
COMMON = (
    "--watch",
    "--live",
    "--namespace",
    "--component",
    "--output",
    "--context",
    "--kubeconfig",
    "--timeout",
    "--until",
    "--fail-on",
)
DESCRIPTION = """\
Show how each component of the control plane is. 'agentctl status watch' (or
--watch) shows it once and then every change as it happens, with heartbeats
while all is well and an error line whenever it is not.

examples:
  agentctl status -n agents
  agentctl status agents-controller 'runtime:*'      these components alone
  agentctl status watch
  agentctl status watch --live                       the table, redrawn in place
  agentctl status watch -o ndjson | jq -c 'select(.type=="delta")'
  agentctl status --exit-code                        1 if one is not well
  agentctl status watch --timeout 30s --no-retry     for cron: ends by itself
  agentctl status watch --since "$CURSOR" --timeout 5s -o ndjson

Durations are 500ms, 30s, 1m30s, 2h; a bare number is seconds."""

SELDOM = 50_000
"""Objects after which garbage is looked for in one shot: what it imports and lists is none, and
looking through that as often as usual takes a twentieth of its time."""


def configure(parser: Parser) -> None:
    add_words(parser)
    parser.add_argument("-w", "--watch", action="store_true", help="the same as 'status watch'")
    add_selection(parser)
    add_output(parser, one_shot=True)
    add_connection(parser)
    title = "watching (with 'watch' or --watch)"
    add_watch(parser, timeout=TIMEOUT + ONE_SHOT_TIMEOUT, live=True, title=title)


def run(args: Namespace, process: Process) -> int:
    take_words(args)
    if args.watch:
        refuse_one_shot_output(args)
        return _stream(args, process)
    why = "{0} needs a stream: agentctl status watch {0} ..."
    refuse_watch_flags(args, why, *ALSO_ONCE)
    refuse_fail_on(args)
    usual = gc.get_threshold()
    gc.set_threshold(SELDOM)
    try:
        return _stream(args, process)
    finally:
        gc.set_threshold(*usual)


def _stream(args: Namespace, process: Process) -> int:
    from agentctl.cli.run.stream import stream

    return stream(args, process, args.watch)


def refuse_fail_on(args: Namespace) -> None:
    from agentctl.renderers import has_codes

    if args.fail_on is not None and has_codes(args.output):
        raise UsageError(f"-o {args.output} has exit codes of its own: leave --fail-on out")


def refuse_one_shot_output(args: Namespace) -> None:
    from agentctl.renderers import is_one_shot

    if is_one_shot(args.output):
        raise UsageError(
            f"-o {args.output} shows one state and no stream: agentctl status -o {args.output}"
        )
    if args.output_file not in (None, "-"):
        raise UsageError(
            "--output-file is for one state, and a stream goes on: use '> FILE', or --record FILE"
        )
