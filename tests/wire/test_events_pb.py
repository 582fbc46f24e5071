"""Events as protobuf: nothing is lost, and what is no event is refused in words."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.model import (
    Delta,
    ErrorCode,
    Event,
    Heartbeat,
    Item,
    ItemKey,
    Snapshot,
    Status,
    StreamError,
)
from agentctl.redact import MAX_DEPTH, redact_value
from agentctl.rpc.agentctl_pb2 import ControlPlaneStatusEvent
from agentctl.wire import events_pb
from agentctl.wire.events_pb import encode, to_message
from agentctl.wire.statusjson import Namespaces
from tests.strategies import EVENTS
from tests.wire.protobytes import field, fields, varint

AT = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)
AT_PB = field(1, int(AT.timestamp()))
SNAPSHOT, DELTA, HEARTBEAT, ERROR = 1, 2, 3, 4


def decode(data: bytes) -> Any:
    return events_pb.decode(data, AT, Namespaces()).event


def event(kind: int, *more: tuple[int, Any]) -> bytes:
    return fields((1, kind), (2, AT_PB), *more)


def details_back(details: dict[str, Any]) -> Any:
    item = Item("c", "n", Status.ERROR, "m", details)
    found = decode(encode(Snapshot(AT, (item,), "")))
    assert isinstance(found, Snapshot)
    return found.items[0].details


@given(EVENTS)
def test_an_event_comes_back_as_it_was(before: Event) -> None:
    after = decode(encode(before))
    assert after == before
    # Equal to Python are 1, 1.0 and True; a reader of JSON tells them apart.
    assert json.dumps(after.to_json(), sort_keys=True) == json.dumps(
        before.to_json(), sort_keys=True
    )


@given(EVENTS)
def test_it_is_encoded_the_same_each_time(before: Event) -> None:
    assert encode(before) == encode(decode(encode(before)))


def test_the_bytes_are_those_of_the_contract() -> None:
    item = Item("grpc", "agents", Status.DEGRADED, "1/2")
    delta = Delta(AT, (item,), (ItemKey("agents", "gone"),), "AQ")
    assert encode(delta) == event(
        DELTA,
        (3, fields((1, "grpc"), (2, "agents"), (3, 4), (4, "1/2"))),
        (5, "AQ"),
        (6, fields((1, "gone"), (2, "agents"))),
    )
    error = StreamError(AT, "refused", ErrorCode.DISCONNECTED, "pods", 2.1, "AQ")
    assert encode(error) == event(
        ERROR,
        (4, "refused"),
        (5, "AQ"),
        (7, "disconnected"),
        (100, "pods"),
        (101, fields((1, 2), (2, 100_000_000))),
    )
    assert encode(Heartbeat(AT, "AQ")) == event(HEARTBEAT, (5, "AQ"))


def test_times_are_whole_seconds() -> None:
    with_fraction = AT.replace(microsecond=999_999)
    assert decode(encode(Heartbeat(with_fraction, ""))).generated_at == AT
    sent = fields((1, HEARTBEAT), (2, AT_PB + field(2, 999_999_999)))
    assert decode(sent).generated_at == AT


@pytest.mark.parametrize("year", [1, 1969, 9999])
def test_any_time_of_the_calendar_goes_through(year: int) -> None:
    at = datetime(year, 12, 31, 23, 59, 59, tzinfo=timezone.utc)
    assert decode(encode(Heartbeat(at, ""))).generated_at == at


@pytest.mark.parametrize(("given_s", "sent_s"), [(2.14, 2.1), (0.04, 0), (-1, 0), (None, None)])
def test_a_wait_is_told_in_tenths_as_in_json(given_s: Any, sent_s: Any) -> None:
    found = decode(encode(StreamError(AT, "", ErrorCode.STALE, "", given_s, "")))
    assert isinstance(found, StreamError)
    assert found.retry_in == sent_s


def test_a_wait_told_more_exactly_is_read_in_tenths() -> None:
    found = decode(event(ERROR, (101, fields((1, 2), (2, 149_999_999)))))
    assert isinstance(found, StreamError)
    assert found.retry_in == 2.1


def test_a_wait_longer_than_protobuf_knows_is_the_longest() -> None:
    found = decode(encode(StreamError(AT, "", ErrorCode.STALE, "", float("inf"), "")))
    assert isinstance(found, StreamError)
    assert found.retry_in == 315_576_000_000


def test_details_keep_their_shape_and_their_types() -> None:
    details = {
        "list": [1, [2, {"deep": None}], [], {}],
        "empty": {},
        "flag": True,
        "zero": 0,
        "half": 0.5,
        "text": "é",
        "none": None,
        "": "",
    }
    found = details_back(details)
    assert found == details
    assert json.dumps(found) == json.dumps(details, sort_keys=True)


def test_a_tuple_comes_back_as_a_list() -> None:
    assert details_back({"a": (1, 2)}) == {"a": [1, 2]}


def test_whole_numbers_come_back_as_ints_also_from_floats() -> None:
    found = details_back({"a": 2.0, "b": 1e300})
    assert [type(value) for value in found.values()] == [int, float]


@pytest.mark.parametrize("number", [2**53 + 1, -(2**63), 10**400])
def test_a_whole_number_no_double_can_hold_is_sent_as_text(number: int) -> None:
    assert details_back({"a": number}) == {"a": str(number)}


def test_what_json_does_not_know_comes_in_as_text() -> None:
    found = details_back({"a": float("nan"), "b": float("inf")})
    assert found == {"a": "nan", "b": "inf"}


def test_the_deepest_details_that_redaction_leaves_go_through() -> None:
    deep: Any = "bottom"
    for _ in range(3 * MAX_DEPTH):
        deep = {"a": [deep]}
    details = redact_value(deep)
    assert details_back(details) == details


def test_an_item_without_details_has_none_on_the_wire() -> None:
    message = to_message(Snapshot(AT, (Item("c", "n", Status.HEALTHY),), ""))
    assert not message.items[0].HasField("details")


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ((), "no status given"),
        (((4, "odd"),), "no status given: odd"),
        (((3, 9),), "the server gave status 9, unknown here"),
        (((3, 9), (4, "odd")), "the server gave status 9, unknown here: odd"),
        (((3, -1),), "the server gave status -1, unknown here"),
    ],
)
def test_a_status_of_a_newer_server_is_unknown_and_says_which(sent: Any, told: str) -> None:
    found = decode(event(SNAPSHOT, (3, fields((1, "c"), (2, "n"), *sent))))
    assert isinstance(found, Snapshot)
    assert found.items == (Item("c", "n", Status.UNKNOWN, told),)


@pytest.mark.parametrize(
    ("code", "told"), [("throttled", "throttled: slow down"), ("", "slow down")]
)
def test_an_error_of_a_newer_or_older_server_is_told_all_the_same(code: str, told: str) -> None:
    found = decode(event(ERROR, (4, "slow down"), (7, code)))
    assert found == StreamError(AT, told, ErrorCode.SERVER, "", None, "")


def test_fields_of_a_newer_server_are_passed_over() -> None:
    assert decode(event(HEARTBEAT, (5, "AQ"), (99, "new"), (2000, 7))) == Heartbeat(AT, "AQ")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "an event without a type"),
        (event(0), "an event without a type"),
        (event(ERROR, (4, b"\xff")), "no protobuf event in"),
        (b"\xff" * 20, "no protobuf event in 20 bytes"),
        (field(3, b"x" * 100)[:50], "no protobuf event in 50 bytes"),
    ],
)
def test_what_is_no_event_is_refused_in_words(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        decode(data)


@pytest.mark.parametrize(
    "stamp",
    [None, field(1, 2**62), field(1, -(2**63)), field(2, -1), field(2, 10**9)],
)
def test_an_event_without_a_time_is_read_as_of_its_arrival(stamp: Any) -> None:
    told = fields((1, HEARTBEAT)) if stamp is None else fields((1, HEARTBEAT), (2, stamp))
    assert decode(told) == Heartbeat(AT, "")


@pytest.mark.parametrize("wait", [-1, 2**60])
def test_a_wait_that_is_none_is_left_out(wait: int) -> None:
    assert decode(event(ERROR, (4, "m"), (101, field(1, wait)))).retry_in is None


def test_a_type_that_is_not_known_is_no_event() -> None:
    assert decode(event(17)) is None


def test_an_item_without_a_namespace_is_that_of_the_one_known_or_the_one_asked_for() -> None:
    namespaces = Namespaces("asked")
    item = Item("a", "team", Status.HEALTHY)
    events_pb.decode(encode(Snapshot(AT, (item,), "")), AT, namespaces)
    bare = Delta(AT, (Item("a", "", Status.ERROR), Item("b", "", Status.ERROR)), (), "")
    found = events_pb.decode(encode(bare), AT, namespaces).event
    assert isinstance(found, Delta)
    assert [one.namespace for one in found.changes] == ["team", "asked"]


def test_details_nested_without_end_are_refused() -> None:
    deep = b""
    for _ in range(2000):
        deep = field(1, fields((1, "a"), (2, field(5, deep))))
    with pytest.raises(ValueError, match="no protobuf event in"):
        decode(event(SNAPSHOT, (3, field(5, deep))))


@given(st.binary(max_size=200))
def test_random_bytes_are_an_event_or_a_value_error(data: bytes) -> None:
    decoded_or_refused(data)


@given(EVENTS, st.data())
def test_damaged_events_are_an_event_or_a_value_error(before: Event, data: st.DataObject) -> None:
    sent = bytearray(encode(before))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(sent)))
        how = data.draw(st.sampled_from(["cut", "flip", "insert"]))
        if how == "cut":
            del sent[at:]
        elif how == "flip" and at < len(sent):
            sent[at] ^= data.draw(st.integers(1, 255))
        else:
            sent[at:at] = data.draw(st.binary(max_size=8))
    decoded_or_refused(bytes(sent))


def decoded_or_refused(data: bytes) -> None:
    """What is decoded is whole: it can be printed, and goes through once more."""
    try:
        found = decode(data)
    except ValueError:
        return
    if found is None:
        return
    json.dumps(found.to_json(), allow_nan=False)
    assert decode(encode(found)) == found


def test_every_prefix_of_an_event_is_an_event_or_a_value_error() -> None:
    item = Item("grpc", "agents", Status.DEGRADED, "1/2", {"ready": 1, "list": [None, "a"]})
    sent = encode(Snapshot(AT, (item, item), "AQ"))
    for end in range(len(sent)):
        decoded_or_refused(sent[:end])


def test_a_length_that_lies_costs_nothing() -> None:
    for size in (2**31 - 1, 2**32, 2**63):
        with pytest.raises(ValueError, match="no protobuf event"):
            decode(event(SNAPSHOT) + varint(3 << 3 | 2) + varint(size))


@pytest.mark.parametrize("number", [3, 6])
def test_items_without_end_are_refused_before_each_is_read(number: int) -> None:
    with pytest.raises(ValueError, match="2000000 items, and at most 100000 are read"):
        decode(event(DELTA) + field(number, b"") * 2_000_000)


def test_many_items_are_read_in_time_and_order() -> None:
    items = tuple(Item(f"c{index}", "n", Status.HEALTHY) for index in range(5000))
    assert decode(encode(Snapshot(AT, items, ""))) == Snapshot(AT, items, "")


def test_a_message_that_was_read_already_gives_the_same() -> None:
    sent = event(HEARTBEAT, (5, "AQ"))
    message = ControlPlaneStatusEvent.FromString(sent)
    assert events_pb.from_message(message, AT, Namespaces()).event == decode(sent)
