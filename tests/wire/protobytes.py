"""Protobuf's wire format written by hand, as any other implementation would send it."""

from __future__ import annotations

from typing import Union

Value = Union[int, str, bytes]


def varint(value: int) -> bytes:
    out = bytearray()
    value &= 2**64 - 1
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: Value) -> bytes:
    """A varint for a number or a bool, a length and bytes for the rest."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def fields(*pairs: tuple[int, Value]) -> bytes:
    return b"".join(field(number, value) for number, value in pairs)
