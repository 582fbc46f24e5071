"""Cursors: a position in the stream as a short text that needs no memory anywhere.

A cursor holds when it was made, which stream it belongs to, how far each source was,
and a hash of what each item looked like, so that any process that knows the present
state can tell what has changed since. Hashes are BLAKE2b: the same in every process.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Optional, Union

from agentctl.model import Item, ItemKey

MAX_LENGTH = 1024
MAX_ITEMS = 100
"""More are told by one digest. So are fewer where the text would pass MAX_LENGTH: a
hundred pairs of 32-bit hashes alone are 1,067 characters."""

MAX_VERSION_BYTES = 64
MAX_SOURCES = 32
"""What of the resourceVersions is kept; a resume does without those left out."""

_FORMAT = 1
_CHECKSUM_BYTES = 4
_SCOPE_BYTES = 8


class Position(NamedTuple):
    """Where in a stream: both only grow within one."""

    time_ms: int
    sequence: int


@dataclass(frozen=True)
class Cursor:
    """What a cursor says. Either ``hashes`` (key hash to content hash) or ``digest``."""

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


def scope_of(namespaces: Sequence[str], catalog_hash: str, globs: Sequence[str]) -> bytes:
    """What streams must share for their cursors to be comparable."""
    text = json.dumps([sorted(namespaces), catalog_hash, sorted(globs)])
    return hashlib.blake2b(text.encode(), digest_size=_SCOPE_BYTES).digest()


def make(
    position: Position, scope: bytes, versions: Mapping[str, str], items: Iterable[Item]
) -> Cursor:
    """The cursor of a state."""
    hashes = {key_hash(item.key): item_hash(item) for item in items}
    if len(hashes) > MAX_ITEMS:
        return Cursor(position, scope, versions, digest=digest_of(hashes))
    return Cursor(position, scope, versions, hashes)


def key_hash(key: ItemKey) -> int:
    """32 bits of an item's key."""
    return _hash32(f"{key.namespace}\0{key.component}")


def item_hash(item: Item) -> int:
    """32 bits of what a reader sees of an item."""
    return _hash32(
        json.dumps([item.status.value, item.message, item.details], sort_keys=True, default=str)
    )


def digest_of(hashes: Mapping[int, int]) -> int:
    """64 bits of all hashes together, whatever their order."""
    data = b"".join(
        key.to_bytes(4, "big") + value.to_bytes(4, "big") for key, value in sorted(hashes.items())
    )
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def encode(cursor: Cursor) -> str:
    """URL-safe text of at most MAX_LENGTH characters."""
    text = _encode(cursor, cursor.versions)
    if len(text) > MAX_LENGTH and cursor.digest is None:
        shorter = Cursor(
            cursor.position, cursor.scope, cursor.versions, digest=digest_of(cursor.hashes)
        )
        text = _encode(shorter, cursor.versions)
        cursor = shorter
    return text if len(text) <= MAX_LENGTH else _encode(cursor, {})


def decode(text: str) -> Optional[Cursor]:
    """The cursor, or None for anything that is not a whole one; never raises."""
    if not 0 < len(text) <= MAX_LENGTH or not text.isascii():
        return None
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        body, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
        if _checksum(body) != checksum or base64_of(data) != text:
            return None
        return _Reader(body).cursor()
    except (ValueError, IndexError, binascii.Error):
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
    cursor: Optional[Cursor], scope: bytes, items: Sequence[Item], known: Iterable[ItemKey]
) -> Resumption:
    """What has changed since a cursor, of the state ``items``.

    ``known`` are keys that may have been in the stream; what is gone can only be named
    if it is among them.
    """
    if cursor is None:
        return Full("no cursor of this version, or damaged")
    if cursor.scope != scope:
        return Full("other namespaces, catalog or filter")
    now = {key_hash(item.key): item for item in items}
    if len(now) != len(items):
        return Full("two items with one hash")
    hashes = {key: item_hash(item) for key, item in now.items()}
    if cursor.digest is not None:
        same = digest_of(hashes) == cursor.digest
        return Nothing() if same else Full("the digest differs")
    names = {key_hash(key): key for key in known}
    gone = [key for key in cursor.hashes if key not in now]
    if any(key not in names for key in gone):
        return Full("something is gone whose name is not known any more")
    changes = tuple(item for key, item in now.items() if cursor.hashes.get(key) != hashes[key])
    removed = tuple(names[key] for key in gone)
    return Changes(changes, removed) if changes or removed else Nothing()


# The bytes: format, position, scope, versions, hashes or digest, checksum.


def base64_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _encode(cursor: Cursor, versions: Mapping[str, str]) -> str:
    kept = [
        (name.encode()[:255], version.encode())
        for name, version in versions.items()
        if len(version.encode()) <= MAX_VERSION_BYTES
    ][:MAX_SOURCES]
    parts = [bytes([_FORMAT]), _varint(cursor.position.time_ms), _varint(cursor.position.sequence)]
    parts += [cursor.scope, _varint(len(kept))]
    for name, version in kept:
        parts += [_varint(len(name)), name, _varint(len(version)), version]
    if cursor.digest is not None:
        parts += [b"\xff", cursor.digest.to_bytes(8, "big")]
    else:
        parts.append(bytes([len(cursor.hashes)]))
        for key, value in cursor.hashes.items():
            parts += [key.to_bytes(4, "big"), value.to_bytes(4, "big")]
    body = b"".join(parts)
    return base64_of(body + _checksum(body))


class _Reader:
    """Reads the bytes back; ValueError or IndexError where they do not fit."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def cursor(self) -> Cursor:
        if self._take(1)[0] != _FORMAT:
            raise ValueError("another format")
        position = Position(self._varint(), self._varint())
        scope = self._take(_SCOPE_BYTES)
        versions = {}
        for _ in range(self._varint()):
            name = self._take(self._varint()).decode("utf-8")
            versions[name] = self._take(self._varint()).decode("utf-8")
        count = self._take(1)[0]
        digest = None
        hashes = {}
        if count == 0xFF:
            digest = int.from_bytes(self._take(8), "big")
        else:
            for _ in range(count):
                key = int.from_bytes(self._take(4), "big")
                hashes[key] = int.from_bytes(self._take(4), "big")
        if self._at != len(self._data):
            raise ValueError("bytes left over")
        return Cursor(position, scope, versions, hashes, digest)

    def _take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise ValueError("too short")
        self._at += count
        return taken

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECKSUM_BYTES).digest()


def _hash32(text: str) -> int:
    data = text.encode("utf-8", "backslashreplace")
    return int.from_bytes(hashlib.blake2b(data, digest_size=4).digest(), "big")
