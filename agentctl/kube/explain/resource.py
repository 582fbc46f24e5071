"""Explanation of resources that are not well: the worst of them, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from agentctl.engine.messages import ObjectKey
from agentctl.kube.check import Context
from agentctl.kube.explain.finding import Finding, Ref, kubectl
from agentctl.kube.resources import Resource
from agentctl.kube.tally import Standing, worst_of
from agentctl.rules.judge import DELETED, OLDER

if TYPE_CHECKING:
    from agentctl.kube.cuts.resources import ResourceFacts

MOST = 3
"""How many are explained."""


def reasons(check: Any, context: Context) -> Finding:
    """What to do about the worst of a ``resource`` check's objects."""
    resource: Resource = check.resource
    places = check.places(context.namespace)
    tallies, _ = check.settled(context)
    name = resource.full_name
    everywhere = kubectl(places[0], "get", name, *(() if places[0] else ("-A",)))
    if not all(one.served for one in tallies):
        return Finding(
            f"install what defines {name}, or leave the check out of the catalog",
            (),
            {"resource": name},
            (kubectl("", "api-resources", f"--api-group={resource.group}"),),
        )
    missing = check.missing(context)
    worst = worst_of(tallies, MOST)
    if check.name:
        one, tally = check.one(context, tallies)
        missing = [] if one is not None else [check.name]
        worst = [] if one is None else [(one, tally.standing(one))]
    if missing:
        return Finding(
            f"create it, or say in the catalog what it is called: {', '.join(missing[:MOST])}",
            (),
            {"resource": name, "missing": missing[:MOST]},
            (everywhere,),
        )
    if not worst:
        return Finding("see its objects", (), {"resource": name}, (everywhere,))
    rows = []
    refs = []
    for key, standing in worst:
        facts = _facts(check, context, key)
        refs.append(Ref(facts.kind if facts and facts.kind else name, key.name, key.namespace))
        rows.append(_row(key, standing, facts))
    key, standing = worst[0]
    look = kubectl(key.namespace, "get", name, key.name, "-o", "yaml")
    describe = kubectl(key.namespace, "describe", name, key.name)
    remedy = _remedy(standing, _facts(check, context, key))
    return Finding(remedy, tuple(refs), {"resource": name, "objects": rows}, (describe, look))


def _facts(check: Any, context: Context, key: ObjectKey) -> Optional[ResourceFacts]:
    for where in check.places(context.namespace):
        try:
            objects = context.view.objects(check.resource, where, check.cut.closer)
        except KeyError:  # nobody looks closer
            return None
        if key in objects:
            found: ResourceFacts = objects[key]
            return found
    return None


def _row(key: ObjectKey, standing: Standing, facts: Optional[ResourceFacts]) -> dict[str, Any]:
    row: dict[str, Any] = {"name": key.name}
    if key.namespace:
        row["namespace"] = key.namespace
    row.update({"is": standing.kind, "message": standing.why})
    if facts is not None:
        row["rule"] = facts.rule
        if facts.conditions:
            row["conditions"] = [one.to_json() for one in facts.conditions]
        if facts.finalizers:
            row["finalizers"] = list(facts.finalizers)
    return row


_BY_RULE = {
    DELETED: "it is being deleted: its finalizers say what that waits for",
    OLDER: "its controller has not taken up its last change: see whether that runs",
}
_BY_KIND = {
    "unknown": "its status says nothing that the rules know: see it, and add a rule to the catalog",
    "progressing": "it is on its way: wait; after the grace it counts as degraded",
}


def _remedy(standing: Standing, facts: Optional[ResourceFacts]) -> str:
    known = _BY_RULE.get(facts.rule if facts is not None else "")
    known = known or _BY_KIND.get(standing.kind or "")
    if known:
        return known
    if standing.why.startswith("expire"):
        return "renew it: see why whoever should have done so has not"
    if standing.why.startswith("progressing"):
        return "it does not get on: its conditions and events say why, or its controller's log"
    return "its conditions say why; then see its events and the log of its controller"
