"""Argument parser: argparse without abbreviations, one line a mistake, with a guess."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NoReturn, Optional

from agentctl.cli.config.flag_words import FlagWords
from agentctl.duration import parse_duration
from agentctl.errors import UsageError
from agentctl.renderers import TextSink


class Parser(argparse.ArgumentParser):
    """Raises UsageError where argparse would exit, and prints to the output it is given."""

    def __init__(self, out: TextSink, **kwargs: Any) -> None:
        self._out = out
        kwargs.setdefault("allow_abbrev", False)  # a script must not break when a flag is added
        # argparse makes one for each flag, too, which nobody sees: that need not ask the
        # terminal how wide it is.
        kwargs.setdefault("formatter_class", partial(_HelpFormatter, width=80))
        super().__init__(**kwargs)
        self._common: tuple[str, ...] = ()
        self._help_all = self.add_argument("--help-all", action=_HelpAll, help=argparse.SUPPRESS)

    def set_common(self, flags: Sequence[str]) -> None:
        """Have ``--help`` show these alone, if any, in this order; ``--help-all`` shows all."""
        if not flags:
            return
        self._common = tuple(flags)
        shown = (one for one in self._actions if one.option_strings)
        count = sum(one.help != argparse.SUPPRESS for one in shown)
        self._help_all.help = f"show all {count + 1} flags and exit"

    def format_help(self) -> str:
        """What ``--help`` prints."""
        self.formatter_class = _HelpFormatter
        if not self._common:
            return self.format_help_all()
        formatter = self._get_formatter()
        arguments = [action for action in self._actions if not action.option_strings]
        formatter.add_usage(self._short_usage(arguments), [], [])
        formatter.add_text(self.description)
        by_flag = {flag: action for action in self._actions for flag in action.option_strings}
        common = [by_flag[flag] for flag in (*self._common, "--help", "--help-all")]
        for title, actions in (("arguments", arguments), ("common flags", common)):
            formatter.start_section(title)
            formatter.add_arguments(actions)
            formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()

    def format_help_all(self) -> str:
        """What ``--help-all`` prints: every flag, in groups."""
        self.formatter_class = _HelpFormatter
        return super().format_help()

    def _short_usage(self, arguments: Iterable[argparse.Action]) -> str:
        words = [self.prog]
        for action in arguments:
            name = str(action.metavar or action.dest)
            words.append(f"[{name}]" if action.nargs in ("?", "*") else name)
        return " ".join([*words, "[FLAG]..."]).replace("%", "%%")

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see '{self.prog} --help'")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, unexpected(str(value), list(action.choices)))

    def _print_message(self, message: str, file: object = None) -> None:
        if message:
            self._out.write(message)

    def parse_known_args(  # type: ignore[override]
        self, args: Optional[Sequence[str]] = None, namespace: Optional[argparse.Namespace] = None
    ) -> tuple[argparse.Namespace, list[str]]:
        words = list(args or ())
        if self._subparsers is None:
            words = FlagWords(self._actions, self.error, self._unknown).ready(words)
        known, unknown = super().parse_known_args(words, namespace)
        unknown = [word for word in unknown if word != "--"]
        if unknown and self._subparsers is not None and unknown[0].startswith("-"):
            self._unknown(unknown[0])
        if unknown:
            self.error(f"unexpected argument {unknown[0]!r}")
        return known, unknown

    def _unknown(self, flag: str) -> NoReturn:
        known = [name for action in self._actions for name in action.option_strings]
        from agentctl.cli.config.habits import instead_of

        self.error(f"unknown flag {flag}{instead_of(flag, known) or guess(flag, known)}")


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """``-n, --namespace NAME``, as Python 3.13 has it, and not each name with its value."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


class _HelpAll(argparse.Action):
    """``--help-all``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(nargs=0, **{**kwargs, "dest": argparse.SUPPRESS})

    def __call__(self, parser: argparse.ArgumentParser, *given: object) -> None:
        assert isinstance(parser, Parser)
        parser._print_message(parser.format_help_all())
        parser.exit()


def guess(word: str, known: Iterable[str]) -> str:
    """``; did you mean …?`` where there is little doubt, else nothing."""
    from agentctl.cli.config.nearest import nearest  # only who errs needs it

    meant = nearest(word, known)
    return f"; did you mean {meant}?" if meant else ""


def unexpected(word: str, choices: Sequence[str]) -> str:
    """The words of an error where one of a few was expected."""
    return f"expected {' or '.join(choices)}, got {word!r}{guess(word, choices)}"


def duration(text: str) -> float:
    """An argparse type: Go's durations, a bare number is seconds."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def positive_duration(text: str) -> float:
    """As ``duration``, but a wait of nothing would be a busy loop."""
    seconds = duration(text)
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"expected more than 0, got {text!r}")
    return seconds


def boolean(text: str) -> bool:
    """An argparse type for ``--flag[=true|false]``, and for a variable that says so."""
    word = text.strip().lower()
    if word in ("true", "t", "1", "yes", "y", "on"):
        return True
    if word in ("false", "f", "0", "no", "n", "off"):
        return False
    raise argparse.ArgumentTypeError(f"expected true or false, got {text!r}")


class OneOf:
    """An argparse type that names the choices, and the one that was meant."""

    def __init__(self, choices: Sequence[str]) -> None:
        self.choices = tuple(choices)

    def __call__(self, text: str) -> str:
        if text in self.choices:
            return text
        raise argparse.ArgumentTypeError(unexpected(text, self.choices))


def one_of(*choices: str) -> OneOf:
    """The argparse type of a value that is one of these; completion offers them too."""
    return OneOf(choices)
