"""What the client makes of watches that a real kube-apiserver served."""

from __future__ import annotations

from math import inf

import pytest

from agentctl.clock import SystemClock
from agentctl.engine.messages import Alive, Change, Changed, Message, Replaced, Warned
from agentctl.engine.stream import EventStream
from agentctl.kube.cuts.objects import Workload
from agentctl.kube.decode import ExpiredError
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.listwatch import Batch
from agentctl.kube.source import KubeSource
from agentctl.kube.state import KubeState
from agentctl.model import Delta, ErrorCode, Snapshot, Status
from tests.fakes import Recorder
from tests.transcripts.replay import (
    Exchange,
    Run,
    context_for,
    evaluator_for,
    listwatch,
    replaying,
    running,
    spec_for,
)

WORKLOAD = "{kind: workload, names: [agents-controllers, agents]}"
ALL_WORKLOADS = "{kind: workload, names: [agents-controllers, agents, extra]}"
LEASE = "{kind: lease, name: agents-controller-leader}"
WIDGETS = "widgets.lab.example.com"
CRDS = f"{{kind: crds, names: [{WIDGETS}]}}"


def watched(check: str, source: str, recording: str, version: str) -> list[Batch]:
    """All that the client reads of one recorded watch that it opens from ``version``."""
    with listwatch(spec_for(check, source), recording) as reader:
        batches = list(reader.watch(version))
    assert batches[0] == Batch((), version), "accepted, and nothing else yet"
    return batches[1:]


def changes_of(batches: list[Batch]) -> list[Change]:
    return [change for batch in batches for change in batch.changes]


def applied(evaluator: Evaluator, messages: list[Message]) -> KubeState:
    """The state after these messages."""
    state = KubeState(evaluator)
    for message in messages:
        if isinstance(message, (Replaced, Changed)):
            state.apply(message)
    return state


def until_version(run: Run, version: str) -> list[Message]:
    """All messages up to the first that is at ``version``."""
    taken = [run.take()]
    while getattr(taken[-1], "resource_version", None) != version:
        taken.append(run.take())
    return taken


def test_a_bookmark_moves_the_version_and_changes_nothing() -> None:
    *objects, _, _ = Exchange.load("watch-pods-scale").events
    batches = watched(WORKLOAD, "pods", "watch-pods-scale", "1338")
    assert [change.key.name for change in changes_of(batches)] == [
        event["object"]["metadata"]["name"] for event in objects
    ]
    assert objects[-1]["object"]["metadata"]["resourceVersion"] == "1375"
    assert batches[-1].resource_version == "1377"


def test_a_bookmark_with_zero_values_is_no_object() -> None:
    *objects, _, bookmark = Exchange.load("watch-deployments").events
    assert bookmark["object"]["spec"]["replicas"] == 0
    batches = watched(ALL_WORKLOADS, "deployments", "watch-deployments", "1297")
    assert len(changes_of(batches)) == len(objects)
    assert all(change.key.name for change in changes_of(batches))
    assert batches[-1].resource_version == "1333"


def test_a_deleted_deployment_leaves_every_table() -> None:
    changes = changes_of(watched(ALL_WORKLOADS, "deployments", "watch-deployments", "1297"))
    extra = [change.values[0] for change in changes if change.key.name == "extra"]
    assert all(isinstance(value, Workload) for value in extra[:-1])
    assert extra[-1] is None


def test_the_next_watch_starts_at_the_bookmark_without_a_list() -> None:
    spec = spec_for(WORKLOAD, "deployments")
    with (
        replaying("list-deployments", "watch-deployments") as replay,
        running(KubeSource(spec, context_for(replay))) as run,
    ):
        messages = until_version(run, "1333")
        asked = replay.await_watches(2)
    assert [query["resourceVersion"] for query in asked] == ["1297", "1333"]
    assert all(query["allowWatchBookmarks"] == "true" for query in asked)
    assert len(replay.queries(watches=False)) == 1
    assert not [message for message in messages if isinstance(message, Warned)]


def test_synthetic_events_of_a_watch_without_a_version_give_none() -> None:
    batches = watched(WORKLOAD, "deployments", "watch-deployments-no-rv", "")
    assert len(changes_of(batches)) == 2
    assert {batch.resource_version for batch in batches} == {""}


def test_the_bookmark_that_ends_initial_events_gives_the_version() -> None:
    batches = watched(WORKLOAD, "deployments", "watch-list-initial-events", "")
    assert len(changes_of(batches)) == 2
    assert batches[-1].resource_version == "1377"


def test_pods_that_come_and_go_are_told_while_they_are_not_ready() -> None:
    changes = changes_of(watched(WORKLOAD, "pods", "watch-pods-scale", "1338"))
    told = [(change.key.name, getattr(change.values[0], "reason", None)) for change in changes]
    assert told == [
        ("agents-5cb7dcc7-cb67p", "Pending"),
        ("agents-5cb7dcc7-cb67p", told[1][1]),
        ("agents-5cb7dcc7-cb67p", "Terminating"),
        ("agents-5cb7dcc7-cb67p", None),
        ("extra-78b8f4ff58-zv6pf", "Pending"),
        ("extra-78b8f4ff58-zv6pf", told[5][1]),
        ("extra-78b8f4ff58-zv6pf", "Terminating"),
        ("extra-78b8f4ff58-zv6pf", None),
    ]


def test_pods_that_came_and_went_leave_nothing_behind() -> None:
    with (
        replaying("list-pods", "watch-pods-scale") as replay,
        running(KubeSource(spec_for(WORKLOAD, "pods"), context_for(replay))) as run,
    ):
        messages = until_version(run, "1377")
    evaluator = evaluator_for(WORKLOAD)
    applied(evaluator, messages)
    assert [len(table) for table in evaluator.view.sources["pods"].tables.values()] == [0]


def test_renewals_of_a_lease_are_no_events() -> None:
    """The recorded leader was away for a while: the first renewal shows, the others do not."""
    now = "Mon, 23 Nov 2026 09:23:00 GMT"
    recorder, clock, evaluator = Recorder(), SystemClock(), evaluator_for(LEASE)
    state, stream = KubeState(evaluator), EventStream(recorder, clock, b"scope")
    names = ("list-leases", "watch-lease-renewals", "watch-lease-renewals")
    # The first watch asks whether the server was there when the lease ended.
    exchanges = [Exchange.load(name, now) for name in names]
    rechecks = []
    with (
        replaying(*exchanges) as replay,
        running(KubeSource(spec_for(LEASE, "leases"), context_for(replay))) as run,
    ):
        for message in until_version(run, "1397"):
            if not isinstance(message, (Replaced, Changed)):
                continue
            state.apply(message)
            items = state.items(clock.monotonic())
            if stream.begun:
                stream.publish(items, {})
            else:
                stream.begin(items, {})
            rechecks.append(state.next_deadline())
    assert len(exchanges[1].events) == 5
    first, *others = recorder.events
    assert isinstance(first, Snapshot)
    assert (first.items[0].status, first.items[0].message) == (
        Status.ERROR,
        "lease agents-controller-leader expired "
        "(holder agents-controllers-abc, last renewed 2026-11-23T09:21:48Z)",
    )
    (recovery,) = others
    assert isinstance(recovery, Delta)
    assert [item.status for item in recovery.changes] == [Status.HEALTHY]
    assert rechecks[-1] < inf, "it would expire without any event"


def test_a_crd_that_vanishes_and_returns_is_told_from_its_metadata() -> None:
    batches = watched(CRDS, "customresourcedefinitions", "watch-crd-metadata", "1382")
    assert [(change.key.name, change.values[0]) for change in changes_of(batches)] == [
        (WIDGETS, "deleting"),
        (WIDGETS, "deleting"),
        (WIDGETS, None),
        (WIDGETS, "present"),
        (WIDGETS, "present"),
        (WIDGETS, "present"),
    ]
    assert batches[-1].resource_version == "1390"


def test_expired_history_comes_as_an_event_of_an_accepted_watch() -> None:
    with (
        listwatch(spec_for(WORKLOAD, "deployments"), "watch-expired-rv") as reader,
        pytest.raises(ExpiredError, match=r"history of deployments expired: too old.*1 \(542\)"),
    ):
        list(reader.watch("1"))


def test_expired_history_is_listed_anew_at_once_and_said_to_be_a_resync() -> None:
    recordings = ("list-deployments", "watch-expired-rv", "list-deployments")
    with (
        replaying(*recordings) as replay,
        running(KubeSource(spec_for(WORKLOAD, "deployments"), context_for(replay))) as run,
    ):
        *before, warning = run.until(Warned)
        listed_again = run.until(Replaced)[-1]
        asked = replay.await_watches(2)
    assert [type(message) for message in before] == [Replaced, Alive]
    assert isinstance(warning, Warned)
    assert warning.code is ErrorCode.RESYNC
    assert listed_again == before[0]
    assert [query["resourceVersion"] for query in asked] == ["1297", "1297"]
    assert all("resourceVersion" not in query for query in replay.queries(watches=False))


def test_a_watch_from_a_version_of_the_future_is_silent_and_ends_cleanly() -> None:
    assert watched(WORKLOAD, "deployments", "watch-rv-too-large", "99999999") == []
