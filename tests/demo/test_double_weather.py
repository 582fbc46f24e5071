"""The double's weather is what a real API server was seen to answer, moment by moment."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from agentctl.demo.weather import Start, Weather

DATA = Path(__file__).parent.parent / "data" / "weather"
CUSTOM = "/apis/agents.proompteng.ai/v1alpha1/namespaces/agents/agents"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/agents/leases"
PODS = "/api/v1/namespaces/agents/pods"

pytestmark = pytest.mark.usefixtures("plane")


def recorded(name: str, ask: str) -> list[dict]:
    lines = (DATA / f"{name}.ndjson").read_text(encoding="utf-8").splitlines()
    return [one for one in map(json.loads, lines) if one["ask"] == ask]


@pytest.fixture
def weather(double):
    """On a clock that the test moves."""
    moment = [100.0]
    double.weather = Weather(lambda: moment[0])
    double.weather.move = lambda seconds: moment.__setitem__(0, moment[0] + seconds)
    return double.weather


def groups(answer) -> set[str]:
    return {group["name"] for group in answer.body["groups"]}


def test_a_start_is_half_ready_as_a_real_one(double, client, weather):
    whole = groups(client.get("/apis"))
    weather.starting(Start(ready_s=3.0, groups_s=2.0, custom_s=2.0))
    (real,) = [one for one in recorded("restart", "custom_resources") if one.get("status") == 503]
    ours = client.get(CUSTOM)
    theirs = json.loads(real["body"])
    assert (ours.status, ours.headers["retry-after"]) == (503, real["retry-after"])
    assert {k: v for k, v in ours.body.items() if k != "metadata"} == {
        k: v for k, v in theirs.items() if k != "metadata"
    }
    half = groups(client.get("/apis"))
    assert half < whole
    assert all("proompteng" in name for name in whole - half)
    assert client.get("/readyz").status == client.get("/livez").status == 500
    assert client.get(PODS).status == 200  # a list through storage is whole at once
    weather.move(2.5)
    assert groups(client.get("/apis")) == whole
    assert client.get("/readyz").status == 500
    weather.move(1.0)
    assert client.get("/readyz").status == 200


def test_roles_and_storage_may_be_late(client, weather):
    weather.starting(Start(roles_s=1.0, storage_s=2.0, no_groups=True))
    assert client.get(PODS).status == 403
    assert client.get("/apis").body["groups"] == []
    weather.move(1.5)
    late = client.get(PODS)
    assert (late.status, late.headers["retry-after"]) == (429, "1")
    assert "(re)initializing" in late.body["message"]
    weather.move(1.0)
    assert client.get(PODS).status == 200


def test_old_watches_expire_with_the_restart(double, client):
    version = double.store.version
    double.restart(history=False, start=Start())
    (real,) = [one for one in recorded("restart", "watch") if "error_event" in one]
    watch = client.watch(PODS, resourceVersion=version)
    event = watch.next()["object"]
    assert (event["code"], event["reason"]) == (410, real["error_event"]["reason"])


def test_frozen_storage_answers_from_its_caches_and_else_hangs(double, client, weather):
    weather.freeze()
    assert client.get(PODS, resourceVersion="0").status == 200
    assert client.get("/apis").status == 200
    assert client.watch(PODS, resourceVersion=double.store.version).status == 200
    answered = threading.Event()

    def ask() -> None:
        assert client.get(LEASES).status == 200
        answered.set()

    thread = threading.Thread(target=ask)
    thread.start()
    assert not answered.wait(0.2)
    weather.thaw()
    assert answered.wait(5)
    thread.join()


def test_probes_name_the_storage_after_two_seconds(client, weather):
    weather.freeze()
    started = time.monotonic()
    answer = client.get("/livez")
    assert answer.status == 500
    assert time.monotonic() - started >= 1.9
    assert recorded("etcd-frozen", "livez")[1]["failed"] == ["[-]etcd failed: reason withheld"]
