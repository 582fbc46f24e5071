"""One text: whether it may hold a secret at all, and if so, without it."""

from __future__ import annotations

from agentctl.redact.known_secrets import replace_secrets
from agentctl.redact.printable import LIMIT, WINDOW, printable, shorten, without_edge
from agentctl.redact.readings import looks_like
from agentctl.redact.tokens import may_hold_a_token

_PASSES = 4
"""A replacement may uncover the next; two passes are the rule, the last only confirms."""

_KEYS = ("pass", "pwd", "secret", "token", "key", "cred", "auth", "cookie", "sess", "connect.sid")
_BEFORE_VALUES = ("=", ":", "--", ">", "',", '",', " -", "'-", '"-', "assword '", 'assword "')
_SPOKEN = (
    *("bearer", "basic", "negotiate", "ssws", "apikey", "sharedkey"),
    *("aws4-", "hmac-", "signature", "cfg", "dockerc", "identified by", " password "),
    *("-u ", "-u,", "-u=", "-u'", '-u"', "-u`", "-u\n", "-u\\", "-user"),
)
_MARKED = {
    "=": ("sig", "digest", "hawk", "oauth", "vapid", "mac "),
    "@": ("://", "@("),
    "-": ("-----",),
    "\\": ("\\u00", "\\x", "\\n", "\\r", "\\t"),
    "%": ("%2", "%3", "%4", "%5", "%6", "%7"),
    "&": ("&#", "&quot;", "&apos;", "&lt;", "&amp;"),
}
"""By a character that they need: a text in which none is found (in lower case), nor a key
and what may stand before its value, holds nothing that any pattern finds."""


def redact(text: str, limit: int = LIMIT) -> str:
    """One line without secrets and control characters, of at most ``limit`` characters.

    The result always encodes to UTF-8; redacting it again changes nothing.
    """
    if len(text) <= limit and text.isprintable() and not is_suspect(text):
        return text
    cut = len(text) > WINDOW
    if cut:
        text = without_edge(text[:WINDOW])
    shown = printable(text)
    text = replace_secrets(shown)
    if text == shown and len(text) <= limit and not cut and "\n" not in text:
        return text
    text = text.replace("\n", " ")
    for _ in range(_PASSES):
        if cut or len(text) > limit:
            text = shorten(text, limit)
            cut = False
        again = replace_secrets(text)
        if again == text:
            break
        text = again
    return text if len(text) <= limit else shorten(text, limit)


def is_suspect(text: str) -> bool:
    """Whether any pattern may find something; for every text, so without a pattern."""
    plain = looks_like(text)
    lowered = plain.lower()
    for word in _SPOKEN:
        if word in lowered:
            return True
    for key in _KEYS:
        if key in lowered:
            for mark in _BEFORE_VALUES:
                if mark in lowered:
                    return True
            break
    for needed, hints in _MARKED.items():
        if needed in lowered:
            for hint in hints:
                if hint in lowered:
                    return True
    return ("@" in lowered and _is_dialled(lowered)) or may_hold_a_token(plain)


def _is_dialled(text: str) -> bool:
    """``user:password@...``, and no image by its digest."""
    for after in text.split("@")[1:]:
        if ("(" in after or ":" in after or "/" in after) and not after.startswith("sha"):
            return True
    return False
