"""agentctl config: what is set, who set it, and setting it."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from typing import TYPE_CHECKING

from agentctl.cli.config.flags import add_choice, add_connection, add_setting
from agentctl.cli.config.parser import Parser, guess, one_of
from agentctl.cli.config.table import BY_KEY
from agentctl.cli.host.process import Process
from agentctl.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentctl.cli.config.provenance import InForce

NAME = "config"
HELP = "'config view': which settings are in force and who says so; get, set, unset, path"
DESCRIPTION = """\
Show and change the settings that need not be given on each command line.

  agentctl config view                      what is in force, and where it comes from
  agentctl config get namespace             one value, for a script
  agentctl config set mode sse
  agentctl config set address agentctl.agents.svc:8080
  agentctl config set token - < token       from the standard input
  agentctl config set tls.ca ~/ca.crt
  agentctl config unset tls
  agentctl config path

Flags come before the environment, that before the config file, and that before
the defaults. The file is for its owner only, and is replaced whole or not at all."""

_NAMES = list(BY_KEY)
KEYS = f"keys: {', '.join(_NAMES[:6])},\n      {', '.join(_NAMES[6:])}"

MOST_NEEDED = (
    "--namespace",
    "--transport",
    "--context",
    "--kubeconfig",
    "--server",
    "--token-file",
    "--tls",
    "--tls-ca",
    "--tls-server-name",
)
"""Of ``view`` and ``get``."""

MAX_TOKEN_BYTES = 1 << 16


def configure(parser: Parser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", title="actions", dest="action", required=True)
    view = actions.add_parser(
        "view",
        help="what is in force, and where it comes from",
        description=_described(
            "Show what 'agentctl status' with the same flags would use, and why.",
            "agentctl config view",
            "agentctl config view -o json --server other.example:8080",
        ),
    )
    about = "a table for people, or one object for programs (default table)"
    add_choice(view, "-o", "--output", of=("table", "json"), help=about)
    get = actions.add_parser(
        "get",
        help="print one value that is in force",
        description=_described(
            f"Print a setting as 'agentctl status' with the same flags would use it.\n\n{KEYS}",
            "agentctl config get namespace",
            "agentctl config get address --transport sse",
        ),
    )
    _add_key(get)
    for each in (view, get):
        add_setting(each, "namespace", "-n")
        add_connection(each)
    view.set_common(("--output", *MOST_NEEDED))
    get.set_common(MOST_NEEDED)
    setting = actions.add_parser(
        "set",
        help="write a setting to the config file",
        description=_described(
            f"Write a setting.\n\n{KEYS}",
            "agentctl config set namespace team-a",
            "agentctl config set token - < token",
        ),
    )
    _add_key(setting)
    setting.add_argument("value", metavar="VALUE", help="'-' reads a token from standard input")
    unset = actions.add_parser(
        "unset",
        help="take a setting out of the config file",
        description=_described(
            f"Take a setting out; one that agentctl does not know as well.\n\n{KEYS}",
            "agentctl config unset namespace",
            "agentctl config unset tls",
        ),
    )
    unset.add_argument("key", metavar="KEY", help="one of the above")
    actions.add_parser(
        "path",
        help="print where the config file is",
        description=_described(
            "Print where the file is.",
            "agentctl config path",
            'cat "$(agentctl config path)"',
        ),
    )


def _described(what: str, *examples: str) -> str:
    return "\n".join([what, "", *(f"  {example}" for example in examples)])


def _add_key(parser: Parser) -> None:
    parser.add_argument("key", type=one_of(*BY_KEY), metavar="KEY", help="one of the above")


def run(args: Namespace, process: Process) -> int:
    from agentctl.cli.config.file import config_path

    path = config_path(process.environ, process.home)
    if args.action == "path":
        process.stdout.write(f"{path}\n")
    else:
        actions = {"view": _view, "get": _get, "set": _set, "unset": _unset}
        actions[args.action](args, process, path)
    return ExitCode.OK


def _view(args: Namespace, process: Process, path: str) -> None:
    from agentctl.cli.config.file import read_config, readable_by_others
    from agentctl.cli.config.provenance import in_force

    found = in_force(args, process)
    exists = os.path.exists(path)
    if args.output == "json":
        settings = [
            {
                "key": one.key,
                "value": one.value or None,
                "from": one.by or None,
                "overrules": one.over,
                "note": one.note,
            }
            for one in found
        ]
        document = {"file": path, "exists": exists, "settings": settings}
        process.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        process.stdout.write(f"config file: {path}{'' if exists else ' (not there)'}\n\n")
        process.stdout.write(_table(found))
    if read_config(path).get("token") and readable_by_others(path):
        _warn(process, f"{path} holds a token and others may read it: chmod 600 it")


def _get(args: Namespace, process: Process, path: str) -> None:
    from agentctl.cli.config.provenance import in_force

    if args.key == "token":
        raise UsageError("a token is never shown; 'agentctl config view' says where it comes from")
    value = next(one.value for one in in_force(args, process) if one.key == args.key)
    if value:
        process.stdout.write(f"{value}\n")


def _table(found: Sequence[InForce]) -> str:
    rows = [("SETTING", "VALUE", "FROM", "NOTE")]
    for one in found:
        over = f"overrules {', '.join(one.over)}" if one.over else ""
        note = "; ".join(text for text in (one.note, over) if text)
        rows.append((one.key, one.value or "-", one.by or "-", note))
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths)) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _set(args: Namespace, process: Process, path: str) -> None:
    from agentctl.cli.config.file import change, flatten, put, read_config

    read_config(path)  # what is not understood is not written to
    setting, text = BY_KEY[args.key], args.value
    if args.key == "token" and text == "-":
        text = _token()
    elif args.key == "token":
        _warn(
            process, "the shell keeps this line in its history; better: agentctl config set token -"
        )
    value = setting.checked(text, args.key)

    def edit(config: dict[str, object]) -> None:
        put(config, args.key, value)
        flatten(config)

    change(path, edit)
    if setting.is_file and not os.access(os.path.expanduser(value), os.R_OK):
        _warn(process, f"{args.key}: {value} cannot be read at present")
    for variable in setting.variables:
        if process.environ.get(variable):
            _warn(process, f"{variable} is set, and comes before the config file")


def _unset(args: Namespace, process: Process, path: str) -> None:
    from agentctl.cli.config.file import change, take

    def edit(config: dict[str, object]) -> None:
        if not take(config, args.key) and args.key not in BY_KEY:
            raise UsageError(f"{path} has no key {args.key!r}{guess(args.key, BY_KEY)}")

    change(path, edit)


def _token() -> str:
    """From standard input; a terminal does not show what is typed."""
    if os.isatty(0):
        return _typed()
    with open(0, "rb", closefd=False) as stdin:
        return stdin.read(MAX_TOKEN_BYTES + 2).decode("utf-8", "replace")


def _typed() -> str:
    """Ctrl-C must not end the process before the terminal shows again what is typed."""
    import signal
    from getpass import getpass

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return getpass("Token: ")
    except EOFError:
        return ""
    finally:
        signal.signal(signal.SIGINT, before)


def _warn(process: Process, message: str) -> None:
    from agentctl.cli.host.stderr import complain

    complain(process, f"warning: {message}")
