"""Syntax of atoms: from the text in a catalog to what is asked of an object."""

from __future__ import annotations

import re
from typing import Union

from agentctl.lazy_regex import regex
from agentctl.rules.atom import (
    ABSENT,
    AT,
    EACH,
    INSIDE,
    IS,
    IS_NOT,
    PRESENT,
    AnyAtom,
    Atom,
    ConditionAtom,
    FieldAtom,
    ItemsAtom,
    LessAtom,
    SameAtom,
)
from agentctl.rules.scope import Path

MAX_LENGTH = 8192
MAX_DEPTH = 8
"""How many lists and fields an atom may look through."""

EXAMPLES = "such as Ready=True, Ready=False(Reason), !Stalled, .status.phase=Failed or any=Unknown"

_TYPE = regex(r"[A-Za-z0-9*][A-Za-z0-9*._/-]*")
_SEGMENT = regex(r"\.((?:[A-Za-z0-9_/-]|\\.)+)", re.DOTALL)
_SAME = regex(r"(!?=)=\s*(?=\.)")
_NUMBER = regex(r"-?[0-9]{1,15}(\.[0-9]{1,15})?\Z")
_ESCAPE = regex(r"\\(.)", re.DOTALL)


class AtomError(ValueError):
    """A text that is no atom: what was expected."""


def parse_atom(text: str) -> Atom:
    """One atom. Raises AtomError, whose text completes "expected …"."""
    if len(text) > MAX_LENGTH:
        raise AtomError(f"an atom of at most {MAX_LENGTH} characters")
    return _atom(_stripped(text), MAX_DEPTH)


def parse_path(text: str) -> Path:
    """A path alone. Raises AtomError, whose text completes "expected …"."""
    path, rest = _path(_stripped(text)[:MAX_LENGTH])
    if rest:
        raise AtomError("a path such as .status.notAfter alone")
    return path


def _atom(text: str, depth: int) -> Atom:
    if not text or not depth:
        raise AtomError(f"an atom {EXAMPLES}" if depth else f"at most {MAX_DEPTH} levels")
    absent = text.startswith("!")
    body = text[1:].lstrip() if absent else text
    atom = _field(body, depth) if body.startswith(".") else _condition(body)
    if not absent:
        return atom
    if isinstance(atom, FieldAtom) and atom.op == PRESENT:
        return FieldAtom(atom.path, ABSENT)
    if isinstance(atom, ConditionAtom) and atom.op == PRESENT:
        return ConditionAtom(atom.type, ABSENT)
    raise AtomError("a type or a path alone after '!' (of a value: Type!=Status, .path!=value)")


def _stripped(text: str) -> str:
    """Without spaces around it, but for one that a backslash makes part of a key."""
    bare = text.strip()
    slashes = len(bare) - len(bare.rstrip("\\"))
    rest = text.lstrip()[len(bare) :]
    return bare + rest[:1] if slashes % 2 else bare


def _condition(text: str) -> Atom:
    match = _TYPE.match(text)
    if match is None:
        raise AtomError(f"an atom {EXAMPLES}")
    kind, rest = match[0], text[match.end() :]
    if not rest:
        return ConditionAtom(kind)
    op, rest = _operator(rest, f"=, != or nothing after the type {kind}")
    statuses, rest = _values(rest, "(", f"a status such as True or False after {kind}{op}")
    reasons: tuple[str, ...] = ()
    if rest:
        if not rest.endswith(")"):
            raise AtomError(f"a ')' at the end of {kind}{op}…(Reason)")
        reasons, rest = _values(rest[1:], ")", f"a reason in the brackets after {kind}{op}…")
        if rest != ")":
            raise AtomError("nothing after the reasons' ')'")
    if kind == "any":
        if op != IS or reasons:
            raise AtomError("any=Status, with neither != nor reasons")
        return AnyAtom(statuses)
    return ConditionAtom(kind, op, statuses, reasons)


def _field(text: str, depth: int) -> Atom:
    path, rest = _path(text)
    if not rest:
        return FieldAtom(path)
    for among in (EACH, INSIDE, AT):
        if rest.startswith(f"{among}:"):
            return ItemsAtom(path, _atom(_stripped(rest[len(among) + 1 :]), depth - 1), among)
    if rest.startswith("["):
        raise AtomError("[*]: and an atom after a list, as in .status.parents[*]:Accepted=False")
    if rest.startswith("<"):
        return LessAtom(path, _limit(_stripped(rest[1:])))
    same = _SAME.match(rest)
    if same is not None:
        other, rest = _path(rest[same.end() :])
        if rest:
            raise AtomError("one path after == or !==")
        return SameAtom(path, other, same[1])
    op, rest = _operator(rest, "=, !=, ==, <, : or [*]: after a path")
    values, rest = _values(rest, "", f"a value after {op}")
    return FieldAtom(path, op, values)


def _limit(text: str) -> Union[Path, int, float]:
    if text.startswith("."):
        path, rest = _path(text)
        if not rest:
            return path
    match = _NUMBER.match(text)
    if match is None:
        raise AtomError("a path or a number after '<'")
    return float(text) if match[1] else int(text)


def _path(text: str) -> tuple[Path, str]:
    keys = []
    at = 0
    while match := _SEGMENT.match(text, at):
        keys.append(_ESCAPE.sub(r"\1", match[1]))
        at = match.end()
    rest = text[at:].lstrip()
    if not keys or (rest.startswith(".") and not rest.startswith(f"{INSIDE}:")):
        raise AtomError("a path such as .status.phase (a dot inside a key is written \\.)")
    return tuple(keys), rest


def _operator(text: str, expected: str) -> tuple[str, str]:
    text = text.lstrip()
    for op in (IS_NOT, IS):
        if text.startswith(op):
            return op, text[len(op) :]
    raise AtomError(expected)


def _values(text: str, end: str, expected: str) -> tuple[tuple[str, ...], str]:
    """Values with ``|`` between them, up to one of the characters of ``end``, and the rest."""
    values: list[str] = []
    at = 0
    while True:
        value, at = _value(text, at, end, expected)
        if value not in values:
            values.append(value)
        if at >= len(text) or text[at] != "|":
            return tuple(values), text[at:]
        at += 1


def _value(text: str, at: int, end: str, expected: str) -> tuple[str, int]:
    while at < len(text) and text[at].isspace():
        at += 1
    quote = text[at : at + 1]
    if quote not in ("'", '"') or not quote:
        start = at
        while at < len(text) and text[at] != "|" and text[at] not in end:
            at += 1
        value = text[start:at].strip()
        if not value:
            raise AtomError(f"{expected} ('' is the empty one)")
        return value, at
    parts = []
    while True:
        close = text.find(quote, at + 1)
        if close < 0:
            raise AtomError(f"a closing {quote}")
        parts.append(text[at + 1 : close])
        at = close + 1
        if text[at : at + 1] != quote:  # twice is one of them, as in YAML
            break
        parts.append(quote)
    while at < len(text) and text[at].isspace():
        at += 1
    if at < len(text) and text[at] != "|" and text[at] not in end:
        raise AtomError("| or nothing after a quoted value")
    return "".join(parts), at
