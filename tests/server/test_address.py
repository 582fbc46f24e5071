"""HOST:PORT as people write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.server.address import Address, parse_address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("localhost:0", "localhost", 0),
        ("[::1]:8080", "::1", 8080),
        ("[::]:65535", "::", 65535),
        (":8080", "0.0.0.0", 8080),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    found = parse_address(text)
    assert found == Address(host, port)
    assert parse_address(str(found)) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("8080", "expected HOST:PORT"),
        ("", "expected HOST:PORT"),
        ("localhost", "expected HOST:PORT"),
        ("localhost:", "expected HOST:PORT"),
        ("localhost:http", "expected HOST:PORT"),
        ("localhost:65536", "expected HOST:PORT"),
        ("localhost:-1", "expected HOST:PORT"),
        ("localhost:٣", "expected HOST:PORT"),
        ("::1:8080", r"brackets around an IPv6 address: \[::1\]:8080"),
        ("[localhost]:80", "expected an IPv6 address in the brackets"),
        ("http://localhost:80", "expected brackets"),
    ],
)
def test_what_is_no_address(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_address(text)


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        found = parse_address(text)
    except ValueError:
        return
    assert parse_address(str(found)) == found


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("a..b", False),
    ],
)
def test_what_other_hosts_can_reach(host: str, loopback: bool) -> None:
    assert Address(host, 1).is_loopback is loopback
