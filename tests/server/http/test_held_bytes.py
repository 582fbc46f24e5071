"""What readers do not take is held for them, to some bytes in all and for each; then refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.engine.policy import SourceVitals
from agentctl.engine.stream import Notice
from agentctl.model import ErrorCode, Item, Status
from agentctl.server.held_bytes import SHORT, HeldBytes
from agentctl.server.http import acceptor
from agentctl.server.http.routes import PIECES_WEIGHT
from agentctl.server.limits import StreamLimits
from agentctl.wire.sse_encode import ndjson_plain
from tests.server.http_rig import STATUS, STREAM, Client, Site, eventually
from tests.server.replica import item

LARGE = 3_000_000
"""More than the kernel takes of what is not read."""

TIMELINE = f"{STATUS}/timeline"


@pytest.fixture
def site() -> Iterator[Site]:
    """One peer may hold two large answers, all together eight."""
    with Site(held=9 * LARGE).serve() as site:
        change(site, 0)
        yield site


def change(site: Site, number: int) -> None:
    large = Item("a", "agents", Status.ERROR, str(number), {"x": "y" * LARGE})
    (site.replica.publish if number else site.replica.begin)(large, version=number + 1)


def slow(stack: ExitStack, site: Site, target: str = STATUS) -> Client:
    """A client that has the head of its answer and takes no more."""
    client = stack.enter_context(site.client(receive_buffer=4096))
    client.ask(target)
    assert client.head().status == 200
    return client


def held(site: Site) -> int:
    return site.services.held.taken


def test_what_many_wait_for_is_held_once_and_not_copied(site: Site) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            slow(stack, site)
        status = site.replica.channel.status(site.clock.monotonic())
        assert status is not None
        body = status.entry.encoded(ndjson_plain)
        assert held(site) == len(body)
        waiting = list(site.http._acceptor._connections)
        assert len(waiting) == 20
        eventually(lambda: all(one._out is body for one in waiting))
        assert site.get("/openapi.json").status == 200
        eventually(lambda: held(site) == len(body))
    eventually(lambda: held(site) == 0)


def test_while_something_is_amiss_too(site: Site) -> None:
    site.replica.broadcaster.beat([Notice("pods", ErrorCode.DISCONNECTED, "refused", 2.0)])
    with ExitStack() as stack:
        for _ in range(5):
            slow(stack, site)
        assert LARGE < held(site) < 2 * LARGE
        assert site.get(STATUS).json["errors"][0]["code"] == "disconnected"
        site.replica.broadcaster.beat([Notice("pods", ErrorCode.DISCONNECTED, "timeout", 2.0)])
        assert "timeout" in site.get(STATUS).json["errors"][0]["message"]


def test_one_peer_is_refused_and_others_and_health_are_answered(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        first = slow(stack, site)
        change(site, 1)
        slow(stack, site)
        change(site, 2)
        before = held(site)
        for target in (STATUS, STREAM, TIMELINE, "/metrics"):
            refused = site.get(target)
            if target == "/metrics":
                assert refused.status == 200, "it is short here"
                continue
            assert (refused.status, refused.headers["retry-after"]) == (503, "2"), target
            assert "have yet to take as much as this server holds" in refused.json["error"]
            assert refused.headers["agentctl-build"]
        assert (site.errors("limit"), site.streams) == (3, 0)
        for health in ("/healthz", "/livez", "/readyz"):
            assert site.get(health).status == 200
        with monkeypatch.context() as patch:
            patch.setattr(acceptor, "peer_of", lambda address: "192.0.2.1")
            assert site.get(STATUS).status == 200
            with site.client() as client:
                client.stream()
                assert client.event().type == "snapshot"
        assert held(site) == before
        while len(first._data) < LARGE:
            first.more()
        eventually(lambda: held(site) < before)
        assert site.get(STATUS).status == 200, "it has taken one of them"


def test_all_together_are_refused_and_health_is_answered(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        for number in range(8):
            monkeypatch.setattr(acceptor, "peer_of", lambda _, n=number: f"192.0.2.{n // 2}")
            change(site, number + 1)
            slow(stack, site)
        monkeypatch.setattr(acceptor, "peer_of", lambda _: "192.0.2.99")
        assert site.get(STATUS).status == 200, "others hold the very same bytes"
        change(site, 9)
        assert site.get(STATUS).status == 503
        site.sources = tuple(
            SourceVitals(f"pods-{n}", False, True, 1.0, 1, "refused " * 20) for n in range(500)
        )
        ready = site.get("/readyz")
        assert (ready.status, len(ready.json["reasons"])) == (503, 500)
        assert site.get("/healthz").status == 200
        site.advance(10.1)
        eventually(lambda: held(site) == 0)
        assert site.get(STATUS).status == 200, "who took nothing is cut"


@pytest.mark.parametrize("target", [TIMELINE, "/metrics"])
def test_answers_in_pieces_are_counted_until_the_last(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Site().serve() as site:
        site.replica.begin(*(item(f"c{n:05}", "error", "x" * 100) for n in range(3_000)))
        with ExitStack() as stack:
            for _ in range(8):
                slow(stack, site, target)
            assert held(site) == 8 * PIECES_WEIGHT
            with monkeypatch.context() as patch:
                for making in ("fanout.history.StatusHistory.window", "http.routes.render"):
                    patch.delattr(f"agentctl.server.{making}")  # it is not made in vain
                refused = site.get(target)
            assert (refused.status, refused.headers["retry-after"]) == (503, "2")
            assert site.get(STATUS + "?component=none").status == 200, "what is short is not held"
        eventually(lambda: held(site) == 0)
        with site.client() as client:
            for _ in range(3):
                client.ask(target, version="1.1")
                assert client.head().status == 200
                while b"\r\n0\r\n\r\n" not in client._data:
                    client.more()
                client._data = b""
                assert site.get("/healthz").status == 200
            eventually(lambda: held(site) == 0)


def test_a_stream_that_is_not_taken_is_held_and_cut_where_there_is_no_room(site: Site) -> None:
    with ExitStack() as stack:
        streams = [stack.enter_context(site.client(receive_buffer=4096)) for _ in range(10)]
        for one in streams:
            one.stream()
        eventually(lambda: held(site) > LARGE)
        assert held(site) < 2 * LARGE, "all of them have the same"
        change(site, 1)
        slow(stack, site)
        with site.client() as good:
            refused = good.get(STREAM)
            assert refused.status == 503
        assert site.streams == 10
        site.advance(10.1)
        eventually(lambda: site.streams == 0 and held(site) == 0)


def test_a_change_that_does_not_fit_cuts_who_does_not_take_it(site: Site) -> None:
    with ExitStack() as stack:
        site.replica.publish(item("a"), version=2)
        quick = stack.enter_context(site.client())
        late = stack.enter_context(site.client(receive_buffer=4096))
        for one in (quick, late):
            one.stream()
            assert one.event().type == "snapshot"
        change(site, 2)
        assert quick.event().type == "delta"
        slow(stack, site)
        assert site.errors("slow_reader") == 0
        change(site, 3)
        eventually(lambda: site.streams == 1)
        assert site.errors("slow_reader") == 1, "the other is still at the change before"
        assert site.get("/healthz").status == 200


def test_a_farewell_copies_nothing_that_is_shared(site: Site) -> None:
    with ExitStack() as stack:
        streams = [stack.enter_context(site.client(receive_buffer=4096)) for _ in range(5)]
        for one in streams:
            one.stream()
        eventually(lambda: held(site) > LARGE)
        site.http.drain()
        writer = site.http._writer._streams
        eventually(lambda: len(writer.all()) == 5 and all(one.ending for one in writer.all()))
        assert len({id(one.pending) for one in writer.all()}) == 1
        for one in streams:
            one.finish()
            assert one.ended
    eventually(lambda: held(site) == 0)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("pq"), st.integers(0, 3))))
def test_what_is_taken_is_what_is_held(steps: list[tuple[bool, str, int]]) -> None:
    things = [bytes(SHORT - 1 + n) for n in range(4)]
    ledger, holders = HeldBytes(0.5, 3 * SHORT), list[tuple[str, int]]()
    for holds, peer, number in steps:
        thing = things[number]
        if holds:
            all_held = {n for _, n in holders if n > 1}
            own = {n for one, n in holders if one == peer and n > 1}
            room = all(
                not kept or number in kept or sum(len(things[n]) for n in {*kept, number}) <= most
                for kept, most in ((all_held, 3 * SHORT), (own, 3 * SHORT // 2))
            )
            assert ledger.fits(peer, thing, len(thing)) is (room or number < 2)
            if room or number < 2:
                assert ledger.claim(peer, thing, len(thing))
            else:
                assert not ledger.claim(peer, thing, len(thing))
                ledger.hold(peer, thing, len(thing))
            holders.append((peer, number))
        elif (peer, number) in holders:
            ledger.drop(peer, thing)
            holders.remove((peer, number))
        assert ledger.taken == sum(len(things[n]) for n in {n for _, n in holders if n > 1})
    for peer, number in holders:
        ledger.drop(peer, things[number])
    assert (ledger.taken, ledger._by_peer) == (0, {})


def test_the_share_of_a_peer_goes_with_its_streams() -> None:
    assert "64 MiB, 16 MiB for one peer" in HeldBytes().refusal
    assert "64 MiB, 64 MiB for one peer" in HeldBytes(StreamLimits(per_peer=10_000).share).refusal
