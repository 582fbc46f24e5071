"""managedFields left out of objects' JSON before it is parsed.

They are up to half of every object, say who changed which field, and are of no use
here; an API server cannot be asked to leave them out. Parsing is most of what an event
costs, so a busy watch is read half as fast again without them.
"""

from __future__ import annotations

import json
from typing import Any

_BEGIN = b'"managedFields":['
_END = b']},"spec":'
_NOTHING = b'"managedFields":0'


def parse(data: bytes) -> Any:
    """The JSON value, with ``metadata.managedFields`` 0 where they could be left out.

    Raises ValueError for what is no JSON in UTF-8, RecursionError for what is nested too
    deeply.
    """
    shorter = without_managed_fields(data)
    if shorter is not data:
        try:
            return json.loads(shorter.decode("utf-8"))
        except ValueError:
            pass  # not as Kubernetes writes it: read it as it is
    return json.loads(data.decode("utf-8"))


def without_managed_fields(data: bytes) -> bytes:
    """The same JSON without what lies between the marks, or something that is no JSON.

    Found is what Kubernetes writes: managedFields as the last of the metadata, the spec
    next, no bracket in between. Neither mark can lie inside a string, where its quotes
    would be escaped, so the first closing bracket, if the second mark begins with it,
    closes the list or one inside it; in the latter case one too many is left, and the
    rest is no JSON.
    """
    begin = data.find(_BEGIN)
    if begin < 0:
        return data
    parts = []
    start = 0
    while begin >= 0:
        end = data.find(b"]", begin)
        if data.startswith(_END, end):
            parts += [data[start:begin], _NOTHING]
            start = end + 1
        begin = data.find(_BEGIN, max(end, begin + 1))
    return b"".join([*parts, data[start:]]) if parts else data
