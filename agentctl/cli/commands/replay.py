"""agentctl replay: what a watch recorded, through any output."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError, Namespace
from functools import partial

from agentctl.cli.config.flags import add_components
from agentctl.cli.config.output_flags import add_output
from agentctl.cli.config.parser import Parser
from agentctl.cli.host.process import Process

NAME = "replay"
HELP = "play what 'status watch --record FILE' has recorded"
DESCRIPTION = """\
Print the events of a recording as the watch did that recorded them: with
-o ndjson, byte for byte. At full speed, unless --timed or --speed is given.

  agentctl status watch --record incident.ndjson
  agentctl replay incident.ndjson
  agentctl replay --speed 10 incident.ndjson
  zcat incident.ndjson.gz | agentctl replay -o ndjson - | jq .

A file that was cut off, or is damaged, is played as far as it is whole. What
could not be read is told on stderr by its line, and the exit code is 1; it is 2
for what is no recording at all. A gzip'd file is read as it is."""


def speed(text: str) -> float:
    """An argparse type: how many times as fast as it was; infinity for ``max``."""
    if text == "max":
        return math.inf
    try:
        times = float(text)
    except ValueError:
        times = math.nan
    if times > 0 and math.isfinite(times):
        return times
    raise ArgumentTypeError(f"expected a number over 0, as in 10 or 0.5, or max, got {text!r}")


def configure(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help="the recording, - for stdin")
    group = parser.add_argument_group("how to play it")
    group.add_argument(
        "--speed",
        type=speed,
        default=math.inf,
        metavar="N|max",
        help="so many times as fast as it was (default max)",
    )
    group.add_argument(
        "--timed",
        dest="speed",
        action="store_const",
        const=1.0,
        help="as it was; the same as --speed 1",
    )
    add_components(group)
    add_output(parser)


def run(args: Namespace, process: Process) -> int:
    from agentctl import renderers
    from agentctl.cli.host.stderr import complain, tell_end
    from agentctl.cli.recording.play import Player
    from agentctl.cli.recording.read import Input, Reading
    from agentctl.cli.run.runner import Runner
    from agentctl.engine.stream import Sink
    from agentctl.remote.state import Selecting

    color = process.color(args.color)
    style = renderers.Style(color=color, stream=True, headers=not args.no_headers)
    # A pager has all the time that it wants: this waits for its reader, until a signal.
    sink: Sink = renderers.create(args.output, process.stdout.patient, style)
    if args.component:
        sink = Selecting(sink, args.component)
    with Input(args.file) as source:
        player = Player(
            source, Reading(source, partial(complain, process)), sink, args.speed, process.clock
        )
        outcome = Runner(player, process.stdout.fd).run()
    return tell_end(process, outcome)
