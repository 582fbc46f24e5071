"""How a text may be read: disguised letters as what they look like, escapes as what they mean.

Each reading knows where in the text its characters come from, so that what is found in
it is replaced in the text itself and the rest stays as it was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Optional

from agentctl.redact.patterns import pattern
from agentctl.redact.spans import Span

_DEPTH = 3
"""How many escapes deep: JSON within JSON within a query."""

_LOOKALIKES = str.maketrans(
    "\u0430\u0441\u0435\u04bb\u0456\u0458\u043e\u0440\u0455\u0443\u0445\u051d"
    "\u0410\u0412\u0421\u0415\u041d\u0406\u0408\u041a\u041c\u041e\u0420\u0405\u0422\u0423\u0425"
    "\u03bf\u03b1\u03c1\u0391\u0392\u0395\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a7",
    "acehijopsyxwABCEHIJKMOPSTYXoapABEHIKMNOPTX",
)
_ENTITIES = {"quot": '"', "apos": "'", "amp": "&", "lt": "<", "gt": ">", "nbsp": " "}
_CONTROLS = {"n": "\n", "r": "\n", "t": " "}


class TextReading:
    """A text as it may be read; ``origins`` is None where it is read as it stands."""

    def __init__(self, text: str, origins: Optional[list[int]] = None) -> None:
        self.text = text
        self._origins = origins

    def span(self, begin: int, end: int) -> Span:
        """Where a part of the reading stands in the text that is read."""
        if self._origins is None:
            return begin, end
        return self._origins[begin], self._origins[end]

    def origin(self, at: int) -> int:
        return at if self._origins is None else self._origins[at]


def readings(text: str) -> Iterator[TextReading]:
    """As it stands, and where there are escapes without them, in linear time."""
    reading = plain = _undisguised(text) if _is_disguised(text) else TextReading(text)
    yield plain
    if not _may_be_escaped(text):
        return
    for depth in range(_DEPTH):
        unescaped = _unescaped(reading, quotes=True)
        if unescaped is None:
            return
        if depth == 0:
            # An escaped quote may close a value, and may be a letter of it.
            neutral = _unescaped(reading, quotes=False)
            if neutral is not None:
                yield neutral
        yield unescaped
        reading = unescaped


def looks_like(text: str) -> str:
    """The text without disguise, for those who need not know what stands where."""
    return text.translate(_LETTERS) if _is_disguised(text) else text


def _is_disguised(text: str) -> bool:
    return not text.isascii() and any(_letters(char) != char for char in set(text))


class _Letters(dict[int, str]):
    """For ``str.translate``: each character is looked up once."""

    def __missing__(self, code: int) -> str:
        return _letters(chr(code))


_LETTERS = _Letters()


def _may_be_escaped(text: str) -> bool:
    return "%" in text or "\\" in text or ("&" in text and ";" in text)


def _undisguised(text: str) -> TextReading:
    letters: list[str] = []
    origins: list[int] = []
    for at, char in enumerate(text):
        for letter in _letters(char):
            letters.append(letter)
            origins.append(at)
    return TextReading("".join(letters), [*origins, len(text)])


@lru_cache(maxsize=4096)
def _letters(char: str) -> str:
    """What a reader takes it for: wide and curled letters plain, what is unseen nothing."""
    if char < "\x80":
        return char
    import unicodedata

    if unicodedata.category(char) in {"Cf", "Mn", "Me"}:
        return ""
    plain = unicodedata.normalize("NFKC", char).translate(_LOOKALIKES)
    return plain if plain.isascii() and (len(plain) == 1 or plain.isalnum()) else char


def _unescaped(reading: TextReading, *, quotes: bool) -> Optional[TextReading]:
    text = reading.text
    letters: list[str] = []
    origins: list[int] = []
    at = 0
    for found in pattern("escape").finditer(text):
        begin = found.start()
        letters.append(text[at:begin])
        origins += map(reading.origin, range(at, begin))
        letter = _meaning(found.group())
        if not quotes and letter in "\"'`":
            letter = "x"
        letters.append(letter)
        origins += [reading.origin(begin)] * len(letter)
        at = found.end()
    if at == 0:
        return None
    letters.append(text[at:])
    origins += map(reading.origin, range(at, len(text) + 1))
    return TextReading("".join(letters), origins)


def _meaning(escape: str) -> str:
    if escape[0] == "%":
        return _char(int(escape[1:], 16))
    if escape[0] == "\\":
        name = escape.lstrip("\\")
        return _CONTROLS[name] if name in _CONTROLS else _char(int(name[1:], 16))
    name = escape[1:-1].lower()
    if name in _ENTITIES:
        return _ENTITIES[name]
    return _char(int(name[2:], 16) if name[1] == "x" else int(name[1:]))


def _char(code: int) -> str:
    """One character: bytes of longer encodings are letters of some kind to the patterns."""
    if code in {9, 10, 13}:
        return " " if code == 9 else "\n"
    if 0x20 <= code < 0x7F:
        return chr(code)
    if code < 0x20 or 0xD800 <= code < 0xE000 or code > 0x10FFFF:
        return "\ufffd"
    return looks_like(chr(code)) or ""
