"""What `deploy/` holds, as plain data, and the parser that its commands are for."""

from __future__ import annotations

import io
from argparse import Namespace
from collections.abc import Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from agentctl.cli.command_line import build_parser
from agentctl.cli.commands import commands
from agentctl.cli.host.process import FdOutput, Process

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"


@cache
def _documents() -> tuple[dict[str, Any], ...]:
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    texts = [(KUBERNETES / name).read_text(encoding="utf-8") for name in listed]
    return tuple(one for text in texts for one in yaml.safe_load_all(text))


def documents() -> list[dict[str, Any]]:
    """All that the kustomization lists, file by file; to be changed at will."""
    return deepcopy(list(_documents()))


def the(kind: str) -> dict[str, Any]:
    """The one manifest of a kind."""
    (found,) = [one for one in documents() if one["kind"] == kind]
    return found


def container() -> dict[str, Any]:
    (found,) = the("Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(found)


def parsed(arguments: Sequence[str]) -> Namespace:
    """What the program makes of a command line; raises UsageError if it knows it not."""
    process = Process(environ={}, stdout=FdOutput(1), stderr=io.StringIO())
    return build_parser(commands(), process).parse_args(list(arguments))
