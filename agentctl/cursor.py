"""Cursors: a position in the stream as a short text that needs no memory anywhere.

A cursor holds when it was made, which stream it belongs to, how far each source was,
and a hash of what each item looked like, so that any process that knows the present
state can tell what has changed since. Hashes are the first bytes of SHA-256: the same
in every process, and there on hosts in FIPS mode, which BLAKE2 is not.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Optional, Union

from agentctl.model import Item, ItemKey

MAX_LENGTH = 1024
"""Characters of an encoded cursor: it goes into URLs, headers and shell variables."""

MAX_ITEMS = 100
"""More are told by one digest. So are fewer where the text would pass MAX_LENGTH: with
no resourceVersions at all 91 items fit, with those of a dozen sources about 60."""

MAX_SOURCES = 32
MAX_VERSION_BYTES = 64
"""A resume does without the resourceVersions that are left out, or whose text or source's
name is longer than this."""

_FORMAT = 1
_SCOPE_BYTES = 8
_DIGEST_BYTES = 8
_HASH_BYTES = 4
_CHECKSUM_BYTES = 4
_DIGEST_FOLLOWS = 0xFF
_MAX_NUMBER = 2**63 - 1


class Position(NamedTuple):
    """Where in a stream: both only grow within one."""

    time_ms: int
    sequence: int


@dataclass(frozen=True)
class Cursor:
    """What a cursor says.

    ``versions`` is the resourceVersion of each source by its name. Of ``hashes`` (key hash
    to content hash, in the stream's order) and ``digest`` (of all of them) one is used.
    """

    position: Position
    scope: bytes
    versions: Mapping[str, str]
    hashes: Mapping[int, int] = field(default_factory=dict)
    digest: Optional[int] = None


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
    return _sha256(_canonical(parts))[:_SCOPE_BYTES]


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


def digest_of(hashes: Mapping[int, int]) -> int:
    """64 bits of all hashes together, whatever their order."""
    pairs = sorted(key << 32 | value for key, value in hashes.items())
    data = struct.pack(f">{len(pairs)}Q", *pairs)
    return int.from_bytes(_sha256(data)[:_DIGEST_BYTES], "big")


def encode(cursor: Cursor) -> str:
    """URL-safe text of at most MAX_LENGTH characters.

    What does not fit is left out in this order: the hashes (a digest takes their place),
    then the resourceVersions.
    """
    digest = cursor.digest
    if digest is None:
        text = _encode(cursor, cursor.versions, None) if len(cursor.hashes) <= MAX_ITEMS else ""
        if 0 < len(text) <= MAX_LENGTH:
            return text
        digest = digest_of(cursor.hashes)
    text = _encode(cursor, cursor.versions, digest)
    return text if len(text) <= MAX_LENGTH else _encode(cursor, {}, digest)


def decode(text: str) -> Optional[Cursor]:
    """The cursor, or None for anything that is not a whole one; never raises."""
    if not 0 < len(text) <= MAX_LENGTH or not text.isascii():
        return None
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        body, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
        # Texts that differ in the unused bits of the last character are not the same.
        if _checksum(body) != checksum or _base64(data) != text:
            return None
        return _Reader(body).cursor()
    except ValueError:
        return None


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

    A resourceVersion is opaque, except that two of one resource that are both decimal
    integers may be compared (KEP-5504). Where they are not, or where either side does
    not know the source, nothing is certain and the answer is no.
    """
    for source, then in cursor.versions.items():
        before, after = _as_number(then), _as_number(present.get(source, ""))
        if before is not None and after is not None and after < before:
            return True
    return False


def _as_number(version: str) -> Optional[int]:
    if len(version) <= MAX_VERSION_BYTES and version.isascii() and version.isdigit():
        return int(version)
    return None


# The bytes: format, time, sequence, scope, versions, hashes or digest, checksum.


def _encode(cursor: Cursor, versions: Mapping[str, str], digest: Optional[int]) -> str:
    parts = [
        bytes([_FORMAT]),
        _varint(cursor.position.time_ms),
        _varint(cursor.position.sequence),
        cursor.scope[:_SCOPE_BYTES].ljust(_SCOPE_BYTES, b"\0"),
    ]
    kept = list(_that_fit(versions))
    parts.append(_varint(len(kept)))
    for text in (text for pair in kept for text in pair):
        parts += [_varint(len(text)), text]
    if digest is not None:
        parts += [bytes([_DIGEST_FOLLOWS]), digest.to_bytes(_DIGEST_BYTES, "big")]
    else:
        parts.append(bytes([len(cursor.hashes)]))
        parts += [_pair(key, value) for key, value in cursor.hashes.items()]
    body = b"".join(parts)
    return _base64(body + _checksum(body))


def _that_fit(versions: Mapping[str, str]) -> Iterable[tuple[bytes, bytes]]:
    pairs = []
    for source, version in versions.items():
        pair = (source.encode("utf-8", "replace"), version.encode("utf-8", "replace"))
        if max(map(len, pair)) <= MAX_VERSION_BYTES:
            pairs.append(pair)
    return pairs[:MAX_SOURCES]


class _Reader:
    """Reads the bytes back; ValueError where they do not fit."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def cursor(self) -> Cursor:
        if self._take(1)[0] != _FORMAT:
            raise ValueError("another format")
        position = Position(self._varint(), self._varint())
        scope = self._take(_SCOPE_BYTES)
        versions = {self._text(): self._text() for _ in range(self._varint())}
        count = self._take(1)[0]
        digest, hashes = None, {}
        if count == _DIGEST_FOLLOWS:
            digest = self._number(_DIGEST_BYTES)
        else:
            hashes = {self._number(_HASH_BYTES): self._number(_HASH_BYTES) for _ in range(count)}
        if self._at != len(self._data):
            raise ValueError("bytes left over")
        return Cursor(position, scope, versions, hashes, digest)

    def _take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise ValueError("too short")
        self._at += count
        return taken

    def _text(self) -> str:
        return self._take(self._varint()).decode("utf-8")

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._take(1)[0]
            value |= (byte & 0x7F) << shift
            if value > _MAX_NUMBER:
                raise ValueError("number too large")
            if byte < 0x80:
                return value
            shift += 7


def _varint(value: int) -> bytes:
    value = max(0, min(value, _MAX_NUMBER))
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _pair(key: int, value: int) -> bytes:
    return key.to_bytes(_HASH_BYTES, "big") + value.to_bytes(_HASH_BYTES, "big")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _checksum(body: bytes) -> bytes:
    return _sha256(body)[:_CHECKSUM_BYTES]


def _hash32(data: bytes) -> int:
    return int.from_bytes(_sha256(data)[:_HASH_BYTES], "big")


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _plain(value: Any) -> Any:
    """Any other mapping as a dict; what JSON does not know as text."""
    return dict(value) if isinstance(value, Mapping) else str(value)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain)


def _canonical(value: Any) -> bytes:
    """The one JSON text of a value, in ASCII."""
    return _ENCODER.encode(value).encode("ascii")
