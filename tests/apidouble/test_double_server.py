"""The server itself: connections, TLS, credentials, and that stopping leaves nothing."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
import time

import pytest
import trustme
import yaml

from agentctl.demo import ControlPlane, DemoControlPlane
from tests.apidouble.faults import Then
from tests.apidouble.faulty import FaultyDouble
from tests.fakes import refuse_threads

PODS = "/api/v1/namespaces/agents/pods"


def test_stop_frees_watches_idle_connections_and_hanging_requests(new_client):
    double = FaultyDouble().start()
    ControlPlane(double.store).install()
    client = new_client(double)
    for _ in range(20):
        client.watch(PODS)
    idle = client.connect()
    idle.request("GET", PODS)
    idle.getresponse().read()
    double.faults.hang(plural="leases")
    client.connect().request("GET", "/apis/coordination.k8s.io/v1/leases")
    unread = client.watch(PODS)
    assert double.streams.wait_for(21)
    double.stop()  # that its threads are gone is looked at after each test
    assert unread.status == 200
    with pytest.raises(ConnectionRefusedError):
        client.get(PODS)


def test_stop_frees_a_stream_whose_reader_does_not_read(new_client):
    double = FaultyDouble().start()
    double.faults.on_watch(then=Then.ENDLESS)
    client = new_client(double)
    client.watch(PODS)
    assert double.streams.wait_for(1)
    double.stop()


def test_connections_are_kept_alive(client, plane):
    conn = client.connect()
    for _ in range(3):
        conn.request("GET", PODS)
        assert conn.getresponse().read()
    watch = client.watch(PODS, timeoutSeconds=1, resourceVersion=10**6)
    assert watch.rest() == []
    watch.conn.request("GET", PODS)
    assert watch.conn.getresponse().status == 200


def test_what_is_no_http_is_dropped(double):
    with socket.create_connection(("127.0.0.1", double.port), timeout=20) as sock:
        sock.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert sock.recv(10) == b""


def test_requests_are_logged(double, client):
    client.get(PODS, {"X-Test": "1"}, limit=5)
    (request,) = double.requests
    assert (request.method, request.path, request.query) == ("GET", PODS, {"limit": "5"})
    assert request.headers["x-test"] == "1"


def test_a_good_token_is_let_in_and_no_other(double, client):
    double.tokens = {"good"}
    statuses = [
        client.get(PODS, headers).status
        for headers in (
            {},
            {"Authorization": "Bearer bad"},
            {"Authorization": "Basic good"},
            {"Authorization": "Bearer good"},
        )
    ]
    assert statuses == [401, 401, 401, 200]


@pytest.fixture
def authority():
    return trustme.CA()


def test_tls_serves_lists_and_watches(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with FaultyDouble(tls=context) as double:
        assert double.url.startswith("https://")
        ControlPlane(double.store).install()
        conn = http.client.HTTPSConnection("127.0.0.1", double.port, context=trusting, timeout=20)
        conn.request("GET", PODS)
        assert conn.getresponse().read()
        conn.request("GET", PODS + "?watch=true")
        response = conn.getresponse()
        assert b'"ADDED"' in response.readline()
        assert double.faults.cut() == 1
        response.close()
        conn.close()


def test_a_client_that_never_shakes_hands_does_not_hold_up_stop(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with FaultyDouble(tls=context) as double:
        sock = socket.create_connection(("127.0.0.1", double.port))
        time.sleep(0.05)
    sock.close()


def test_the_kubeconfig_leads_here_and_is_private(double, tmp_path):
    path = tmp_path / "config"
    text = double.kubeconfig(path, token="secret")
    config = yaml.safe_load(path.read_text())
    assert yaml.safe_load(text) == config
    assert config["clusters"][0]["cluster"] == {"server": double.url}
    assert config["users"][0]["user"] == {"token": "secret"}
    assert config["contexts"][0]["context"]["namespace"] == "agents"
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_official_client_can_list_and_watch(double, plane, tmp_path):
    kubernetes = pytest.importorskip("kubernetes")
    path = tmp_path / "config"
    double.kubeconfig(path)
    api = kubernetes.client.ApiClient(
        configuration=_configuration(kubernetes, str(path)), pool_threads=1
    )
    with api:
        apps = kubernetes.client.AppsV1Api(api)
        found = apps.list_namespaced_deployment("agents")
        assert [d.status.available_replicas for d in found.items] == [2, 2]
        watch = kubernetes.watch.Watch()
        for event in watch.stream(
            apps.list_namespaced_deployment, "agents", timeout_seconds=1, resource_version="0"
        ):
            assert event["type"] == "ADDED"
            watch.stop()
        api.rest_client.pool_manager.clear()


def _configuration(kubernetes, path):
    configuration = kubernetes.client.Configuration()
    kubernetes.config.load_kube_config(path, client_configuration=configuration)
    return configuration


def test_a_port_that_is_taken_is_an_error(double):
    with pytest.raises(OSError, match=r".") as told:
        FaultyDouble(double.port).start()
    assert told.value.errno == errno.EADDRINUSE


def test_many_watchers_of_one_change(double, plane, new_client):
    client = new_client(double)
    watches = [client.watch(PODS, resourceVersion=double.store.version) for _ in range(100)]
    assert double.streams.wait_for(100)
    plane.controller_crashes()
    assert {watch.next()["type"] for watch in watches} == {"MODIFIED"}


def test_the_demo_is_up_when_started_and_gone_when_stopped(new_client):
    with DemoControlPlane() as demo:
        client = new_client(demo.double)
        assert len(client.get(PODS).body["items"]) == 4
        assert demo.url in demo.kubeconfig_text()


def test_a_connection_that_gets_no_thread_is_refused_and_the_next_is_served(
    new_client, monkeypatch
):
    with DemoControlPlane(script=False) as demo:
        client = new_client(demo.double)
        with monkeypatch.context() as patch:
            refuse_threads(patch)
            with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
                client.get(PODS)
        assert client.get(PODS).status == 200
