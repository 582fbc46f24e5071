"""List and watch against servers that never end, and objects that are nothing of the kind."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Callable, Optional, cast

import pytest

from agentctl.engine.messages import ObjectKey
from agentctl.errors import DisconnectedError, NotFoundError, ServerError
from agentctl.kube import discovery
from agentctl.kube.listwatch import CUT_BYTES, Batch, ListWatch, WatchSettings
from agentctl.kube.reader import ApiReader
from agentctl.kube.resources import Seen
from agentctl.net.endpoint import Timeouts
from agentctl.net.memory_budget import TOTAL_BYTES, MemoryBudget, Share
from tests.fakes import FakeClock
from tests.kube.rig import spec_of

DATE = "Fri, 30 Jan 2026 18:15:00 GMT"


class Answer:
    """A response whose body is what ``pieces`` gives, one piece a read."""

    def __init__(self, pieces: Iterator[bytes], status: int = 200) -> None:
        self.status = status
        self.headers: Mapping[str, str] = {}
        self.server_time: Optional[float] = 1769796900.0
        self._pieces = pieces

    def read1(self, n: int = 65536) -> bytes:
        return next(self._pieces, b"")

    def read_all(self, limit: int, share: Optional[Share] = None) -> bytes:
        body = b"".join(self._pieces)
        if share is not None:
            share.add(2 * len(body))
        return body


class Api:
    """Answers each GET with what ``answer`` makes of path and query."""

    def __init__(self, answer: Callable[[str, Mapping[str, str]], Answer]) -> None:
        self.answer = answer
        self.asked = 0
        self.budget = MemoryBudget()

    @contextmanager
    def get(
        self, path: str, query: Mapping[str, str], accept: str, timeouts: Timeouts
    ) -> Iterator[Any]:
        self.asked += 1
        yield self.answer(path, query)


def listwatch(
    clock: FakeClock, answer: Callable[[str, Mapping[str, str]], Answer], name: str = "deployments"
) -> tuple[ListWatch, Api]:
    api = Api(answer)
    settings = WatchSettings(term_s=(60, 60))
    source = ListWatch(spec_of(name), cast(ApiReader, api), clock, settings, random.Random(1))
    return source, api


def page(token: str, items: Any = (), **metadata: Any) -> Answer:
    metadata = {"resourceVersion": "7", **metadata}
    if token:
        metadata["continue"] = token
    body = {"kind": "DeploymentList", "metadata": metadata, "items": items}
    return Answer(iter([json.dumps(body).encode()]))


# Lists


def test_a_list_that_always_goes_on_from_the_same_place_is_given_up() -> None:
    clock = FakeClock()
    source, api = listwatch(clock, lambda path, query: page("again"))
    with pytest.raises(ServerError, match="again and again"):
        source.list()
    assert api.asked == 2


def test_a_list_without_end_is_given_up() -> None:
    clock = FakeClock()

    def answer(path: str, query: Mapping[str, str]) -> Answer:
        clock.advance(1)
        return page(f"after {clock.elapsed}")

    source, api = listwatch(clock, answer)
    with pytest.raises(ServerError, match="has not ended"):
        source.list()
    assert 100 < api.asked < 1000


def test_items_null_is_an_empty_list() -> None:
    listing = listwatch(FakeClock(), lambda path, query: page("", None))[0].list()
    assert listing.changes == ()
    assert listing.resource_version == "7"


@pytest.mark.parametrize("metadata", [None, [], "text", 7])
def test_a_list_without_proper_metadata_is_a_servers_failure(metadata: Any) -> None:
    body = json.dumps({"kind": "DeploymentList", "metadata": metadata, "items": []}).encode()
    source, _ = listwatch(FakeClock(), lambda path, query: Answer(iter([body])))
    if metadata is None:
        assert source.list().resource_version == ""
    else:
        with pytest.raises(ServerError, match="no Kubernetes list"):
            source.list()


def huge(size: int) -> Callable[[str, Mapping[str, str]], Answer]:
    """One page for ever: its objects are nothing but braces."""
    items = [{"metadata": {}}] * (size // 15)
    return lambda path, query: page("", items)


def test_pages_are_charged_to_the_budget_and_given_back() -> None:
    source, api = listwatch(FakeClock(), huge(30_000))
    assert len(source.list().changes) == 2000
    assert api.budget.taken == 0
    # Nine times the bytes of such a page are not too much to allow for its objects.
    needed = 9 * 30_000
    api.budget = MemoryBudget(needed)
    with pytest.raises(ServerError, match="put off"):
        source.list()
    assert api.budget.taken == 0


def test_what_others_hold_counts() -> None:
    source, api = listwatch(FakeClock(), huge(30_000))
    with api.budget.share() as others:
        others.add(TOTAL_BYTES - 100_000)
        with pytest.raises(ServerError, match="come to more than 256 MiB"):
            source.list()
    assert len(source.list().changes) == 2000


def test_a_page_is_gone_before_the_next_is_read() -> None:
    taken: list[int] = []

    def answer(path: str, query: Mapping[str, str]) -> Answer:
        taken.append(api.budget.taken)
        token = "" if len(taken) == 3 else f"page {len(taken)}"
        return page(token, [{"metadata": {}}] * 2000)

    source, api = listwatch(FakeClock(), answer)
    assert len(source.list().changes) == 6000
    assert taken == [0, 2000 * CUT_BYTES, 4000 * CUT_BYTES]


def test_a_list_whose_objects_never_end_is_put_off() -> None:
    """What is kept of them counts too, long before the time for a list is over."""

    def answer(path: str, query: Mapping[str, str]) -> Answer:
        return page(f"after {api.asked}", [{"metadata": {}}] * 2000)

    source, api = listwatch(FakeClock(), answer)
    api.budget = MemoryBudget(20 << 20)
    with pytest.raises(ServerError, match="more than 20 MiB"):
        source.list()
    assert 5 < api.asked < 20


# Watches


def dribble(clock: FakeClock, piece: bytes, each_s: float, limit: int = 10_000) -> Iterator[bytes]:
    for _ in range(limit):
        clock.advance(each_s)
        yield piece
    raise AssertionError("still being read")


def test_a_line_that_never_ends_is_given_up_after_the_watchs_term() -> None:
    clock = FakeClock()
    source, _ = listwatch(clock, lambda path, query: Answer(dribble(clock, b"x", 1.0)))
    batches = source.watch("1")
    assert next(batches) == Batch((), "1")
    started = clock.elapsed
    with pytest.raises(DisconnectedError, match="longer than the watch"):
        list(batches)
    assert clock.elapsed - started < 75


def test_blank_lines_do_not_keep_a_watch_past_its_term() -> None:
    clock = FakeClock()
    source, _ = listwatch(clock, lambda path, query: Answer(dribble(clock, b"\n", 1.0)))
    batches = source.watch("1")
    next(batches)
    started = clock.elapsed
    assert list(batches) == []
    assert clock.elapsed - started < 75


def event(kind: str, version: str, name: str = "agents", **more: Any) -> bytes:
    metadata = {"name": name, "namespace": "agents", "resourceVersion": version, **more}
    return json.dumps({"type": kind, "object": {"metadata": metadata}}).encode() + b"\n"


def test_a_watch_that_is_not_ended_in_time_goes_on_from_where_it_is() -> None:
    clock = FakeClock()

    def busy() -> Iterator[bytes]:
        for version in range(10_000):
            clock.advance(1)
            yield event("MODIFIED", str(version))

    source, _ = listwatch(clock, lambda path, query: Answer(busy()))
    batches = list(source.watch("1"))
    assert 60 <= len(batches) <= 75
    assert batches[-1].resource_version == str(len(batches) - 2)


def test_a_lease_is_as_old_as_it_was_when_the_watch_was_answered() -> None:
    """What the engine's queue made the source wait must not make a lease younger."""
    clock = FakeClock()
    lease = {
        "metadata": {"name": "agents-controller-leader", "namespace": "agents"},
        "spec": {
            "holderIdentity": "x",
            "leaseDurationSeconds": 30,
            "renewTime": "2026-01-30T18:14:55.000000Z",
        },
    }
    line = json.dumps({"type": "MODIFIED", "object": lease}).encode() + b"\n"
    source, _ = listwatch(clock, lambda path, query: Answer(iter([line])), "leases")
    batches = source.watch("1")
    next(batches)
    clock.advance(20)
    (change,) = next(batches).changes
    assert change.values[0].renewed_at == clock.elapsed - 25


def test_what_the_list_did_not_have_may_be_changed_and_deleted() -> None:
    lines = [event("MODIFIED", "2", "new"), event("DELETED", "3", "never-seen")]
    source, _ = listwatch(FakeClock(), lambda path, query: Answer(iter([b"".join(lines)])))
    batches = list(source.watch("1"))
    assert [change.key.name for change in batches[1].changes] == ["new", "never-seen"]
    assert set(batches[1].changes[1].values) == {None}


@pytest.mark.parametrize("bad", [None, 7, [], "x", {"message": {"a": []}, "details": 3}])
def test_an_error_event_may_carry_anything(bad: Any) -> None:
    line = json.dumps({"type": "ERROR", "object": bad}).encode() + b"\n"
    source, _ = listwatch(FakeClock(), lambda path, query: Answer(iter([line])))
    batches = source.watch("1")
    next(batches)
    with pytest.raises(ServerError):
        next(batches)


# Objects


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


ODD = [None, True, 7, 1.5, float("nan"), float("inf"), 10**400, "\ud800", "x" * 10**6, [], {}]
ODD += [[None], [{}], {"a": None}, {"": [{}]}, nested(50_000)]


def bodies(odd: Any) -> Iterator[dict[str, Any]]:
    metadata = {"name": "agents", "namespace": "agents", "labels": {"a": "b"}}
    for spoiled in ({"labels": odd}, {"labels": {"a": odd}}, {"name": odd}, {"namespace": odd}):
        yield {"metadata": {**metadata, **spoiled}}
    yield {"metadata": metadata, "spec": odd, "status": odd}
    fields = ("replicas", "selector", "template", "holderIdentity", "renewTime", "updateStrategy")
    counts = ("phase", "reason", "conditions", "containerStatuses", "initContainerStatuses")
    yield {
        "metadata": metadata,
        "spec": dict.fromkeys((*fields, "leaseDurationSeconds", "initContainers"), odd),
        "status": dict.fromkeys((*counts, "replicas", "desiredNumberScheduled"), odd),
        "endpoints": odd,
        "addressType": odd,
    }
    terms = [{"key": odd, "values": [odd]}, {"key": "a", "operator": "In", "values": [odd]}]
    selector = {"matchLabels": {"a": odd}, "matchExpressions": terms}
    condition = {"type": odd, "status": odd, "reason": odd}
    state = {"waiting": {"reason": odd}, "terminated": {"exitCode": odd, "signal": odd}}
    one = {"name": odd, "state": state, "ready": odd, "started": odd}
    env = {"name": odd, "value": odd, "valueFrom": {"secretKeyRef": {"name": odd}}}
    container = {"name": odd, "env": [env], "envFrom": [{"prefix": odd, "secretRef": odd}]}
    yield {
        "metadata": metadata,
        "spec": {"selector": selector, "template": {"spec": {"containers": [container]}}},
        "status": {
            "phase": "Pending",
            "conditions": [condition],
            "containerStatuses": [one],
            "initContainerStatuses": [one],
        },
        "endpoints": [{"conditions": {"ready": odd, "terminating": odd}}],
    }


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: type(odd).__name__)
def test_no_object_is_too_odd_to_be_cut(odd: Any) -> None:
    for name in ("deployments", "pods", "leases", "endpointslices", "namespaces"):
        spec = spec_of(name)
        for body in bodies(odd):
            for change in (spec.change(body, Seen(0.0, 0.0)), spec.deletion(body)):
                assert isinstance(change.key, ObjectKey)
                hash(change.key)
                assert change.values == change.values


# Discovery


def test_a_group_that_goes_away_while_discovery_is_read_is_not_served() -> None:
    groups = [
        {"name": group, "versions": [{"groupVersion": f"{group}/v1alpha1"}]}
        for group in ("signals.proompteng.ai", "tools.proompteng.ai")
    ]

    def answer(path: str, query: Mapping[str, str]) -> Answer:
        if path == "/apis":
            body: Any = {"kind": "APIGroupList", "groups": groups}
        elif "signals" in path:
            return Answer(iter([b"404 page not found"]), 404)
        else:
            body = {"kind": "APIResourceList", "resources": [{"name": "tools"}]}
        return Answer(iter([json.dumps(body).encode()]))

    wanted = ["signals.signals.proompteng.ai", "tools.tools.proompteng.ai"]
    assert discovery.served(cast(ApiReader, Api(answer)), wanted) == {"tools.tools.proompteng.ai"}


def test_an_address_without_discovery_is_not_found() -> None:
    api = Api(lambda path, query: Answer(iter([b"404 page not found"]), 404))
    with pytest.raises(NotFoundError):
        discovery.served(cast(ApiReader, api), [])
