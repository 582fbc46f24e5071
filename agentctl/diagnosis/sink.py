"""Diagnosing sink: stands before another and adds to each item why it is not fine."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import Any

from agentctl.clock import Clock
from agentctl.diagnosis.events_lookup import CLUSTER_WIDE, EventsLookup, WarningEvent
from agentctl.diagnosis.explain import Explainer, Reason
from agentctl.diagnosis.text import KEY
from agentctl.engine.stream import Sink
from agentctl.kube.explain.finding import Kubectl, Ref, kubectl
from agentctl.kube.rbac import Permission, grants
from agentctl.kube.resources import WatchSpec
from agentctl.lazy_dataclass import dataclass, replace
from agentctl.model import Delta, Event, Item, JSONObject, Snapshot
from agentctl.redact import redact, redact_value

Diagnose = Callable[[Item], Sequence[JSONObject]]


class Diagnosing:
    """``begin`` is called before the items of one event, ``diagnose`` for each of them."""

    def __init__(self, sink: Sink, diagnose: Diagnose, begin: Callable[[], None]) -> None:
        self._sink = sink
        self._diagnose = diagnose
        self._begin = begin

    def emit(self, event: Event) -> None:
        if isinstance(event, Snapshot):
            event = replace(event, items=self._told(event.items))
        elif isinstance(event, Delta):
            event = replace(event, changes=self._told(event.changes))
        self._sink.emit(event)

    def _told(self, items: Sequence[Item]) -> tuple[Item, ...]:
        self._begin()
        return tuple(self._with_reasons(item) for item in items)

    def _with_reasons(self, item: Item) -> Item:
        reasons = list(self._diagnose(item))
        return replace(item, details={**item.details, KEY: reasons}) if reasons else item


@dataclass(frozen=True)
class Shell:
    """How to write a kubectl command that reaches the same cluster."""

    kubeconfig: str = ""
    context: str = ""
    overrides: tuple[str, ...] = ()
    """What else says where and as whom, as ``--as=dev``."""

    def line(self, command: Kubectl) -> str:
        words = ["kubectl", *self.overrides]
        for flag, value in (
            ("--kubeconfig", self.kubeconfig),
            ("--context", self.context),
            ("-n", command.namespace),
        ):
            if value:
                words += [flag, value]
        return shlex.join([*words, *command.words])


class Diagnosis:
    """From an item to its reasons as plain data, redacted."""

    def __init__(
        self,
        explainer: Explainer,
        lookup: EventsLookup,
        shell: Shell,
        clock: Clock,
        cluster: str = "",
    ) -> None:
        """``cluster`` is its name where several are watched."""
        self._cluster = cluster
        self._explainer = explainer
        self._lookup = lookup
        self._shell = shell
        self._clock = clock

    def begin(self) -> None:
        self._lookup.begin()

    def __call__(self, item: Item) -> list[JSONObject]:
        reasons = self._explainer.reasons(item, self._clock.monotonic())
        return [self._told(reason) for reason in reasons]

    def _told(self, reason: Reason) -> JSONObject:
        finding = reason.finding
        out: JSONObject = {
            "check": reason.check,
            "status": reason.result.status.value,
            "message": reason.result.message,
        }
        if finding.about:
            out["object"] = str(finding.about[0])
            if finding.about[0].namespace:
                out["namespace"] = finding.about[0].namespace
        out.update(finding.facts)
        remedy, commands = finding.remedy, list(finding.commands)
        if reason.blind is not None and "forbidden" in reason.result.message:
            remedy, commands = self._forbidden(reason.blind, out), commands[:0]
        if finding.about:
            self._events(finding.about, out)
        out["remedy"] = remedy
        told: JSONObject = redact_value(out)
        # Composed of names alone, and good for nothing with a part replaced.
        told["commands"] = [redact(self._shell.line(command)) for command in commands]
        return told

    def _events(self, about: Sequence[Ref], out: JSONObject) -> None:
        """Add the events and, where they may not be read, what grants that."""
        warnings, note = self._lookup.warnings(about)
        out["events"] = [_event(one) for one in warnings]
        if not note:
            return
        out["events_unread"] = note
        if "forbidden" in note:
            where = about[0].namespace or CLUSTER_WIDE
            found = self._lookup.access(Permission("", "events", ("list",), where))
            out["events_grant"] = [
                self._shell.line(command)
                for command in _events_grant(where, found.subject if found else "")
            ]

    def _forbidden(self, spec: WatchSpec, out: JSONObject) -> str:
        """Add the rules that are missing; returns what to do."""
        needed = self._lookup.needed(spec)
        found = self._lookup.access(needed)
        missing = [needed]
        if found is not None:
            missing = list(found.missing)
        subject = found.subject if found is not None else ""
        if not missing:
            return "it is granted by now: the watch tries again within a minute or so"
        out["user"] = subject
        out["missing"] = _words(missing[0])
        out["apply"] = grants(missing, subject)
        where, flag = "", ""
        if self._cluster:
            where, flag = f" in cluster {self._cluster}", f" --context {self._shell.context}"
        return (
            f"have an administrator grant {subject or 'you'} {_words(missing[0])}{where}: "
            f"kubectl{flag} apply with the rules below; agentctl auth can-watch{flag} shows all "
            "that is missing"
        )


def _events_grant(where: str, subject: str) -> tuple[Kubectl, Kubectl]:
    name = "agentctl-events"
    account = subject.partition("system:serviceaccount:")[2]
    who = f"--serviceaccount={account}" if account else f"--user={subject or 'USER'}"
    return (
        kubectl(where, "create", "role", name, "--verb=list", "--resource=events"),
        kubectl(where, "create", "rolebinding", name, f"--role={name}", who),
    )


def _words(permission: Permission) -> str:
    where = f" in namespace {permission.namespace}" if permission.namespace else ""
    return f"{','.join(permission.verbs)} on {permission.noun}{where}"


def _event(warned: WarningEvent) -> dict[str, Any]:
    out: dict[str, Any] = {
        "object": str(warned.about),
        "reason": warned.reason,
        "message": warned.message,
        "count": warned.times,
    }
    if warned.last:
        out["last_seen"] = warned.last
    return out
