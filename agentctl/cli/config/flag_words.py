"""Flag words: a command line put as argparse takes it, by the rules of kubectl's parser.

argparse takes the next word for a value by its looks: ``--heartbeat -1s`` has none for it, and
``-n -o json`` loses one. Here the flags are known, and each says what it takes.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable, Sequence
from typing import NoReturn, Optional

from agentctl.lazy_namedtuple import NamedTuple

MAY_BE_EMPTY = ("--since",)
"""The cursor of a script that has none yet."""


class Word(NamedTuple):
    """One word that is a flag."""

    name: str
    value: Optional[str] = None
    """What stands in the same word; None for nothing."""
    rest: str = ""
    """More short flags of that word, as a word."""


class FlagWords:
    """Reads the words of one command; ``fail`` and ``unknown`` (of a flag's name) raise."""

    def __init__(
        self,
        actions: Sequence[argparse.Action],
        fail: Callable[[str], NoReturn],
        unknown: Callable[[str], NoReturn],
    ) -> None:
        self._flags = {name: action for action in actions for name in action.option_strings}
        self._fail = fail
        self._unknown = unknown

    def ready(self, words: Sequence[str]) -> list[str]:
        """The flags, each with its value in one word, and after them all arguments.

        A flag that is given twice stays so: the last one counts. One with an empty value
        takes back what was said before it; nothing said is a mistake, as an empty variable is.
        """
        rest = deque(words)
        flags: list[tuple[argparse.Action, str]] = []
        arguments: list[str] = []
        while rest:
            text = rest.popleft()
            if text == "--":
                arguments += rest
                break
            if text == "-" or not text.startswith("-"):
                arguments.append(text)
                continue
            word = self._split(text)
            if word.rest:
                rest.appendleft(word.rest)
            action = self._flags[word.name]
            taken = self._taken(word, action, rest)
            if taken:
                flags.append((action, taken))
                continue
            others = [one for one in flags if one[0] is not action]
            if action.nargs is None and others == flags:
                self._fail(f"{word.name} has an empty value: give {_what(action)}, or leave it out")
            flags = others
        found = [text for _, text in flags]
        if any(text.startswith("-") and text != "-" for text in arguments):
            found.append("--")
        return found + arguments

    def _split(self, text: str) -> Word:
        name, equals, value = text.partition("=")
        if text.startswith("--"):
            if name not in self._flags:
                self._unknown(name)
            return Word(name, value if equals else None)
        if len(name) > 2 and f"-{name}" in self._flags:
            self._fail(f"unknown flag {name}; did you mean -{name}?")
        name, value = text[:2], text[2:]
        if name not in self._flags:
            self._unknown(name)
        if value.startswith("="):
            return Word(name, value[1:])
        if value and self._flags[name].nargs == 0:
            return Word(name, rest=f"-{value}")
        return Word(name, value or None)

    def _taken(self, word: Word, action: argparse.Action, rest: deque[str]) -> str:
        """The word for argparse; empty for a flag that is empty or false."""
        name, value = word.name, word.value
        if action.nargs == 0:
            return self._switched(word, action)
        if action.nargs == "?":
            if value is None and rest and _follows(action, rest[0]):
                value = rest.popleft()
            return f"{name}={str(action.const).lower() if value is None else value}"
        if value is None:
            value = self._next(name, action, rest)
        told = value or action.type is not None  # a type says better what it expects
        return f"{name}={value}" if told or name in MAY_BE_EMPTY else ""

    def _switched(self, word: Word, action: argparse.Action) -> str:
        """``--flag=true`` and ``--flag=false``, which kubectl takes of every switch."""
        if word.value is None:
            return word.name
        if action.const is not True:
            self._fail(f"{word.name} takes no value, got {word.value!r}")
        if word.value not in ("true", "false"):
            self._fail(f"{word.name}: expected true or false, got {word.value!r}")
        return word.name if word.value == "true" else ""

    def _next(self, name: str, action: argparse.Action, rest: deque[str]) -> str:
        """The word after a flag that needs a value, whatever it looks like."""
        missing = f"{name} needs a value, {_what(action)}"
        if not rest or rest[0] == "--":
            self._fail(missing)
        value = rest.popleft()
        if value.startswith("--") or value[:2] in self._flags:
            self._fail(f"{missing}: {value} is a flag")
        return value


def _follows(action: argparse.Action, text: str) -> bool:
    """Whether a word is the value of a flag that need not have one; ``watch`` is none."""
    return text in _what(action).split("|") or (action.metavar == "N" and text.isdecimal())


def _what(action: argparse.Action) -> str:
    return str(action.metavar or action.dest.upper())
