"""Cuts of CronJobs and of their Jobs: when they ran, and whether that was well."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Optional

from agentctl.kube.resources import Seen
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lenient_json import mapping, mappings, text
from agentctl.model import format_time, parse_time
from agentctl.rules.scope import told

MAX_FAILURE = 200


class JobRun(NamedTuple):
    """A Job that a CronJob owns. Times are in UTC with whole seconds, or empty."""

    owner: str
    name: str
    began: str
    ended: bool
    failure: str
    """Why it failed; empty for one that did not."""


class CronState(NamedTuple):
    """What a CronJob itself says of its runs."""

    suspended: bool
    active: bool
    scheduled: str
    succeeded: str


def cut_run(item: Mapping[str, Any], seen: Seen) -> Optional[JobRun]:
    """None for a Job that no CronJob owns: of thousands nothing is kept."""
    metadata = mapping(item, "metadata")
    owners = (text(one, "name") for one in mappings(metadata, "ownerReferences") if _is_cron(one))
    owner = next(owners, "")
    if not owner:
        return None
    ended, failure = False, ""
    for one in mappings(mapping(item, "status"), "conditions"):
        if one.get("status") != "True" or one.get("type") not in ("Complete", "Failed"):
            continue
        ended = True
        if one.get("type") == "Failed":
            why = (told(text(one, "reason")), told(text(one, "message")))
            failure = ": ".join(filter(None, why))[:MAX_FAILURE] or "it does not say why"
    began = text(mapping(item, "status"), "startTime") or text(metadata, "creationTimestamp")
    return JobRun(sys.intern(owner), text(metadata, "name"), _time(began), ended, failure)


def cut_cronjob(item: Mapping[str, Any], seen: Seen) -> Optional[CronState]:
    status = mapping(item, "status")
    return CronState(
        mapping(item, "spec").get("suspend") is True,
        bool(mappings(status, "active")),
        _time(text(status, "lastScheduleTime")),
        _time(text(status, "lastSuccessfulTime")),
    )


def _is_cron(owner: Mapping[str, Any]) -> bool:
    return owner.get("kind") == "CronJob" and text(owner, "apiVersion").startswith("batch/")


def _time(value: str) -> str:
    """As times can be compared as text; empty for what is none."""
    try:
        return format_time(parse_time(value)) if len(value) <= 40 else ""
    except (ValueError, OverflowError):
        return ""
