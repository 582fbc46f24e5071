"""What a request asks for, and what it is told when that makes no sense."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.server.http.request import (
    Refusal,
    RequestTarget,
    StatusRequest,
    StreamRequest,
    split_target,
    status_request,
    stream_request,
)

SERVED = ("", "agents", "other")


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", {}),
        ("&&", {}),
        ("namespace=&heartbeat=&since=&format=", {}),
        ("namespace=agents", {"namespace": "agents"}),
        ("namespace=%61gents", {"namespace": "agents"}),
        ("heartbeat=1s", {"heartbeat_s": 1.0}),
        ("heartbeat=5m", {"heartbeat_s": 300.0}),
        ("heartbeat=1m30s", {"heartbeat_s": 90.0}),
        ("heartbeat=1500ms", {"heartbeat_s": 1.5}),
        ("heartbeat=45", {"heartbeat_s": 45.0}),
        ("format=json", {"format": "json"}),
        ("format=ndjson", {"format": "ndjson"}),
        ("since=abc-_", {"since": "abc-_"}),
        ("since=%zz", {"since": "%zz"}),
        ("since=%ff%00", {"since": "\ufffd\0"}),
        ("since=a=b", {"since": "a=b"}),
        ("since", {}),
        ("lastEventId=new&since=old", {"since": "new"}),
        ("since=old&lastEventId=", {"since": "old"}),
        ("since=a&lastEventId=b&lastEventId=c", {"since": "c"}),
        ("lastEventId=%zz", {"since": "%zz"}),
        ("_=1", {"ignored": ("_",)}),
        ("_=1&heartbeat=2s&_=2", {"heartbeat_s": 2.0, "ignored": ("_",)}),
        ("t=%zz&nocache&once=1", {"ignored": ("t", "nocache", "once")}),
        ("utm_source=a&ts=b&from=c", {"ignored": ("utm_source", "ts", "from")}),
        ("=x", {"ignored": ("",)}),
        ("x" * 100, {"ignored": ("x" * 40,)}),
        ("format=ndjson&since=x&heartbeat=2s&namespace=other",
         {"namespace": "other", "since": "x", "heartbeat_s": 2.0, "format": "ndjson"}),
    ],
)  # fmt: skip
def test_good_parameters(query: str, fields: dict[str, Any]) -> None:
    assert stream_request(query, [], SERVED) == StreamRequest(**fields)


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("heartbeat=0", 400, "heartbeat: expected between 1s and 5m0s, got '0'"),
        ("heartbeat=999ms", 400, "between 1s and 5m0s"),
        ("heartbeat=5m1s", 400, "between 1s and 5m0s"),
        ("heartbeat=8760h", 400, "between 1s and 5m0s"),
        ("heartbeat=20y", 400, "heartbeat: expected a duration such as"),
        ("heartbeat=-1s", 400, "heartbeat: expected a duration such as"),
        ("heartbeat=1e3", 400, "heartbeat: expected a duration such as"),
        ("heartbeat=nan", 400, "heartbeat: expected a duration such as"),
        ("heartbeat=inf", 400, "heartbeat: expected a duration such as"),
        ("heartbeat=+30s", 400, "heartbeat: expected a duration such as"),
        ("heartbeat=" + "9" * 5000, 400, "heartbeat: expected a duration such as"),
        ("heartbeat=%zz", 400, "heartbeat: damaged percent-encoding in '%zz'"),
        ("heartbeat=1s%", 400, "damaged percent-encoding"),
        ("heartbeat=1s&heartbeat=2s", 400, "heartbeat: given twice"),
        ("since=a&since=b", 400, "since: given twice"),
        ("heartbaet=5s", 400,
         "unknown parameter 'heartbaet'; expected namespace, heartbeat, since, format"),
        ("Format=json", 400, "unknown parameter 'Format'"),
        ("namespce=agents", 400, "unknown parameter 'namespce'"),
        ("namespaces=agents", 400, "unknown parameter 'namespaces'"),
        ("nmaespace=agents", 400, "unknown parameter 'nmaespace'"),
        ("NAMESPACE=agents", 400, "unknown parameter 'NAMESPACE'"),
        ("heart-beat=5s", 400, "unknown parameter 'heart-beat'"),
        ("sicne=x", 400, "unknown parameter 'sicne'"),
        ("fromat=json", 400, "unknown parameter 'fromat'"),
        ("last_event_id=x", 400, "unknown parameter 'last_event_id'"),
        ("lasteventid=x", 400, "unknown parameter 'lasteventid'"),
        ("_=1&heartbaet=5s", 400, "unknown parameter 'heartbaet'"),
        ("format=xml", 400, "format: expected json or ndjson, got 'xml'"),
        ("format=JSON", 400, "format: expected json or ndjson"),
        ("namespace=nope", 404, "namespace 'nope' is not served here"),
        ("namespace=%ff", 404, "is not served here"),
        ("namespace=agents,other", 404, "is not served here"),
        ("&".join(["format=json"] * 21), 400, "more than 20 parameters"),
    ],
)  # fmt: skip
def test_bad_parameters(query: str, status: int, said: str) -> None:
    refusal = stream_request(query, [], SERVED)
    assert isinstance(refusal, Refusal)
    assert refusal.status == status
    assert said in refusal.message
    assert "\n" not in refusal.message
    assert len(refusal.message) < 200


def test_last_event_id_goes_before_since() -> None:
    request = stream_request("since=old", ["new"], SERVED)
    assert isinstance(request, StreamRequest)
    assert request.since == "new"


def test_the_header_goes_before_the_parameter_that_stands_in_for_it() -> None:
    request = stream_request("lastEventId=old", ["new"], SERVED)
    assert isinstance(request, StreamRequest)
    assert request.since == "new"


def test_an_empty_last_event_id_is_none() -> None:
    request = stream_request("since=old", [""], SERVED)
    assert isinstance(request, StreamRequest)
    assert request.since == "old"


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126)))
def test_any_query_is_answered(query: str) -> None:
    found = stream_request(query, [], SERVED)
    if isinstance(found, Refusal):
        assert found.status in (400, 404)
    assert isinstance(status_request(query, SERVED), (StatusRequest, Refusal))


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126)))
def test_any_cursor_is_taken(cursor: str) -> None:
    escaped = cursor.replace("&", "%26")
    assert isinstance(stream_request(f"since={escaped}", [], SERVED), StreamRequest)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/", RequestTarget("/", "")),
        ("/a?b=c", RequestTarget("/a", "b=c")),
        ("/a?b?c#d", RequestTarget("/a", "b?c")),
        ("//healthz", RequestTarget("//healthz", "")),
        ("/a/b/?c=d", RequestTarget("/a/b", "c=d")),
        ("/a//", RequestTarget("/a", "")),
        ("http://host:1/a/", RequestTarget("/a", "", "host:1")),
        ("http://host:1/a?b", RequestTarget("/a", "b", "host:1")),
        ("HTTPS://host", RequestTarget("/", "", "host")),
        ("http://host?b", RequestTarget("/", "b", "host")),
        ("http://?", RequestTarget("/", "")),
    ],
)
def test_targets(target: str, expected: RequestTarget) -> None:
    assert split_target(target) == expected


@pytest.mark.parametrize("target", ["*", "host:80", "ftp://host/a", "healthz", "?", "://"])
def test_targets_that_are_none(target: str) -> None:
    refusal = split_target(target)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 400


def test_the_one_shot_status_takes_a_namespace_only() -> None:
    assert status_request("namespace=agents", SERVED) == StatusRequest("agents")
    assert status_request("", SERVED) == StatusRequest("")
    assert status_request("_=1", SERVED) == StatusRequest("", ("_",))
    assert status_request("namespace=x", SERVED) == Refusal(404, "namespace 'x' is not served here")
    refusal = status_request("heartbeat=1s", SERVED)
    assert isinstance(refusal, Refusal)
    assert refusal.message == "unknown parameter 'heartbeat'; expected namespace, component"
