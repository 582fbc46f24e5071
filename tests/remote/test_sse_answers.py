"""What a server or a proxy may answer instead of the stream, and what each is taken for."""

from __future__ import annotations

import json
from typing import Any, Optional

import pytest

from agentctl.errors import (
    DisconnectedError,
    ForbiddenError,
    NotFoundError,
    ServerError,
    StreamingUnsupported,
    UnauthorizedError,
)
from agentctl.model import Heartbeat, Snapshot, StreamError
from tests.net.tinyserver import forever
from tests.remote.sse_server_rig import (
    AT,
    HEAD,
    chunks,
    in_turn,
    item,
    reading,
    reply,
    snapshot,
    then_wait,
)
from tests.wire.test_statusjson import OLDER


def ours(status: int, message: str) -> bytes:
    """As agentctl's own server words a refusal."""
    return json.dumps({"error": message, "status": status}).encode()


HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>x</body></html>"
NO_STREAM = "no stream there"

REFUSALS = [
    ("401 Unauthorized", b"", UnauthorizedError, "check --token or --token-file"),
    ("403 Forbidden", ours(403, "not for you"), ForbiddenError, "forbidden: not for you"),
    ("404 Not Found", ours(404, "namespace 'x' is not served here"), NotFoundError, "not served"),
    ("404 Not Found", b"", StreamingUnsupported, NO_STREAM),
    ("404 Not Found", HTML, StreamingUnsupported, "use --fallback-poll"),
    ("404 Not Found", b'{"ok":false,"error":"no"}', StreamingUnsupported, NO_STREAM),
    ("405 Method Not Allowed", b"", StreamingUnsupported, "HTTP 405 Method Not Allowed"),
    ("406 Not Acceptable", b"", StreamingUnsupported, NO_STREAM),
    ("501 Not Implemented", b"", StreamingUnsupported, NO_STREAM),
    ("204 No Content", b"", StreamingUnsupported, "wants no reader of its stream"),
    ("400 Bad Request", ours(400, "heartbeat: too short"), ServerError, "heartbeat: too short"),
    ("407 Proxy Authentication Required", HTML, ServerError, "the proxy wants a user"),
    ("500 Internal Server Error", b"oops\nat line 7", ServerError, "Error: oops at line 7"),
    ("502 Bad Gateway", HTML, ServerError, "HTTP 502 Bad Gateway: Sign in"),
    ("304 Not Modified", b"", ServerError, "HTTP 304"),
    ("299 Odd", b"", ServerError, "HTTP 299"),
]


@pytest.mark.parametrize(("status", "body", "kind", "said"), REFUSALS)
def test_a_refusal_is_taken_for_what_it_is(status: str, body: bytes, kind: Any, said: str) -> None:
    answer = reply(status, b"" if status[:3] in ("204", "304") else body, "text/plain")
    with reading(then_wait(answer)) as bench:
        failure = bench.read().failure()
        assert type(failure) is kind
        assert said in failure.message
        assert failure.message.startswith(f"127.0.0.1:{bench.server.port}: ")


@pytest.mark.parametrize(
    ("status", "value", "expected"),
    [
        ("429 Too Many Requests", "7", 7.0),
        ("503 Service Unavailable", "12", 12.0),
        ("503 Service Unavailable", "Fri, 30 Jan 2026 18:15:30 GMT", 30.0),
        ("503 Service Unavailable", "99999", 300.0),
        ("503 Service Unavailable", "soon", None),
    ],
)
def test_429_and_503_wait_as_told(status: str, value: str, expected: Optional[float]) -> None:
    date = {"Date": "Fri, 30 Jan 2026 18:15:00 GMT", "Retry_After": value}
    with reading(then_wait(reply(status, ours(503, "too many streams"), **date))) as bench:
        failure = bench.read().failure()
        assert isinstance(failure, ServerError)
        assert failure.retry_after == expected
        assert "too many streams" in failure.message


def test_the_longer_of_retry_and_retry_after_counts() -> None:
    first = chunks(b"retry: 9000\n\n") + b"0\r\n\r\n"
    busy = [reply("503 Busy", Retry_After=wait) for wait in ("2", "20")]
    with reading(in_turn(*map(then_wait, (first, *busy)))) as bench:
        assert [bench.read().failure().retry_after for _ in range(3)] == [9, 9, 20]


def test_204_ends_it_for_good() -> None:
    with reading(forever(b"HTTP/1.1 204 No Content\r\n\r\n")) as bench:
        for _ in range(3):
            assert isinstance(bench.read().failure(), StreamingUnsupported)
        assert len(bench.server.requests) == 1


def test_a_login_page_is_told_as_one() -> None:
    with reading(then_wait(reply("200 OK", HTML, "text/html; charset=utf-8"))) as bench:
        failure = bench.read().failure()
        assert type(failure) is ServerError
        where = f"127.0.0.1:{bench.server.port}"
        assert failure.message == (
            f'{where}: expected a stream of events, got text/html ("Sign in"); '
            "is it an agentctl server, or a proxy's login page?"
        )


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", ""])
def test_another_content_type_fails(content_type: str) -> None:
    with reading(then_wait(reply("200 OK", snapshot(), content_type))) as bench:
        failure = bench.read().failure()
        assert type(failure) is ServerError
        assert f"got {content_type or 'no content type'}" in failure.message


@pytest.mark.parametrize(
    "content_type", ["text/event-stream", "Text/Event-Stream; charset=latin-1"]
)
def test_the_content_type_may_have_a_charset_which_means_nothing(content_type: str) -> None:
    told = snapshot("c1", item(message="é")).replace(b"\\u00e9", "é".encode())
    with reading(then_wait(reply("200 OK", told, content_type))) as bench:
        event = bench.read().event()
        assert isinstance(event, Snapshot)
        assert event.items[0].message == "é"


@pytest.mark.parametrize("content_type", ["application/json", "application/problem+json"])
def test_json_in_place_of_the_stream_means_that_there_is_none(content_type: str) -> None:
    with reading(then_wait(reply("200 OK", b"{}", content_type))) as bench:
        failure = bench.read().failure()
        assert type(failure) is StreamingUnsupported
        assert NO_STREAM in failure.message


def test_a_compressed_stream_is_refused() -> None:
    answer = HEAD + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b"
    with reading(then_wait(answer)) as bench:
        assert "compressed (gzip)" in bench.read().failure().message


def test_what_a_server_says_is_redacted_and_cut() -> None:
    body = ours(500, "password=hunter2 " + "x" * 5000)
    with reading(then_wait(reply("500 Oops", body))) as bench:
        message = bench.read().failure().message
        assert "hunter2" not in message
        assert len(message) < 300


def test_a_refusals_body_without_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentctl.remote.http_failures.ERROR_S", 0.1)
    answer = b"HTTP/1.1 500 Oops\r\nContent-Length: 1000000\r\n\r\nbegins well"
    with reading(then_wait(answer)) as bench:
        assert bench.read().failure().message.endswith("begins well")


def test_nobody_there_is_told_with_host_and_port(free_port: int) -> None:
    from agentctl.remote.access import ServerAddress

    with reading(then_wait(), address=ServerAddress("127.0.0.1", free_port)) as bench:
        failure = bench.read().failure()
        assert type(failure) is DisconnectedError
        assert failure.message.startswith(f"127.0.0.1:{free_port}: connection refused")


def test_a_name_that_does_not_exist_is_told_as_that() -> None:
    from agentctl.remote.access import ServerAddress

    with reading(then_wait(), address=ServerAddress("nowhere.invalid", 8080)) as bench:
        failure = bench.read().failure(20)
        assert type(failure) is DisconnectedError
        assert "nowhere.invalid:8080: cannot look up the name" in failure.message


# The status, asked for once.

STATUS = {"type": "snapshot", "generated_at": AT, "items": [item()], "cursor": "c7"}
ERROR = {"type": "error", "generated_at": AT, "message": "refused", "code": "disconnected"}


def as_json(value: Any, **headers: str) -> bytes:
    return reply("200 OK", json.dumps(value).encode(), **headers)


def test_the_status_is_asked_for_and_a_heartbeat_says_that_all_is_well() -> None:
    with reading(then_wait(as_json(STATUS)), once=True) as bench:
        read = bench.read()
        first, second = read.events(2)
        assert isinstance(first, Snapshot)
        assert isinstance(second, Heartbeat)
        assert (first.cursor, second.cursor) == ("c7", "c7")
        sent = bench.headers()
        assert sent[""] == "GET /api/agents/control-plane/status?namespace=agents HTTP/1.1"
        assert sent["accept"] == "application/json"


def test_what_is_wrong_with_the_status_comes_with_it() -> None:
    with reading(then_wait(as_json({**STATUS, "errors": [ERROR]})), once=True) as bench:
        first, second = bench.read().events(2)
        assert isinstance(first, Snapshot)
        assert isinstance(second, StreamError)


def test_polling_asks_again_and_again_over_new_connections() -> None:
    with reading(forever(as_json(STATUS)), poll_interval_s=0.01) as bench:
        assert [one.type for one in bench.poll().events(6)] == ["snapshot", "heartbeat"] * 3
        assert bench.server.connections >= 3


def test_an_older_server_is_polled_by_its_older_fields() -> None:
    with reading(forever(as_json(OLDER)), poll_interval_s=0.01) as bench:
        state = bench.poll().event()
        assert isinstance(state, Snapshot)
        assert [one.component for one in state.items][:3] == [
            "namespace",
            "agents-controller",
            "supporting-controller",
        ]


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (reply("200 OK", HTML, "text/html"), ServerError, 'text/html ("Sign in")'),
        (reply("200 OK", b"{nonsense"), ServerError, "not a status"),
        (reply("200 OK", b'{"ok":true}'), ServerError, "JSON that is no status"),
        (reply("200 OK", b"{}", Content_Encoding="br"), ServerError, "compressed (br)"),
        (reply("401 No", b""), UnauthorizedError, "unauthorized"),
        (reply("403 No", b""), ForbiddenError, "forbidden"),
        (reply("404 No", ours(404, "not served here")), NotFoundError, "not served here"),
        (reply("404 No", b""), NotFoundError, "is it an agentctl server?"),
        (reply("405 No", b""), ServerError, "HTTP 405"),
        (reply("503 No", ours(503, "not yet"), Retry_After="1"), ServerError, "not yet"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
            DisconnectedError,
            "in the middle of an answer",
        ),
    ],
)
def test_a_status_that_cannot_be_had(answer: bytes, kind: Any, said: str) -> None:
    with reading(in_turn(lambda sock, server: answered(sock, server, answer)), once=True) as bench:
        failure = bench.read().failure()
        assert type(failure) is kind
        assert said in failure.message


def answered(sock: Any, server: Any, answer: bytes) -> None:
    server.request(sock)
    sock.sendall(answer)


def test_a_status_without_end_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentctl.remote.sse.MAX_EVENT_BYTES", 1 << 16)
    big = reply("200 OK", b" " * (1 << 20))
    with reading(then_wait(big), once=True) as bench:
        assert "larger than 65536 bytes" in bench.read().failure().message


def test_a_status_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentctl.remote.sse.STATUS_S", 0.1)
    half = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    with reading(then_wait(half), once=True) as bench:
        assert "took longer than 100ms" in bench.read().failure().message


def test_stop_frees_a_status_that_does_not_come() -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    with reading(then_wait(half), once=True) as bench:
        read = bench.read()
        while not bench.server.requests:
            pass
        read.attempt.stop()
        assert read.attempt.join(10)
