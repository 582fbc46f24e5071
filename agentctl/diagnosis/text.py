"""Text of ``details.diagnosis``, for people. Pure, and takes whatever may stand there.

What a new kind of check tells as facts is shown without a word of it here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from agentctl.duration import format_duration
from agentctl.lenient_json import mapping, mappings, number, text
from agentctl.model import Item
from agentctl.redact.printable import legible

KEY = "diagnosis"
"""Where in an item's details the reasons are, as a list."""

STEP = "  "
MAX_S = 1e12
"""What is longer is no duration that anybody measured."""

_TOLD_APART = frozenset(
    (
        "apply",
        "check",
        "commands",
        "conditions",
        "events",
        "events_grant",
        "events_unread",
        "message",
        "namespace",
        "not_ready",
        "object",
        "objects",
        "pods",
        "remedy",
        "replicas",
        "status",
        "webhooks",
        "worst",
    )
)


def sections(items: Iterable[Item]) -> list[str]:
    """A headed section for each item that has reasons; what was said above is not repeated."""
    lines: list[str] = []
    said: dict[str, str] = {}
    for item in items:
        found = reasons(item, said)
        if found:
            where = f"{item.cluster}/" if item.cluster else ""
            lines += ["", f"{where}{item.component} is {item.status.value}", *found]
    return lines


def reasons(item: Item, said: dict[str, str]) -> list[str]:
    """An item's reasons, indented; ``said`` is what was said already, and of which component."""
    lines: list[str] = []
    for reason in mappings(item.details, KEY):
        content = json.dumps(reason, sort_keys=True, default=str)
        before = said.setdefault(f"{item.cluster} {content}", item.component)
        head = f"{STEP}{text(reason, 'check')}: {text(reason, 'message')}"
        if before != item.component:
            lines.append(f"{head} (as for {before} above)")
            continue
        lines.append(head)
        lines += [STEP * 2 + line for line in _reason(reason, said)]
    return [legible(line) for line in lines]


def _reason(reason: Mapping[str, Any], said: dict[str, str]) -> Iterator[str]:
    if target := text(reason, "object"):
        where = text(reason, "namespace")
        counts = ", ".join(f"{count} {name}" for name, count in mapping(reason, "replicas").items())
        yield target + (f" in {where}" if where else "") + (f": {counts}" if counts else "")
    for condition in mappings(reason, "conditions"):
        yield _condition(condition)
    for pod in mappings(reason, "pods"):
        yield from _pod(pod)
    yield from _objects(mappings(reason, "objects"))
    for one in mappings(reason, "worst"):
        yield _named(one)
    for webhook in mappings(reason, "webhooks"):
        yield _webhook(webhook)
    for endpoint in mappings(reason, "not_ready"):
        yield f"not ready: {' '.join(str(value) for value in endpoint.values())}"
    for key, value in reason.items():
        if key not in _TOLD_APART:
            yield _fact(key, value)
    for event in mappings(reason, "events"):
        yield _event(event)
    if unread := text(reason, "events_unread"):
        grant = [STEP + command for command in _lines(reason, "events_grant")]
        news = bool(grant) and "".join(grant) not in said
        said["".join(grant)] = ""
        yield f"events are not shown: {unread}" + ("; an administrator grants it" if news else "")
        yield from grant if news else ()
    yield f"remedy: {text(reason, 'remedy')}"
    yield from (STEP + command for command in _lines(reason, "commands"))
    manifests = mappings(reason, "apply")
    if manifests:
        yield from (STEP + line for line in _yaml(manifests))


def _lines(reason: Mapping[str, Any], key: str) -> list[str]:
    value = reason.get(key)
    return [str(line) for line in value] if isinstance(value, list) else []


def _condition(condition: Mapping[str, Any]) -> str:
    why = ": ".join(
        part for part in (text(condition, "reason"), text(condition, "message")) if part
    )
    head = f"condition {text(condition, 'type')}={text(condition, 'status')}"
    return f"{head} {why}".rstrip()


def _pod(pod: Mapping[str, Any]) -> Iterator[str]:
    message = text(pod, "message")
    yield f"pod {text(pod, 'name')}: {text(pod, 'reason')}" + (f" ({message})" if message else "")
    for container in mappings(pod, "containers"):
        yield STEP + "; ".join(_container(container))
    for condition in mappings(pod, "conditions"):
        yield STEP + _condition(condition)


def _objects(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Of one alone all has been said above but its conditions."""
    for row in rows:
        if len(rows) > 1:
            yield _named(row)
        step = STEP if len(rows) > 1 else ""
        for condition in mappings(row, "conditions"):
            yield step + _condition(condition)
        if finalizers := row.get("finalizers"):
            yield f"{step}finalizers: {_plain(finalizers)}"
        if rule := text(row, "rule"):
            yield f"{step}rule: {rule}"


def _named(row: Mapping[str, Any]) -> str:
    where = text(row, "namespace")
    place = f" in {where}" if where else ""
    return f"{text(row, 'name')}{place} is {text(row, 'is')}: {text(row, 'message')}"


def _webhook(row: Mapping[str, Any]) -> str:
    return (
        f"webhook {text(row, 'name')} of {text(row, 'configuration')}: {text(row, 'is')} "
        f"(failurePolicy {text(row, 'failure_policy')})"
    )


def _container(container: Mapping[str, Any]) -> Iterator[str]:
    kind = "init container" if container.get("init") is True else "container"
    restarts = number(container, "restarts")
    yield f"{kind} {text(container, 'name')}: {restarts} restart{'' if restarts == 1 else 's'}"
    waiting = mapping(container, "waiting")
    if waiting:
        message = text(waiting, "message")
        yield f"waiting: {text(waiting, 'reason')}" + (f" ({message})" if message else "")
    ended = mapping(container, "last_termination")
    if ended:
        at, message = text(ended, "at"), text(ended, "message")
        yield (
            f"last ended: {text(ended, 'reason')}, exit code {number(ended, 'exit_code')}"
            + (f", at {at}" if at else "")
            + (f" ({message})" if message else "")
        )
    yield f"image {text(container, 'image')}"


def _event(event: Mapping[str, Any]) -> str:
    count, last = number(event, "count", 1), text(event, "last_seen")
    often = f", {count} times" if count > 1 else ""
    when = f", last {last}" if last else ""
    return (
        f"event {text(event, 'reason')} on {text(event, 'object')}{often}{when}: "
        f"{text(event, 'message')}"
    )


def _fact(key: str, value: Any) -> str:
    name = key.replace("_", " ")
    if name.endswith(" s"):
        return f"{name[:-2]}: {_duration(value)}"
    return f"{name}: {_plain(value)}"


def _duration(value: Any) -> str:
    known = isinstance(value, (int, float)) and abs(value) < MAX_S
    return format_duration(value) if known else f"{value}s"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(_plain(one) for one in value) or "none"
    return str(value)


def _yaml(manifests: Sequence[Mapping[str, Any]]) -> list[str]:
    import yaml

    lines: list[str] = []
    for manifest in manifests:
        written = yaml.safe_dump(manifest, sort_keys=False, width=1000)
        lines += ["---", *written.splitlines()]
    return lines
