"""Redaction: secrets out of text, and out of it everything that could drive a terminal.

A message from a peer may quote whatever it was given: a connection string, a header, a
key. ``redact`` replaces each secret whole by ``[redacted]`` and leaves what an operator
needs: image digests, uids, names of pods and of Secrets, prose about tokens.

Every step is linear in the text: patterns begin only where a word begins and hold no
quantifier within another over the same characters; what needs to look far ahead (PEM
blocks, quoted values, URLs) is done by hand.
"""

from __future__ import annotations

from agentctl.redact.printable import ELLIPSIS, LIMIT, MARK, WINDOW
from agentctl.redact.text import MAX_DEPTH, MAX_NODES, redact, redact_value

__all__ = [
    "ELLIPSIS",
    "LIMIT",
    "MARK",
    "MAX_DEPTH",
    "MAX_NODES",
    "WINDOW",
    "redact",
    "redact_value",
]
