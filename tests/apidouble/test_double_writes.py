"""Writes over HTTP: what kubectl and the end-to-end tests rely on."""

from __future__ import annotations

import pytest

NAMESPACES = "/api/v1/namespaces"
CONFIGMAPS = "/api/v1/namespaces/agents/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/agents/deployments"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
MERGE = {"Content-Type": "application/merge-patch+json"}
STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
C0 = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "c0"}, "data": {"a": "1"}}

pytestmark = pytest.mark.usefixtures("plane")


def test_create_fills_in_what_the_server_knows(client):
    answer = client.request("POST", CONFIGMAPS, C0)
    metadata = answer.body["metadata"]
    assert answer.status == 201
    assert metadata["namespace"] == "agents"
    assert {"uid", "resourceVersion", "creationTimestamp"} <= metadata.keys()
    again = client.request("POST", CONFIGMAPS, C0)
    assert (again.status, again.body["reason"]) == (409, "AlreadyExists")


def test_create_needs_a_namespace_that_exists_and_a_name(client):
    path = CONFIGMAPS.replace("agents", "nope")
    assert client.request("POST", path, C0).status == 404
    assert client.request("POST", CONFIGMAPS, {**C0, "metadata": {}}).status == 422
    assert client.request("POST", CONFIGMAPS, {**C0, "kind": "Pod"}).status == 400


def test_update_with_an_old_version_conflicts(client):
    made = client.request("POST", CONFIGMAPS, C0).body
    assert client.request("PUT", f"{CONFIGMAPS}/c0", {**made, "data": {"a": "2"}}).status == 200
    stale = client.request("PUT", f"{CONFIGMAPS}/c0", {**made, "data": {"a": "3"}})
    assert (stale.status, stale.body["reason"]) == (409, "Conflict")


def test_an_update_that_changes_nothing_is_no_event(store, client):
    made = client.request("POST", CONFIGMAPS, C0).body
    before = store.version
    assert client.request("PUT", f"{CONFIGMAPS}/c0", made).body == made
    assert store.version == before


def test_merge_patch_sets_and_removes(client):
    client.request("POST", CONFIGMAPS, C0)
    patch = {"data": {"a": None, "b": "2"}}
    assert client.request("PATCH", f"{CONFIGMAPS}/c0", patch, MERGE).body["data"] == {"b": "2"}


def test_strategic_merge_goes_by_the_names_in_lists(client):
    env = [{"name": "AGENTS_GRPC_ENABLED", "value": "0"}, {"name": "NEW", "value": "1"}]
    containers = [{"name": "app", "env": env}]
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    spec = client.request("PATCH", f"{DEPLOYMENTS}/agents", patch, STRATEGIC).body["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert container["image"] == "registry.local/agents:1.0"
    assert [(e["name"], e.get("value")) for e in container["env"]] == [
        ("AGENTS_GRPC_ENABLED", "0"),
        ("AGENTS_CONTROLLER_ENABLED", "0"),
        ("AGENTS_ORCHESTRATION_CONTROLLER_ENABLED", "0"),
        ("AGENTS_SUPPORTING_CONTROLLER_ENABLED", "0"),
        ("DATABASE_URL", None),
        ("NEW", "1"),
    ]


def test_json_patch_does_its_operations_or_none(client):
    client.request("POST", CONFIGMAPS, C0)
    good = [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "add", "path": "/data/x~1y", "value": "2"},
        {"op": "remove", "path": "/data/a"},
    ]
    answer = client.request("PATCH", f"{CONFIGMAPS}/c0", good, JSON_PATCH)
    assert answer.body["data"] == {"x/y": "2"}
    bad = [{"op": "remove", "path": "/data/nope"}]
    assert client.request("PATCH", f"{CONFIGMAPS}/c0", bad, JSON_PATCH).status == 422


def test_the_status_is_changed_at_its_subresource_only(client):
    path = f"{DEPLOYMENTS}/agents"
    patch = {"spec": {"replicas": 5}, "status": {"availableReplicas": 1}}
    main = client.request("PATCH", path, patch, MERGE).body
    assert (main["spec"]["replicas"], main["status"]["availableReplicas"]) == (5, 2)
    assert main["metadata"]["generation"] == 2
    patch = {"spec": {"replicas": 9}, "status": {"availableReplicas": 1}}
    status = client.request("PATCH", f"{path}/status", patch, MERGE).body
    assert (status["spec"]["replicas"], status["status"]["availableReplicas"]) == (5, 1)
    assert status["metadata"]["generation"] == 2


def test_scale_reads_and_writes_replicas(client):
    path = f"{DEPLOYMENTS}/agents/scale"
    scale = client.get(path).body
    assert (scale["kind"], scale["spec"], scale["status"]["replicas"]) == (
        "Scale",
        {"replicas": 2},
        2,
    )
    scale["spec"]["replicas"] = 3
    assert client.request("PUT", path, scale).body["spec"] == {"replicas": 3}
    assert client.get(f"{DEPLOYMENTS}/agents").body["spec"]["replicas"] == 3
    assert client.get("/api/v1/namespaces/agents/pods/x/scale").status == 404


def test_delete_takes_what_is_owned_along(client):
    assert client.request("DELETE", f"{DEPLOYMENTS}/agents").status == 200
    pods = client.get("/api/v1/namespaces/agents/pods").body["items"]
    assert {p["metadata"]["labels"]["app.kubernetes.io/name"] for p in pods} == {
        "agents-controllers"
    }
    assert client.request("DELETE", f"{DEPLOYMENTS}/agents").status == 404


def test_a_finalizer_holds_a_deleted_object_until_it_is_removed(store, client):
    client.request("POST", CONFIGMAPS, {**C0, "metadata": {"name": "c0", "finalizers": ["a/b"]}})
    watch = client.watch(CONFIGMAPS, resourceVersion=store.version)
    client.request("DELETE", f"{CONFIGMAPS}/c0")
    client.request("PATCH", f"{CONFIGMAPS}/c0", {"metadata": {"finalizers": None}}, MERGE)
    assert [watch.next()["type"] for _ in range(2)] == ["MODIFIED", "DELETED"]
    assert client.get(f"{CONFIGMAPS}/c0").status == 404


def test_a_deleted_namespace_takes_its_objects_along(client):
    watch = client.watch(NAMESPACES, fieldSelector="metadata.name=agents", resourceVersion=0)
    events = [watch.next()]  # from here on it sees every change
    client.request("DELETE", f"{NAMESPACES}/agents")
    events += [watch.next() for _ in range(2)]
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    assert events[1]["object"]["status"]["phase"] == "Terminating"
    assert client.get("/api/v1/namespaces/agents/pods").body["items"] == []
    assert client.get("/api/v1/namespaces/temporal/pods").body["items"] != []


def test_a_deleted_crd_takes_its_custom_resources_along(plane, client):
    agents = "/apis/agents.proompteng.ai/v1alpha1/namespaces/agents/agents"
    body = {"kind": "Agent", "metadata": {"name": "a"}}
    assert client.request("POST", agents, body).status == 201
    plane.crd_vanishes("agents.agents.proompteng.ai")
    assert client.get(agents).status == 404
    plane.crd_returns("agents.agents.proompteng.ai")
    assert client.get(agents).body["items"] == []


def test_access_reviews_answer_from_the_rules(double, client):
    double.denied = lambda verb, group, plural, namespace: plural == "pods" and verb == "watch"

    def allowed(**attributes):
        review = {"spec": {"resourceAttributes": attributes}}
        return client.request("POST", REVIEWS, review).body["status"]["allowed"]

    assert allowed(verb="list", resource="pods", namespace="agents") is True
    assert allowed(verb="watch", resource="pods", namespace="agents") is False
    assert client.watch("/api/v1/namespaces/agents/pods").status == 403
    assert client.get("/api/v1/namespaces/agents/pods").status == 200


def test_bodies_that_cannot_be_read_are_refused(client):
    assert client.request("POST", CONFIGMAPS, [1]).status == 400
    odd = {"Content-Type": "text/plain"}
    assert client.request("PATCH", f"{DEPLOYMENTS}/agents", {}, odd).status == 415
    protobuf = {"Content-Type": "application/vnd.kubernetes.protobuf"}
    assert client.request("POST", CONFIGMAPS, C0, protobuf).status == 400


def test_an_object_that_makes_no_sense_is_an_error_and_not_the_end(client):
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert client.request("POST", crds, {"metadata": {"name": "x.y"}, "spec": []}).status == 500
    assert client.get(crds).status == 200
