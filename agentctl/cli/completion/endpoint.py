"""Hidden commands that shells call to complete a word: never an error, never a wait."""

from __future__ import annotations

from collections.abc import Sequence

from agentctl.cli.commands import commands
from agentctl.cli.completion.candidates import Completion, Directive, complete
from agentctl.cli.config.word_order import command_first
from agentctl.cli.host.process import Process
from agentctl.errors import ExitCode

COMPLETE = "__complete"
"""``__complete WORD...``: what the last word could become, in Cobra's form."""

COMPLETE_BASH = "__complete_bash"
"""``__complete_bash LINE BREAKS``: the same for a line as it was typed, quotes and all."""

HIDDEN = (COMPLETE, COMPLETE_BASH)


def answer(argv: Sequence[str], process: Process) -> int:
    """Run the hidden command ``argv[0]``."""
    try:
        lines = _lines(argv, process)
    except Exception:  # nobody wants a traceback in the middle of a word
        lines = Completion(directive=Directive.ERROR).lines()
    process.stdout.write("".join(f"{line}\n" for line in lines))
    return ExitCode.OK


def _lines(argv: Sequence[str], process: Process) -> list[str]:
    if argv[0] == COMPLETE:
        return completion_of(argv[1:], process).lines()
    from agentctl.cli.completion.bash_line import answer_of, parse

    line = parse(argv[1], argv[2])
    if line.is_redirection:
        return Completion(directive=Directive.FILES).lines()
    return answer_of(line, completion_of(line.words[1:], process))


def completion_of(words: Sequence[str], process: Process) -> Completion:
    """What the last of the words after the program's name could become."""
    from agentctl.cli.command_line import build_parser
    from agentctl.cli.completion.lookups import LookUps

    known = commands()
    names = [command.NAME for command in known]
    if len(words) > 2 and words[0] == "help":
        return Completion()
    if len(words) > 1 and words[0].startswith("-"):
        words = [*command_first(words[:-1], build_parser(known, process)), words[-1]]
    wanted = words[0] if len(words) > 1 and words[0] in names else "-"  # no flags of any
    parser = build_parser(known, process, wanted)
    if len(words) == 2 and words[0] == "help":
        return complete(parser, words[1:], {})
    return complete(parser, words, LookUps(process).table())
