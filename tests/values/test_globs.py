"""Globs: what is told as a mistake, and which names a pattern could ever mean."""

from __future__ import annotations

import re
import sys
from fnmatch import fnmatchcase
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.globs import NAME_CHARACTERS, fault, may_begin

globs = st.text(st.sampled_from("ab-]![*?/z"), min_size=1, max_size=9)


@pytest.mark.parametrize(
    ("glob", "says"),
    [
        ("", "it is empty"),
        ("[", "no ] ends its ["),
        ("a[", "no ] ends its ["),
        ("[]", "no ] ends its ["),
        ("[!]", "no ] ends its ["),
        ("[a]b[", "no ] ends its ["),
        ("[b-a]", "its range b-a ends before it begins"),
        ("x[!a-cz-y]*", "its range z-y ends before it begins"),
        ("*", ""),
        ("]", ""),
        ("[]]", ""),
        ("[[]", ""),
        ("[!]]", ""),
        ("[a-]", ""),
        ("[-a]", ""),
        ("[a-c-e]", ""),
        ("[!a-c]x", ""),
        ("runtime:*", ""),
    ],
)
def test_what_is_wrong_with_a_glob(glob: str, says: str) -> None:
    assert fault(glob) == says


@given(globs, st.text(st.sampled_from("abz-[]/"), max_size=5))
def test_what_is_right_is_taken_by_every_python(glob: str, name: str) -> None:
    if not fault(glob):
        fnmatchcase(name, glob)


@given(globs)
def test_what_older_pythons_raise_for_is_wrong(glob: str) -> None:
    if sys.version_info >= (3, 10, 5):
        return
    try:
        fnmatchcase("", glob)
    except re.error:
        assert fault(glob)


@pytest.mark.parametrize(
    ("glob", "may"),
    [
        ("*", True),
        ("deployment/*", True),
        ("deployment/api", True),
        ("d*/api", True),
        ("*api", True),
        ("dep*", True),
        ("????????????", True),
        ("???????????", False),
        ("deployment/", False),
        ("deployment/?", True),
        ("deployment/[a-c]*", True),
        ("deployment/[!a-z]", True),
        ("[cd]eployment/*", True),
        ("[ce]eployment/*", False),
        ("deployment/[[]", False),
        ("deployment/ ", False),
        ("deployment/a/b", False),
        ("[x/", False),
        ("deploymnt/new", False),
        ("namespace", False),
        ("", False),
    ],
)
def test_whether_a_glob_could_mean_an_object_of_a_kind(glob: str, may: bool) -> None:
    assert may_begin(glob, "deployment/") is may


@given(globs, st.sampled_from(["a/", "ab/", "b-/"]), st.text(st.sampled_from("abz-"), min_size=1))
def test_a_glob_that_means_one_could(glob: str, prefix: str, name: str) -> None:
    if not fault(glob) and fnmatchcase(prefix + name, glob):
        assert may_begin(glob, prefix)


short = st.text(st.sampled_from("ab-]![*?/"), min_size=1, max_size=5)


@given(short)
def test_a_glob_that_could_means_one(glob: str) -> None:
    """Whatever five characters can mean is among the names of four."""
    if not fault(glob) and may_begin(glob, "a/"):
        some = "ab-.9Z"
        assert set(some) <= set(NAME_CHARACTERS)
        names = (name for size in range(1, 5) for name in product(some, repeat=size))
        assert any(fnmatchcase(f"a/{''.join(name)}", glob) for name in names)
