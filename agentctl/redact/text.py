"""One text: whether it may hold a secret at all, and if so, without it."""

from __future__ import annotations

from agentctl.redact.known_secrets import replace_secrets
from agentctl.redact.printable import LIMIT, WINDOW, printable, shorten, without_edge

_PASSES = 4
"""A replacement may uncover the next; two passes are the rule, the last only confirms."""


_KEY_HINTS = ("pass", "pwd", "secret", "token", "key", "cred", "authoriz")
_HINTS = {
    "": ("bearer", "basic", "eyj", "akia", "asia", "abia", "acca", "aiza"),
    "=": (*_KEY_HINTS, "sig"),
    ":": (*_KEY_HINTS, "signature"),
    "@": ("://", "@tcp(", "@unix("),
    "--": (*_KEY_HINTS, "-----"),
    "-": ("gl", "xox", "xapp-", "sk-", "pypi-", "gocspx-", "age-secret"),
    "_": ("gh", "github_pat_", "k_live_", "k_test_", "whsec_", "npm_", "hf_", "dckr_pat_"),
    ".": ("hooks.slack", "ya29.", "hv", "sg."),
}
"""By a character that they need: a text in which none is found (in lower case) holds
nothing that any pattern finds."""


def redact(text: str, limit: int = LIMIT) -> str:
    """One line without secrets and control characters, of at most ``limit`` characters.

    The result always encodes to UTF-8; redacting it again changes nothing.
    """
    if len(text) <= limit and text.isprintable() and not _is_suspect(text):
        return text
    cut = len(text) > WINDOW
    if cut:
        text = without_edge(text[:WINDOW])
    text = replace_secrets(printable(text)).replace("\n", " ")
    for _ in range(_PASSES):
        if cut or len(text) > limit:
            text = shorten(text, limit)
            cut = False
        again = replace_secrets(text)
        if again == text:
            break
        text = again
    return text if len(text) <= limit else shorten(text, limit)


def _is_suspect(text: str) -> bool:
    lowered = text.lower()
    for needed, hints in _HINTS.items():
        if needed in text:
            for hint in hints:
                if hint in lowered:
                    return True
    return False
