"""Bash completion's line: words, quotes and what readline takes for the last word.

Bash hands over words with their quotes, cut at ``COMP_WORDBREAKS`` (``:`` and ``=`` are
among these), and puts what it gets back in place of the last piece only. See "Programmable
Completion" and COMP_WORDBREAKS in bash(1), and rl_completer_quote_characters in readline(3).
"""

from __future__ import annotations

from agentctl.cli.completion.candidates import Completion
from agentctl.lazy_namedtuple import NamedTuple

REDIRECTIONS = "<>"
PLAIN = frozenset("%+,-./:=@_")
"""Needs no quotes, besides letters and digits."""


class BashLine(NamedTuple):
    """A line up to the cursor."""

    words: tuple[str, ...]
    """Without quotes; the last is the one to complete, and may be empty."""
    kept: int
    """So much of the last word is before what readline replaces."""
    quote: str
    """The quote that is open at the end; empty for none."""
    is_redirection: bool
    """The last word is the file of a ``<`` or ``>``."""


def parse(text: str, breaks: str) -> BashLine:
    """Split a line; ``breaks`` is ``COMP_WORDBREAKS``."""
    words: list[str] = []
    word: list[str] = []
    begun, quote, escaped = False, "", False
    kept = 0
    is_redirection = False
    for character in text:
        if escaped or (quote and character != quote and (quote == "'" or character != "\\")):
            word.append(character)
            escaped = False
        elif character == "\\":
            escaped = begun = True
        elif character in ("'", '"'):
            quote = "" if quote else character
            begun, kept = True, len(word)
        elif character.isspace() or character in REDIRECTIONS:
            if begun and not (character in REDIRECTIONS and "".join(word).isdigit()):
                if not is_redirection:
                    words.append("".join(word))
                is_redirection = False
            is_redirection = is_redirection or character in REDIRECTIONS
            word, begun, kept = [], False, 0
        else:
            word.append(character)
            begun = True
            if character in breaks:
                kept = len(word)
    return BashLine((*words, "".join(word)), kept, quote, is_redirection)


def answer_of(line: BashLine, completion: Completion) -> list[str]:
    """The candidates as bash can put them in place, and the directive."""
    words = [one.word[line.kept :] for one in completion.candidates]
    quoted = [
        quote(word, line.quote) for word in words if line.quote not in ("'",) or "'" not in word
    ]
    return [*quoted, completion.lines()[-1]]


def quote(word: str, within: str) -> str:
    """A word as it has to be typed within that quote, or within none."""
    if within == "'":
        return word
    if within:
        return "".join(f"\\{one}" if one in '"$`\\' else one for one in word)
    return "".join(one if one.isalnum() or one in PLAIN else f"\\{one}" for one in word)
