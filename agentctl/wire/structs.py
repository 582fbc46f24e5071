"""Struct (``google.protobuf.Struct``) of details, as far as it can carry JSON.

A mapping's keys have no order there: they are read back in alphabetical order. All
numbers are doubles: a whole one is read back as an int, so 2.0 comes back as 2, and
whole numbers that a double cannot hold are sent as texts, as protobuf's own JSON form
does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.struct_pb2 import NULL_VALUE, Struct, Value

_MAX_WHOLE = 2**53
"""Up to here a double holds every whole number."""


def to_struct(details: Mapping[str, Any]) -> Struct:
    """Raises TypeError for what JSON does not know."""
    struct = Struct()
    fields = struct.fields
    for key, value in details.items():
        _set(fields[key], value)
    return struct


def _set(message: Value, value: Any) -> None:
    if value is None:
        message.null_value = NULL_VALUE
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, int):
        if -_MAX_WHOLE <= value <= _MAX_WHOLE:
            message.number_value = value
        else:
            message.string_value = str(value)
    elif isinstance(value, float):
        message.number_value = value
    elif isinstance(value, Mapping):
        message.struct_value.CopyFrom(to_struct(value))
    elif isinstance(value, (list, tuple)):
        values = message.list_value.values
        message.list_value.SetInParent()
        for one in value:
            _set(values.add(), one)
    else:
        raise TypeError(f"not a JSON value: {type(value).__name__}")


def from_struct(struct: Struct) -> dict[str, Any]:
    """Only what JSON can say: a value of no kind is None."""
    return {key: _get(value) for key, value in sorted(struct.fields.items())}


def _get(message: Value) -> Any:
    kind = message.WhichOneof("kind")
    if kind == "string_value":
        return message.string_value
    if kind == "number_value":
        return _number(message.number_value)
    if kind == "bool_value":
        return message.bool_value
    if kind == "struct_value":
        return from_struct(message.struct_value)
    if kind == "list_value":
        return [_get(one) for one in message.list_value.values]
    return None


def _number(number: float) -> Any:
    """As JSON can say it: it knows neither NaN nor infinity, which become texts."""
    if number.is_integer() and abs(number) <= _MAX_WHOLE:
        return int(number)
    return number if number - number == 0 else str(number)
