"""Renewals of leases that a server began too late for: what has ended may be renewed yet.

A lease that ended while its API server was away is renewed within seconds of its return.
Who sees it for the first time in between knows nothing of the outage; but the server that
is back has not seen the last renewal itself. One that has, and that lets the lease end,
was there all the time.
"""

from __future__ import annotations

from collections.abc import Iterable

from agentctl.engine.messages import Change
from agentctl.kube.cuts.objects import Lease
from agentctl.kube.view import RENEWED_AT_FIRST_S

ENDED_WITHIN_S = 600.0
"""Of what ended longer ago the server is not asked: a busy one forgets as well."""

LOOK_S = 1.0
"""How often a one-shot looks whether it was renewed."""

GIVE_UP_S = RENEWED_AT_FIRST_S + 0.5
"""For how long: until the engine, which has seen it a moment later, believes that it ended."""


def newest_ended(changes: Iterable[Change], now: float) -> str:
    """The version of the lease that ended last before ``now`` (monotonic); '' for none."""
    ended = {
        expires_at: value.version
        for change in changes
        for value in change.values
        if isinstance(value, Lease) and value.holder
        for expires_at in (value.expires_at(),)
        if expires_at is not None and now - ENDED_WITHIN_S < expires_at <= now
    }
    return ended[max(ended)] if ended else ""
