"""HTML as text: what is shown of it, and how often a hostile page is looked through."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.net import html
from agentctl.net.failures import visible_text
from agentctl.net.html import MAX_TAG, without_tags
from agentctl.redact.spans import Finds

PLAIN = re.compile(
    r"<(script|style|head)\b[^>]{0,500}>.*?</\1\s{0,100}>|<[^>]{0,500}>", re.DOTALL | re.IGNORECASE
)
"""What is not shown, as a pattern: simple, and quadratic."""


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("a<b>c</b>d", "a c d"),
        ("<SCRIPT src=x>if (a < b) {}</Script  >after", " after"),
        ("<head><title>t</title></head><p>x", "  x"),
        ("<header>x</header>", " x "),
        ("<script>never closed", " never closed"),
        ("<style>a</script></style>b", " b"),
        ("1 < 2", "1 < 2"),
        ("<" + "x" * MAX_TAG + ">a", " a"),
        ("<" + "x" * (MAX_TAG + 1) + ">a<b>", "<" + "x" * (MAX_TAG + 1) + ">a "),
        ("", ""),
    ],
)
def test_what_is_shown(page: str, shown: str) -> None:
    assert without_tags(page) == shown


PIECES = ["<", ">", "</", "script", "STYLE", "head", "<head>", "</head>", " ", "a", "_", "İ"]


@given(st.lists(st.sampled_from([*PIECES, "</script", "<script>", "</style >"])).map("".join))
def test_it_is_what_a_pattern_would_take_out(page: str) -> None:
    assert without_tags(page) == PLAIN.sub(" ", page)


HOSTILE = ["<script>", "<script>\n</script", "</script", "<", "<head></head", "<style></ style>"]


class Counted(str):
    """A text that counts how many of its characters are looked at."""

    looked = 0

    def find(self, what: Any, begin: Any = 0, end: Any = None) -> int:
        found = super().find(what, begin)
        Counted.looked += (found if found >= 0 else len(self)) - begin + 1
        return found


@pytest.mark.parametrize("atom", [*HOSTILE, "<script>" + "x" * 600, "<a", "<x></head  "])
def test_a_hostile_page_is_looked_through_a_fixed_number_of_times(
    atom: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted(text: str) -> Finds:
        return Finds(Counted(text))

    monkeypatch.setattr(html, "Finds", counted)
    for size in (2_000, 20_000):
        Counted.looked = 0
        page = (atom * (size // len(atom) + 1))[:size]
        visible_text(page.encode())
        assert 0 < Counted.looked < 8 * size
