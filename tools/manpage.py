"""Writes the man page from the parser: python -m tools.manpage, which tools/readme.py runs too.

Plain man(7) macros, which groff and mandoc both know; nothing here depends on how a version
of Python lays out its help.
"""

from __future__ import annotations

import argparse
import datetime
import io
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from agentctl import __version__
from agentctl.cli.command_line import DESCRIPTION, build_parser
from agentctl.cli.commands import commands
from agentctl.cli.config.table import BY_KEY, OTHER_VARIABLES, SETTINGS
from agentctl.cli.host.process import FdOutput, Process
from tools.readme import MEANINGS

PAGE = Path(__file__).parent.parent / "agentctl" / "cli" / "share" / "agentctl.1"
DATED = re.compile(r'^(\.TH \S+ \S+ )"[^"]*"', re.MULTILINE)

FILES = (
    ("$XDG_CONFIG_HOME/agentctl/config.json", f"settings, as JSON; keys {', '.join(BY_KEY)}"),
    ("~/.kube/config", "the kubeconfig, where neither --kubeconfig nor KUBECONFIG names another"),
)


def escaped(text: str) -> str:
    """Text as roff takes it: no minus turned into a hyphen, no line taken for a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return re.sub(r"^(?=\.)", r"\\&", text, flags=re.MULTILINE)


def generate(date: str) -> str:
    """The whole page."""
    parser = build_parser(commands(), Process({}, FdOutput(1), io.StringIO()))
    return "".join(f"{line}\n" for line in _page(parser, date))


def current(before: str) -> str:
    """The page as it should be; its date is the old one if nothing else has changed."""
    found = DATED.search(before)
    date = found[0].split('"')[1] if found else ""
    same = generate(date)
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    return same if same == before else generate(today)


def _page(parser: argparse.ArgumentParser, date: str) -> Iterator[str]:
    yield '.\\" Written by tools/manpage.py from the parser; changes here are lost.'
    yield f'.TH AGENTCTL 1 "{date}" "agentctl {__version__}" "User Commands"'
    yield ".SH NAME"
    yield "agentctl \\- live health of a control plane on Kubernetes"
    yield ".SH SYNOPSIS"
    yield ".B agentctl"
    yield ".I COMMAND"
    yield ".RI [ FLAG ]..."
    yield ".PP"
    yield ".B kubectl agentctl"
    yield ".I COMMAND"
    yield ".RI [ FLAG ]..."
    yield ".SH DESCRIPTION"
    yield from _prose(DESCRIPTION)
    yield ".SH COMMANDS"
    yield from _commands(parser, "agentctl")
    yield ".SH EXIT STATUS"
    for code in sorted(MEANINGS):
        yield from _item(f"\\fB{int(code)}\\fR", MEANINGS[code].replace("`", ""))
    yield ".SH ENVIRONMENT"
    yield from _prose("A flag comes before the environment, and that before the config file.")
    own = {name: f"{one.help} ({one.flags[0]})" for one in SETTINGS for name in one.variables}
    for name, about in {**own, **OTHER_VARIABLES}.items():
        yield from _item(f"\\fB{escaped(name)}\\fR", about)
    yield ".SH FILES"
    for name, about in FILES:
        yield from _item(f"\\fI{escaped(name)}\\fR", about)
    yield ".SH SEE ALSO"
    yield ".BR kubectl (1)"


def _commands(parser: argparse.ArgumentParser, path: str) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                yield from _command(sub, f"{path} {name}")


def _command(parser: argparse.ArgumentParser, path: str) -> Iterator[str]:
    yield f".SS {escaped(path)}"
    yield f"\\fB{escaped(path)}\\fR{''.join(f' {part}' for part in _usage(parser))}"
    yield ".PP"
    yield from _prose(parser.description or "")
    for group in parser._action_groups:
        shown = [one for one in group._group_actions if _is_shown(one)]
        if shown and group not in (parser._optionals, parser._positionals):
            yield ".PP"
            yield f"{escaped(str(group.title)[:1].upper() + str(group.title)[1:])}:"
        for action in shown:
            yield from _item(_flag(action), str(action.help or ""))
    yield from _commands(parser, path)


def _is_shown(action: argparse.Action) -> bool:
    hidden = action.help == argparse.SUPPRESS or "--help" in action.option_strings
    return not hidden and not isinstance(action, argparse._SubParsersAction)


def _usage(parser: argparse.ArgumentParser) -> Iterator[str]:
    """What comes after the command's name: its arguments, and that there are flags."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield f"\\fI{action.metavar}\\fR"
        elif not action.option_strings:
            name = f"\\fI{escaped(_metavar(action))}\\fR"
            yield f"[{name}]" if action.nargs in ("?", "*") else name
    if any(action.option_strings and _is_shown(action) for action in parser._actions):
        yield "[\\fIFLAG\\fR]..."


def _flag(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"\\fI{escaped(_metavar(action))}\\fR"
    names = ", ".join(f"\\fB{escaped(name)}\\fR" for name in action.option_strings)
    if action.nargs == 0:
        return names
    joined = "[=\\fI{}\\fR]" if action.nargs == "?" else " \\fI{}\\fR"
    return names + joined.format(escaped(_metavar(action)))


def _metavar(action: argparse.Action) -> str:
    return str(action.metavar or action.dest.upper())


def _item(term: str, about: str) -> Iterator[str]:
    yield ".TP"
    yield term
    yield from _wrapped(about) if about else ("\\&",)


def _prose(text: str) -> Iterator[str]:
    """Paragraphs; lines that are indented, or belong to a list, stay as they are."""
    paragraphs = [part.strip("\n") for part in text.split("\n\n")]
    for number, paragraph in enumerate(filter(None, paragraphs)):
        if number:
            yield ".PP"
        for is_example, run in _runs(paragraph.splitlines()):
            if is_example:
                yield from (".RS 4", ".nf", *map(escaped, _dedented(run)), ".fi", ".RE")
            else:
                yield from _wrapped(" ".join(run))


def _wrapped(text: str) -> Iterator[str]:
    """Short lines, which a diff shows better and mandoc's style asks for."""
    width = 66  # before the escapes, which make it longer
    return map(escaped, textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False))


def _runs(lines: Iterable[str]) -> Iterator[tuple[bool, list[str]]]:
    """Lines in a row that are indented, or are not."""
    run: list[str] = []
    was = False
    for line in lines:
        if run and line.startswith(" ") != was:
            yield was, run
            run = []
        was = line.startswith(" ")
        run.append(line)
    if run:
        yield was, run


def _dedented(lines: list[str]) -> list[str]:
    margin = min(len(line) - len(line.lstrip()) for line in lines)
    return [line[margin:] for line in lines]


def main() -> None:
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    after = current(before)
    if "--check" in sys.argv:
        sys.exit(
            f"{PAGE.name} is not current: run python tools/readme.py" if before != after else 0
        )
    PAGE.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
