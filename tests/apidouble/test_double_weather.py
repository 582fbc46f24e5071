"""The double's weather against a real API server's, moment by moment (tests/data/weather)."""

from __future__ import annotations

import json
import random
import socket
from typing import Any, Optional

import pytest

from agentctl.apidouble.answers import ApiAnswer
from agentctl.apidouble.api import Api
from agentctl.apidouble.store import Store
from agentctl.apidouble.weather import Start
from agentctl.apidouble.wire import Request
from agentctl.demo import ControlPlane
from tests.apidouble.conftest import DATA
from tests.apidouble.faulty import FaultyDouble
from tests.apidouble.starts import drawn
from tests.fakes import FakeClock

DEPLOYMENTS = "/apis/apps/v1/namespaces/agents/deployments"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
AGENTS = "/apis/agents.proompteng.ai/v1alpha1/namespaces/agents/agents"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

PATHS = {
    "readyz": "/readyz",
    "livez": "/livez",
    "apis": "/apis",
    "crds": CRDS,
    # What was asked for is none of its plurals: 404 when all is well.
    "custom_resources": "/apis/agents.proompteng.ai/v1alpha1/nothing",
    "list": DEPLOYMENTS,
    "list_rv0": f"{DEPLOYMENTS}",
    "get": f"{DEPLOYMENTS}/agents",
    "watch": DEPLOYMENTS,
}

QUIET = Start(answers_s=1.25, groups_s=1.59, custom_s=1.59, ready_s=2.8)
BUSY = Start(answers_s=2.6, groups_s=3.19, custom_s=3.19, ready_s=4.25)


def recorded(name: str) -> list[dict[str, Any]]:
    lines = (DATA / "weather" / f"{name}.ndjson").read_text().splitlines()
    return [json.loads(line) for line in lines]


class Server:
    """The API without its sockets, at a moment of a recording."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.zero = self.clock.elapsed
        self.api = Api(Store(self.clock))
        ControlPlane(self.api.store).install()
        self.old = self.api.store.version
        """Where a watch got to before anything happened."""

    def at(self, seconds: float) -> Server:
        """Set the clock to so many seconds since the recording began."""
        self.clock.elapsed = self.zero + seconds
        return self

    def restart(self, start: Start) -> None:
        self.api.store.compact()
        self.api.weather.starting(start)

    def ask(self, what: str, patience: float = 8.0) -> Optional[Any]:
        """The answer; None if there is none in time. A held request takes its time."""
        query = {"list_rv0": {"resourceVersion": "0"}}.get(what, {})
        if what == "watch":
            query = {"watch": "true", "resourceVersion": str(self.old), "timeoutSeconds": "15"}
        accept = AGGREGATED if what == "apis" else "application/json"
        request = Request("GET", PATHS[what], query, {"accept": accept})
        since = self.clock.monotonic()
        held = self.api.held_s(request, self.api.target(request), since)
        if held > patience:
            return None
        self.clock.advance(held)
        return self.api.answer(request, self.api.target(request))

    def shows(self, what: str, line: dict[str, Any]) -> str:
        """How the answer differs from the recorded one; empty if it does not."""
        answer = self.ask(what)
        if "error" in line:
            return "" if answer is None else f"answered {answer}"
        if answer is None:
            return "no answer"
        if what == "watch":
            return _watch_differs(answer, line)
        headers = {name.lower(): value for name, value in answer.headers}
        same = {
            "status": (answer.status, line["status"]),
            "content type": (answer.content_type, line["content-type"]),
            "retry-after": (headers.get("retry-after"), line.get("retry-after")),
        }
        if line["status"] >= 400 and "failed" not in line:
            same["body"] = (_value(answer.body.decode()), _value(line["body"]))
        if "failed" in line:
            failed = [text for text in answer.body.decode().split("\n") if text.startswith("[-]")]
            same["checks"] = (failed, line["failed"])
        if "groups" in line:
            names = [group["metadata"]["name"] for group in json.loads(answer.body)["items"]]
            mine, theirs = _custom(names), _custom(line["groups"])
            same["custom groups"] = (mine, theirs)
        if "items" in line:
            items = len(json.loads(answer.body).get("items") or [])
            same["some items"] = (bool(items), bool(line["items"]))
        return "; ".join(f"{key}: {a} != {b}" for key, (a, b) in same.items() if a != b)


def _custom(groups: list[str]) -> list[str]:
    return sorted(name for name in groups if name.endswith("proompteng.ai"))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _watch_differs(answer: Any, line: dict[str, Any]) -> str:
    if isinstance(answer, ApiAnswer):
        return f"refused with {answer.status}"
    try:
        answer.begin()
        error = None
    except Exception as failure:
        error = failure.body()
    expected = line.get("error_event")
    if error is None or expected is None:
        return "" if error is expected else f"error event {error} != {expected}"
    theirs = {**expected, "message": expected["message"].partition(":")[0]}
    mine = {**error, "message": error["message"].partition(":")[0]}
    return "" if mine == theirs else f"{mine} != {theirs}"


@pytest.mark.parametrize(
    ("name", "killed_at", "listens_at", "start"),
    [("restart", 7.8, 11.0, QUIET), ("restart-busy-host", 7.3, 9.45, BUSY)],
)
def test_a_restart_is_the_recorded_one(
    name: str, killed_at: float, listens_at: float, start: Start
) -> None:
    server, wrong, down, restarted = Server(), [], 0, False
    lines = recorded(name)
    for line in lines:
        what, at = line["ask"], line["t"]
        if "error" in line:
            # The port is closed: nobody is there to ask, which the sockets' own tests show.
            assert killed_at <= at < listens_at
            down += 1
            continue
        if at >= listens_at and not restarted:
            server.at(listens_at).restart(start)
            restarted = True
        if what == "watch" and "error_event" not in line:
            server.old = server.api.store.version
        # It was answered somewhere between the question and the end of the answer.
        took = line.get("ms", line.get("headers_ms", 0)) / 1000
        tries = [server.at(at + took * part).shows(what, line) for part in (0, 0.25, 0.5, 0.75, 1)]
        if all(tries):
            wrong.append(f"{at} {what}: {tries[0]}")
    assert wrong == []
    assert down >= 10
    assert server.at(lines[-1]["t"]).api.weather.failing("readyz") == []


def test_frozen_storage_is_the_recorded_one() -> None:
    server, wrong = Server(), []
    lines = recorded("etcd-frozen")
    latest: dict[str, dict[str, Any]] = {}
    for frozen in (False, True, False):
        part = [line for line in lines if _frozen(line) is frozen]
        if frozen:
            server.at(8.0).api.weather.freeze(server.api.store.version)
        elif latest:
            part = [line for line in part if line["t"] > 90]
            server.api.weather.thaw()
        else:
            part = [line for line in part if line["t"] < 8]
        latest.update((line["ask"], line) for line in part)
        at = part[-1]["t"]
        # Each question, not only those whose answer is another than before.
        for what, line in latest.items():
            if what == "readyz":  # this one did not look at storage; as a rule they do
                continue
            if difference := server.at(at).shows(what, line):
                wrong.append(f"{at} {what}: {difference}")
    assert wrong == []


def _frozen(line: dict[str, Any]) -> bool:
    return 8.0 <= line["t"] < 96.0


def test_health_checks_of_frozen_storage_take_their_time() -> None:
    server = Server()
    server.api.weather.freeze(server.api.store.version)
    before = server.clock.monotonic()
    for endpoint in ("livez", "readyz"):
        answer = server.ask(endpoint)
        assert answer is not None
        assert (answer.status, b"[-]etcd failed: reason withheld\n" in answer.body) == (500, True)
    assert server.clock.monotonic() - before == pytest.approx(4.0)


def test_while_the_watch_cache_is_empty_watches_are_told_to_come_again() -> None:
    server = Server()
    server.restart(Start(custom_s=0, storage_s=5))
    for what in ("watch", "list_rv0"):
        answer = server.ask(what)
        assert isinstance(answer, ApiAnswer)
        assert (answer.status, dict(answer.headers)["Retry-After"]) == (429, "1")
        assert json.loads(answer.body)["message"] == "storage is (re)initializing"
    assert server.ask("list").status == 200


def test_before_rbac_knows_its_roles_all_is_forbidden_and_health_too() -> None:
    server = Server()
    server.restart(Start(custom_s=0, roles_s=2, ready_s=2))
    asked = {what: server.ask(what) for what in ("list", "watch", "crds", "apis", "readyz")}
    assert {what: answer.status for what, answer in asked.items() if answer} == {
        "list": 403, "watch": 403, "crds": 403, "apis": 403, "readyz": 403,
    }  # fmt: skip
    server.clock.advance(2)
    assert server.ask("list").status == 200


def test_what_storage_never_answers_fails_after_a_minute() -> None:
    server = Server()
    server.api.weather.freeze(server.api.store.version)
    assert server.ask("list", patience=59) is None
    answer = server.ask("list", patience=61)
    assert isinstance(answer, ApiAnswer)
    assert answer.status == 504


def test_discovery_may_name_no_group_at_all() -> None:
    server = Server()
    server.restart(Start(groups_s=2, no_groups=True))
    assert json.loads(server.ask("apis").body)["items"] == []
    server.clock.advance(2)
    assert json.loads(server.ask("apis").body)["items"]


def test_custom_groups_may_come_one_by_one() -> None:
    server = Server()
    server.restart(Start(groups_s=1, custom_s=1, spread_s=9, ready_s=10))
    counts = []
    for _ in range(12):
        groups = json.loads(server.ask("apis").body)["items"]
        counts.append(len(_custom([group["metadata"]["name"] for group in groups])))
        server.clock.advance(1)
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert len(set(counts)) > 5


def test_a_drawn_start_ends_with_all_there() -> None:
    server = Server()
    kinds = server.api.store.kinds()
    late = 0
    for seed in range(300):
        start = drawn(random.Random(seed))
        assert start == drawn(random.Random(seed))
        assert 1.0 <= start.ready_s - start.answers_s <= 102.0
        server.at(0).restart(start)
        late += server.at(start.answers_s + 0.9).api.kinds() != kinds
        server.at(start.ready_s + 0.001)
        assert (server.api.kinds(), server.api.weather.failing("readyz")) == (kinds, [])
        answers = [server.ask(what) for what in ("list", "apis", "crds", "readyz")]
        assert [answer.status for answer in answers if answer] == [200] * 4
    assert late > 100


# Over sockets


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def stormy(clock):
    store = Store(clock)
    ControlPlane(store).install()
    with FaultyDouble(store=store) as double:
        yield double


def unanswered(client: Any, path: str, seconds: float = 0.1) -> Any:
    """A connection whose question has no answer yet."""
    conn = client.connect(timeout=seconds)
    conn.request("GET", path)
    with pytest.raises(socket.timeout):
        conn.sock.recv(1)
    conn.sock.settimeout(5)
    return conn


def test_a_starting_server_holds_its_first_requests(stormy, clock, new_client) -> None:
    client = new_client(stormy)
    before = stormy.store.version
    stormy.restart(start=QUIET)
    held = unanswered(client, DEPLOYMENTS)
    clock.advance(1.3)
    assert held.getresponse().status == 200
    assert client.get("/readyz").status == client.get("/livez").status == 500
    refused = client.get(AGENTS)
    assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    (event,) = client.watch(DEPLOYMENTS, resourceVersion=before).rest()
    assert (event["type"], event["object"]["reason"]) == ("ERROR", "Expired")
    clock.advance(2)
    assert client.get("/readyz").raw == b"ok"
    assert client.get(AGENTS).status == 200


def test_frozen_storage_is_silent_and_the_cache_is_not(stormy, new_client, monkeypatch) -> None:
    monkeypatch.setattr("agentctl.apidouble.api.BEHIND_S", 0.0)
    client = new_client(stormy)
    version = stormy.store.version
    stormy.freeze()
    held = unanswered(client, DEPLOYMENTS)
    unanswered(client, f"{DEPLOYMENTS}/agents")
    stormy.store.update("deployments", "agents", "agents", _touch)  # by another server, say
    old = client.get(DEPLOYMENTS, resourceVersion="0").body
    assert old["metadata"]["resourceVersion"] == str(version)
    assert client.get(DEPLOYMENTS, resourceVersion=version + 1).status == 504
    assert client.get("/apis").status == 200
    watch = client.watch(
        DEPLOYMENTS, resourceVersion=version, timeoutSeconds=1, allowWatchBookmarks="true"
    )
    assert watch.rest() == []
    following = client.watch(DEPLOYMENTS, resourceVersion=version)
    stormy.thaw()
    assert held.getresponse().status == 200
    assert following.next()["type"] == "MODIFIED"


def test_stopping_frees_what_frozen_storage_holds(stormy, new_client) -> None:
    client = new_client(stormy)
    stormy.freeze()
    held = unanswered(client, DEPLOYMENTS)
    stormy.stop()
    assert held.sock.recv(1) == b""


def test_a_server_may_come_back_elsewhere(stormy, new_client) -> None:
    client, port = new_client(stormy), stormy.port
    stormy.restart(moved=True)
    assert stormy.port != port
    assert client.get(DEPLOYMENTS).status == 200


@pytest.mark.parametrize(("headers", "status"), [({}, 200), ({"Authorization": "Bearer x"}, 401)])
def test_health_is_told_to_who_gives_no_credentials(double, client, headers, status) -> None:
    double.tokens = {"good"}
    assert client.get("/readyz", headers).status == status
    assert client.get(DEPLOYMENTS, headers).status == 401


def _touch(found: Any) -> None:
    found["metadata"].setdefault("annotations", {})["touched"] = "x"


def test_a_list_of_a_version_from_the_future_is_held_before_it_is_refused() -> None:
    server = Server()
    future = str(server.api.store.version + 1)
    path = "/apis/apps/v1/namespaces/agents/deployments"
    request = Request("GET", path, {"resourceVersion": future}, {})
    target, since = server.api.target(request), server.clock.monotonic()
    assert server.api.held_s(request, target, since) == 3.0
    server.clock.advance(3.0)
    assert server.api.held_s(request, target, since) == 0.0
    assert server.api.answer(request, target).status == 504
    server.clock.advance(-2.0)
    server.api.store.delete("pods", "agents", "agents-5cb7dcc7-5wcxb")
    assert server.api.held_s(request, target, since) == 0.0
    assert server.api.answer(request, target).status == 200
