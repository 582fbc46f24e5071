"""The list and watch contract, point by point, over real connections."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from agentctl.engine.messages import Alive, Changed, Ended, Replaced, Warned
from agentctl.errors import (
    DisconnectedError,
    ForbiddenError,
    NotFoundError,
    ServerError,
    SourceError,
    StreamingUnsupported,
    UnauthorizedError,
)
from agentctl.kube.discovery_source import DiscoverySource
from agentctl.kube.source import KubePollSource
from agentctl.model import ErrorCode
from tests.apidouble.faults import (
    GARBAGE_LINE,
    HALF_LINE,
    UNKNOWN_LINE,
    Then,
)
from tests.kube.rig import Rig, eventually, spec_of

CRDS = "customresourcedefinitions"


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig() as rig:
        yield rig


def failure_of(rig: Rig) -> SourceError:
    while True:
        message = rig.next()
        if isinstance(message, Ended):
            assert message.failure is not None
            return message.failure


# 1. List first, then watch from the list's resourceVersion, which is opaque


def test_1_lists_then_watches_from_the_lists_version(rig: Rig) -> None:
    replaced = rig.start().until(Replaced)
    rig.until(Alive)
    assert len(replaced.changes) == 2
    first, second = rig.requests()[:2]
    assert "watch" not in first
    assert "resourceVersion" not in first
    assert second["resourceVersion"] == replaced.resource_version
    assert second["allowWatchBookmarks"] == "true"


def test_1_a_change_carries_the_objects_version(rig: Rig) -> None:
    rig.start().until(Alive)
    version = rig.touch()
    changed = rig.until(Changed)
    assert changed.resource_version == version
    assert [change.key.name for change in changed.changes] == ["agents"]


# 3. A bookmark moves the resourceVersion and changes nothing else


def test_3_a_bookmark_moves_the_version_only(rig: Rig) -> None:
    rig.start().until(Alive)
    rig.streaming()
    opaque = f"000{rig.double.store.version}"  # a number to the server, mere text to us
    event = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": opaque}}}
    rig.double.faults.interrupt(json.dumps(event).encode() + b"\n", Then.END)
    assert rig.until(Alive).resource_version == opaque
    assert rig.until(Alive).resource_version == opaque
    assert rig.requests(watch=True)[-1]["resourceVersion"] == opaque


# 4. A relist replaces the state in one step


def test_4_what_is_gone_at_a_relist_is_not_in_it(rig: Rig) -> None:
    rig.start().until(Alive)
    rig.streaming()
    rig.double.faults.refuse()
    failure_of(rig)
    rig.double.store.delete("deployments", "agents", "agents")
    rig.double.faults.accept()
    replaced = rig.start().until(Replaced)
    assert [change.key.name for change in replaced.changes] == ["agents-controllers"]


def test_4_a_namesake_with_another_uid_takes_its_place(rig: Rig) -> None:
    rig.start().until(Alive)
    old = rig.double.store.get("deployments", "agents", "agents")
    rig.double.store.delete("deployments", "agents", "agents")
    old["spec"]["replicas"] = 5
    rig.double.store.create(old)
    changes = list(rig.until(Changed).changes)
    if len(changes) == 1:  # one read may bring both
        changes += rig.until(Changed).changes
    deleted, added = changes
    assert set(deleted.values) == {None}
    assert added.values[0].desired == 5


# 5. Expired history relists at once and says resync


@pytest.mark.parametrize("http", [False, True])
def test_5_expiry_as_error_event_or_status_relists_at_once(rig: Rig, http: bool) -> None:
    rig.double.faults.expire_watches("deployments", times=1, http=http)
    rig.start().until(Replaced)
    warned = rig.until(Warned)
    assert warned.code is ErrorCode.RESYNC
    rig.until(Replaced)
    rig.until(Alive)


def test_5_expiry_in_the_middle_of_a_watch(rig: Rig) -> None:
    rig.start().until(Alive)
    rig.streaming()
    line = b'{"type":"ERROR","object":{"kind":"Status","reason":"Gone","message":"outdated"}}\n'
    rig.double.faults.interrupt(line, Then.END)
    assert rig.until(Warned).code is ErrorCode.RESYNC
    rig.until(Replaced)


def test_5_expiry_on_the_second_page_starts_the_list_again(rig: Rig) -> None:
    rig.double.faults.expire_pages("deployments", times=1)
    with Rig(page_limit=1) as paged:
        paged.double.faults.expire_pages("deployments", times=1)
        paged.start()
        assert paged.until(Warned).code is ErrorCode.RESYNC
        assert len(paged.until(Replaced).changes) == 2


def test_5_expiry_again_during_the_relist(rig: Rig) -> None:
    rig.double.faults.expire_watches("deployments", times=1)
    rig.start().until(Replaced)
    rig.double.faults.expire_lists("deployments", times=1)
    rig.until(Replaced)
    relists = rig.requests(watch=False)
    assert all("resourceVersion" not in query for query in relists)


def test_5_expiry_without_end_ends_the_attempt_to_back_off(rig: Rig) -> None:
    rig.double.faults.expire_watches("deployments")
    rig.start()
    assert "3 times in a row" in failure_of(rig).message


# 6. "Too large resource version" waits as told and tries again


def test_6_a_server_that_lags_is_waited_for(rig: Rig) -> None:
    rig.double.faults.lag("deployments", times=1)
    rig.start()
    assert len(rig.until(Replaced).changes) == 2


def test_6_a_server_restored_from_a_backup_is_listed_anew_at_once(rig: Rig) -> None:
    """Not once it has been asked for what it cannot know, three times for 3 s."""
    rig.start(version="99999999")
    warned = rig.until(Warned)
    assert (warned.code, warned.restored) == (ErrorCode.RESYNC, True)
    assert f"storage is at {rig.double.store.version}, and was at 99999999" in warned.message
    assert len(rig.until(Replaced).changes) == 2
    asked = [query.get("resourceVersion") for query in rig.requests(watch=False)]
    assert asked == [None, None]


def test_6_what_the_server_has_not_forgotten_is_gone_on_from(rig: Rig) -> None:
    version = rig.start().until(Replaced).resource_version
    rig.touch()
    rig.start(version=version)
    assert rig.until(Alive).resource_version == version
    assert rig.until(Changed).resource_version > version


# 7. 429 and 503 honour Retry-After; other 5xx and refused connections back off


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("verb", ["list", "watch"])
def test_7_busy_says_when_to_come_back(rig: Rig, status: int, verb: str) -> None:
    rig.double.faults.status(status, "deployments", [verb], retry_after="7")
    failure = failure_of(rig.start())
    assert isinstance(failure, ServerError)
    assert failure.retry_after == 7.0


def test_7_other_failures_name_no_time(rig: Rig) -> None:
    rig.double.faults.status(500, "deployments", ["list"])
    failure = failure_of(rig.start())
    assert isinstance(failure, ServerError)
    assert failure.retry_after is None


def test_7_a_refused_connection_is_a_disconnect(rig: Rig) -> None:
    rig.double.faults.refuse()
    failure = failure_of(rig.start())
    assert isinstance(failure, DisconnectedError)
    assert "refused" in failure.message
    assert str(rig.double.port) in failure.message


# 8. A clean close watches again from the last version, without a list or an error


def test_8_a_clean_close_watches_again_without_a_list(rig: Rig) -> None:
    rig.start().until(Alive)
    version = rig.touch()
    rig.until(Changed)
    rig.double.faults.interrupt(then=Then.END)
    assert rig.until(Alive).resource_version == version
    assert len(rig.requests(watch=False)) == 1
    assert rig.requests(watch=True)[-1]["resourceVersion"] == version


def test_8_the_servers_own_timeout_is_a_clean_close() -> None:
    with Rig(term_s=(1, 1)) as rig:
        rig.start().until(Alive)
        assert eventually(lambda: len(rig.requests(watch=True)) >= 2)
        assert len(rig.requests(watch=False)) == 1


def test_8_a_watch_that_closes_at_once_and_sent_nothing_has_failed() -> None:
    with Rig(short_watch_s=2.0) as rig:
        rig.double.faults.close_at_once("deployments")
        failure = failure_of(rig.start())
        assert isinstance(failure, DisconnectedError)
        assert "without a word" in failure.message


def test_8_a_short_watch_that_sent_something_waits_before_the_next() -> None:
    with Rig(short_watch_s=0.5) as rig:
        bookmark = b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}\n'
        rig.double.faults.on_watch(bookmark, Then.END, "deployments")
        started = time.monotonic()
        rig.start().until(Alive)
        assert eventually(lambda: len(rig.requests(watch=True)) == 2)
        assert time.monotonic() - started >= 0.5


# 9. timeoutSeconds is random between 60 and 90, and the read timeout a little longer


def test_9_terms_are_random_between_60_and_90_seconds() -> None:
    with Rig(term_s=(60.0, 90.0)) as rig:
        rig.start().until(Alive)
        for _ in range(8):
            rig.streaming()
            rig.double.faults.interrupt(then=Then.END)
            rig.until(Alive)
        terms = {int(query["timeoutSeconds"]) for query in rig.requests(watch=True)}
        assert all(60 <= term <= 90 for term in terms)
        assert len(terms) > 2


def test_9_a_silent_stream_is_given_up_a_little_after_its_term() -> None:
    with Rig(term_s=(1, 1), read_margin_s=0.2) as rig:
        rig.start().until(Alive)
        rig.streaming()
        rig.double.faults.freeze("deployments")
        started = time.monotonic()
        assert isinstance(failure_of(rig), DisconnectedError)
        assert time.monotonic() - started < 20


# 10. 401, 403, and list without watch


def test_10_401_reads_the_credentials_again_and_goes_on() -> None:
    with Rig(tokens={"new"}, token="old") as rig:
        rig.token = "new"
        assert len(rig.start().until(Replaced).changes) == 2


def test_10_401_twice_is_unauthorized() -> None:
    with Rig(tokens={"new"}, token="old") as rig:
        assert isinstance(failure_of(rig.start()), UnauthorizedError)
        assert len(rig.requests()) == 2


def test_10_403_is_that_resources_own_failure(rig: Rig) -> None:
    rig.double.denied = [("*", "apps", "deployments")]
    failure = failure_of(rig.start())
    assert isinstance(failure, ForbiddenError)
    assert "deployments" in failure.message
    assert "forbidden" in failure.message


def test_10_list_without_watch_is_no_stream(rig: Rig) -> None:
    rig.double.denied = [("watch", "apps", "deployments")]
    failure = failure_of(rig.start())
    assert isinstance(failure, StreamingUnsupported)
    assert "--fallback-poll" in failure.message


def test_10_watch_forbidden_later_is_forbidden(rig: Rig) -> None:
    rig.start().until(Alive)
    rig.streaming()
    rig.double.denied = [("watch", "apps", "deployments")]
    rig.double.faults.interrupt(then=Then.END)
    assert isinstance(failure_of(rig), ForbiddenError)


@pytest.mark.parametrize("status", [405, 501])
def test_10_a_server_that_cannot_watch_is_no_stream(rig: Rig, status: int) -> None:
    rig.double.faults.status(status, "deployments", ["watch"])
    assert isinstance(failure_of(rig.start()), StreamingUnsupported)


def test_10_the_fallback_lists_again_and_again(rig: Rig) -> None:
    rig.double.denied = [("watch", "apps", "deployments")]
    fallback = rig.source.fallback()
    assert isinstance(fallback, KubePollSource)
    rig.start(source=fallback).until(Replaced)
    rig.double.store.delete("deployments", "agents", "agents")
    assert eventually(lambda: len(rig.until(Replaced).changes) == 1)


def test_10_what_is_not_served_is_not_found(rig: Rig) -> None:
    rig.double.faults.status(404, "deployments")
    assert isinstance(failure_of(rig.start()), NotFoundError)


# 11. Lists are paged, and no resourceVersion goes with a continue token


def test_11_lists_are_paged(rig: Rig) -> None:
    with Rig(page_limit=1) as paged:
        assert len(paged.start().until(Replaced).changes) == 2
        first, second = paged.requests(watch=False)
        assert first["limit"] == second["limit"] == "1"
        assert "continue" in second
        assert "resourceVersion" not in second


def test_11_the_page_limit_is_500(rig: Rig) -> None:
    rig.start().until(Replaced)
    assert rig.requests(watch=False)[0]["limit"] == "500"


# 12. CRDs are read as metadata; discovery says what is served


def test_12_crds_are_read_as_metadata_only() -> None:
    with Rig(CRDS) as rig:
        rig.start().until(Alive)
        accepts = [
            request.headers["accept"]
            for request in rig.double.requests
            if request.path.endswith(CRDS)
        ]
        assert accepts
        assert all("PartialObjectMetadata" in accept for accept in accepts)
        assert not any(",application/json" in accept for accept in accepts)


def test_12_discovery_says_what_is_served_and_follows_a_poke() -> None:
    with Rig("apis") as rig:
        source = DiscoverySource(spec_of("apis"), rig.context)
        first = rig.start(source=source).until(Replaced)
        rig.plane.crd_vanishes()
        source.poke()
        assert eventually(lambda: len(rig.until(Replaced).changes) == len(first.changes) - 1)


# 13. Objects are cut before they are kept


def test_13_a_healthy_pod_is_not_kept_and_a_broken_one_is_cut() -> None:
    with Rig("pods") as rig:
        replaced = rig.start().until(Replaced)
        assert all(set(change.values) == {None} for change in replaced.changes)
        rig.until(Alive)
        rig.plane.controller_crashes()
        (change,) = rig.until(Changed).changes
        assert change.values[0].reason == "CrashLoopBackOff"
        assert "managedFields" not in repr(change)


def test_13_what_no_check_wants_is_not_kept(rig: Rig) -> None:
    other = rig.double.store.get("deployments", "agents", "agents")
    other["metadata"]["name"] = "somebody-elses"
    rig.double.store.create(other)
    names = {
        change.key.name
        for change in rig.start().until(Replaced).changes
        if any(value is not None for value in change.values)
    }
    assert names == {"agents", "agents-controllers"}


# 14. Bytes that are cut, split, unknown or nonsense


@pytest.mark.parametrize("then", [Then.CLOSE, Then.RESET, Then.END])
def test_14_half_a_line_is_dropped(rig: Rig, then: Then) -> None:
    rig.start().until(Alive)
    rig.streaming()
    rig.double.faults.interrupt(HALF_LINE, then)
    message: Any = rig.next()
    if then is Then.END:
        assert isinstance(message, Alive)
    else:
        assert isinstance(message, Ended)
        assert isinstance(message.failure, DisconnectedError)


def test_14_a_character_split_across_reads_is_whole(rig: Rig) -> None:
    rig.double.faults.split_characters("deployments")
    rig.start().until(Alive)
    rig.touch(text="é日本語")
    assert rig.until(Changed).changes[0].key.name == "agents"


def test_14_a_stream_split_at_every_byte_reads_the_same(rig: Rig) -> None:
    rig.double.faults.split(1, "deployments")
    assert len(rig.start().until(Replaced).changes) == 2
    rig.until(Alive)
    rig.touch()
    rig.until(Changed)


def test_14_an_unknown_event_type_is_ignored(rig: Rig) -> None:
    rig.double.faults.on_watch(UNKNOWN_LINE, Then.CONTINUE, "deployments")
    rig.start().until(Alive)
    assert rig.quiet()
    rig.touch()
    rig.until(Changed)


@pytest.mark.parametrize(
    "line",
    [
        GARBAGE_LINE,
        b"[]\n",
        b"{}\n",
        b'{"type":"ADDED"}\n',
        b'{"type":"ADDED","object":[]}\n',
        b'{"type":"ADDED","object":{"metadata":7}}\n',
        b'\xff\xfe{"type":"ADDED"}\n',
        b"[" * 100_000 + b"\n",
    ],
)
def test_14_a_line_that_is_no_event_is_an_error_and_a_reconnect(rig: Rig, line: bytes) -> None:
    rig.start().until(Alive)
    rig.streaming()
    rig.double.faults.interrupt(line)
    failure = failure_of(rig)
    assert isinstance(failure, ServerError)
    assert "no watch event" in failure.message
    assert len(failure.message) < 300


def test_14_an_endless_line_is_given_up_at_the_limit() -> None:
    with Rig(max_line_bytes=1 << 20) as rig:
        rig.start().until(Alive)
        rig.streaming()
        rig.double.faults.interrupt(then=Then.ENDLESS)
        assert "more than 1048576 bytes" in failure_of(rig).message


def test_14_a_page_over_the_limit_is_given_up() -> None:
    with Rig(max_page_bytes=1000) as rig:
        assert "1000 bytes" in failure_of(rig.start()).message


def test_14_a_page_over_the_limit_is_asked_for_again_with_fewer_objects() -> None:
    """500 objects of 100 KB are more than may be read at once, and no reason to see none."""
    with Rig() as rig:
        stored = rig.double.store.objects("deployments")[0]
        sizes = [len(json.dumps(one.obj)) for one in stored if one.key.namespace == "agents"]
    with Rig(max_page_bytes=max(sizes) + 600) as rig:
        assert sum(sizes) > max(sizes) + 600
        assert len(rig.start().until(Replaced).changes) == len(sizes)
        asked = [one["limit"] for one in rig.requests(watch=False)]
        assert asked == ["500", "100", "20", "4", "1", "1"]
        rig.streaming()
        rig.touch()
        rig.until(Changed)


def test_14_html_is_no_list(rig: Rig) -> None:
    rig.double.faults.html("deployments", ["list"])
    failure = failure_of(rig.start())
    assert isinstance(failure, ServerError)
    assert "is this address an API server" in failure.message


def test_14_html_in_place_of_a_watch_is_an_error(rig: Rig) -> None:
    rig.double.faults.html("deployments", ["watch"])
    assert isinstance(failure_of(rig.start()), ServerError)


def test_14_an_empty_line_is_nothing(rig: Rig) -> None:
    rig.double.faults.on_watch(b"\n\r\n", Then.CONTINUE, "deployments")
    rig.start().until(Alive)
    assert rig.quiet()


# 15. Stop frees a blocked read within a second


def stops_soon(rig: Rig) -> bool:
    assert rig.attempt is not None
    rig.attempt.stop()
    return rig.attempt.join(10.0)  # by itself it would last longer


def test_15_stop_frees_a_blocked_watch(rig: Rig) -> None:
    rig.start().until(Alive)
    assert stops_soon(rig)


def test_15_stop_frees_a_wait_for_headers(rig: Rig) -> None:
    rig.double.faults.hang("deployments")
    rig.start()
    assert eventually(rig.requests)
    assert stops_soon(rig)


def test_15_stop_frees_a_producer_whose_queue_is_full(rig: Rig) -> None:
    rig.inbox.maxsize = 1
    rig.start()
    assert eventually(rig.inbox.full)
    time.sleep(0.05)
    assert stops_soon(rig)


def test_15_stop_frees_discovery_between_two_looks() -> None:
    with Rig("apis") as rig:
        rig.start(source=DiscoverySource(spec_of("apis"), rig.context)).until(Replaced)
        assert stops_soon(rig)


def test_15_a_producer_that_dies_of_a_bug_says_so(rig: Rig) -> None:
    class Broken:
        name = noun = "deployments"
        essential = True

        def run(self, attempt: Any) -> None:
            raise ZeroDivisionError("oops")

        def fallback(self) -> None:
            return None

    assert "ZeroDivisionError" in failure_of(rig.start(source=Broken())).message
