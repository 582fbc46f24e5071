"""agentctl version: what this is and what it runs on."""

from __future__ import annotations

import json
from argparse import Namespace

from agentctl import __version__
from agentctl.cli.config.flags import add_choice
from agentctl.cli.config.parser import Parser
from agentctl.cli.host.process import Process
from agentctl.errors import ExitCode

NAME = "version"
HELP = "the version of agentctl and of what it runs on"
DESCRIPTION = """\
Print the version of agentctl, of Python, and of the packages that the
transports use, where they are installed: what a bug report needs.

  agentctl version
  agentctl version --client -o json"""

PACKAGES = ("urllib3", "PyYAML", "kubernetes", "requests", "grpcio", "protobuf")


def configure(parser: Parser) -> None:
    about = "lines for people, or one object for programs (default text)"
    add_choice(parser, "-o", "--output", of=("text", "json"), help=about)
    parser.add_argument(
        "--client",
        "--client-only",
        action="store_true",
        help="only the version of agentctl",
    )


def run(args: Namespace, process: Process) -> int:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = {"agentctl": __version__}
    if not args.client:
        found["python"] = platform.python_version()
    for package in () if args.client else PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    if args.output == "json":
        process.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        process.stdout.write("".join(f"{name} {value}\n" for name, value in found.items()))
    return ExitCode.OK
