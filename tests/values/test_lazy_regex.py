"""Regular expressions that are compiled at their first use."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import agentctl
from agentctl.lazy_regex import LazyPattern, regex


def test_has_what_a_compiled_pattern_has() -> None:
    words = regex(r"(\w)(\w*)", re.ASCII)
    text = "some words"
    assert [found[2] for found in words.finditer(text)] == ["ome", "ords"]
    assert words.sub(r"\2\1", text) == "omes ordsw"
    assert words.fullmatch(text) is None
    assert words.match(text) is not None
    assert (words.pattern, words.flags, words.groups) == (r"(\w)(\w*)", re.ASCII, 2)


def test_of_bytes() -> None:
    assert regex(rb"\d+").findall(b"1 and 23") == [b"1", b"23"]


def test_what_is_wrong_is_told_at_the_first_use() -> None:
    wrong = regex("(")
    with pytest.raises(re.error):
        wrong.match("")


def test_there_is_no_more_than_a_pattern_has() -> None:
    with pytest.raises(AttributeError):
        regex("a").nothing  # type: ignore[attr-defined]  # noqa: B018


ROOT = Path(agentctl.__file__).parent
USERS = [path for path in ROOT.rglob("*.py") if " = regex(" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", USERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_all_that_are_here_can_be_compiled(path: Path) -> None:
    name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
    found = vars(importlib.import_module(name)).values()
    patterns = [one for one in found if isinstance(one, LazyPattern)]
    assert patterns
    for pattern in patterns:
        assert re.compile(pattern._source, pattern._flags)
