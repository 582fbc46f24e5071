"""Takes secrets out of text before anything else sees it.

Each form is replaced whole by ``[redacted]``; what merely speaks of secrets (names of
Secret objects, "token expired") stays. Control characters become spaces, so that no
text from a cluster can drive a terminal.

Linear in the text: the patterns are tried in one pass, every repetition in them ends at
a character it cannot contain, and none starts in the middle of a run that it could have
started at the front of.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

REDACTED = "[redacted]"
LIMIT = 1024
"""Characters of a message after redaction (an event's ``message`` in the schema)."""

WINDOW = 16 * 1024
"""Characters looked at: enough for a kilobyte of text between long secrets."""

_CUT = "…"

# What makes the full patterns worth trying. Most messages hold none of it.
_HINT = (
    r"(?i:passw|passphrase|pwd|token|secret|api.?key|credential|private.?key|access.?key"
    r"|accountkey|authorization|bearer|basic\s)"
    r"|://|sig=|-----BEGIN|eyJ|A[KS]IA|gh[pousr]_|github_pat_|gl[a-z]+-|xox|xapp-"
    r"|hooks\.slack|[sr]k[_-]|whsec_|npm_|pypi-|AIza|ya29\.|GOCSPX-"
)

_SECRET_WORD = (
    r"(?:password|passwd|passphrase|pwd|token|secret|api[_-]?key|credentials?|private[_-]?key"
    r"|access[_-]?key|account[_-]?key)"
)
# secretName, secretKeyRef, tokenExpirationSeconds: they speak of a secret and are none.
_NOT_A_SECRET = r"(?![_-]?(?:name|keyref|ref|binding|expir|ttl|type|count|version|class)|s\b)"
_QUOTED = r"""(?P<{q}>["'])(?:(?!(?P={q}))[^\\]|\\.)*(?:(?P={q})|\\?$)"""
_BARE = r"""[^\s"'`&]+"""

_PATTERNS = (
    r"(?P<pem>-----BEGIN [A-Z0-9 ]{1,64}-----.*?(?:-----END [A-Z0-9 ]{1,64}-----|$))",
    # user:password@ may hold @ and even / before the last @.
    r"""(?P<url>(?<=://)(?:[^\s/"'<>]{1,256}|[^\s/"'<>:]{0,128}:[^\s"'<>]{1,256})@)""",
    r"""(?i:authorization["']?\s{0,3}[:=]\s{0,3}["']?)(?P<auth>(?:[A-Za-z0-9-]+\s+)?[^\s"',]+)""",
    r"(?i:\bbearer\s+)(?P<bearer>(?!(?i:tokens?|auth\w*|credentials?|scheme|realm)\b)"
    r"[A-Za-z0-9._~+/=-]{4,})",
    r"(?i:\bbasic\s+)(?P<basic>(?=[a-z]*[A-Z0-9+/=])[A-Za-z0-9+/]{6,}={0,2})",
    # JSON and YAML with a quoted key; the value with its quotes.
    rf"(?i:{_SECRET_WORD}{_NOT_A_SECRET}[\w.-]{{0,40}}[\"']\s{{0,3}}:\s{{0,3}})"
    rf"(?:{_QUOTED.format(q='q1')}|(?P<json>\[redacted\]|[^\s\"',}}\]]+))",
    # key=value, and key: value where the key ends in the word itself.
    rf"(?i:{_SECRET_WORD}{_NOT_A_SECRET}[\w-]{{0,40}}\s{{0,3}}=\s{{0,3}}"
    rf"|{_SECRET_WORD}\s{{0,3}}:\s{{0,3}})(?:{_QUOTED.format(q='q2')}|(?P<pair>{_BARE}))",
    rf"(?i:--[a-z-]{{0,30}}{_SECRET_WORD}\s+)(?P<flag>(?!-){_BARE})",
    r"(?P<jwt>(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{2,}(?:\.[A-Za-z0-9_-]*){0,3})",
    r"(?P<aws>(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{12,})",
    r"(?P<github>(?<![A-Za-z0-9])(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{16,})",
    r"(?P<gitlab>(?<![A-Za-z0-9])gl(?:pat|dt|rt|ptt|cbt|soat|ft|imt|oas|agent)-[\w.-]{16,})",
    r"(?P<slack>(?<![A-Za-z0-9])(?:xox[a-z]|xapp)-[A-Za-z0-9-]{8,})",
    r"(?P<hook>(?<=hooks\.slack\.com/)\S+)",
    r"(?P<stripe>(?<![A-Za-z0-9])(?:[sr]k_(?:live|test)_[A-Za-z0-9]{8,}|whsec_[\w+/=]{12,}))",
    r"(?P<openai>(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{20,})",
    r"(?P<npm>(?<![A-Za-z0-9])npm_[A-Za-z0-9]{20,})",
    r"(?P<pypi>(?<![A-Za-z0-9])pypi-[A-Za-z0-9_-]{16,})",
    r"(?P<google>(?<![A-Za-z0-9])(?:AIza[\w-]{20,}|ya29\.[\w.-]{8,}|GOCSPX-[\w-]{12,}))",
    r"""(?P<sas>(?<=sig=)[^\s&"']+)""",
)


class _Compiled(NamedTuple):
    hint: re.Pattern[str]
    secrets: re.Pattern[str]
    unprintable: re.Pattern[str]


@functools.lru_cache(maxsize=1)
def _compiled() -> _Compiled:
    """Compiled at the first use: a run of --help needs none of it."""
    return _Compiled(
        re.compile(_HINT),
        re.compile("|".join(_PATTERNS), re.DOTALL),
        # C0, DEL and C1; line and paragraph separators; bidi controls; lone surrogates.
        re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"),
    )


def redact(text: str, limit: int = LIMIT) -> str:
    """The text on one line, without secrets, of at most ``limit`` characters.

    What is cut off is marked by ``…``; a replaced part is never cut in two.
    """
    compiled = _compiled()
    windowed = len(text) > WINDOW
    if windowed:
        text = text[:WINDOW]
    if not text.isprintable():
        text = compiled.unprintable.sub(_plain, text)
    if compiled.hint.search(text):
        text = compiled.secrets.sub(_replace, text)
    if windowed:
        # A secret at the edge may have lost what it is known by: drop the last word.
        text = text[: max(text.rfind(" ", 0, len(text)), 0)] + " " + _CUT
    return text if len(text) <= limit else _cut(text, limit)


def _plain(match: re.Match[str]) -> str:
    character = match[0]
    if "\ud800" <= character <= "\udfff":
        return "\ufffd"
    return "" if character >= "\u202a" else " "


def _replace(match: re.Match[str]) -> str:
    """Keep what leads up to the secret; a quoted one keeps its quotes."""
    name = match.lastgroup or ""
    if name in ("q1", "q2"):
        quote = match[name]
        start = match.start(name) - match.start()
        return f"{match[0][:start]}{quote}{REDACTED}{quote}"
    lead = match[0][: match.start(name) - match.start()]
    return f"{lead}{REDACTED}{'@' if name == 'url' else ''}"


def _cut(text: str, limit: int) -> str:
    end = limit - len(_CUT)
    start = text.rfind(REDACTED, 0, end + len(REDACTED) - 1)
    if start != -1 and start < end < start + len(REDACTED):
        end = start
    return text[:end] + _CUT
