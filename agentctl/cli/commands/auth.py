"""agentctl auth can-watch: whether the cluster lets us watch, before any watch."""

from __future__ import annotations

from argparse import Namespace

from agentctl.cli.config.flags import add_choice, add_cluster, add_selection
from agentctl.cli.config.output_flags import add_talk
from agentctl.cli.config.parser import Parser, one_of
from agentctl.cli.host.process import Process
from agentctl.errors import ExitCode, UsageError

SHARE = 0.8
"""Of the time that is left: how long clusters are waited for that do not answer."""

NAME = "auth"
HELP = "'auth can-watch': which permissions the catalog needs and which are missing"
COMMON = (
    "--namespace",
    "--catalog",
    "--component",
    "--output",
    "--context",
    "--kubeconfig",
    "--as",
    "--as-group",
    "--request-timeout",
    "--debug",
)
DESCRIPTION = """\
Ask the cluster whether we may list and watch all that the catalog needs, before
any watch. Exit code 0 when all is granted, 3 when something is missing, 5 when
the cluster cannot be reached.

  agentctl auth can-watch -n agents
  agentctl auth can-watch -o json | jq '.permissions[] | select(.missing != [])'

Of several clusters each is asked: --context again, or a glob.

What is missing, as an administrator would grant it:

  agentctl auth can-watch -o yaml > missing.yaml; kubectl apply -f missing.yaml"""


def configure(parser: Parser) -> None:
    parser.add_argument(
        "action", type=one_of("can-watch"), metavar="can-watch", help="ask for each permission"
    )
    add_selection(parser)
    group = parser.add_argument_group("output")
    about = "table for people, json for programs, yaml for kubectl apply (default table)"
    add_choice(group, "-o", "--output", of=("table", "json", "yaml"), help=about)
    add_talk(group, "log to stderr, never a token")
    add_cluster(parser.add_argument_group("connection"), several=True)


def run(args: Namespace, process: Process) -> int:
    from agentctl.cli.config.layers import Layers
    from agentctl.cli.config.settings import Settings, namespaces
    from agentctl.cli.host.stderr import complain, tell_end
    from agentctl.cli.host.time_limit import one_shot_limit
    from agentctl.cli.output.access_report import (
        bind_hint,
        code_of,
        render,
        render_several,
        summary,
        summary_of_several,
    )
    from agentctl.cli.run.access import access_of, reviews_of
    from agentctl.cli.run.contexts import selection
    from agentctl.cli.run.watched import watched
    from agentctl.engine.policy import Outcome

    layers = Layers.of(process, args)
    wanted = namespaces(layers)
    limit = one_shot_limit(process)
    chosen = limit.prepared(lambda: selection(Settings.of(layers, wanted[0]), process))
    settings = chosen.settings
    if chosen.places and args.output == "yaml":
        raise UsageError("-o yaml is to be applied to one cluster, and --context are several")
    found = limit.prepared(lambda: watched(settings, wanted, process, places=chosen.places))
    for line in chosen.greeting.splitlines():
        complain(process, line)
    if chosen.places:
        reviews = reviews_of(found, (limit.left_s() or 0.0) * SHARE)
        process.stdout.write(render_several(reviews, args.output))
        return tell_end(process, Outcome(code_of(reviews), summary_of_several(reviews)))
    access = access_of(found)
    process.stdout.write(render(access, args.output))
    for hint in bind_hint(access):
        complain(process, hint)
    if not access.missing:
        return ExitCode.OK
    return tell_end(process, Outcome(ExitCode.REFUSED, summary(access)))
