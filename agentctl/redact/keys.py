"""Names of keys, flags and fields: which of them hold a secret, and which only speak of one."""

from __future__ import annotations

from functools import lru_cache

from agentctl.redact.patterns import pattern

NAMES = frozenset({"name", "key"})
VALUES = frozenset({"value", "val", "stringvalue"})
"""Of a record that holds the name of something and, beside it, its value."""

SHORT = 128
"""Characters of a key that is kept in mind; what is longer is no key."""

_SWITCHES = ("no-", "skip-", "use-", "with-", "disable-", "enable-", "allow-", "require-")


def holds_a_secret(key: str) -> bool:
    """Whether a key that is assigned to (``key=...``, ``"key": "..."``) holds a secret."""
    return _holds(key) if len(key) <= SHORT else _holds.__wrapped__(key)


@lru_cache(maxsize=512)
def _holds(key: str) -> bool:
    if pattern("secret key").search(key):
        return not pattern("about").search(key)
    return bool(pattern("key file").fullmatch(key))


def ends_as_a_secret(key: str) -> bool:
    """The same of a word before a colon, which may as well be a pod or a resource."""
    return _ends(key) if len(key) <= SHORT else _ends.__wrapped__(key)


@lru_cache(maxsize=512)
def _ends(key: str) -> bool:
    last = key.rstrip(".").rpartition(".")[2]
    if pattern("secret end").search(last):
        return not pattern("about").search(last)
    return bool(pattern("key file").fullmatch(key))


def flag_holds_a_secret(flag: str) -> bool:
    """``--password``, and neither ``--password-stdin`` nor ``--no-password``."""
    name = flag.lstrip("-").lower()
    return holds_a_secret(name) and not name.startswith(_SWITCHES)


def is_authorization(key: str) -> bool:
    return key.lower().endswith("authorization")


def is_cookie(key: str) -> bool:
    return key.lower().endswith(("cookie", "cookies", "cookie2"))
