"""The console scripts.

Import next to nothing before ctrl-C has its plain meaning: a traceback out of the
first tenth of a second, while the rest is being imported, would help nobody. ``--version``,
which scripts ask for, needs nothing imported at all.
"""

from __future__ import annotations

import os
import sys

from agentctl import __version__


def entry() -> None:
    """``agentctl``: run the program and exit with its code."""
    _run("agentctl")


def kubectl_entry() -> None:
    """``kubectl-agentctl``, which kubectl runs for ``kubectl agentctl``."""
    _run("kubectl agentctl")


def _run(name: str) -> None:
    if sys.argv[1:] == ["--version"] and _version_told():
        return
    _let_interrupt_end_it()
    from agentctl.cli.main import program

    program(name)


def kubectl_complete_entry() -> None:
    """``kubectl_complete-agentctl``, which kubectl asks for completions of the same."""
    _let_interrupt_end_it()
    from agentctl.cli.completion.endpoint import COMPLETE
    from agentctl.cli.main import program

    program("kubectl agentctl", [COMPLETE])


def _version_told() -> bool:
    """Whether the version is out; if not, the whole program says what is wrong with stdout."""
    line = f"agentctl {__version__}\n".encode()
    try:
        return os.write(1, line) == len(line)
    except OSError:
        return False


def _let_interrupt_end_it() -> None:
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
