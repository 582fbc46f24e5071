"""Output flags: which format, which colours, and how much is said on stderr."""

from __future__ import annotations

import argparse

from agentctl import renderers
from agentctl.cli.config.flags import add_color
from agentctl.cli.config.parser import OneOf, Parser


def add_output(parser: Parser, one_shot: bool = False) -> None:
    """What the output looks like; ``one_shot`` where it may be one state and no stream."""
    group = parser.add_argument_group("output")
    formats = renderers.names(streams=not one_shot)
    more = ", name for xargs, nagios and prom for monitoring" if one_shot else ""
    group.add_argument(
        "-o",
        "--output",
        type=OutputFormat(formats),
        default="table",
        metavar="|".join(formats),
        help="table for people (wide: with age and reason), ndjson for programs, json and yaml "
        f"for reading{more} (default table)",
    )
    group.add_argument(
        "--no-headers", action="store_true", help="leave out the line that names the columns"
    )
    if one_shot:
        group.add_argument(
            "--output-file",
            metavar="FILE",
            help="write to this file, whole or not at all, instead of stdout (one shot only); "
            "- is stdout",
        )
    add_color(group, "colour the table; auto means on a terminal without NO_COLOR")
    group.add_argument(
        "--no-color",
        dest="color",
        action="store_const",
        const="never",
        help="the same as --color never",
    )
    add_talk(group, "log the transport, cursors and each reconnect to stderr, never a token")


class OutputFormat(OneOf):
    """The argparse type of ``--output``, which knows kubectl's other formats."""

    def __call__(self, text: str) -> str:
        name = text.partition("=")[0]
        if name.startswith(("jsonpath", "go-template", "template", "custom-columns")):
            raise argparse.ArgumentTypeError(
                f"there is no {name} here: -o json | jq '.items[] | .component + .status'"
            )
        if text in renderers.names() and text not in self.choices:
            raise argparse.ArgumentTypeError(
                f"{text} shows one state and nothing else: agentctl status -o {text}"
            )
        return super().__call__(text)


def level(text: str) -> int:
    """An argparse type: kubectl's verbosity."""
    if text.isascii() and text.isdecimal() and len(text) <= 3:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a number such as 0 or 6, got {text!r}")


def add_talk(group: argparse._ActionsContainer, debug: str) -> None:
    """How much is said on stderr."""
    group.add_argument("--debug", action="store_true", help=debug)
    group.add_argument(
        "-v",
        "--v",
        dest="verbosity",
        type=level,
        nargs="?",
        const=1,
        default=0,
        metavar="N",
        help="kubectl's verbosity: 1 or more is --debug",
    )
    group.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        help="nothing on stderr but an error that ends the run",
    )
