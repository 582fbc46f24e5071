"""agentctl catalog: what is checked, what permissions that takes, what rules make of objects."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from agentctl.cli.config.flags import add_choice, add_cluster
from agentctl.cli.config.parser import Parser, one_of
from agentctl.cli.host.process import Process
from agentctl.errors import ExitCode, UsageError

NAME = "catalog"
HELP = "'catalog list', 'detect', 'show': what can be watched, what is installed, what it sees"
COMMON = ("--catalog", "--namespace", "--output", "--context", "--kubeconfig", "--as")
DESCRIPTION = """\
List the catalogs that ship, for --catalog NAME:

  agentctl catalog list
  agentctl status watch --catalog cert-manager

Or see which of them a cluster has, in which namespace, and the command to
watch each:

  agentctl catalog detect
  agentctl catalog detect --context staging -o json

Print the catalog in force and the Kubernetes permissions that it needs, ready
to be turned into RBAC. Start a catalog of your own from it:

  agentctl catalog show flux
  agentctl catalog show > mine.yaml
  agentctl status --catalog mine.yaml

Or from what runs in a namespace, written out with a comment for each part:

  agentctl catalog generate -n shop > shop.yaml
  agentctl status watch --catalog shop.yaml

Or see what a catalog's rules make of saved objects, and which rule decided:

  kubectl get certificates -A -o yaml > certificates.yaml
  agentctl catalog test mine.yaml certificates.yaml"""

MAX_BYTES = 64 << 20

FORMS = {
    "show": ("yaml", "json"),
    "list": ("table", "json"),
    "test": ("table", "json"),
    "detect": ("table", "json"),
    "generate": ("yaml", "json"),
}
"""How each action shows what it found, the usual form first."""

ACTIONS = tuple(FORMS)


def configure(parser: Parser) -> None:
    about = "print it ('show'), name those that ship ('list') or that a cluster has ('detect'), "
    about += "try its rules ('test'), or write out what runs in a namespace ('generate')"
    parser.add_argument("action", type=one_of(*ACTIONS), metavar="|".join(ACTIONS), help=about)
    about = "of 'show': the catalog; of 'test': a catalog, and files of objects as kubectl -o yaml "
    about += "prints them; of 'detect': the catalogs to look for (default all that ship)"
    parser.add_argument("files", nargs="*", default=[], metavar="FILE", help=about)
    about = "show this one instead of the default; of 'generate' what finds (default auto)"
    parser.add_argument("--catalog", metavar="NAME|FILE", help=about)
    parser.add_argument(
        "-n",
        "--namespace",
        action="append",
        metavar="NAME",
        help="the namespaces that permissions are for (default the catalog's, else agents), or "
        "that 'detect' looks in (default all), or 'generate'; may be repeated",
    )
    about = "a catalog file, a table, or the same for programs (default yaml of 'show' and "
    about += "'generate', else table)"
    add_choice(parser, "-o", "--output", of=("yaml", "table", "json"), help=about)
    parser.set_defaults(output=None)
    add_cluster(parser.add_argument_group("connection (of 'detect' and 'generate')"), several=False)


def run(args: Namespace, process: Process) -> int:
    usual, other = FORMS[args.action]
    args.output = args.output or usual
    if args.output not in (usual, other):
        raise UsageError(f"catalog {args.action} -o {args.output}: expected {usual} or {other}")
    if args.action == "detect":
        from agentctl.cli.run.detect import detect

        return detect(args, process)
    if args.action == "generate":
        from agentctl.cli.run.generate import generate

        return generate(args, process)
    _refuse_connection(args)
    return {"show": _show, "list": _list, "test": _test}[args.action](args, process)


def _refuse_connection(args: Namespace) -> None:
    """A flag that would do nothing is a mistake, and better told."""
    from agentctl.cli.config.layers import flagged
    from agentctl.cli.config.table import SETTINGS

    for one in SETTINGS:
        for said in flagged(args, one) if one.key != "namespace" else ():
            raise UsageError(
                f"{said.by} is for 'catalog detect' and 'generate': {args.action} asks no cluster"
            )


def _show(args: Namespace, process: Process) -> int:
    given = [*args.files, *([args.catalog] if args.catalog else [])]
    if len(given) > 1:
        raise UsageError(f"catalog show takes one catalog, got {len(given)}")
    args.catalog = next(iter(given), None)
    from agentctl.catalog.loader import load_chosen
    from agentctl.cli.config.layers import Layers
    from agentctl.cli.config.settings import namespaces
    from agentctl.kube.rbac import describe

    layers = Layers.of(process, args)
    chosen = namespaces(layers)
    described = describe(load_chosen(layers.catalog, probes=False), chosen)
    if args.output == "json":
        process.stdout.write(json.dumps(described, indent=2) + "\n")
    else:
        import yaml

        process.stdout.write(yaml.safe_dump(described, sort_keys=False, width=100))
    return ExitCode.OK


def _list(args: Namespace, process: Process) -> int:
    if args.files or args.catalog:
        raise UsageError(
            "catalog list names those that ship, and takes no file: 'catalog show' does"
        )
    from agentctl.catalog.files import SHIPPED
    from agentctl.catalog.loader import load_chosen
    from agentctl.cli.config.table import BY_KEY

    usual = BY_KEY["namespace"].default
    found = [load_chosen(name) for name in SHIPPED]
    if args.output == "json":
        rows = [
            {"name": one.name, "namespace": one.namespace or usual, "components": list(one.names)}
            for one in found
        ]
        process.stdout.write(json.dumps(rows, indent=2) + "\n")
        return ExitCode.OK
    process.stdout.write(f"{'NAME':<20} {'NAMESPACE':<18} COMPONENTS\n")
    for one in found:
        place = one.namespace or usual
        process.stdout.write(f"{one.name:<20} {place:<18} {', '.join(one.names)}\n")
    return ExitCode.OK


def _test(args: Namespace, process: Process) -> int:
    given = [*([args.catalog] if args.catalog else []), *args.files]
    if len(given) < 2:
        raise UsageError("catalog test takes a catalog file and files of objects")
    from agentctl.catalog.loader import load_chosen
    from agentctl.catalog.trial import objects_of, trials
    from agentctl.cli.config.catalog_file import given_catalog
    from agentctl.cli.config.piped import once
    from agentctl.cli.host.stderr import complain
    from agentctl.redact import redact
    from agentctl.sanitize import name

    once(given)
    path, *files = given
    catalog = load_chosen(given_catalog(path))
    found = [one for item in objects_of(_documents(files)) for one in trials(catalog, item)]
    if not found:
        complain(
            process, f"no object in {' or '.join(files)}: give what kubectl get -o yaml prints"
        )
    if args.output == "json":
        rows = [one.to_json() for one in found]
        for row in rows:  # each text by itself: what is cut or taken out of a whole is no JSON
            row.update({key: redact(row[key]) for key in ("rule", "why") if key in row})
        process.stdout.write(json.dumps(rows, indent=2) + "\n")
        return ExitCode.OK
    for one in found:
        where = f"{one.namespace}/{one.name}" if one.namespace else one.name
        shown = "" if one.shown == one.judged.status else f" (shown as {one.shown})"
        by = one.component or "no check is about it; the rules that ship"
        place = f", line {one.line}" if one.line else ""
        rules = f" of {one.rules.name}" if one.rules.name else ""
        head = name(f"{one.kind or '(no kind)'} {where or '(no name)'}")
        process.stdout.write(f"{head}: {one.judged.status}{shown}\n")
        process.stdout.write(f"  {by}{place}{rules}: {redact(one.judged.rule)}\n")
        if one.judged.why:
            process.stdout.write(f"  {redact(one.judged.why)}\n")
    return ExitCode.OK


def _bytes(name: str) -> bytes:
    from agentctl.cli.config.piped import is_piped, read_piped

    if is_piped(name):
        return read_piped(name, MAX_BYTES)
    with open(name, "rb") as file:
        return file.read(MAX_BYTES + 1)


def _documents(files: Sequence[str]) -> Iterator[Any]:
    """The YAML or JSON documents of files. Raises UsageError."""
    import yaml

    for name in files:
        try:
            data = _bytes(name)
            if len(data) > MAX_BYTES:
                raise UsageError(f"{name}: more than 64 MiB of objects")
            yield from _decoded(data)
        except OSError as error:
            raise UsageError(f"{name}: cannot read it: {error.strerror}") from None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
            raise UsageError(f"{name}:{line}: expected objects as YAML or JSON") from None


def _decoded(data: bytes) -> Iterable[Any]:
    """Documents of one file. Raises ValueError, YAMLError and RecursionError."""
    import yaml

    if data.lstrip()[:1] == b"{":  # JSON is YAML too, but takes thirty times as long as that
        try:
            return [json.loads(data)]
        except (ValueError, RecursionError):
            pass
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load_all(data, Loader=loader)
