"""Explanation of resources that are not well: the worst of them, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from agentctl.engine.messages import ObjectKey
from agentctl.kube.check import Context
from agentctl.kube.explain.finding import Finding, Kubectl, Ref, kubectl
from agentctl.kube.explain.known import EXPIRED, KNOWN, USUAL
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
            f"create {', '.join(missing[:MOST])}, or say in the catalog what it is called",
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
        uids = facts.uids if facts is not None else ()
        refs.append(Ref(_kind(name, facts), key.name, key.namespace, uids))
        rows.append(_row(key, standing, facts))
    key, standing = worst[0]
    describe = kubectl(key.namespace, "describe", name, key.name)
    look = kubectl(key.namespace, "get", name, key.name, "-o", "yaml")
    remedy, commands = _remedy(name, key, standing, _facts(check, context, key))
    about = {"resource": name, "objects": rows}
    return Finding(remedy, tuple(refs), about, (describe, *commands, look))


def _kind(name: str, facts: Optional[ResourceFacts]) -> str:
    """Items of a list of what is built in have no kind of their own."""
    if facts is not None and facts.kind:
        return facts.kind
    return KNOWN[name].kind if name in KNOWN else name


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


def _remedy(
    resource: str, key: ObjectKey, standing: Standing, facts: Optional[ResourceFacts]
) -> tuple[str, tuple[Kubectl, ...]]:
    """What to do, and the commands for it beside those that show the object."""
    rule = facts.rule if facts is not None else ""
    name = key.name
    if rule == DELETED:
        return f"{name} is being deleted: its finalizers say what that waits for", ()
    if rule == OLDER:
        return (
            f"the controller of {name} has not taken up its last change: see whether it runs, "
            "and its log",
            (),
        )
    if standing.kind == "unknown":
        return (
            f"the status of {name} says nothing that the rules know: see it, and add a rule to "
            "the catalog",
            (),
        )
    known = KNOWN.get(resource)
    filling = {"name": name, "of": resource}
    if standing.why.startswith("expire"):
        remedy = (known.expired if known is not None else "") or EXPIRED
    else:
        remedy = known.remedy if known is not None else USUAL
    remedy = _filled(remedy, filling)
    if standing.kind == "progressing":
        wait = "wait: it may be on its way, and counts as degraded after the grace"
        remedy = f"{wait}; if it stays so: {remedy}"
    elif standing.why.startswith("progressing") and known is None:
        remedy = f"{name} does not get on: {remedy}"
    commands = known.commands if known is not None else ()
    return remedy, tuple(_command(words, key.namespace, filling) for words in commands)


def _command(words: tuple[str, ...], namespace: str, filling: dict[str, str]) -> Kubectl:
    if words[0] == "-":
        return kubectl("", *(_filled(word, filling) for word in words[1:]))
    return kubectl(namespace, *(_filled(word, filling) for word in words))


def _filled(text: str, filling: dict[str, str]) -> str:
    """Without ``format``: jsonpath has braces of its own."""
    for key, value in filling.items():
        text = text.replace(f"{{{key}}}", value)
    return text
