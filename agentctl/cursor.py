"""Cursors: a position in the stream that needs no memory anywhere.

A cursor holds when it was made, which stream it belongs to, how far each source was,
and a hash of what each item looked like, so that any process that knows the present
state can tell what has changed since. ``cursortext`` makes them, and has their form as
text; here is what they are compared with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional, Union

from agentctl.cursortext import (
    MAX_ITEMS,
    MAX_LENGTH,
    MAX_VERSION_BYTES,
    PAIR_BYTES,
    SCOPE_BYTES,
    Cursor,
    CursorClock,
    ItemHashes,
    Position,
    by_key,
    canonical,
    decode,
    digest_of,
    encode,
    item_hash,
    key_hash,
    make,
    sha256,
)
from agentctl.lazy_namedtuple import NamedTuple
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


def scope_of(
    namespaces: Iterable[str],
    catalog_hash: str,
    globs: Iterable[str],
    clusters: Iterable[str] = (),
) -> bytes:
    """What streams must share for their cursors to be comparable; order does not matter.

    ``clusters`` are the names of several, none where there is one.
    """
    parts: list[Any] = [sorted(set(namespaces)), catalog_hash, sorted(set(globs))]
    several = sorted(set(clusters))
    parts += [several] if several else []
    return sha256(canonical(parts))[:SCOPE_BYTES]


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
    if it is among them, or the cursor names it. ``hashed`` spares the hashing of what has not
    changed. Wrong only where two different texts have one 32-bit hash.
    """
    if cursor is None:
        return Full("damaged, or made by another version")
    if cursor.scope != scope:
        return Full("other namespaces, catalog or filter")
    hashed = hashed or ItemHashes()
    hashes = hashed.of(items)
    if len(hashes) != PAIR_BYTES * len(items):
        return Full("two items with one hash")
    if cursor.digest is not None:
        same = hashed.digest() == cursor.digest
        return Nothing() if same else Full("the digest differs")
    now, then = by_key(hashes), by_key(cursor.hashes)
    gone = [key for key in then if key not in now]
    names = {key_hash(key): key for key in (*cursor.names, *known)} if gone else {}
    if any(key not in names for key in gone):
        return Full("something is gone whose name is no longer known")
    changes = tuple(item for key, item in zip(now, items) if then.get(key) != now[key])
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
