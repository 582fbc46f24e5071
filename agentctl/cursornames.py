"""Names in a cursor: of the items that no catalog names, packed, so that each fits a few bytes.

What is gone when a stream is resumed can only be told by its name.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from agentctl.model import ItemKey

MAX_BYTES = 1 << 16

_USUAL = b"persistentvolumeclaim/cronjob/job/service/daemonset/statefulset/deployment/"
"""What such names begin with: of that nothing is stored again."""


def packed(names: Iterable[ItemKey]) -> bytes:
    """One line a name, deflated."""
    text = "\n".join("\t".join((key.component, key.namespace, key.cluster)) for key in names)
    pack = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, _USUAL)
    return pack.compress(text.encode("utf-8", "replace")) + pack.flush()


def unpacked(data: bytes) -> tuple[ItemKey, ...]:
    """Raises ValueError for anything that ``packed`` did not make."""
    unpack = zlib.decompressobj(-15, _USUAL)
    try:
        text = unpack.decompress(data, MAX_BYTES).decode("utf-8")
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not unpack.eof or unpack.unused_data:
        raise ValueError("names that do not end")
    found = []
    for line in text.split("\n"):
        component, namespace, cluster = line.split("\t")
        found.append(ItemKey(namespace, component, cluster))
    return tuple(found)
