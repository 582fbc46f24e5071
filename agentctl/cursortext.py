"""Cursor text: format, time, sequence, scope, versions, hashes or digest, checksum.

URL-safe, bounded, and never believed when it is damaged. Hashes are the first bytes of
SHA-256: the same in every process, and there on hosts in FIPS mode, which BLAKE2 is not.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any, Optional, Union

from agentctl.lazy_dataclass import dataclass, field
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import Item, ItemKey, replaced

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
SCOPE_BYTES = 8
DIGEST_BYTES = 8
HASH_BYTES = 4
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
    ``all_or_none``: of several clusters the versions stand only while all of them fit, and
    make room for the hashes.
    """

    position: Position
    scope: bytes
    versions: Mapping[str, str]
    hashes: Mapping[int, int] = field(default_factory=dict)
    digest: Optional[int] = None
    all_or_none: bool = field(default=False, compare=False)
    names: tuple[ItemKey, ...] = ()
    """Of items that no catalog names: what is gone by then could not be told otherwise."""


class CursorClock:
    """Makes positions that only grow, also when the wall clock goes back."""

    def __init__(self) -> None:
        self._last = Position(0, 0)

    def next(self, now: datetime) -> Position:
        time_ms = max(int(now.timestamp() * 1000), self._last.time_ms)
        self._last = Position(time_ms, self._last.sequence + 1)
        return self._last


class ItemHashes:
    """The hashes of a state's items; of the next state only those of other items are made."""

    def __init__(self) -> None:
        self.several = False
        """Whether the items are of several clusters."""
        self._items: Sequence[Item] = ()
        self._keys: list[int] = []
        self._known: dict[int, int] = {}
        self._sorted: Optional[tuple[bytearray, dict[int, int]]] = None

    def of(self, items: Sequence[Item]) -> Mapping[int, int]:
        """Key hash to content hash, in the items' order; good until it is called again."""
        places = replaced(self._items, items)
        if places is None or len(self._known) != len(items):
            self._make(items)
            return self._known
        for place in places:
            key, content = self._keys[place], item_hash(items[place])
            self._known[key] = content
            if self._sorted is not None:
                packed, at = self._sorted
                packed[at[key] : at[key] + HASH_BYTES] = content.to_bytes(HASH_BYTES, "big")
        self._items = items
        return self._known

    def digest(self) -> int:
        """What ``digest_of`` makes of them."""
        if self._sorted is None:
            pairs = sorted(self._known.items())
            places = range(HASH_BYTES, 2 * HASH_BYTES * len(pairs), 2 * HASH_BYTES)
            at = {key: place for (key, _), place in zip(pairs, places)}
            self._sorted = bytearray(_packed(pairs)), at
        return _digest(self._sorted[0])

    def _make(self, items: Sequence[Item]) -> None:
        """All anew, but for what is known of the very same items."""
        distinct = len(self._known) == len(self._items)
        before = {id(item): key for item, key in zip(self._items, self._keys) if distinct}
        keys = [before.get(id(item)) or key_hash(item.key) for item in items]
        self._known = {
            key: self._known[key] if id(item) in before else item_hash(item)
            for key, item in zip(keys, items)
        }
        self.several = any(item.cluster for item in items)
        self._items, self._keys, self._sorted = items, keys, None


def make(
    position: Position,
    scope: bytes,
    versions: Mapping[str, str],
    items: Iterable[Item],
    known: Optional[ItemHashes] = None,
    names: Iterable[ItemKey] = (),
) -> Cursor:
    """The cursor of a state; ``known`` spares the hashing of what has not changed.

    ``names`` are of those items that whoever resumes may not know of.
    """
    known = known or ItemHashes()
    hashes = known.of(items if isinstance(items, Sequence) else list(items))
    if len(hashes) > MAX_ITEMS:
        return Cursor(position, scope, versions, {}, known.digest(), known.several)
    return Cursor(position, scope, versions, dict(hashes), None, known.several, tuple(names))


def key_hash(key: ItemKey) -> int:
    """32 bits of an item's key."""
    of_cluster = [key.cluster] if key.cluster else []
    return _hash32(canonical([*of_cluster, key.namespace, key.component]))


def item_hash(item: Item) -> int:
    """32 bits of what a reader sees of an item beside its key."""
    details = _ENCODER.encode(item.lasting) if item.lasting else "{}"
    message = encode_basestring_ascii(item.lasting_message)
    return _hash32(f'["{item.status.value}",{message},{details}]'.encode("ascii"))


def digest_of(hashes: Mapping[int, int]) -> int:
    """64 bits of all hashes together, whatever their order."""
    return _digest(_packed(sorted(hashes.items())))


def _packed(pairs: Iterable[tuple[int, int]]) -> bytes:
    numbers = [number for pair in pairs for number in pair]
    return struct.pack(f">{len(numbers)}I", *numbers)


def _digest(packed: Union[bytes, bytearray]) -> int:
    return int.from_bytes(sha256(packed)[:DIGEST_BYTES], "big")


def encode(cursor: Cursor) -> str:
    """URL-safe text of at most MAX_LENGTH characters.

    What does not fit is left out in this order: the names, the hashes (a digest takes their
    place), then the resourceVersions; of several clusters the last two the other way round.
    """
    digest = cursor.digest
    if cursor.names and digest is None and len(cursor.hashes) <= MAX_ITEMS:
        from agentctl.cursornames import packed

        text = _encode(cursor, cursor.versions, None, packed(cursor.names))
        if len(text) <= MAX_LENGTH:
            return text
    versions = cursor.versions
    if cursor.all_or_none and not _all_fit(versions):
        versions = {}
    if digest is None and len(cursor.hashes) > MAX_ITEMS:
        digest = digest_of(cursor.hashes)
    tries = [versions, {}] if cursor.all_or_none else [versions]
    for kept in tries:
        text = _encode(cursor, kept, digest)
        if len(text) <= MAX_LENGTH:
            return text
    if digest is None:
        digest = digest_of(cursor.hashes)
        text = _encode(cursor, versions, digest)
        if len(text) <= MAX_LENGTH:
            return text
    return _encode(cursor, {}, digest)


def decode(text: str) -> Optional[Cursor]:
    """The cursor, or None for anything that is not a whole one; never raises."""
    if not 0 < len(text) <= MAX_LENGTH or not text.isascii():
        return None
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        body = data[:-_CHECKSUM_BYTES]
        # Texts that differ in the unused bits of the last character are not the same.
        if sealed(body) != text:
            return None
        return _ByteReader(body).cursor()
    except ValueError:
        return None


def _encode(
    cursor: Cursor, versions: Mapping[str, str], digest: Optional[int], names: bytes = b""
) -> str:
    parts = [
        bytes([_FORMAT]),
        _varint(cursor.position.time_ms),
        _varint(cursor.position.sequence),
        cursor.scope[:SCOPE_BYTES].ljust(SCOPE_BYTES, b"\0"),
    ]
    kept = list(_that_fit(versions))
    parts += [_varint(len(kept)), *kept]
    if digest is not None:
        parts += [bytes([_DIGEST_FOLLOWS]), digest.to_bytes(DIGEST_BYTES, "big")]
    else:
        parts += [bytes([len(cursor.hashes)]), _packed(cursor.hashes.items())]
    return sealed(b"".join((*parts, names)))


def _all_fit(versions: Mapping[str, str]) -> bool:
    return len(list(_that_fit(versions))) == len(versions)


def _that_fit(versions: Mapping[str, str]) -> Sequence[bytes]:
    pairs = map(_version, versions.items())
    return [pair for pair in pairs if pair is not None][:MAX_SOURCES]


@lru_cache(maxsize=1024)
def _version(pair: tuple[str, str]) -> Optional[bytes]:
    """A source's name and its resourceVersion; None where either is too long."""
    source, version = (text.encode("utf-8", "replace") for text in pair)
    if max(len(source), len(version)) > MAX_VERSION_BYTES:
        return None
    return b"".join((_varint(len(source)), source, _varint(len(version)), version))


class _ByteReader:
    """Reads the bytes back; ValueError where they do not fit."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def cursor(self) -> Cursor:
        if self._take(1)[0] != _FORMAT:
            raise ValueError("another format")
        position = Position(self._varint(), self._varint())
        scope = self._take(SCOPE_BYTES)
        versions = {self._text(): self._text() for _ in range(self._varint())}
        count = self._take(1)[0]
        digest, hashes = None, {}
        if count == _DIGEST_FOLLOWS:
            digest = self._number(DIGEST_BYTES)
        else:
            hashes = {self._number(HASH_BYTES): self._number(HASH_BYTES) for _ in range(count)}
        rest = self._data[self._at :]
        if rest and digest is not None:
            raise ValueError("bytes left over")
        if not rest:
            return Cursor(position, scope, versions, hashes, digest)
        from agentctl.cursornames import unpacked

        return Cursor(position, scope, versions, hashes, digest, names=unpacked(rest))

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


def sealed(body: bytes) -> str:
    """The text of a body, with its checksum."""
    data = body + sha256(body)[:_CHECKSUM_BYTES]
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def sha256(data: Union[bytes, bytearray]) -> bytes:
    return hashlib.sha256(data).digest()


def _hash32(data: bytes) -> int:
    return int.from_bytes(sha256(data)[:HASH_BYTES], "big")


def _plain(value: Any) -> Any:
    """Any other mapping as a dict; what JSON does not know as text."""
    return dict(value) if isinstance(value, Mapping) else str(value)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain)


def canonical(value: Any) -> bytes:
    """The one JSON text of a value, in ASCII."""
    return _ENCODER.encode(value).encode("ascii")
