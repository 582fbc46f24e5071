"""Flags before the command, as in ``agentctl --grpc --server X status``.

They are put after it, where argparse takes them: they are the command's own, and what takes
a value differs between commands (``--grpc`` does for ``serve`` and not for ``status``).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence


def command_first(words: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """The words with the command, and what it is made of, before all flags.

    The command is the first that knows every flag before it; where there is none, the first
    there is, which then says what is wrong with them. ``parser`` knows the flags of all.
    """
    otherwise = None
    for index, word in enumerate(words):
        if word == "--":
            break
        path, leaf = _command(words[index:], parser)
        if not path:
            continue
        flags = words[:index]
        moved = [*path, *flags, *words[index + len(path) :]]
        if _knows(leaf, flags):
            return moved
        otherwise = otherwise or moved
    return otherwise or list(words)


def _command(
    words: Sequence[str], parser: argparse.ArgumentParser
) -> tuple[list[str], argparse.ArgumentParser]:
    """The command that the words begin with, as ``config view``, and its parser."""
    path = []
    for word in words:
        subparsers = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
        found = next((one.choices[word] for one in subparsers if word in one.choices), None)
        if found is None:
            break
        path.append(word)
        parser = found
    return path, parser


def _knows(parser: argparse.ArgumentParser, flags: Sequence[str]) -> bool:
    known = {name: action for action in parser._actions for name in action.option_strings}
    words: Iterator[str] = iter(flags)
    for word in words:
        long = word.startswith("--")
        name, equals, _ = word.partition("=") if long else (word[:2], word[2:], "")
        action = known.get(name)
        if action is None:
            return False
        if action.nargs is None and not equals and next(words, None) is None:
            return False
    return True
