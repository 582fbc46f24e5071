"""What the client makes of lists and of discovery that a real kube-apiserver answered."""

from __future__ import annotations

import json

import pytest

from agentctl.catalog.loader import load_default
from agentctl.engine.messages import ObjectKey, Replaced
from agentctl.errors import ServerError
from agentctl.kube import discovery
from agentctl.kube.cuts.objects import Lease, Workload
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.listwatch import Batch, TooLargeVersionError
from agentctl.kube.source import KubePollSource
from agentctl.model import Status
from tests.transcripts.replay import (
    DATA,
    Exchange,
    context_for,
    evaluator_for,
    listwatch,
    reading,
    replaying,
    running,
    spec_for,
)

WORKLOAD = "{kind: workload, names: [agents-controllers, agents]}"
LEASE = "{kind: lease, name: agents-controller-leader}"
ENDPOINTS = "{kind: endpoints, service: agents-grpc, port: 50051}"


def names(listing: Batch) -> list[str]:
    return [change.key.name for change in listing.changes]


def test_deployments_are_listed_with_the_version_to_watch_from() -> None:
    with listwatch(spec_for(WORKLOAD, "deployments"), "list-deployments") as reader:
        listing = reader.list()
    assert listing.resource_version == "1297"
    assert names(listing) == ["agents", "agents-controllers"]
    cut = listing.changes[0].values[0]
    assert isinstance(cut, Workload)
    assert (cut.generation, cut.observed, cut.desired, cut.ready, cut.available) == (9, 9, 2, 2, 2)


def test_healthy_pods_are_known_by_name_and_kept_by_no_table() -> None:
    with listwatch(spec_for(WORKLOAD, "pods"), "list-pods") as reader:
        listing = reader.list()
    assert listing.resource_version == "1338"
    assert names(listing) == [pod["metadata"]["name"] for pod in Exchange.load("list-pods").objects]
    assert {change.values for change in listing.changes} == {(None,)}


def test_pages_make_one_list_and_the_token_goes_without_a_version() -> None:
    first, rest = Exchange.load("list-pods-page1"), Exchange.load("list-pods")
    token = json.loads(first.body)["metadata"]["continue"]
    with replaying(first, rest) as replay:
        source = KubePollSource(spec_for(WORKLOAD, "pods"), context_for(replay), once=True)
        with running(source) as run:
            listing = run.take()
            assert run.failure() is None
    assert isinstance(listing, Replaced)
    assert listing.resource_version == "1338"
    assert len(listing.changes) == 2 + 4
    asked = replay.queries(watches=False)
    assert [query.get("continue") for query in asked] == [None, token]
    assert all("resourceVersion" not in query for query in asked)


def test_a_damaged_continue_token_fails_the_list_and_nothing_of_it_is_used() -> None:
    first, bad = Exchange.load("list-pods-page1"), Exchange.load("list-continue-bad")
    second = Exchange(**{**vars(bad), "path": first.path})
    with (
        listwatch(spec_for(WORKLOAD, "pods"), first, second) as reader,
        pytest.raises(
            ServerError, match=r"cannot list pods: HTTP 400 Bad Request: invalid continue"
        ),
    ):
        reader.list()


def test_a_lease_is_aged_by_the_servers_clock() -> None:
    dated = Exchange.load("list-leases", date="Mon, 23 Nov 2026 09:21:58 GMT")
    with listwatch(spec_for(LEASE, "leases"), dated) as reader:
        listing = reader.list()
    assert listing.resource_version == "1297"
    (change,) = listing.changes
    cut = change.values[0]
    assert isinstance(cut, Lease)
    assert (cut.holder, cut.duration, cut.renewed) == (
        "agents-controllers-abc",
        30.0,
        "2026-11-23T09:21:48Z",
    )
    evaluator = evaluator_for(LEASE)
    evaluator.view.replace("leases", listing.changes)
    assert cut.renewed_at is not None
    evaluator.evaluate(None, cut.renewed_at + 10)
    assert evaluator.items()[0].status is Status.HEALTHY
    assert evaluator.next_recheck == cut.renewed_at + 30


def test_a_slice_whose_endpoints_are_null_has_none() -> None:
    with listwatch(spec_for(ENDPOINTS, "endpointslices"), "list-endpointslices") as reader:
        (change,) = reader.list().changes
    assert [one[:4] for one in change.values] == [("agents-grpc", "IPv4", 0, 0)]


def test_a_namespace_is_listed_by_its_name() -> None:
    spec = spec_for("{kind: namespace}", "namespaces")
    recorded = Exchange.load("list-namespaces-by-name")
    with (
        replaying(recorded) as replay,
        running(KubePollSource(spec, context_for(replay), once=True)) as run,
    ):
        listing = run.take()
        assert run.failure() is None
    assert isinstance(listing, Replaced)
    assert [(change.key, change.values) for change in listing.changes] == [
        (ObjectKey("", "agents"), ("Active",))
    ]
    (asked,) = replay.queries(watches=False)
    assert asked["fieldSelector"] == recorded.query["fieldSelector"]


def test_crds_are_listed_as_metadata_and_only_those_of_the_catalog_are_kept() -> None:
    specs = Evaluator(load_default().components, ["agents"], "agents").specs
    spec = next(spec for spec in specs if spec.name == "customresourcedefinitions")
    wanted = frozenset().union(*(need.names or () for need in spec.needs))
    with listwatch(spec, "list-crds-metadata") as reader:
        listing = reader.list()
    kept = {change.key.name for change in listing.changes if change.values != (None,)}
    assert kept == wanted
    assert {change.values for change in listing.changes if change.key.name in kept} == {
        ("present",)
    }
    assert "widgets.lab.example.com" in set(names(listing)) - kept


def test_a_full_crd_is_cut_to_what_its_metadata_is_cut_to() -> None:
    spec = spec_for("{kind: crds, names: [widgets.lab.example.com]}", "customresourcedefinitions")
    full = json.loads(Exchange.load("get-crd-full").body)
    assert spec.change(full, None).values == ("present",)  # type: ignore[arg-type]


def test_a_version_from_the_future_is_told_with_the_time_to_wait() -> None:
    with (
        listwatch(spec_for(WORKLOAD, "deployments"), "list-rv-too-large") as reader,
        pytest.raises(TooLargeVersionError, match="Too large resource version: 99999999") as raised,
    ):
        reader.newest()
    assert raised.value.retry_after == 1


def test_aggregated_discovery_names_all_that_is_served_in_one_request() -> None:
    with replaying("discovery-aggregated") as replay, reading(replay) as api:
        served = discovery.served(api, ["agents.agents.proompteng.ai"])
    assert {"agents.agents.proompteng.ai", "widgets.lab.example.com", "deployments.apps"} <= served
    assert "no-such.agents.proompteng.ai" not in served
    assert len(replay.asked) == 1


def test_every_recording_is_played_to_the_client() -> None:
    folder = DATA.parent / "transcripts"
    tests = "".join(path.read_text(encoding="utf-8") for path in folder.glob("test_*.py"))
    recorded = [path.stem for path in DATA.glob("*.json")]
    assert recorded
    assert [name for name in recorded if f'"{name}"' not in tests] == []
