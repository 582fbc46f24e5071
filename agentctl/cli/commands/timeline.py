"""agentctl timeline: a recording, or a server's last hours, as a picture of what was when."""

from __future__ import annotations

import json
import os
from argparse import ArgumentTypeError, Namespace
from functools import partial
from typing import TYPE_CHECKING, Optional

from agentctl.cli.config.flags import (
    add_choice,
    add_color,
    add_components,
    add_plaintext_token,
    add_server,
)
from agentctl.cli.config.parser import Parser
from agentctl.cli.host.process import Process
from agentctl.errors import UsageError

if TYPE_CHECKING:
    from agentctl.cli.recording.read import Input
    from agentctl.engine.policy import Outcome
    from agentctl.timeline.facts import Timeline

NAME = "timeline"
HELP = "what each component's status was over time, from a recording or a server"
COMMON = (
    "--server",
    "--since",
    "--component",
    "--output",
    "--svg",
    "--width",
    "--token-file",
    "--tls-ca",
)
DESCRIPTION = """\
Draw a row for each component of a recording, or of what a server (agentctl
serve) keeps of the last hours: time goes to the right, and each column shows the
worst status that was in it. Where nobody could see (the watch was disconnected,
not recording, or the server had not begun) it is hatched, never healthy.

AVAILABLE is the part of the time in which it worked (healthy or configured), of
that in which it was known to work or not to (degraded or error). UNKNOWN, STALE
and UNSEEN are parts of the whole time. CHANGES is how often the status changed.

  agentctl timeline incident.ndjson
  agentctl timeline incident.ndjson --component 'runtime:*' --svg incident.svg
  agentctl timeline incident.ndjson -o json | jq '.components[].transitions'
  agentctl timeline --server 127.0.0.1:8080 --since 6h

Exit codes are those of 'agentctl replay'; of a server 3 where it refuses or keeps
no timeline, and 5 where it cannot be reached."""


def columns(text: str) -> int:
    """An argparse type."""
    if text.isascii() and text.isdecimal() and len(text) <= 6 and 40 <= int(text) <= 2000:
        return int(text)
    raise ArgumentTypeError(f"expected a number from 40 to 2000, got {text!r}")


def configure(parser: Parser) -> None:
    about = "the recording, - for stdin; none for a server's"
    parser.add_argument("file", nargs="?", metavar="FILE", help=about)
    add_components(parser)
    parser.add_argument(
        "--since",
        metavar="D|TIME",
        help="of a server's, how far back (6h), or from when (2026-01-30T18:00:00Z); "
        "default all that it keeps",
    )
    about = "a picture, the facts for programs, or a line for each span (default table)"
    add_choice(parser, "-o", "--output", of=("table", "json", "csv"), help=about)
    parser.add_argument(
        "--svg", metavar="OUT", help="write a standalone SVG too (- for stdout, and only that)"
    )
    parser.add_argument(
        "--width", type=columns, metavar="N", help="columns (default the terminal's, or 80)"
    )
    add_color(parser, "blocks and colour, or ASCII; auto means on a terminal without NO_COLOR")
    server = parser.add_argument_group("server connection")
    add_server(server)
    add_plaintext_token(server)


def run(args: Namespace, process: Process) -> int:
    from agentctl.cli.host.stderr import tell_end

    if args.file is None:
        from agentctl.cli.run.timeline import server_timeline

        found, ended = server_timeline(args, process)
        if found is not None:
            show(found, args, process)
        return tell_end(process, ended)
    refuse_server_flags(args)
    recorded, outcome, name = read_recording(args, process)
    if recorded is not None:
        if args.component and not recorded.rows:
            raise UsageError(f"no component matches --component {' or '.join(args.component)}")
        show(recorded, args, process)
    elif not outcome.message:
        raise UsageError(f"{name}: it holds no events: nothing to draw")
    return tell_end(process, outcome)


def read_recording(args: Namespace, process: Process) -> tuple[Optional[Timeline], Outcome, str]:
    """What there is in the file, how reading it ended, and its name."""
    from agentctl.cli.host.stderr import complain
    from agentctl.cli.recording.read import Input, Reading
    from agentctl.timeline.fold import timeline

    with Input(args.file) as source:
        refuse_itself(source, args.svg)
        reading = Reading(source, partial(complain, process))
        found = timeline(reading.entries(), args.component)
        return found, reading.outcome(), source.name


def refuse_server_flags(args: Namespace) -> None:
    """A flag that would do nothing is a mistake, and better told."""
    from agentctl.cli.config.layers import flagged
    from agentctl.cli.config.table import SETTINGS

    given = [said.by for one in SETTINGS for said in flagged(args, one)]
    given += ["--since"] if args.since else []
    given += ["--insecure-plaintext-token"] if args.insecure_plaintext_token else []
    if given:
        raise UsageError(f"{given[0]} is for a server's timeline, and {args.file} is a recording")


def refuse_itself(source: Input, svg: str) -> None:
    """A recording must not be lost to its own picture."""
    exists = svg and svg != "-" and os.path.exists(svg)
    if exists and os.path.samestat(os.stat(svg), os.fstat(source.fd)):
        raise UsageError(f"--svg {svg} is the recording itself: give another name")


def show(found: Timeline, args: Namespace, process: Process) -> None:
    from agentctl.cli.host.atomic_write import write_whole
    from agentctl.cli.host.terminal import has_utf8, width
    from agentctl.timeline import picture, svg

    if args.svg == "-":
        process.stdout.write(svg.draw(found))
        return
    if args.svg:
        write_whole(args.svg, svg.draw(found))
    if args.output == "csv":
        from agentctl.timeline.csv_lines import csv_text

        process.stdout.write(csv_text(found))
        return
    if args.output == "json":
        process.stdout.write(json.dumps(found.to_json(), ensure_ascii=False, indent=2) + "\n")
        return
    color = process.color(args.color)
    lines = picture.draw(
        found, args.width or width(process), color=color, blocks=color and has_utf8(process)
    )
    process.stdout.write("".join(line + "\n" for line in lines))
