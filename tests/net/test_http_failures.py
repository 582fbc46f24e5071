"""What an answer that is not 200 becomes: the class, the words, the wait."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.errors import ForbiddenError, NotFoundError, ServerError, UnauthorizedError
from agentctl.kube.api_failures import failure_of
from agentctl.net.failures import retry_after

DATA = Path(__file__).parent.parent / "data"


def _lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def recorded(name: str) -> tuple[int, dict[str, str], bytes]:
    response: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text())["response"]
    body = response["body"]
    text = body if isinstance(body, str) else json.dumps(body)
    return response["status"], _lower(response["headers"]), text.encode()


@pytest.mark.parametrize(
    ("name", "kind", "message", "wait"),
    [
        (
            "unauthorized",
            UnauthorizedError,
            "cannot list deployments: unauthorized; log in again or give another user",
            None,
        ),
        ("list-forbidden", ForbiddenError, "cannot list deployments: forbidden", None),
        (
            "list-unknown-group",
            NotFoundError,
            "cannot list deployments: not found: 404 page not found",
            None,
        ),
        (
            "list-rv-too-large",
            ServerError,
            "cannot list deployments: HTTP 504 Gateway Timeout: "
            "Timeout: Too large resource version: 99999999, current: 1380",
            1.0,
        ),
    ],
)
def test_a_real_servers_refusals(name: str, kind: type, message: str, wait: object) -> None:
    failure = failure_of(*recorded(name), "list", "deployments")
    assert type(failure) is kind
    assert failure.message == message
    assert failure.retry_after == wait


def test_a_refusal_by_somebody_else_shows_what_they_said() -> None:
    page = b"<!doctype html><html><head><title>Access denied\n by WAF</title></head></html>"
    failure = failure_of(403, {}, page, "watch", "pods")
    assert failure.message == "cannot watch pods: forbidden: Access denied by WAF"


def test_html_without_a_title_is_shown_as_text() -> None:
    page = b"<html><style>b{}</style><body><h1>Bad</h1> <script>x</script>gateway</body></html>"
    failure = failure_of(502, {}, page, "list", "pods")
    assert failure.message == "cannot list pods: HTTP 502 Bad Gateway: Bad gateway"


def test_plain_http_to_an_https_server_says_so() -> None:
    body = b"Client sent an HTTP request to an HTTPS server.\n"
    assert "must begin with https://" in failure_of(400, {}, body, "list", "pods").message


def test_the_message_is_limited_and_is_one_line() -> None:
    body = json.dumps({"kind": "Status", "message": "a\nb\x1b[31m" + "x" * 10_000})
    message = failure_of(500, {}, body.encode(), "list", "pods").message
    assert message.startswith("cannot list pods: HTTP 500 Internal Server Error: a b [31mx")
    assert len(message) < 400


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("3", 3.0),
        ("1.5", 1.5),
        ("0", 0.0),
        ("100000", 300.0),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        ("Fri, 30 Jan 2026 18:15:30 GMT", 30.0),
        ("Fri, 30 Jan 2026 18:14:00 GMT", 0.0),
        ("Sat, 30 Jan 2027 18:14:00 GMT", 300.0),
        ("Friday, 30-Jan-26 18:15:09 GMT", 9.0),
        ("Fri Jan 30 18:15:09 2026", 9.0),
        ("Fri, 31 Feb 2026 18:15:09 GMT", None),
        ("Fri, 30 Xyz 2026 18:15:09 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_bounds(value: str, wait: object) -> None:
    headers = {"retry-after": value, "date": "Fri, 30 Jan 2026 18:15:00 GMT"}
    assert retry_after(headers) == wait
    assert failure_of(429, headers, b"", "list", "pods").retry_after == wait


def test_a_retry_after_date_counts_from_now_without_a_date_header() -> None:
    now = datetime(2026, 1, 30, 18, 15, tzinfo=timezone.utc)
    assert retry_after({"retry-after": "Fri, 30 Jan 2026 18:15:07 GMT"}, now) == 7.0


def test_the_status_says_when_to_retry_where_no_header_does() -> None:
    body = b'{"kind":"Status","details":{"retryAfterSeconds":4}}'
    assert failure_of(429, {}, body, "list", "pods").retry_after == 4.0


@given(st.integers(300, 599), st.dictionaries(st.just("retry-after"), st.text()), st.binary())
def test_no_answer_can_break_it(status: int, headers: dict[str, str], body: bytes) -> None:
    failure = failure_of(status, headers, body, "list", "pods")
    assert failure.message.startswith("cannot list pods: ")
    assert "\n" not in failure.message
    assert failure.retry_after is None or 0 <= failure.retry_after <= 300
