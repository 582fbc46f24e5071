"""agentctl timeline: a recording as a picture of what was when."""

from __future__ import annotations

import json
import os
from argparse import ArgumentTypeError, Namespace
from functools import partial
from typing import TYPE_CHECKING

from agentctl.cli.config.flags import add_choice, add_color, add_components
from agentctl.cli.config.parser import Parser
from agentctl.cli.host.process import Process
from agentctl.errors import UsageError

if TYPE_CHECKING:
    from agentctl.cli.recording.read import Input
    from agentctl.timeline.facts import Timeline

NAME = "timeline"
HELP = "what each component's status was over time, from a recording"
DESCRIPTION = """\
Draw a row for each component of a recording: time goes to the right, and each
column shows the worst status that was in it. Where nobody could see (the watch
was disconnected, or not recording) it is hatched, never healthy.

AVAILABLE is the part of the time in which it worked (healthy or configured), of
that in which it was known to work or not to (degraded or error). UNKNOWN and
UNSEEN are parts of the whole time. CHANGES is how often the status changed.

  agentctl timeline incident.ndjson
  agentctl timeline incident.ndjson --component 'runtime:*' --svg incident.svg
  agentctl timeline incident.ndjson -o json | jq '.components[].transitions'

Exit codes are those of 'agentctl replay'."""


def columns(text: str) -> int:
    """An argparse type."""
    if text.isascii() and text.isdecimal() and len(text) <= 6 and 40 <= int(text) <= 2000:
        return int(text)
    raise ArgumentTypeError(f"expected a number from 40 to 2000, got {text!r}")


def configure(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help="the recording, - for stdin")
    add_components(parser)
    about = "a picture, or the facts for programs (default table)"
    add_choice(parser, "-o", "--output", of=("table", "json"), help=about)
    parser.add_argument(
        "--svg", metavar="OUT", help="write a standalone SVG too (- for stdout, and only that)"
    )
    parser.add_argument(
        "--width", type=columns, metavar="N", help="columns (default the terminal's, or 80)"
    )
    add_color(parser, "blocks and colour, or ASCII; auto means on a terminal without NO_COLOR")


def run(args: Namespace, process: Process) -> int:
    from agentctl.cli.host.stderr import complain, tell_end
    from agentctl.cli.recording.read import Input, Reading
    from agentctl.timeline.fold import timeline

    with Input(args.file) as source:
        refuse_itself(source, args.svg)
        reading = Reading(source, partial(complain, process))
        found = timeline(reading.entries(), args.component)
        outcome = reading.outcome()
    if found is not None:
        if args.component and not found.rows:
            raise UsageError(f"no component matches --component {' or '.join(args.component)}")
        show(found, args, process)
    elif not outcome.message:
        raise UsageError(f"{source.name}: it holds no events: nothing to draw")
    return tell_end(process, outcome)


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
    if args.output == "json":
        process.stdout.write(json.dumps(found.to_json(), ensure_ascii=False, indent=2) + "\n")
        return
    color = process.color(args.color)
    lines = picture.draw(
        found, args.width or width(process), color=color, blocks=color and has_utf8(process)
    )
    process.stdout.write("".join(line + "\n" for line in lines))
