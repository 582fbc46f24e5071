"""The double against what a real API server answered (tests/data, see its README)."""

from __future__ import annotations

import json
import re

import pytest

PODS = "/api/v1/namespaces/agents/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/agents/deployments"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
VOLATILE = {"uid", "resourceVersion", "generation", "managedFields", "continue"}
CACHE = "cache-control"


def shape(value, drop=frozenset()):
    """Keys, in order, without what differs from run to run."""
    if isinstance(value, dict):
        return [(key, shape(value[key], drop)) for key in value if key not in drop]
    if isinstance(value, list):
        return [shape(item, drop) for item in value]
    return type(value).__name__


def settled(value):
    """The value without what differs from run to run."""
    if isinstance(value, dict):
        return {key: settled(value[key]) for key in value if key not in VOLATILE}
    if isinstance(value, list):
        return [settled(item) for item in value]
    return value


def fill(store, recorded, api_version, kind):
    for item in recorded["items"]:
        store.create({"kind": kind, "apiVersion": api_version, **item})


@pytest.mark.parametrize(
    ("name", "api_version", "kind"),
    [
        ("list-deployments", "apps/v1", "Deployment"),
        ("list-pods", "v1", "Pod"),
        ("list-endpointslices", "discovery.k8s.io/v1", "EndpointSlice"),
        ("list-leases", "coordination.k8s.io/v1", "Lease"),
        ("list-namespaces-by-name", "v1", "Namespace"),
    ],
)
def test_a_list_is_the_recorded_one(double, client, transcript, name, api_version, kind):
    exchange = transcript(name)
    recorded = exchange["response"]
    fill(double.store, recorded["body"], api_version, kind)
    answer = client.get(exchange["request"]["path"])
    assert answer.status == recorded["status"]
    assert answer.headers["content-type"] == recorded["headers"]["content-type"]
    assert answer.headers[CACHE] == recorded["headers"][CACHE]
    assert "date" in answer.headers
    assert list(answer.body) == list(recorded["body"])
    assert settled(answer.body) == settled(recorded["body"])
    drop = {"managedFields"}
    items = zip(answer.body["items"], recorded["body"]["items"])
    for mine, theirs in items:
        assert shape(mine["metadata"], drop) == shape(theirs["metadata"], drop)


def test_large_lists_are_chunked_as_recorded(double, client, transcript):
    exchange = transcript("list-pods")
    fill(double.store, exchange["response"]["body"], "v1", "Pod")
    assert client.get(PODS).headers["transfer-encoding"] == "chunked"


def test_a_first_page_has_the_recorded_token_and_count(double, client, transcript):
    page = transcript("list-pods-page1")["response"]["body"]
    fill(double.store, transcript("list-pods")["response"]["body"], "v1", "Pod")
    mine = client.get(PODS, limit=2).body
    assert list(mine["metadata"]) == list(page["metadata"])
    assert mine["metadata"]["remainingItemCount"] == page["metadata"]["remainingItemCount"]
    assert settled(mine["items"]) == settled(page["items"])


def test_one_object_is_the_recorded_one(double, client, transcript):
    exchange = transcript("get-namespace")
    double.store.create(exchange["response"]["body"])
    answer = client.get(exchange["request"]["path"])
    assert list(answer.body) == list(exchange["response"]["body"])
    assert settled(answer.body) == settled(exchange["response"]["body"])


def test_a_created_crd_gets_the_recorded_status(client, transcript):
    recorded = transcript("get-crd-full")["response"]["body"]
    client.request("POST", CRDS, {key: recorded[key] for key in recorded if key != "status"})
    mine = client.get(f"{CRDS}/widgets.lab.example.com").body
    times = {"lastTransitionTime", "creationTimestamp", "finalizers"} | VOLATILE
    assert mine["spec"] == recorded["spec"]
    for own, theirs in zip(mine["status"]["conditions"], recorded["status"]["conditions"]):
        assert {k: own[k] for k in own if k not in times} == {
            k: theirs[k] for k in theirs if k not in times
        }
    assert shape(mine, times) == shape(recorded, times)


def test_crds_as_metadata_are_the_recorded_ones(plane, client, transcript):
    exchange = transcript("list-crds-metadata")
    recorded = exchange["response"]["body"]
    answer = client.get(exchange["request"]["path"], exchange["request"]["headers"])
    assert answer.headers["content-type"] == exchange["response"]["headers"]["content-type"]
    assert [answer.body[key] for key in ("kind", "apiVersion")] == [
        recorded[key] for key in ("kind", "apiVersion")
    ]
    mine = {item["metadata"]["name"]: item for item in answer.body["items"]}
    drop = {"managedFields", "annotations", "finalizers"}
    for theirs in recorded["items"]:
        if theirs["metadata"]["name"] in mine:
            own = mine[theirs["metadata"]["name"]]
            assert shape(own, drop) == shape(theirs, drop)
    assert len(mine.keys() & {item["metadata"]["name"] for item in recorded["items"]}) == 19


@pytest.mark.parametrize(
    "name",
    [
        "get-namespace-missing",
        "list-unknown-group",
        "list-rv-too-large",
        "list-continue-bad",
        "list-forbidden",
        "watch-forbidden",
        "list-allowed-watch-forbidden-watch",
        "unauthorized",
        "watch-invalid-rv",
    ],
)
def test_a_failure_is_the_recorded_one(double, client, transcript, name, monkeypatch):
    monkeypatch.setattr("agentctl.apidouble.api.BEHIND_S", 0.0)
    exchange = transcript(name)
    recorded = exchange["response"]
    if recorded["status"] == 403:
        verb = "watch" if "watch=true" in exchange["request"]["path"] else "list"
        double.denied = [(verb, "apps", "deployments")]
    if recorded["status"] == 401:
        double.tokens = {"good"}
    answer = client.get(exchange["request"]["path"], exchange["request"]["headers"])
    assert answer.status == recorded["status"]
    for header in ("content-type", "retry-after"):
        assert answer.headers.get(header) == recorded["headers"].get(header)
    if isinstance(recorded["body"], str):
        assert answer.raw.decode() == recorded["body"]
        return
    theirs, mine = dict(recorded["body"]), answer.body
    if name in {"list-rv-too-large", "list-continue-bad"}:  # what follows is this run's own
        cut = re.compile("(current: |is not valid: ).*")
        theirs["message"] = cut.sub(r"\1", theirs["message"])
        mine["message"] = cut.sub(r"\1", mine["message"])
    assert list(mine) == list(theirs)
    assert mine == theirs


def test_list_allowed_watch_forbidden_still_lists(double, client, transcript):
    exchange = transcript("list-allowed-watch-forbidden-list")
    double.denied = [("watch", "apps", "deployments")]
    assert client.get(exchange["request"]["path"]).status == exchange["response"]["status"]


def test_discovery_entries_are_the_recorded_ones(plane, client, transcript):
    exchange = transcript("discovery-aggregated")
    answer = client.get("/apis", exchange["request"]["headers"])
    recorded = exchange["response"]
    for header in (CACHE, "content-type", "transfer-encoding"):
        assert answer.headers[header] == recorded["headers"][header]
    assert {k: answer.body[k] for k in answer.body if k != "items"} == {
        k: recorded["body"][k] for k in recorded["body"] if k != "items"
    }

    def entries(body):
        return {
            (group["metadata"]["name"], version["version"], resource["resource"]): resource
            for group in body["items"]
            for version in group["versions"]
            for resource in version["resources"]
        }

    mine, theirs = entries(answer.body), entries(recorded["body"])
    assert mine.keys() <= theirs.keys()
    assert len(mine) == 33
    for key, entry in mine.items():
        for field, value in theirs[key].items():
            if field != "shortNames" or not key[0].endswith("proompteng.ai"):
                assert entry.get(field) == value, (key, field)


def test_a_watch_from_now_tells_changes_and_ends_with_bookmarks(double, client, transcript):
    exchange = transcript("watch-deployments")
    recorded = [json.loads(line) for _, line in exchange["response"]["lines"]]
    items = transcript("list-deployments")["response"]["body"]["items"]
    fill(double.store, {"items": items}, "apps/v1", "Deployment")
    version = client.get(DEPLOYMENTS).body["metadata"]["resourceVersion"]
    watch = client.watch(
        DEPLOYMENTS, allowWatchBookmarks="true", timeoutSeconds=1, resourceVersion=version
    )
    extra = next(e["object"] for e in recorded if e["object"]["metadata"].get("name") == "extra")
    double.store.update("deployments", "agents", "agents", lambda d: d["spec"].update(replicas=3))
    double.store.create(extra)
    double.store.delete("deployments", "agents", "extra")
    events = watch.rest()
    assert watch.headers["content-type"] == exchange["response"]["headers"]["content-type"]
    assert watch.headers["transfer-encoding"] == "chunked"
    assert [e["type"] for e in events] == ["MODIFIED", "ADDED", "DELETED", "BOOKMARK"]
    versions = [int(e["object"]["metadata"]["resourceVersion"]) for e in events]
    assert versions == sorted(versions)
    assert versions[2] > versions[1]
    their_bookmark = recorded[-1]
    assert settled(events[-1]) == settled(their_bookmark)
    assert list(events[0]["object"]) == list(recorded[0]["object"])
    assert events[0]["object"]["metadata"]["generation"] == 2


def test_a_watch_without_version_begins_with_what_exists(double, client, transcript):
    exchange = transcript("watch-deployments-no-rv")
    recorded = [json.loads(line) for _, line in exchange["response"]["lines"]]
    items = [event["object"] for event in recorded if event["type"] == "ADDED"]
    fill(double.store, {"items": items}, "apps/v1", "Deployment")
    watch = client.watch(DEPLOYMENTS)
    mine = [watch.next() for _ in items]
    assert settled(mine) == settled(recorded[: len(items)])


def test_initial_events_end_with_the_recorded_bookmark(double, client, transcript):
    exchange = transcript("watch-list-initial-events")
    recorded = [json.loads(line) for _, line in exchange["response"]["lines"]]
    fill(double.store, {"items": [e["object"] for e in recorded[:2]]}, "apps/v1", "Deployment")
    watch = client.watch(exchange["request"]["path"].replace("watch=true&", ""))
    mine = [watch.next() for _ in recorded]
    assert settled(mine) == settled(recorded)
    last = mine[-1]["object"]["metadata"]["resourceVersion"]
    assert last == client.get(DEPLOYMENTS).body["metadata"]["resourceVersion"]


def test_an_expired_version_is_the_recorded_error_event(double, plane, client, transcript):
    exchange = transcript("watch-expired-rv")
    recorded = json.loads(exchange["response"]["lines"][0][1])
    double.store.compact()
    watch = client.watch(exchange["request"]["path"].replace("watch=true&", ""))
    (mine,) = watch.rest()
    assert watch.status == exchange["response"]["status"]
    numbers = re.compile(r"\d+ \(\d+\)")
    for event in (mine, recorded):
        event["object"]["message"] = numbers.sub("N (N)", event["object"]["message"])
    assert mine == recorded


def test_a_version_from_the_future_is_met_with_silence(plane, client, transcript):
    path = transcript("watch-rv-too-large")["request"]["path"]
    path = path.replace("watch=true&", "").replace("timeoutSeconds=4", "timeoutSeconds=1")
    watch = client.watch(path)
    plane.controller_crashes()
    assert watch.status == 200
    assert watch.rest() == []


def test_a_crd_goes_and_comes_in_the_recorded_steps(client, transcript):
    exchange = transcript("watch-crd-metadata")
    recorded = [json.loads(line) for _, line in exchange["response"]["lines"]]
    recorded = [event for event in recorded if event["type"] != "BOOKMARK"]
    crd = transcript("get-crd-full")["response"]["body"]
    client.request("POST", CRDS, crd)
    version = client.get(CRDS).body["metadata"]["resourceVersion"]
    watch = client.watch(CRDS, exchange["request"]["headers"], resourceVersion=version)
    client.request("DELETE", f"{CRDS}/widgets.lab.example.com")
    client.request("POST", CRDS, crd)
    mine = [watch.next() for _ in recorded]
    assert [event["type"] for event in mine] == [event["type"] for event in recorded]
    for own, theirs in zip(mine[:3], recorded[:3]):
        assert shape(own, {"managedFields"}) == shape(theirs, {"managedFields"})
    assert len({event["object"]["metadata"]["uid"] for event in mine[:3]}) == 1
    assert mine[3]["object"]["metadata"]["uid"] != mine[0]["object"]["metadata"]["uid"]


def test_lease_renewals_are_told_as_recorded(plane, client, transcript):
    exchange = transcript("watch-lease-renewals")
    recorded = [json.loads(line) for _, line in exchange["response"]["lines"]]
    watch = client.watch(exchange["request"]["path"].replace("watch=true&", ""))
    mine = [watch.next()]
    for _ in recorded[1:]:
        plane.renew_lease()
        mine.append(watch.next())
    assert [event["type"] for event in mine] == [event["type"] for event in recorded]
    spec = mine[-1]["object"]["spec"]
    assert spec.keys() >= recorded[-1]["object"]["spec"].keys()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", spec["renewTime"])


def test_pods_come_and_go_in_the_recorded_shape(plane, client, transcript):
    recorded = json.loads(transcript("watch-pods-scale")["response"]["lines"][-1][1])
    theirs = transcript("list-pods")["response"]["body"]["items"][0]
    mine = client.get(PODS).body["items"][0]
    assert mine["status"].keys() == theirs["status"].keys()
    assert mine["metadata"].keys() == theirs["metadata"].keys() - {"managedFields"}
    assert mine["spec"].keys() >= theirs["spec"].keys()
    watch = client.watch(PODS, allowWatchBookmarks="true", timeoutSeconds=1, resourceVersion=10**6)
    assert settled(watch.rest()[-1]) == settled(recorded)
