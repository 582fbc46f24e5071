"""Lists, pages, selectors and watches beyond what was recorded."""

from __future__ import annotations

import time

import pytest

from agentctl.apidouble.store import HISTORY, Store

PODS = "/api/v1/namespaces/agents/pods"
CONFIGMAPS = "/api/v1/namespaces/agents/configmaps"
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


def config(name, namespace="agents", **labels):
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": {}}


def names(events_or_items):
    return [each.get("object", each)["metadata"]["name"] for each in events_or_items]


def test_pages_are_of_one_state_though_objects_come_and_go(store, client):
    for index in range(5):
        store.create(config(f"c{index}"))
    first = client.get(CONFIGMAPS, limit=2).body
    store.create(config("c11"))
    store.delete("configmaps", "agents", "c3")
    second = client.get(CONFIGMAPS, limit=2, **{"continue": first["metadata"]["continue"]}).body
    third = client.get(CONFIGMAPS, **{"continue": second["metadata"]["continue"]}).body
    pages = [first, second, third]
    assert [names(page["items"]) for page in pages] == [["c0", "c1"], ["c2", "c3"], ["c4"]]
    assert len({page["metadata"]["resourceVersion"] for page in pages}) == 1
    assert [page["metadata"].get("remainingItemCount") for page in pages] == [3, 1, None]


def test_a_continue_token_expires_with_the_history_and_offers_another(store, client):
    for index in range(4):
        store.create(config(f"c{index}"))
    token = client.get(CONFIGMAPS, limit=2).body["metadata"]["continue"]
    store.compact()
    answer = client.get(CONFIGMAPS, **{"continue": token})
    assert (answer.status, answer.body["reason"]) == (410, "Expired")
    rest = client.get(CONFIGMAPS, **{"continue": answer.body["metadata"]["continue"]}).body
    assert names(rest["items"]) == ["c2", "c3"]


def test_no_version_goes_with_a_continue_token(store, client):
    for index in range(2):
        store.create(config(f"c{index}"))
    token = client.get(CONFIGMAPS, limit=1).body["metadata"]["continue"]
    assert client.get(CONFIGMAPS, resourceVersion=1, **{"continue": token}).status == 400


def test_selectors_narrow_lists_and_hide_the_count(store, client):
    for index in range(3):
        store.create(config(f"c{index}", app="x" if index else "y"))
    assert names(client.get(CONFIGMAPS, labelSelector="app in (x)").body["items"]) == ["c1", "c2"]
    only = client.get(CONFIGMAPS, fieldSelector="metadata.name=c2").body["items"]
    assert names(only) == ["c2"]
    page = client.get(CONFIGMAPS, labelSelector="app=x", limit=1).body["metadata"]
    assert "continue" in page
    assert "remainingItemCount" not in page
    assert client.get(CONFIGMAPS, labelSelector="app in").status == 400
    assert client.get(CONFIGMAPS, fieldSelector="spec.x=1").status == 400


def test_an_exact_version_shows_the_past(store, client):
    store.create(config("c0"))
    then = store.version
    store.update("configmaps", "agents", "c0", lambda c: c.update(data={"a": "b"}))
    query = {"resourceVersion": then, "resourceVersionMatch": "Exact"}
    answer = client.get(CONFIGMAPS, **query).body
    assert answer["metadata"]["resourceVersion"] == str(then)
    assert answer["items"][0]["data"] == {}
    store.compact()
    assert client.get(CONFIGMAPS, **query).status == 410


def test_a_watch_through_a_selector_sees_objects_enter_and_leave(store, client):
    store.create(config("c0", app="x"))
    watch = client.watch(CONFIGMAPS, labelSelector="app=x", resourceVersion=store.version)
    for value in ("y", "x", "x2", "x"):
        store.update(
            "configmaps", "agents", "c0", lambda c, v=value: c["metadata"]["labels"].update(app=v)
        )
    store.delete("configmaps", "agents", "c0")
    events = [watch.next() for _ in range(5)]
    assert [e["type"] for e in events] == ["DELETED", "ADDED", "DELETED", "ADDED", "DELETED"]
    left = events[0]["object"]["metadata"]
    assert left["labels"] == {"app": "x"}
    assert left["resourceVersion"] == "2"


def test_a_watch_of_one_namespace_sees_no_other(store, client):
    watch = client.watch(CONFIGMAPS, resourceVersion=store.version)
    store.create(config("other", namespace="temporal"))
    store.create(config("mine"))
    assert names([watch.next()]) == ["mine"]


def test_a_watch_resumes_from_any_version_of_the_history(store, client):
    versions = [store.create(config(f"c{index}")).version for index in range(4)]
    watch = client.watch(CONFIGMAPS, resourceVersion=versions[1])
    assert names([watch.next(), watch.next()]) == ["c2", "c3"]


def test_compaction_leaves_watches_under_way_alone(double, store, client):
    watch = client.watch(CONFIGMAPS, resourceVersion=store.version)
    assert double.streams.wait_for(1)
    store.compact()
    store.create(config("c0"))
    assert names([watch.next()]) == ["c0"]


def test_the_history_is_bounded_and_what_falls_out_expires(store, client):
    store.create(config("c0"))
    for index in range(HISTORY + 1):
        store.update("configmaps", "agents", "c0", lambda c, i=index: c.update(data={"i": str(i)}))
    watch = client.watch(CONFIGMAPS, resourceVersion=1)
    assert watch.next()["object"]["code"] == 410


def test_bookmarks_come_before_the_end_only_if_allowed(store, client):
    store.create(config("c0"))
    started = time.monotonic()
    silent = client.watch(CONFIGMAPS, timeoutSeconds=1, resourceVersion=store.version)
    marked = client.watch(
        CONFIGMAPS, timeoutSeconds=1, resourceVersion=store.version, allowWatchBookmarks="true"
    )
    store.create(config("c1", namespace="elsewhere"))
    (bookmark,) = marked.rest()
    assert bookmark["object"]["metadata"] == {"resourceVersion": str(store.version)}
    assert silent.rest() == []
    assert time.monotonic() - started > 0.9


@pytest.mark.parametrize(
    "query",
    [
        {"sendInitialEvents": "true"},
        {"resourceVersionMatch": "NotOlderThan"},
        {"sendInitialEvents": "true", "resourceVersionMatch": "Exact"},
    ],
)
def test_options_that_do_not_go_together_are_invalid(client, query):
    assert client.watch(CONFIGMAPS, **query).status == 422


def test_tables_have_kubectls_columns(plane, client):
    def table(path):
        body = client.get(path, TABLE).body
        columns = [c["name"] for c in body["columnDefinitions"] if not c["priority"]]
        return columns, body["rows"][0]["cells"]

    columns, cells = table("/apis/apps/v1/namespaces/agents/deployments")
    assert columns == ["Name", "Ready", "Up-to-date", "Available", "Age"]
    assert cells[:4] == ["agents", "2/2", 2, 2]
    plane.controller_crashes()
    columns, _ = table(PODS)
    assert columns == ["Name", "Ready", "Status", "Restarts", "Age"]
    rows = client.get(PODS, TABLE).body["rows"]
    assert [row["cells"][1:4] for row in rows][-1] == ["0/1", "CrashLoopBackOff", "1"]
    columns, cells = table("/apis/coordination.k8s.io/v1/leases")
    assert columns == ["Name", "Holder", "Age"]
    assert cells[1].startswith("agents-controllers-")


def test_a_table_watch_defines_its_columns_once(plane, client):
    watch = client.watch(PODS, TABLE)
    first, second = watch.next()["object"], watch.next()["object"]
    assert first["kind"] == second["kind"] == "Table"
    assert first["columnDefinitions"]
    assert second["columnDefinitions"] is None


def test_custom_resources_say_their_kind_in_lists(plane, store, client):
    store.create(
        {
            "kind": "Agent",
            "apiVersion": "agents.proompteng.ai/v1alpha1",
            "metadata": {"name": "a", "namespace": "agents"},
        }
    )
    body = client.get("/apis/agents.proompteng.ai/v1alpha1/agents").body
    assert body["kind"] == "AgentList"
    assert body["items"][0]["kind"] == "Agent"


def test_what_cannot_be_served_is_not_acceptable(client):
    answer = client.get(PODS, {"Accept": "application/vnd.kubernetes.protobuf"})
    assert answer.status == 406


def test_discovery_follows_the_crds(plane, client):
    accept = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
    signals = "/apis/signals.proompteng.ai/v1alpha1"
    before = client.get("/apis", accept)
    same = client.get("/apis", {**accept, "If-None-Match": before.headers["etag"]})
    assert same.status == 304
    plane.crd_vanishes()
    legacy = client.get(signals).body["resources"]
    assert [r["name"] for r in legacy] == ["signaldeliveries", "signaldeliveries/status"]
    assert client.get("/apis", accept).headers["etag"] != before.headers["etag"]
    assert client.get(f"{signals}/signals").status == 404
    plane.crd_returns()
    assert client.get(f"{signals}/signals").status == 200


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api", "APIVersions"),
        ("/apis", "APIGroupList"),
        ("/apis/apps", "APIGroup"),
        ("/api/v1", "APIResourceList"),
        ("/apis/apps/v1", "APIResourceList"),
    ],
)
def test_legacy_discovery_is_there_for_plain_json(client, path, kind):
    assert client.get(path).body["kind"] == kind


def test_version_and_health_need_no_kubernetes_types(client):
    assert client.get("/version").body["gitVersion"].startswith("v1.")
    for path in ("/healthz", "/readyz", "/livez"):
        assert client.get(path).raw == b"ok"


def test_a_seeded_store_makes_the_same_names_again():
    def made():
        metadata = {"generateName": "c-", "namespace": "agents"}
        obj = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata}
        return Store(seed=7).create(obj).metadata["name"]

    assert made() == made()
