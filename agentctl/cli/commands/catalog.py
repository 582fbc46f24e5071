"""agentctl catalog show: what is checked, and what permissions that takes."""

from __future__ import annotations

import json
from argparse import Namespace

from agentctl.cli.config.flags import add_choice
from agentctl.cli.config.parser import Parser, one_of
from agentctl.cli.host.process import Process
from agentctl.errors import ExitCode

NAME = "catalog"
HELP = "'catalog show': the components, their checks and the permissions they need"
DESCRIPTION = """\
Print the catalog in force and the Kubernetes permissions that it needs, ready
to be turned into RBAC. Start a catalog of your own from it:

  agentctl catalog show > mine.yaml
  agentctl status --catalog mine.yaml
  agentctl catalog show -n team-a -o json | jq .requires"""


def configure(parser: Parser) -> None:
    parser.add_argument("action", type=one_of("show"), metavar="show", help="print it")
    parser.add_argument("--catalog", metavar="FILE", help="show this one instead of the default")
    parser.add_argument(
        "-n",
        "--namespace",
        action="append",
        metavar="NAME",
        help="the namespaces that permissions are for (default agents; may be repeated)",
    )
    about = "a catalog file, or the same for programs (default yaml)"
    add_choice(parser, "-o", "--output", of=("yaml", "json"), help=about)


def run(args: Namespace, process: Process) -> int:
    from agentctl.cli.config.layers import Layers
    from agentctl.cli.config.settings import namespaces
    from agentctl.cli.run.watched import catalog_of
    from agentctl.kube.rbac import describe

    chosen = namespaces(Layers.of(process, args))
    described = describe(catalog_of(args.catalog), chosen)
    if args.output == "json":
        process.stdout.write(json.dumps(described, indent=2) + "\n")
    else:
        import yaml

        process.stdout.write(yaml.safe_dump(described, sort_keys=False, width=100))
    return ExitCode.OK
