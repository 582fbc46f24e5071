"""Generation run: what a catalog finds in a namespace, written out as a catalog to edit."""

from __future__ import annotations

import json
from argparse import Namespace

from agentctl.catalog.generate import entries, text_of, unseen
from agentctl.catalog.include import MAX_COMPONENTS
from agentctl.cli.config.layers import Layers
from agentctl.cli.config.settings import Settings, namespaces
from agentctl.cli.host.process import Process
from agentctl.cli.host.stderr import complain, tell_end
from agentctl.cli.host.time_limit import one_shot_limit
from agentctl.cli.run.watched import Watched, watched
from agentctl.engine.policy import Outcome
from agentctl.errors import ExitCode, UsageError
from agentctl.kube.read_once import read_once
from agentctl.kube.reader import reader
from agentctl.model import format_time

AUTO = "auto"


def generate(args: Namespace, process: Process) -> int:
    """Look once, and write what is there. Raises UsageError, CatalogError, SourceError."""
    if args.files:
        raise UsageError(f"catalog generate takes no file: --catalog {args.files[0]}")
    args.component = []
    args.catalog = args.catalog or AUTO
    layers = Layers.of(process, args)
    where = namespaces(layers)
    if len(where) != 1:
        raise UsageError("catalog generate writes what is in one namespace: give -n once")
    settings = Settings.of(layers, where[0])
    found = one_shot_limit(process).prepared(lambda: watched(settings, where, process))
    if not any(one.each is not None for one in found.components):
        raise UsageError(f"--catalog {args.catalog}: it finds nothing by 'each': use it as it is")
    evaluator = found.evaluator
    with reader(found.context.client) as api:
        read_once(evaluator.view, evaluator.specs, api, process.clock)
    if all(one.blind for one in evaluator.view.sources.values()):
        reasons = [one.blind for one in evaluator.view.sources.values()]
        return tell_end(process, Outcome(ExitCode.REFUSED, next(iter(reasons), "nothing seen")))
    absent = evaluator.missing_namespaces()
    if absent:
        message = f'namespace "{absent[0]}" not found: check --namespace and --context'
        return tell_end(process, Outcome(ExitCode.REFUSED, message))
    written = entries(found.components, evaluator, where[0])
    if len(written) > MAX_COMPONENTS:
        raise UsageError(
            f"{len(written)} components, and a catalog has at most {MAX_COMPONENTS}: watch them "
            f"with --catalog {args.catalog}"
        )
    for reason in unseen(found.components, evaluator, where[0]):
        complain(process, f"not written out, as it cannot be listed: {reason}")
    if args.output == "json":
        declared = [one.declared for one in written]
        whole = {"name": where[0], "namespace": where[0], "components": declared}
        process.stdout.write(json.dumps(whole, indent=2) + "\n")
    else:
        process.stdout.write(text_of(where[0], where[0], written, _head(args, found, process)))
    return ExitCode.OK


def _head(args: Namespace, found: Watched, process: Process) -> list[str]:
    """What the file says of itself."""
    context = found.clusters[0].kube_context
    at = f" of context {context}" if context else ""
    return [
        f"What was found in namespace {found.namespaces[0]}{at}",
        f"on {format_time(process.clock.now())}, written out by 'agentctl catalog generate' from",
        f"catalog {args.catalog}. Each component says which object it is from. Edit it: take away",
        "what may be absent, give names that people know, add leases and probes; docs/catalog.md",
        "tells of every field. What is written here must be there: deleted, it is an error.",
    ]
