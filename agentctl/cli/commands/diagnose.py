"""agentctl diagnose: how the control plane is, and why what is not well is not."""

from __future__ import annotations

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
from agentctl.errors import ExitCode, SourceError

ASK_S = 2.0
"""At least so long are several clusters waited for that are asked what they grant."""

NAME = "diagnose"
HELP = "as status, with the cause of what is not well and what to do about it"
COMMON = (
    "--watch",
    "--namespace",
    "--component",
    "--output",
    "--context",
    "--kubeconfig",
    "--timeout",
    "--until",
    "--fail-on",
    "--record",
)
DESCRIPTION = """\
Show how each component is, as 'agentctl status' does, and for each that is not
well why: the check and its object, conditions, pods with the reason they wait or
ended for, missing CRDs, the lease's holder and age, recent Warning events, and
what to do about it. With --watch each update comes with the same.

examples:
  agentctl diagnose -n agents
  agentctl diagnose agents-controller
  agentctl diagnose --fail-on error                  ends with 1 if one is
  agentctl diagnose --watch
  agentctl diagnose -o json | jq '.items[].details.diagnosis'

Warning events take a permission of their own: list events. Without it they are
left out, and that is told."""


def configure(parser: Parser) -> None:
    add_words(parser)
    parser.add_argument("-w", "--watch", action="store_true", help="follow every change")
    add_selection(parser)
    add_output(parser)
    add_connection(parser)
    add_watch(parser, timeout=TIMEOUT + ONE_SHOT_TIMEOUT, title="watching (with --watch)")
    parser.set_defaults(diagnose=True)


def run(args: Namespace, process: Process) -> int:
    from agentctl.cli.run.stream import stream

    take_words(args)
    if not args.watch:
        why = "{0} needs a stream: agentctl diagnose --watch {0} ..."
        refuse_watch_flags(args, why, *ALSO_ONCE)
    code = stream(args, process, args.watch)
    if code == ExitCode.REFUSED:
        tell_what_is_missing(args, process)
    return code


def tell_what_is_missing(args: Namespace, process: Process) -> None:
    """Where everything is forbidden there is no state to explain: only what to grant."""
    from agentctl.cli.config.settings import resolve
    from agentctl.cli.host.stderr import tell_end
    from agentctl.cli.host.time_limit import time_limit
    from agentctl.cli.output.access_report import (
        render,
        render_several,
        summary,
        summary_of_several,
    )
    from agentctl.cli.run.access import access_of, reviews_of
    from agentctl.cli.run.contexts import selection
    from agentctl.cli.run.watched import Watched, watched
    from agentctl.engine.policy import Outcome

    settings = resolve(args, process)
    if settings.transport != "kube":
        return
    chosen = selection(settings, process)
    limit = time_limit(args, process, once=not args.watch)

    def found() -> Watched:
        return watched(chosen.settings, settings.places, process, places=chosen.places)

    try:
        if chosen.places:
            watching = limit.prepared(found)
            reviews = reviews_of(watching, max(ASK_S, limit.left_s() or 0.0))
            if any(one.access is not None and one.access.missing for one in reviews):
                if args.output == "table":
                    process.stdout.write(render_several(reviews, "table"))
                tell_end(process, Outcome(ExitCode.REFUSED, summary_of_several(reviews)))
            return
        access = limit.prepared(lambda: access_of(found()))
    except SourceError:
        return
    if access.missing:
        if args.output == "table":
            process.stdout.write(render(access, "table"))
        tell_end(process, Outcome(ExitCode.REFUSED, summary(access)))
