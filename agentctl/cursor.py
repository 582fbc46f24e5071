"""Cursors: a position in the stream that needs no memory anywhere.

A cursor holds when it was made, which stream it belongs to, how far each source was,
and a hash of what each item looked like, so that any process that knows the present
state can tell what has changed since. Hashes are the first bytes of SHA-256: the same
in every process, and there on hosts in FIPS mode, which BLAKE2 is not. ``cursortext``
has its form as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Optional, Union

from agentctl.cursortext import (
    HASH_BYTES,
    MAX_ITEMS,
    MAX_LENGTH,
    MAX_VERSION_BYTES,
    SCOPE_BYTES,
    Cursor,
    Position,
    decode,
    digest_of,
    encode,
    sha256,
)
from agentctl.model import Item, ItemKey

__all__ = [
    "MAX_ITEMS",
    "MAX_LENGTH",
    "Changes",
    "Cursor",
    "CursorClock",
    "Full",
    "ItemHashes",
    "Nothing",
    "Position",
    "Resumption",
    "decode",
    "digest_of",
    "encode",
    "is_behind",
    "item_hash",
    "key_hash",
    "make",
    "resume",
    "scope_of",
]


class CursorClock:
    """Makes positions that only grow, also when the wall clock goes back."""

    def __init__(self) -> None:
        self._last = Position(0, 0)

    def next(self, now: datetime) -> Position:
        time_ms = max(int(now.timestamp() * 1000), self._last.time_ms)
        self._last = Position(time_ms, self._last.sequence + 1)
        return self._last


def scope_of(namespaces: Iterable[str], catalog_hash: str, globs: Iterable[str]) -> bytes:
    """What streams must share for their cursors to be comparable; order does not matter."""
    parts = [sorted(set(namespaces)), catalog_hash, sorted(set(globs))]
    return sha256(_canonical(parts))[:SCOPE_BYTES]


class ItemHashes:
    """The hashes of items, worked out once for each item that stays the same."""

    def __init__(self) -> None:
        self._known: dict[ItemKey, tuple[Item, int, int]] = {}

    def of(self, items: Iterable[Item]) -> dict[int, int]:
        """Key hash to content hash, in the items' order; forgets all other items."""
        known = {}
        for item in items:
            before = self._known.get(item.key)
            if before is None or before[0] is not item:
                before = (item, key_hash(item.key), item_hash(item))
            known[item.key] = before
        self._known = known
        return {key: content for _, key, content in known.values()}


def make(
    position: Position,
    scope: bytes,
    versions: Mapping[str, str],
    items: Iterable[Item],
    known: Optional[ItemHashes] = None,
) -> Cursor:
    """The cursor of a state; ``known`` spares the hashing of what has not changed."""
    hashes = (known or ItemHashes()).of(items)
    if len(hashes) > MAX_ITEMS:
        return Cursor(position, scope, versions, digest=digest_of(hashes))
    return Cursor(position, scope, versions, hashes)


def key_hash(key: ItemKey) -> int:
    """32 bits of an item's key."""
    return _hash32(_canonical([key.namespace, key.component]))


def item_hash(item: Item) -> int:
    """32 bits of what a reader sees of an item beside its key."""
    return _hash32(_canonical([item.status.value, item.message, item.details]))


class Nothing(NamedTuple):
    """Nothing has changed."""


class Changes(NamedTuple):
    """Exactly this has changed."""

    changes: tuple[Item, ...]
    removed: tuple[ItemKey, ...]


class Full(NamedTuple):
    """It cannot be told; ``reason`` is for the debug log."""

    reason: str


Resumption = Union[Nothing, Changes, Full]


def resume(
    cursor: Optional[Cursor],
    scope: bytes,
    items: Sequence[Item],
    known: Iterable[ItemKey],
    hashed: Optional[ItemHashes] = None,
) -> Resumption:
    """What has changed since a cursor, of the state ``items``.

    ``known`` are keys that may have been in the stream; what is gone can only be named
    if it is among them. ``hashed`` spares the hashing of what has not
    changed. Wrong only where two different texts have one 32-bit hash.
    """
    if cursor is None:
        return Full("damaged, or made by another version")
    if cursor.scope != scope:
        return Full("other namespaces, catalog or filter")
    hashes = (hashed or ItemHashes()).of(items)
    if len(hashes) != len(items):
        return Full("two items with one hash")
    now = dict(zip(hashes, items))
    if cursor.digest is not None:
        same = digest_of(hashes) == cursor.digest
        return Nothing() if same else Full("the digest differs")
    gone = [key for key in cursor.hashes if key not in now]
    names = {key_hash(key): key for key in known} if gone else {}
    if any(key not in names for key in gone):
        return Full("something is gone whose name is no longer known")
    changes = tuple(item for key, item in now.items() if cursor.hashes.get(key) != hashes[key])
    removed = tuple(names[key] for key in gone)
    return Changes(changes, removed) if changes or removed else Nothing()


def is_behind(present: Mapping[str, str], cursor: Cursor) -> bool:
    """Whether a source is certainly older in ``present`` than in the cursor.

    Where either side does not know the source the answer is no.
    """
    return any(is_older(present.get(source, ""), then) for source, then in cursor.versions.items())


def is_older(version: str, than: str) -> bool:
    """Whether one resourceVersion is certainly older than another of the same resource.

    They are opaque, except that two that are both decimal integers may be compared
    (KEP-5504). Where they are not nothing is certain and the answer is no.
    """
    one, other = _as_number(version), _as_number(than)
    return one is not None and other is not None and one < other


def _as_number(version: str) -> Optional[int]:
    if len(version) <= MAX_VERSION_BYTES and version.isascii() and version.isdigit():
        return int(version)
    return None


def _hash32(data: bytes) -> int:
    return int.from_bytes(sha256(data)[:HASH_BYTES], "big")


def _plain(value: Any) -> Any:
    """Any other mapping as a dict; what JSON does not know as text."""
    return dict(value) if isinstance(value, Mapping) else str(value)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain)


def _canonical(value: Any) -> bytes:
    """The one JSON text of a value, in ASCII."""
    return _ENCODER.encode(value).encode("ascii")
