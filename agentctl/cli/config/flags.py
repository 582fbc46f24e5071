"""Flags that commands share, in groups for ``--help``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, Optional

from agentctl.cli.config.parser import (
    Parser,
    boolean,
    duration,
    guess,
    one_of,
    positive_duration,
)
from agentctl.cli.config.table import BY_KEY, TLS_PARTS, TRANSPORTS
from agentctl.errors import UsageError
from agentctl.model import Status


def add_choice(
    group: argparse._ActionsContainer, *flags: str, of: Sequence[str], help: str, default: str = ""
) -> None:
    """A flag whose value is one of a few words, by default the first of them."""
    words = "|".join(of)
    group.add_argument(*flags, type=one_of(*of), default=default or of[0], metavar=words, help=help)


def add_color(group: argparse._ActionsContainer, text: str) -> None:
    add_choice(group, "--color", of=("auto", "always", "never"), help=text)


def glob(text: str) -> str:
    """An argparse type: a pattern of names."""
    from agentctl.globs import fault

    if bad := fault(text):
        expected = f"expected a glob such as 'runtime:*', got {text!r}"
        raise argparse.ArgumentTypeError(f"{expected}: {bad}" if text else expected)
    return text


def add_components(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--component",
        action="append",
        type=glob,
        default=[],
        metavar="GLOB",
        help="only these components, as in 'runtime:*' (may be repeated)",
    )


def add_words(parser: Parser) -> None:
    """``watch`` and components, as kubectl's users name things."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="watch|COMPONENT",
        help="'watch' to follow every change; components or globs, as with --component",
    )


def take_words(args: argparse.Namespace) -> None:
    """Put them where the flags put theirs. Raises UsageError."""
    for word in args.words:
        hint = guess(word, ["watch"])
        if word == "watch":
            args.watch = True
        elif word.startswith("-") or not word or hint:
            hint = hint or ": expected watch, a component or a glob such as 'runtime:*'"
            raise UsageError(f"unexpected argument {word!r}{hint}")
        else:
            try:
                args.component.append(glob(word.removeprefix("component/")))
            except argparse.ArgumentTypeError as error:
                raise UsageError(str(error)) from None


def add_setting(group: argparse._ActionsContainer, key: str, *short: str, **more: Any) -> None:
    """The flag of one setting."""
    one = BY_KEY[key]
    told = {"metavar": one.metavar, "help": one.flag_help(), **more}
    group.add_argument(*short, *one.flags, **told)


def add_selection(parser: Parser, variables: bool = True) -> None:
    """What is looked at; ``variables`` where the environment has a say."""
    group = parser.add_argument_group("what to look at")
    about = BY_KEY["namespace"].flag_help(variables) + " (may be repeated)"
    add_setting(group, "namespace", "-n", action="append", help=about)
    group.add_argument(
        "-A",
        "--all-namespaces",
        action="store_true",
        help="every namespace that holds a workload that the catalog names; of a server, all",
    )
    group.add_argument(
        "--catalog",
        metavar="NAME|FILE",
        help="a catalog of your own (- is the standard input), or one that 'agentctl catalog list' "
        "shows",
    )
    probes = BY_KEY["probes"]
    for flag, wanted in (probes.flags[0], True), ("--no-probe-dependencies", False):
        text = probes.flag_help(variables) if wanted else argparse.SUPPRESS
        group.add_argument(
            flag, dest="probe_dependencies", action="store_const", const=wanted, help=text
        )
    add_components(group)


def add_connection(parser: Parser) -> None:
    """How to get there."""
    group = parser.add_argument_group("connection")
    add_setting(group, "mode", type=one_of(*TRANSPORTS))
    for name in ("kube", "grpc"):
        group.add_argument(
            f"--{name}",
            dest="transport",
            action="store_const",
            const=name,
            help=argparse.SUPPRESS,
        )
    add_cluster(group)
    add_server(parser.add_argument_group("server connection (transports grpc and sse)"))


def add_server(server: argparse._ArgumentGroup) -> None:
    """Where a server is, and who we are there."""
    add_setting(server, "address")
    token, tls = BY_KEY["token"], BY_KEY["tls"]
    better = f"bearer token; better {token.variables[0]} or {token.flags[1]}"
    server.add_argument(token.flags[0], metavar=token.metavar, help=better)
    server.add_argument(token.flags[1], metavar="FILE", help="file with the bearer token")
    for key in TLS_PARTS:
        add_setting(server, key)
    for flag, wanted, text in (
        (tls.flags[0], True, f"use TLS ({tls.variables[0]}, true or false)"),
        (tls.flags[1], False, "use plain text"),
    ):
        server.add_argument(flag, dest=tls.key, action="store_const", const=wanted, help=text)


def add_cluster(group: argparse._ArgumentGroup, several: bool = True) -> None:
    """Which cluster, or which ``several``, and who we are there."""
    add_setting(group, "kubeconfig")
    if several:
        about = BY_KEY["context"].flag_help() + "; a name, a glob or NAME=CONTEXT (may be repeated)"
        add_setting(group, "context", action="append", help=about)
        group.add_argument(
            "--exclude-context",
            action="append",
            metavar="GLOB",
            help="leave these out of what --context matches (may be repeated)",
        )
    else:
        add_setting(group, "context")
    for key in ("cluster", "user", "as"):
        add_setting(group, key)
    about = f"{BY_KEY['as_group'].flag_help()} (may be repeated)"
    add_setting(group, "as_group", action="append", help=about)
    for key in ("as_uid", "request_timeout"):
        add_setting(group, key)
    insecure = BY_KEY["insecure_skip_tls_verify"]
    group.add_argument(*insecure.flags, action="store_const", const=True, help=insecure.help)
    add_plaintext_token(group)


def add_plaintext_token(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--insecure-plaintext-token",
        action="store_true",
        help="send a token over plain http to a host that is not loopback",
    )


class WatchOnly(argparse.Action):
    """``--watch-only``, which needs no ``--watch`` beside it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(nargs=0, const=True, **{**kwargs, "dest": argparse.SUPPRESS})

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: Optional[str] = None,
    ) -> None:
        namespace.watch = namespace.follow_only = True


ALSO_ONCE = ("--timeout", "--fail-on")
"""Of these, what one shot takes too."""

WATCH_FLAGS = (
    "--follow-only",
    "--heartbeat",
    "--retry",
    "--retry-backoff",
    "--fallback-poll",
    "--poll-interval",
    "--since",
    "--timeout",
    "--max-staleness",
    "--until",
    "--stable-for",
    "--fail-on",
    "--live",
    "--record",
    "--record-append",
)
"""What makes sense on a stream only."""


def refuse_watch_flags(args: argparse.Namespace, why: str, *but: str) -> None:
    """Where there is no stream. Raises UsageError; ``{0}`` in ``why`` is the flag."""
    for flag in WATCH_FLAGS:
        if flag not in but and getattr(args, flag[2:].replace("-", "_")) is not None:
            raise UsageError(why.format(flag))


TIMEOUT = "end after this time, the start included: 0 if connected then, 5 if not (default none)"
ONE_SHOT_TIMEOUT = "; of one shot, how long it may take (default 10s, for nagios 8s)"


def add_watch(
    parser: Parser,
    heartbeat: str = "30s",
    timeout: str = TIMEOUT,
    live: bool = False,
    title: str = "watching",
) -> None:
    """How the stream behaves. Defaults are None, so that a flag without a stream can be told."""
    group = parser.add_argument_group(title)
    group.add_argument("--follow-only", action="store_const", const=True, help="no snapshot first")
    group.add_argument("--watch-only", action=WatchOnly, help="--watch --follow-only, as kubectl")
    group.add_argument(
        "--heartbeat",
        type=duration,
        metavar="D",
        help=f"how often to say that all is alive; 0 for never (default {heartbeat})",
    )
    group.add_argument(
        "--retry",
        type=boolean,
        nargs="?",
        const=True,
        metavar="true|false",
        help="reconnect when the connection is lost (default true)",
    )
    group.add_argument(
        "--no-retry",
        dest="retry",
        action="store_const",
        const=False,
        help="the same as --retry=false",
    )
    add_persistence(group)
    group.add_argument(
        "--since",
        metavar="CURSOR",
        help="begin with what changed since this cursor was printed, instead of a snapshot",
    )
    group.add_argument(
        "--timeout",
        type=duration,
        metavar="D",
        help=timeout,
    )
    statuses = [status.value for status in Status]
    for flag, text in (
        (
            "--until",
            "end with 0 once all are that good (for a bad status: one that bad)",
        ),
        ("--fail-on", "end with 1 if a component is that bad or worse; of a stream, at once"),
    ):
        group.add_argument(flag, type=one_of(*statuses), metavar="STATUS", help=text)
    group.add_argument(
        "--exit-code",
        dest="fail_on",
        action="store_const",
        const=Status.DEGRADED.value,
        help="the same as --fail-on degraded",
    )
    group.add_argument(
        "--stable-for",
        type=duration,
        metavar="D",
        help="how long --until has to hold without a break (default 0)",
    )
    parser.set_defaults(live=None)
    if live:
        group.add_argument(
            "--live",
            action="store_const",
            const=True,
            help="redraw the table in place, with ages; q quits (where stdout is a terminal)",
        )
    group.add_argument(
        "--record",
        metavar="FILE",
        help="write the events to a new file too, for 'agentctl replay' and 'timeline'",
    )
    group.add_argument(
        "--record-append",
        action="store_const",
        const=True,
        help="let --record add to a recording that exists",
    )


def add_persistence(group: argparse._ArgumentGroup) -> None:
    """What happens when the cluster cannot be reached, or cannot be watched."""
    group.add_argument(
        "--retry-backoff",
        type=positive_duration,
        metavar="D",
        help="first wait before reconnecting; doubles up to 30s (default 1s)",
    )
    group.add_argument(
        "--fallback-poll",
        action="store_const",
        const=True,
        help="poll what cannot be watched instead of giving up",
    )
    group.add_argument(
        "--poll-interval",
        type=positive_duration,
        metavar="D",
        help="how often to poll (default 10s)",
    )
    group.add_argument(
        "--max-staleness",
        type=duration,
        metavar="D",
        help="how long the last state of a lost source is believed; 0 for ever (default 2m)",
    )
