"""The console script.

Imports next to nothing before ctrl-C has its plain meaning: a traceback out of the
first tenth of a second, while the rest is being imported, would help nobody.
"""

from __future__ import annotations

import signal


def entry() -> None:
    """Run the program and exit with its code."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from agentctl.cli.main import program

    program()
