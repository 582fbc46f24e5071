"""Atoms: their texts, what they ask, and what is expected where a text is none."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentctl.rules import atom as atoms
from agentctl.rules.atom import (
    AnyAtom,
    Atom,
    ConditionAtom,
    FieldAtom,
    ItemsAtom,
    LessAtom,
    SameAtom,
)
from agentctl.rules.scope import CONDITIONS, Scope
from agentctl.rules.syntax import AtomError, parse_atom

OBJECT: dict[str, Any] = {
    "metadata": {"annotations": {"example.org/mode": "off"}},
    "spec": {"replicas": 3, "paused": False, "at": "2026-01-02T00:00:00Z"},
    "status": {
        "phase": "All is well",
        "readyReplicas": 2,
        "seen": "2026-01-01T00:00:00Z",
        "nothing": None,
        "text": "2",
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Fine", "message": "so it is"},
            {"type": "Ready", "status": "False"},
            {"type": "BackupFailed", "status": "False"},
            {"type": "Odd", "status": True},
            "no condition",
        ],
        "parents": [{"conditions": [{"type": "Accepted", "status": "False"}]}, {"name": "a"}, 7],
        "inner": {"conditions": [{"type": "Ready", "status": "Unknown"}]},
    },
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("Ready", True),
        ("!Ready", False),
        ("Absent", False),
        ("!Absent", True),
        ("Ready=True", True),
        ("Ready=False", False),
        ("Ready=False|True", True),
        ("Ready=True(Fine)", True),
        ("Ready=True(Other|Fine)", True),
        ("Ready=True(F*)", True),
        ("Ready=True(Other)", False),
        ("Ready!=True", False),
        ("Ready!=False", True),
        ("Absent!=True", True),
        ("Absent!=True(Fine)", False),
        ("Odd=True", True),
        ("*Failed=False", True),
        ("*Failed=True", False),
        ("Back*led", True),
        ("B*Fa*d", True),
        ("*upFai*", True),
        ("Back*x*led", False),
        ("*led*Back*", False),
        ("!*Pressure", True),
        ("*Pressure!=True", True),
        ("any=False", True),
        ("any=Unknown", False),
        (".status.phase", True),
        (".status.nothing", False),
        ("!.status.nothing", True),
        ("!.status.phase", False),
        (".status.phase=All is well", True),
        (".status.phase='All is well'|other", True),
        (".status.phase=other", False),
        (".status.phase!=other", True),
        (".status.missing!=other", True),
        (".status.missing=''", False),
        (".spec.paused=false", True),
        (".spec.replicas=3", True),
        (r".metadata.annotations.example\.org/mode=off", True),
        (".status.readyReplicas<.spec.replicas", True),
        (".spec.replicas<.status.readyReplicas", False),
        (".status.missing<1", True),
        (".status.missing<.status.missing", False),
        (".status.phase<5", False),
        (".status.readyReplicas<2.5", True),
        (".status.seen<.spec.at", True),
        (".spec.at<.status.seen", False),
        (".status.parents[*]:Accepted=False", True),
        (".status.parents[*]:!Accepted", True),
        (".status.parents[*]:.name=a", True),
        (".status.parents[*]:Accepted=True", False),
        (".status.inner:Ready=Unknown", True),
        (".status.**:Ready=Unknown", True),
        (".status.**:.name=a", True),
        (".status.phase[*]:Ready", False),
        (".status.parents<4", True),
        (".status.parents<3", False),
        (".status.text<.spec.replicas", True),
        (".status.phase<.spec.replicas", False),
        (".status.phase==.status.phase", True),
        (".status.phase== .status.seen", False),
        (".status.phase!==.status.seen", True),
        (".status.phase!==.status.phase", False),
        (".status.nothing==.status.none", False),
        (".status.nothing!==.status.none", False),
        (".status.phase==.status.none", False),
        (".status.phase!==.status.none", True),
        (".status.inner==.status.inner", False),
    ],
)
def test_an_atom_asks_of_an_object(text: str, holds: bool) -> None:
    assert parse_atom(text).holds(Scope(OBJECT, CONDITIONS, None)) is holds


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Ready=True", "Ready=True (Fine): so it is"),
        ("any=False", "BackupFailed=False"),
        ("!Absent", "no condition Absent"),
        (".spec.replicas", ".spec.replicas=3"),
        ("!.status.nothing", "no .status.nothing"),
        (".status.readyReplicas<.spec.replicas", ".status.readyReplicas=2, less than 3"),
        (".status.parents[*]:Accepted=False", ".status.parents: Accepted=False"),
        (".status.parents<4", ".status.parents=3, less than 4"),
        (".status.seen!==.status.none", ".status.seen=2026-01-01T00:00:00Z, but .status.none=none"),
    ],
)
def test_an_atom_says_what_was_found(text: str, why: str) -> None:
    assert parse_atom(text).why(Scope(OBJECT, CONDITIONS, None)) == why


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "an atom such as"),
        ("=True", "an atom such as"),
        ("Ready=", "a status such as True"),
        ("Ready>1", "=, != or nothing"),
        ("Ready=True(", "at the end"),
        ("Ready=True()", "a reason in the brackets"),
        ("Ready=True(A) B", "at the end"),
        ("any!=True", "any=Status"),
        ("!Ready=True", "alone after '!'"),
        ("!.a=b", "alone after '!'"),
        (".", "a path"),
        (".a..b", "a path"),
        (".a=", "a value"),
        (".a='b", "a closing '"),
        (".a='b'c", "| or nothing"),
        (".a<x", "a path or a number"),
        (".a==.b c", "one path after =="),
        (".a[0]=b", "[*]: and an atom"),
        (".a[*]", "[*]: and an atom"),
        (".a[*]:", "an atom such as"),
        (".a ~ b", "after a path"),
        (".a:" * 9 + "Ready", "at most 8 levels"),
        ("x" * 9000, "at most 8192 characters"),
    ],
)
def test_a_text_that_is_no_atom_says_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(AtomError) as caught:
        parse_atom(text)
    assert expected in str(caught.value)


NAMES = st.from_regex(r"[A-Za-z0-9*][A-Za-z0-9*._/-]{0,8}", fullmatch=True).filter(
    lambda name: name != "any"
)
VALUES = st.lists(st.text(max_size=6), min_size=1, max_size=3, unique=True).map(tuple)
PATHS = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3).map(tuple)
PLAIN: st.SearchStrategy[Atom] = st.one_of(
    st.builds(ConditionAtom, NAMES, st.sampled_from([atoms.PRESENT, atoms.ABSENT])),
    st.builds(
        ConditionAtom,
        NAMES,
        st.sampled_from([atoms.IS, atoms.IS_NOT]),
        VALUES,
        VALUES | st.just(()),
    ),
    st.builds(AnyAtom, VALUES),
    st.builds(FieldAtom, PATHS, st.sampled_from([atoms.PRESENT, atoms.ABSENT])),
    st.builds(FieldAtom, PATHS, st.sampled_from([atoms.IS, atoms.IS_NOT]), VALUES),
    st.builds(LessAtom, PATHS, PATHS | st.integers(-(10**9), 10**9)),
    st.builds(SameAtom, PATHS, PATHS, st.sampled_from([atoms.IS, atoms.IS_NOT])),
)
ATOMS = st.recursive(
    PLAIN,
    lambda inner: st.builds(
        ItemsAtom, PATHS, inner, st.sampled_from([atoms.EACH, atoms.AT, atoms.INSIDE])
    ),
    max_leaves=3,
)


@given(ATOMS)
@example(FieldAtom(("a ",), atoms.PRESENT))
@example(FieldAtom(("a\\",), atoms.PRESENT))
def test_an_atoms_text_is_that_atom_again(atom: Atom) -> None:
    assert parse_atom(str(atom)) == atom


@given(st.text(max_size=30) | st.text("Ready=|!.()[]*:'<\\ any", max_size=20))
def test_any_text_is_an_atom_or_says_what_was_expected(text: str) -> None:
    with suppress(AtomError):
        atom = parse_atom(text)
        assert parse_atom(str(atom)) == atom


@pytest.mark.parametrize(("text", "holds"), [("*=False", True), ("*=True", False), ("*", True)])
def test_a_condition_without_a_name_is_one_of_any_name(text: str, holds: bool) -> None:
    item = {"status": {"conditions": [{"type": "", "status": "False"}]}}
    assert parse_atom(text).holds(Scope(item, CONDITIONS, None)) is holds
