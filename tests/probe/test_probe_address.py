"""Which addresses a probe may dial, and what is read out of a variable."""

from __future__ import annotations

from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.probe.address import HostPort, address_in, allowed_host, parse_address, permitted
from agentctl.probe.answer import Cause, ProbeError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("db:5432", ("db", 5432)),
        ("DB.agents.svc.:5432", ("db.agents.svc", 5432)),
        ("10.0.0.1:1", ("10.0.0.1", 1)),
        ("[fd00::1]:65535", ("fd00::1", 65535)),
        ("fd00::1", None),
        ("db", None),
        ("db:0", None),
        ("db:65536", None),
        ("db:٣", None),
        ("[db]:1", None),
        ("a b:1", None),
        (":1", None),
        ("", None),
        ("x" * 300 + ":1", None),
    ],
)
def test_addresses(text: str, expected: Optional[tuple[str, int]]) -> None:
    found = parse_address(text)
    assert (found and found[:2]) == expected


@pytest.mark.parametrize(
    ("value", "port", "expected"),
    [
        ("postgres://u:p@db.example/agents?sslmode=require", 0, ("db.example", 5432)),
        ("postgresql+asyncpg://u:p@db:6432/x", 0, ("db", 6432)),
        ("postgres://u:p%40ss@[fd00::1]:5432/x", 0, ("fd00::1", 5432)),
        ("rediss://:secret@cache/0", 0, ("cache", 6379)),
        ("temporal.temporal.svc:7233", 0, ("temporal.temporal.svc", 7233)),
        ("temporal", 7233, ("temporal", 7233)),
        ("https://api.example/path", 0, ("api.example", 443)),
        ("postgres://a,b/x", 0, None),
        ("postgres://a:1,b:2/x", 0, None),
        ("host=db port=5432", 0, None),
        ("mystery://db/x", 0, None),
        ("postgres://db:port/x", 0, None),
        ("http://[x/", 0, None),
        ("$(DB_HOST):5432", 0, None),
        ("", 0, None),
        ("x" * 5000, 1, None),
    ],
)
def test_host_and_port_of_a_variable(
    value: str, port: int, expected: Optional[tuple[str, int]]
) -> None:
    found = address_in(value, port)
    assert (found and found[:2]) == expected


@given(st.text(max_size=60), st.integers(0, 65535))
def test_nothing_raises_and_no_password_gets_out(value: str, port: int) -> None:
    address_in(value, port)
    found = address_in(f"postgres://user:s3cretw0rd@{value}")
    assert found is None or "s3cretw0rd" not in str(found)


FORBIDDEN = [
    "127.0.0.1",
    "127.9.9.9",
    "::1",
    "169.254.169.254",
    "169.254.1.1",
    "fe80::1%eth0",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "fd00:ec2::254",
]


@pytest.mark.parametrize("ip", FORBIDDEN)
def test_what_is_no_dependency_is_not_dialled(ip: str) -> None:
    with pytest.raises(ProbeError) as error:
        permitted(HostPort("db.example", 1), [ip])
    assert error.value.cause is Cause.ADDRESS
    assert ip in error.value.message
    assert "unless the catalog names it" in error.value.message
    # Of several, the good ones are.
    assert permitted(HostPort("db.example", 1), [ip, "10.0.0.1"]) == ["10.0.0.1"]


def test_what_the_catalog_spells_out_is_dialled() -> None:
    assert permitted(HostPort("localhost", 1, named="localhost"), ["127.0.0.1"]) == ["127.0.0.1"]
    with pytest.raises(ProbeError):
        permitted(HostPort("localhost", 1, named="other"), ["127.0.0.1"])


def test_no_more_than_ten_addresses() -> None:
    many = [f"10.0.0.{n}" for n in range(50)]
    assert permitted(HostPort("db.example", 1), many) == many[:10]
    with pytest.raises(ProbeError, match="no address"):
        permitted(HostPort("db.example", 1), [])


@pytest.mark.parametrize(
    ("host", "globs", "expected"),
    [
        ("db.agents.svc", ("*.agents.svc",), "*.agents.svc"),
        ("DB.agents.svc", ("*.agents.svc", "db.agents.svc"), "db.agents.svc"),
        ("evil.example", ("*.agents.svc",), None),
        ("169.254.169.254", ("169.254.*",), "169.254.*"),
        ("x", (), None),
    ],
)
def test_globs(host: str, globs: Any, expected: Optional[str]) -> None:
    assert allowed_host(host, globs) == expected
