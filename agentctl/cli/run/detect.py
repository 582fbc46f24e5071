"""Detection run: what of the catalogs that ship is installed, and the command to watch each."""

from __future__ import annotations

import json
import shlex
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from agentctl.catalog.files import SHIPPED
from agentctl.catalog.loader import load_chosen
from agentctl.cli.config.catalog_file import given_catalog
from agentctl.cli.config.layers import Layers
from agentctl.cli.config.piped import is_piped
from agentctl.cli.config.settings import Settings, namespaces
from agentctl.cli.config.table import BY_KEY
from agentctl.cli.host.process import Process
from agentctl.cli.host.stderr import complain, tell_end
from agentctl.cli.host.time_limit import one_shot_limit
from agentctl.cli.run.watched import watched
from agentctl.engine.policy import Outcome
from agentctl.errors import ExitCode, UsageError
from agentctl.kube.components import Component
from agentctl.kube.detect import (
    CRDS_ALONE,
    PARTLY,
    Detected,
    Sight,
    detected,
    is_recognisable,
    look,
)
from agentctl.kube.reader import reader
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.redact.printable import printable

HEADER = ("CATALOG", "NAMESPACE", "FOUND", "COMMAND")
KNOWN = tuple(one for one in SHIPPED if one != "auto")
"""Those that are of something: the other one fits whatever runs anywhere."""

CONNECTION = ("kubeconfig", "context", "cluster", "user", "as", "as_group", "as_uid")
"""Settings whose flags the command to watch needs as well."""

NOT_LOOKED_AT = "could be looked at: whether it runs is not known"
NOT_NAMED = (
    "has a name that the catalog knows: if it runs under others, edit a copy "
    "(agentctl catalog show NAME)"
)


class Sought(NamedTuple):
    """A catalog that is looked for; ``given`` is what ``--catalog`` takes for it."""

    name: str
    namespace: str
    components: tuple[Component, ...]
    given: str


def detect(args: Namespace, process: Process) -> int:
    """Look, and show what is there. Raises UsageError, ConfigError, CatalogError, SourceError."""
    args.component = []
    layers = Layers.of(process, args)
    names = [*args.files, *([args.catalog] if args.catalog else [])] or KNOWN
    sought = [_sought(one) for one in dict.fromkeys(names)]
    where = namespaces(layers) if args.namespace else []
    args.catalog = args.namespace = None
    layers = Layers.of(process, args)
    settings = Settings.of(layers, BY_KEY["namespace"].default)
    limit = one_shot_limit(process)
    found = limit.prepared(lambda: watched(settings, [settings.namespace], process))
    with reader(found.context.client) as api:
        sight = look(api, process.clock, sought, where)
    rows = detected(sought, sight)
    if sight.blind and sight.served is None:
        return tell_end(process, Outcome(ExitCode.REFUSED, sight.unseen[0].why))
    by_name = {one.name: one for one in sought}
    commands = [_command(one, by_name[one.catalog], layers, process) for one in rows]
    if args.output == "json":
        process.stdout.write(json.dumps(_to_json(rows, commands, sight), indent=2) + "\n")
    else:
        process.stdout.write(_table(rows, commands))
    for line in _remarks(rows, sight):
        complain(process, line)
    return ExitCode.OK if rows else ExitCode.VERDICT_BAD


def _sought(given: str) -> Sought:
    if is_piped(given):
        raise UsageError(f"{given}: 'catalog detect' takes files and names, not what a pipe brings")
    catalog = load_chosen(given_catalog(given), probes=False)
    if not is_recognisable(catalog):
        raise UsageError(
            f"{given} names nothing by which to tell whether it is installed; to watch by it what "
            f"runs: agentctl status watch --catalog {shlex.quote(given)} -n NAMESPACE"
        )
    usual = catalog.namespace or BY_KEY["namespace"].default
    return Sought(catalog.name, usual, catalog.components, given)


def _command(row: Detected, sought: Sought, layers: Layers, process: Process) -> str:
    """What watches it, as a shell takes it."""
    words = [*process.name.split(), "status", "watch", "--catalog", sought.given]
    said = layers.first("namespace")
    if row.namespace != sought.namespace or not said.is_default:
        words += ["-n", row.namespace]
    for key in CONNECTION:
        flag = BY_KEY[key].flags[0]
        value = getattr(layers.args, flag[2:].replace("-", "_"), None) or []
        for one in value if isinstance(value, list) else [value]:
            words += [flag, one]
    for name in ("insecure_skip_tls_verify", "insecure_plaintext_token"):
        if getattr(layers.args, name, None):
            words.append(f"--{name.replace('_', '-')}")
    return shlex.join(words)


def _told(row: Detected) -> str:
    if row.state != PARTLY:
        return row.state
    return f"{row.state} ({len(row.found)} of {len(row.found) + len(row.missing)})"


def _table(rows: Sequence[Detected], commands: Sequence[str]) -> str:
    cells = [HEADER]
    cells += [(one.catalog, one.namespace, _told(one), cmd) for one, cmd in zip(rows, commands)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(HEADER) - 1)]
    lines = ("  ".join((*map(str.ljust, row, widths), row[-1])) for row in cells)
    return "".join(f"{printable(line)}\n" for line in lines)


def _to_json(rows: Sequence[Detected], commands: Sequence[str], sight: Sight) -> Mapping[str, Any]:
    return {
        "found": [
            {
                "catalog": one.catalog,
                "namespace": one.namespace,
                "state": one.state,
                "components": list(one.found),
                "missing": list(one.missing),
                "crds": list(one.crds),
                "command": command,
            }
            for one, command in zip(rows, commands)
        ],
        "unseen": [{"what": one.what, "why": one.why} for one in sight.unseen],
    }


def _remarks(rows: Sequence[Detected], sight: Sight) -> list[str]:
    """What else there is to say: on stderr."""
    lines = [f"not seen: {one.what}: {one.why}" for one in sight.unseen]
    for hidden, so in ((True, NOT_LOOKED_AT), (False, NOT_NAMED)):
        alone = [one for one in rows if one.state == CRDS_ALONE and one.hidden is hidden]
        if alone:
            names = ", ".join(one.catalog for one in alone)
            lines.append(f"{names}: custom resources are served, but no workload {so}")
    if not rows:
        lines.append("nothing found that a catalog knows: see 'agentctl catalog list'")
    return lines
