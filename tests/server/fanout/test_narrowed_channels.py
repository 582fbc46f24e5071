"""Streams of some components: what they carry, their cursors, and what becomes of them."""

from __future__ import annotations

import gc
import weakref
from contextlib import ExitStack
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.cursor import decode, scope_of
from agentctl.engine.policy import Notice
from agentctl.kube.evaluate import Evaluator
from agentctl.model import ErrorCode, Item, ItemKey, fold
from agentctl.server.fanout import narrowing
from agentctl.server.fanout.channels import channels_of
from agentctl.server.fanout.narrowing import IDLE_S, MAX_NARROWED, NarrowedChannel
from agentctl.server.fanout.subscription import Subscription
from agentctl.server.http import acceptor
from agentctl.server.limits import StreamCount, StreamLimits
from tests.fakes import FakeClock
from tests.server.http_rig import STATUS, STREAM, Site, eventually
from tests.server.replica import Replica, item


def narrowed(replica: Replica, *globs: str, namespace: str = "") -> NarrowedChannel:
    found = replica.broadcaster.narrowed.of(namespace, tuple(sorted(globs)))
    assert found is not None
    return found


def reader(replica: Replica, one: NarrowedChannel, since: str = "") -> Subscription:
    subscription = Subscription(one.channel, replica.clock.monotonic(), since)
    one.readers.add(subscription)
    return subscription


def told(replica: Replica, subscription: Subscription) -> list[tuple[str, list[str]]]:
    """The events that a reader is given, and which components each names."""
    found = []
    while (entry := subscription.take(replica.clock.monotonic())) is not None:
        event = entry.event.to_json()
        named = [*event.get("items", ()), *event.get("changes", ()), *event.get("removed", ())]
        found.append((event["type"], [one["component"] for one in named]))
    return found


def test_a_snapshot_of_those_and_deltas_of_those_only() -> None:
    replica = Replica().begin(item("grpc"), item("crds:a"), item("crds:b"))
    some = reader(replica, narrowed(replica, "crds:*"))
    assert told(replica, some) == [("snapshot", ["crds:a", "crds:b"])]
    replica.publish(item("grpc", "error"), item("crds:a"), item("crds:b"))
    assert told(replica, some) == []
    replica.publish(item("grpc"), item("crds:a", "error"), item("crds:c"))
    assert told(replica, some) == [("delta", ["crds:a", "crds:c", "crds:b"])]
    replica.clock.advance(30)
    replica.broadcaster.beat([])
    assert told(replica, some) == [("heartbeat", [])]


@given(st.lists(st.lists(st.sampled_from("abcd"), unique=True), max_size=8), st.data())
def test_any_course_is_told_as_if_it_looked_at_all(course: list[list[str]], data: Any) -> None:
    replica = Replica().begin(item("a"), item("b"))
    globs = ("a", "[bc]", "*")
    readers = {glob: reader(replica, narrowed(replica, glob)) for glob in globs}
    states: dict[str, dict[ItemKey, Item]] = {glob: {} for glob in globs}
    kept = {"a": item("a"), "b": item("b")}
    for names in course:
        for name in names:
            if name not in kept or data.draw(st.booleans()):
                kept[name] = item(name, data.draw(st.sampled_from(["error", "healthy"])))
        replica.publish(*(kept[name] for name in names))
        for glob, some in readers.items():
            while (entry := some.take(replica.clock.monotonic())) is not None:
                states[glob] = fold(states[glob], entry.event)
            wanted = {kept[name].key: kept[name] for name in names if fnmatchcase(name, glob)}
            assert states[glob] == wanted


def test_one_that_began_before_the_first_state_waits_for_it() -> None:
    replica = Replica()
    some = reader(replica, narrowed(replica, "a"))
    assert told(replica, some) == []
    replica.begin(item("a"), item("b"))
    assert told(replica, some) == [("snapshot", ["a"])]


def test_who_comes_during_an_outage_is_told_at_once() -> None:
    replica = Replica().begin(item("a"))
    replica.broadcaster.beat([Notice("pods", ErrorCode.DISCONNECTED, "refused", 2.0)])
    some = reader(replica, narrowed(replica, "a"))
    assert [type for type, _ in told(replica, some)] == ["snapshot", "error"]
    replica.broadcaster.tell(Notice("pods", ErrorCode.RECOVERED, "back"))
    assert [type for type, _ in told(replica, some)] == ["error"]


def test_a_cursor_resumes_in_what_is_narrowed_the_same_way_alone() -> None:
    replica = Replica().begin(item("a"), item("b"))
    one = narrowed(replica, "a")
    status = one.channel.status(replica.clock.monotonic())
    assert status is not None
    cursor = status.snapshot.cursor
    replica.publish(item("a", "error"), item("b", "error"))
    assert told(replica, reader(replica, one, cursor)) == [("delta", ["a"])]
    assert told(replica, reader(replica, narrowed(replica, "b"), cursor)) == [("snapshot", ["b"])]
    assert replica.reader(since=cursor).types() == ["snapshot"]
    elsewhere = Replica().begin(item("a"), item("b", "error"))
    assert told(elsewhere, reader(elsewhere, narrowed(elsewhere, "a"), cursor)) == []
    whole = replica.reader()
    whole.take()
    assert told(replica, reader(replica, one, whole.cursor)) == [("snapshot", ["a"])]


def test_a_namespaces_part() -> None:
    replica = Replica("one", "two").begin(item("a", ns="one"), item("a", ns="two"))
    assert told(replica, reader(replica, narrowed(replica, "a"))) == [("snapshot", ["a", "a"])]
    some = reader(replica, narrowed(replica, "a", namespace="two"))
    assert told(replica, some) == [("snapshot", ["a"])]
    replica.publish(item("a", "error", ns="one"), item("a", ns="two"))
    assert told(replica, some) == []


def test_cursors_fit_those_of_the_command_line() -> None:
    """``agentctl status watch --component a``, on the same namespace and catalog."""
    broadcaster = channels_of((), Evaluator((), ["n"], "n").specs, ["n"], "hash", (), FakeClock())
    broadcaster.begin([item("a", ns="n")], {})
    for namespace in ("", "n"):
        found = broadcaster.narrowed.of(namespace, ("a", "b*"))
        assert found is not None
        status = found.channel.status(0.0)
        assert status is not None
        cursor = decode(status.snapshot.cursor)
        assert cursor is not None
        assert cursor.scope == scope_of(["n"], "hash", ["b*", "a"])


def test_readers_of_the_same_share_one_and_it_goes_when_they_are_gone() -> None:
    replica = Replica().begin(item("a"))
    one = narrowed(replica, "a", "b")
    assert narrowed(replica, "b", "a") is one
    some = reader(replica, one)
    told(replica, some)
    replica.clock.advance(10 * IDLE_S)
    replica.broadcaster.beat([])
    assert narrowed(replica, "a", "b") is one, "it has a reader"
    del some
    gc.collect()
    replica.clock.advance(IDLE_S + 1)
    replica.broadcaster.beat([])
    events, _ = replica.broadcaster.counts()
    assert events["snapshot"] == 2, "what was counted stays"
    assert narrowed(replica, "a", "b") is not one


def test_there_are_not_too_many() -> None:
    replica = Replica().begin(item("a"))
    found = [narrowed(replica, f"a{number}") for number in range(MAX_NARROWED)]
    held = [reader(replica, one) for one in found[1:]]
    assert narrowed(replica, "new") is not found[0], "the idle one makes room"
    held.append(reader(replica, narrowed(replica, "new")))
    assert replica.broadcaster.narrowed.of("", ("one too many",)) is None


def test_they_are_not_too_large_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrowing, "MAX_NARROWED_ITEMS", 4)
    replica = Replica().begin(*map(item, "abc"))
    narrowed(replica, "[abc]")
    held = [reader(replica, narrowed(replica, "[ab]"))]
    assert replica.broadcaster.narrowed.of("", ("[abc]",)) is None, "the idle one made room"
    held.append(reader(replica, narrowed(replica, "a")))
    assert replica.broadcaster.narrowed.of("", ("[bc]",)) is None
    assert replica.broadcaster.narrowed.of("", ("c",)) is not None
    assert len(held) == 2


def test_what_is_dropped_leaves_memory_at_once() -> None:
    """Each may hold megabytes, and the collector of cycles does not look at how large they are."""
    replica = Replica().begin(*(item(f"a{number}") for number in range(10)))
    gc.collect()
    gc.disable()
    try:
        one = narrowed(replica, "a*")
        some = reader(replica, one)
        told(replica, some)
        replica.publish(item("a1", "error"))
        gone = weakref.ref(one), weakref.ref(one.channel)
        del one, some
        replica.clock.advance(IDLE_S + 1)
        replica.broadcaster.beat([])
        assert [ref() for ref in gone] == [None, None]
    finally:
        gc.enable()


def test_who_has_his_share_has_no_more_made(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    site.replica.begin(item("a"))
    count = site.services.count
    for _ in range(25):
        assert count.enter("sse", "127.0.0.1", Selection(1)) is None
    with site.serve(), ExitStack() as stack:
        kept = narrowed(site.replica, "kept")
        assert site.get(f"{STREAM}?component=new").status == 429
        assert site.get(f"{STREAM}?component=kept").status == 429
        assert list(site.replica.broadcaster.narrowed._found.values()) == [kept]
        monkeypatch.setattr(acceptor, "peer_of", lambda address: "192.0.2.1")
        stack.enter_context(site.client()).stream("?component=new")


def test_one_peer_leaves_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(limits=StreamLimits(per_peer=3_000))
    site.replica.begin(item("a"))
    with site.serve(), ExitStack() as stack:

        def open_one(glob: str, form: str = "json") -> None:
            client = stack.enter_context(site.client())
            client.stream(f"?component={glob}&format={form}")

        for number in range(30):
            open_one(f"a{number}")
        open_one("a7", "ndjson")
        refused = site.get(f"{STREAM}?component=b")
        assert (refused.status, refused.headers["retry-after"]) == (429, "30")
        assert "one peer may read 30 different selections" in refused.json["error"]
        assert site.streams == 31
        assert site.errors("limit") == 1
        assert site.get(f"{STATUS}?component=b").status == 200, "it is kept for no one"
        open_one("*")
        monkeypatch.setattr(acceptor, "peer_of", lambda address: "192.0.2.1")
        for glob in ("b", "a7"):
            open_one(glob)
        stack.close()
        eventually(lambda: site.streams == 0)
        assert not site.services.count._selected, "nothing is left behind"


def test_a_selection_is_counted_once_while_a_peer_reads_it() -> None:
    count = StreamCount(StreamLimits())
    few = [Selection(1) for _ in range(25)]
    for one in few:
        assert count.enter("sse", "peer", one) is None
    assert count.enter("sse", "peer", few[0]) is None
    count.leave("sse", "peer", few[0])
    assert count.enter("sse", "peer", Selection(1)) is not None, "it still reads all of them"
    count.leave("sse", "peer", few[0])
    assert count.enter("sse", "peer", Selection(1)) is None


def test_one_peer_leaves_room_for_the_components_of_others() -> None:
    count = StreamCount(StreamLimits())
    assert count.enter("sse", "peer", Selection(80_000)) is None, "one may be as large as it is"
    why = count.enter("sse", "peer", Selection(1))
    assert why is not None
    assert "or 25000 components in all" in why
    assert count.enter("sse", "other", Selection(24_999)) is None
    assert count.enter("sse", "other", Selection(2)) is not None
    assert count.enter("sse", "other", Selection(1)) is None


def test_who_may_have_all_streams_may_have_all_selections() -> None:
    assert StreamLimits(500, 100).share == StreamLimits(500, 1_000).share == 0.25
    assert (StreamLimits(per_peer=5_000).share, StreamLimits(per_peer=20_000).share) == (0.5, 1)


class Selection:
    def __init__(self, size: int) -> None:
        self.size = size


def test_over_http() -> None:
    site = Site()
    site.replica.begin(item("grpc"), item("crds:a"), item("crds:b"))
    with site.serve():
        answer = site.get(f"{STATUS}?component=crds:*&component=grpc")
        assert [one["component"] for one in answer.json["items"]] == ["grpc", "crds:a", "crds:b"]
        answer = site.get(f"{STATUS}?component=crds%3Aa&_=1")
        assert [one["component"] for one in answer.json["items"]] == ["crds:a"]
        assert answer.headers["warning"].count("299 agentctl") == 1
        for form, first in (("json", "event"), ("ndjson", "line")):
            with site.client() as client:
                client.stream(f"?component=crds:a&format={form}&since={answer.json['cursor']}")
                site.replica.publish(item("grpc", "error"), item("crds:a"), item("crds:b"))
                site.replica.publish(item("grpc"), item("crds:a", "error"), item("crds:b"))
                told = getattr(client, first)()
                assert (told.changes[0].component if form == "json" else told).find("crds:a") >= 0
            site.replica.publish(item("grpc"), item("crds:a"), item("crds:b"))
        nothing = site.get(f"{STATUS}?component=crsd:*%0d")
        assert nothing.json["items"] == []
        assert nothing.headers["warning"] == '299 agentctl "no component matches: crsd:*%0D"'
        near = site.get(f"{STATUS}?components=a")
        assert (near.status, "expected namespace, component" in near.json["error"]) == (400, True)
        many = "&".join(f"component={number}" for number in range(101))
        assert site.get(f"{STATUS}?{many}").status == 400
        assert len(site.get(f"{STATUS}?component=").json["items"]) == 3
        for every in ("*", "**&component=grpc"):
            assert site.get(f"{STATUS}?component={every}").json == site.get(STATUS).json
        with site.client() as client:
            head = client.stream("?component=grcp")
            assert "no component matches: grcp" in head.headers["warning"]


def test_too_many_over_http() -> None:
    site = Site()
    site.replica.begin(item("a"))
    site.replica.broadcaster.narrowed._make_room = lambda: False  # type: ignore[method-assign]
    with site.serve():
        for target in (STATUS, f"{STATUS}/stream"):
            answer = site.get(f"{target}?component=a")
            assert (answer.status, answer.headers["retry-after"]) == (429, "30")
            assert str(narrowing.MAX_NARROWED) in answer.json["error"]
