"""The decoder of protobuf bodies against data made here, good and damaged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.apidouble.failures import ApiFailure
from agentctl.apidouble.protobuf import decode


def field(number, value):
    """A length-delimited field (bytes) or a small number."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    assert len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


def body(api_version, kind, raw):
    named = field(1, api_version.encode()) + field(2, kind.encode())
    return b"k8s\0" + field(1, named) + field(2, raw) + field(3, b"") + field(4, b"")


METADATA = field(1, b"web") + field(2, b"") + field(11, field(1, b"app") + field(2, b"x"))


def test_a_deployment():
    spec = field(1, 0) + field(5, 0) + field(10, b"unknown")
    raw = field(1, METADATA) + field(2, spec)
    assert decode(body("apps/v1", "Deployment", raw)) == {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": "web", "labels": {"app": "x"}},
        "spec": {"replicas": 0},
    }


def test_a_kind_that_is_not_known_says_how_to_send_it():
    with pytest.raises(ApiFailure, match="use kubectl with -f") as caught:
        decode(body("v1", "Secret", b""))
    assert caught.value.code == 415


def outcome(data):
    """0 for an object, else the code of the refusal; anything else fails the test."""
    try:
        assert isinstance(decode(data), dict)
    except ApiFailure as failure:
        return failure.code
    return 0


@given(st.binary(max_size=64))
def test_noise_is_refused_or_read_and_no_more(data):
    assert outcome(data) in {400, 415}
    assert outcome(b"k8s\0" + data) in {400, 415}
    assert outcome(body("apps/v1", "Deployment", data)) in {0, 400}


@given(st.integers(0, 200), st.integers(0, 255))
def test_a_damaged_body_is_refused_or_read_and_no_more(position, byte):
    good = bytearray(body("apps/v1", "Deployment", field(1, METADATA)))
    good[position % len(good)] = byte
    assert outcome(bytes(good)) in {0, 400, 415}
