"""Completion candidates: what may come next on a command line, by the parser itself.

The answer is in the form of Cobra's hidden ``__complete`` command, which kubectl asks its
plugins for as well: a line for each candidate, with a tab before its description, and a
last line ``:N`` with the directive. A word that a new command or flag takes is completed
by what argparse knows of it; see ``agentctl.cli.completion.lookups`` for what is looked up.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from enum import IntFlag
from typing import Optional

from agentctl.cli.config.parser import boolean
from agentctl.lazy_namedtuple import NamedTuple

HELP_WIDTH = 90
"""A description is cut there: a terminal shows it beside its word."""

FILES = ("FILE", "OUT", "PATH")
"""Metavars of values that are files."""


class Directive(IntFlag):
    """What the shell does with the candidates (Cobra's numbers, those that are used)."""

    FILES = 0
    """Complete the names of files, if there are no candidates."""
    ERROR = 1
    NO_FILES = 4


class Candidate(NamedTuple):
    """One word that could stand there."""

    word: str
    help: str = ""

    def line(self) -> str:
        about = " ".join(self.help.split())
        if len(about) > HELP_WIDTH:
            about = f"{about[: HELP_WIDTH - 3].rstrip()}..."
        return f"{self.word}\t{about}" if about else self.word


class Completion(NamedTuple):
    """All that could stand there."""

    candidates: tuple[Candidate, ...] = ()
    directive: Directive = Directive.NO_FILES

    def lines(self) -> list[str]:
        return [*(one.line() for one in self.candidates), f":{int(self.directive)}"]


Typed = Mapping[str, Sequence[str]]
"""What was typed before, by argparse's name of the flag or argument."""

LookUp = Callable[[Typed], Completion]
"""Finds the values of one flag or argument: all of them, whatever has been typed of it."""


class Words:
    """A place in a command line, moved on by each word before the one to complete."""

    def __init__(self, parser: argparse.ArgumentParser, look_ups: Mapping[str, LookUp]) -> None:
        self._look_ups = look_ups
        self._typed: dict[str, list[str]] = {}
        self._only_arguments = False
        self._waiting: Optional[argparse.Action] = None
        self._path: list[str] = []
        self._enter(parser)

    def _enter(self, parser: argparse.ArgumentParser) -> None:
        self._parser = parser
        self._flags = {flag: one for one in parser._actions for flag in one.option_strings}
        self._arguments = [one for one in parser._actions if not one.option_strings]

    def take(self, word: str) -> None:
        """Go past a word."""
        if self._waiting is not None:
            self._note(self._waiting, word)
            self._waiting = None
        elif self._only_arguments or word == "-" or not word.startswith("-"):
            self._take_argument(word)
        elif word == "--":
            self._only_arguments = True
        else:
            flag, value = self._split(word)
            action = self._flags.get(flag)
            if action is None:
                return
            if value is not None:
                self._note(action, value)
            elif _takes_next(action):
                self._waiting = action
            else:
                self._note(action, "")

    def _take_argument(self, word: str) -> None:
        action = self._argument()
        if action is None:
            return
        if isinstance(action, argparse._SubParsersAction):
            if word in action.choices:
                self._path.append(word)
                self._enter(action.choices[word])
            return
        self._note(action, word)
        if action.nargs not in ("*", "+"):
            self._arguments.pop(0)

    def _argument(self) -> Optional[argparse.Action]:
        return self._arguments[0] if self._arguments else None

    def _note(self, action: argparse.Action, value: str) -> None:
        self._typed.setdefault(action.dest, []).append(value)

    def _split(self, word: str) -> tuple[str, Optional[str]]:
        """A flag and the value that is in the same word: ``--flag=value``, ``-fvalue``."""
        flag, equals, value = word.partition("=")
        if equals and word.startswith("--"):
            return flag, value
        short = self._flags.get(word[:2])
        if len(word) > 2 and short is not None and not word.startswith("--"):
            return word[:2], word[2:]
        return word, None

    def offer(self, word: str) -> Completion:
        """What the word could become."""
        if self._waiting is not None:
            return self._values(self._waiting, word)
        if word.startswith("-") and not self._only_arguments:
            flag, value = self._split(word)
            action = self._flags.get(flag)
            if value is not None:
                prefix = word[: len(word) - len(value)]
                return self._values(action, value, prefix) if action else Completion()
            return self._offered_flags(word)
        action = self._argument()
        if action is None:
            return Completion() if self._only_arguments or word else self._offered_flags("")
        if isinstance(action, argparse._SubParsersAction):
            return _matching(_commands(action), word)
        return self._values(action, word)

    def _offered_flags(self, word: str) -> Completion:
        """Those that may come (again). Short ones only where one was begun: ``-``."""
        found = []
        for action in self._parser._actions:
            again = isinstance(action, argparse._AppendAction) or action.dest not in self._typed
            if action.help is argparse.SUPPRESS or not again:
                continue
            for flag in action.option_strings:
                if flag.startswith("--") or word == "-":
                    found.append(Candidate(flag, action.help or ""))
        return _matching(Completion(tuple(found)), word)

    def _values(self, action: argparse.Action, word: str, prefix: str = "") -> Completion:
        return _matching(self._all_values(action), word, prefix)

    def _all_values(self, action: argparse.Action) -> Completion:
        names = action.option_strings or [" ".join([*self._path, action.dest])]
        for name in names:
            if name in self._look_ups:
                return self._look_ups[name](self._typed)
        if action.metavar in FILES:
            return Completion(directive=Directive.FILES)
        choices = [
            str(one) for one in action.choices or getattr(action.type, "choices", None) or ()
        ]
        if action.type is boolean:
            choices = ["true", "false"]
        about = (action.help or "") if len(choices) == 1 else ""
        return Completion(tuple(Candidate(choice, about) for choice in choices))


def _takes_next(action: argparse.Action) -> bool:
    """Whether the word after the flag is its value.

    An optional one has to come with ``=``: ``--retry watch`` is no value.
    """
    return action.nargs not in (0, "?")


def _commands(action: argparse._SubParsersAction[argparse.ArgumentParser]) -> Completion:
    return Completion(tuple(Candidate(one.dest, one.help or "") for one in action._choices_actions))


def _matching(found: Completion, word: str, prefix: str = "") -> Completion:
    """Those that begin with ``word``; with what stands before it in the same word."""
    return found._replace(
        candidates=tuple(
            one._replace(word=prefix + one.word)
            for one in found.candidates
            # A name with a line break or an escape in it would be no word, or worse.
            if one.word.startswith(word) and one.word.isprintable()
        )
    )


def complete(
    parser: argparse.ArgumentParser, words: Sequence[str], look_ups: Mapping[str, LookUp]
) -> Completion:
    """What the last word could become; an empty one is any next word.

    ``look_ups`` are by flag (``--context``), or by command and argument (``config set value``).
    """
    place = Words(parser, look_ups)
    for word in words[:-1]:
        place.take(word)
    return place.offer(words[-1] if words else "")
