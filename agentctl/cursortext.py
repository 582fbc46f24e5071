"""Cursor text: format, time, sequence, scope, versions, hashes or digest, checksum.

URL-safe, bounded, and never believed when it is damaged. Hashes are the first bytes of
SHA-256: the same in every process, and there on hosts in FIPS mode, which BLAKE2 is not.
"""

from __future__ import annotations

import hashlib
import struct
from base64 import b64decode
from binascii import b2a_base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Optional, Union

from agentctl.lazy_dataclass import dataclass, field
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import Item, ItemKey, json_encoder, replaced

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
_SHA256 = hashlib.sha256()
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
SCOPE_BYTES = 8
DIGEST_BYTES = 8
HASH_BYTES = 4
PAIR_BYTES = 2 * HASH_BYTES
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

    ``versions`` is the resourceVersion of each source by its name. Of ``hashes`` (pairs of a
    key's and a content's, in the stream's order) and ``digest`` (of all of them) one is used.
    ``all_or_none``: of several clusters the versions stand only while all of them fit, and
    make room for the hashes.
    """

    position: Position
    scope: bytes
    versions: Mapping[str, str]
    hashes: bytes = b""
    digest: Optional[bytes] = None
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
    """The hashes of a state's items; of the next state only those of other items are made.

    A pair is the hash of an item's key, and that of its content.
    """

    def __init__(self) -> None:
        self.several = False
        """Whether the items are of several clusters."""
        self._items: Sequence[Item] = ()
        self._pairs = bytearray()
        self._sorted: Optional[tuple[bytearray, dict[bytes, int]]] = None

    def of(self, items: Sequence[Item]) -> bytearray:
        """A pair for each item, in their order; good until it is called again.

        Fewer where two keys have one hash.
        """
        places = replaced(self._items, items)
        if places is None or len(self._pairs) != PAIR_BYTES * len(items):
            self._make(items)
            return self._pairs
        for place in places:
            start, content = PAIR_BYTES * place, item_hash(items[place])
            self._pairs[start + HASH_BYTES : start + PAIR_BYTES] = content
            if self._sorted is not None:
                pairs, place_of = self._sorted
                at = place_of[bytes(self._pairs[start : start + HASH_BYTES])]
                pairs[at : at + HASH_BYTES] = content
        self._items = items
        return self._pairs

    def digest(self) -> bytes:
        """What ``digest_of`` makes of them."""
        if self._sorted is None:
            pairs = sorted(_each(self._pairs))
            places = range(HASH_BYTES, PAIR_BYTES * len(pairs), PAIR_BYTES)
            place_of = {pair[:HASH_BYTES]: place for pair, place in zip(pairs, places)}
            self._sorted = bytearray(b"".join(pairs)), place_of
        return sha256(self._sorted[0])[:DIGEST_BYTES]

    def _make(self, items: Sequence[Item]) -> None:
        """All anew, but for what is known of the very same items."""
        distinct = len(self._pairs) == PAIR_BYTES * len(self._items)
        before = dict(zip(map(id, self._items), _each(self._pairs) if distinct else ()))
        pairs = [before.get(id(one)) or key_hash(one.key) + item_hash(one) for one in items]
        by_key = {pair[:HASH_BYTES]: pair for pair in pairs}
        self._pairs = bytearray(b"".join(by_key.values()))
        self.several = any(item.cluster for item in items)
        self._items, self._sorted = items, None


def make(
    position: Position,
    scope: bytes,
    versions: Mapping[str, str],
    items: Sequence[Item],
    known: Optional[ItemHashes] = None,
    names: Iterable[ItemKey] = (),
) -> Cursor:
    """The cursor of a state; ``known`` spares the hashing of what has not changed.

    ``names`` are of those items that whoever resumes may not know of.
    """
    known = known or ItemHashes()
    hashes = known.of(items)
    if len(hashes) > MAX_ITEMS * PAIR_BYTES:
        return Cursor(position, scope, versions, b"", known.digest(), known.several)
    return Cursor(position, scope, versions, bytes(hashes), None, known.several, tuple(names))


def key_hash(key: ItemKey) -> bytes:
    """32 bits of an item's key."""
    of_cluster = [key.cluster] if key.cluster else []
    return sha256(canonical([*of_cluster, key.namespace, key.component]))[:HASH_BYTES]


def item_hash(item: Item) -> bytes:
    """32 bits of what a reader sees of an item beside its key."""
    told = canonical([item.status._value_, item.lasting_message, item.lasting])
    return sha256(told)[:HASH_BYTES]


def by_key(pairs: Union[bytes, bytearray]) -> dict[bytes, bytes]:
    """Key hash to content hash."""
    return dict(struct.iter_unpack("4s4s", pairs))


def digest_of(pairs: Union[bytes, bytearray]) -> bytes:
    """64 bits of all hashes together, whatever their order."""
    return sha256(b"".join(sorted(_each(pairs))))[:DIGEST_BYTES]


def _each(pairs: Union[bytes, bytearray]) -> list[bytes]:
    return [pair for (pair,) in struct.iter_unpack("8s", pairs)]


def encode(cursor: Cursor) -> str:
    """URL-safe text of at most MAX_LENGTH characters.

    What does not fit is left out in this order: the names, the hashes (a digest takes their
    place), then the resourceVersions; of several clusters the last two the other way round.
    """
    digest = cursor.digest
    if cursor.names and digest is None and len(cursor.hashes) <= MAX_ITEMS * PAIR_BYTES:
        from agentctl.cursornames import packed

        text = _encode(cursor, cursor.versions, None, packed(cursor.names))
        if len(text) <= MAX_LENGTH:
            return text
    versions = cursor.versions
    if cursor.all_or_none and not _all_fit(versions):
        versions = {}
    if digest is None and len(cursor.hashes) > MAX_ITEMS * PAIR_BYTES:
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
        data = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        body = data[:-_CHECKSUM_BYTES]
        # Texts that differ in the unused bits of the last character are not the same.
        if sealed(body) != text:
            return None
        return _ByteReader(body).cursor()
    except ValueError:
        return None


def _encode(
    cursor: Cursor, versions: Mapping[str, str], digest: Optional[bytes], names: bytes = b""
) -> str:
    time_ms, sequence = cursor.position
    scope = cursor.scope[:SCOPE_BYTES].ljust(SCOPE_BYTES, b"\0")
    kept = _that_fit(versions)
    count = len(cursor.hashes) // PAIR_BYTES if digest is None else _DIGEST_FOLLOWS
    parts = (
        bytes((_FORMAT,)),
        _varint(time_ms),
        _varint(sequence),
        scope,
        bytes((len(kept),)),
        *kept,
        bytes((count,)),
        cursor.hashes if digest is None else digest,
        names,
    )
    return sealed(b"".join(parts))


def _all_fit(versions: Mapping[str, str]) -> bool:
    return len(list(_that_fit(versions))) == len(versions)


def _that_fit(versions: Mapping[str, str]) -> Sequence[bytes]:
    return list(filter(None, map(_version, versions.items())))[:MAX_SOURCES]


@lru_cache(maxsize=1024)
def _version(pair: tuple[str, str]) -> bytes:
    """A source's name and its resourceVersion; empty where either is too long."""
    source, version = pair[0].encode("utf-8", "replace"), pair[1].encode("utf-8", "replace")
    if max(len(source), len(version)) > MAX_VERSION_BYTES:
        return b""
    return b"%c%b%c%b" % (len(source), source, len(version), version)


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
        digest, hashes = None, b""
        if count == _DIGEST_FOLLOWS:
            digest = self._take(DIGEST_BYTES)
        else:
            hashes = self._take(count * PAIR_BYTES)
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
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*groups, value))


def sealed(body: bytes) -> str:
    """The text of a body, with its checksum."""
    text = b2a_base64(body + sha256(body)[:_CHECKSUM_BYTES], newline=False)
    return text.translate(_URL_SAFE, b"=").decode("ascii")


def sha256(data: Union[bytes, bytearray]) -> bytes:
    made = _SHA256.copy()  # to make one anew is more work for OpenSSL, over many pages
    made.update(data)
    return made.digest()


def _plain(value: Any) -> Any:
    """Any other mapping as a dict; what JSON does not know as text."""
    return dict(value) if isinstance(value, Mapping) else str(value)


_json_text = json_encoder(sort_keys=True, default=_plain)


def canonical(value: Any) -> bytes:
    """The one JSON text of a value, in ASCII."""
    return _json_text(value).encode("ascii")
