"""Error lines and the log, both on stderr and both redacted."""

from __future__ import annotations

from agentctl.cli.host.process import Process
from agentctl.engine.policy import Outcome


def complain(process: Process, message: str) -> None:
    """One line on stderr, redacted; none with ``--quiet``."""
    if not process.quiet:
        _write(process, message)


def tell_end(process: Process, outcome: Outcome) -> int:
    """Say how a run ended, if there is something to say; returns the exit code.

    With ``--quiet`` the code is enough where all went well.
    """
    if outcome.message and (outcome.exit_code or not process.quiet):
        _write(process, outcome.message)
    return int(outcome.exit_code)


def _write(process: Process, message: str) -> None:
    from agentctl.redact import redact

    process.stderr.write(f"agentctl: {redact(message)}\n")
    process.stderr.flush()


def debug_to(process: Process) -> None:
    """Send the debug log to stderr."""
    import logging

    log_to(process, logging.DEBUG, "%(asctime)s %(name)s: %(message)s")


def log_to(process: Process, level: int, form: str) -> None:
    """Send the log to stderr. A record is redacted whole before it is written."""
    import logging

    from agentctl.redact import redact

    class Redacting(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return redact(super().format(record), limit=4096)

    class Lines:
        """Without ``flush``: nobody waits until a line of the log is out."""

        write = staticmethod(process.stderr.write)

    handler = logging.StreamHandler(Lines)
    handler.setFormatter(Redacting(form))
    logger = logging.getLogger("agentctl")
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False
