"""The console scripts.

Import next to nothing before ctrl-C has its plain meaning: a traceback out of the
first tenth of a second, while the rest is being imported, would help nobody.
"""

from __future__ import annotations

import signal


def entry() -> None:
    """``agentctl``: run the program and exit with its code."""
    _let_interrupt_end_it()
    from agentctl.cli.main import program

    program()


def kubectl_entry() -> None:
    """``kubectl-agentctl``, which kubectl runs for ``kubectl agentctl``."""
    _let_interrupt_end_it()
    from agentctl.cli.main import program

    program("kubectl agentctl")


def kubectl_complete_entry() -> None:
    """``kubectl_complete-agentctl``, which kubectl asks for completions of the same."""
    _let_interrupt_end_it()
    from agentctl.cli.completion.endpoint import COMPLETE
    from agentctl.cli.main import program

    program("kubectl agentctl", [COMPLETE])


def _let_interrupt_end_it() -> None:
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
