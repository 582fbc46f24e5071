"""Secrets out of text, and out of it everything that could drive a terminal.

A message from a peer may quote whatever it was given: a connection string, a header, a
key. ``redact`` replaces each secret whole by ``[redacted]`` and leaves what an operator
needs: image digests, uids, names of pods and of Secrets, prose about tokens.

Every step is linear in the text: patterns begin only where a word begins and hold no
quantifier within another over the same characters; what needs to look far ahead (PEM
blocks, quoted values, URLs) is done by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from re import Pattern

MARK = "[redacted]"
ELLIPSIS = "\u2026"

LIMIT = 1024
"""Characters of a message: more than that is a log, not a message."""

WINDOW = 64 * 1024
"""Characters that are looked at; a longer text is a peer that misbehaves."""

_EDGE = 4096
"""How far back from the window's end a cut secret may begin and not be recognised: any
that begins earlier is longer than every pattern's minimum."""

_PASSES = 4
"""A replacement may uncover the next; two passes are the rule, the last only confirms."""

MAX_DEPTH = 8
MAX_NODES = 1000
"""Of a detail: deeper or larger is not for people."""

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
        text = _without_edge(text[:WINDOW])
    text = _replace_secrets(_printable(text)).replace("\n", " ")
    for _ in range(_PASSES):
        if cut or len(text) > limit:
            text = _shorten(text, limit)
            cut = False
        again = _replace_secrets(text)
        if again == text:
            break
        text = again
    return text if len(text) <= limit else _shorten(text, limit)


def _is_suspect(text: str) -> bool:
    lowered = text.lower()
    for needed, hints in _HINTS.items():
        if needed in text:
            for hint in hints:
                if hint in lowered:
                    return True
    return False


def redact_value(value: Any) -> Any:
    """A JSON value with each text in it redacted, in bounded depth and size.

    A key that speaks of a secret has its texts replaced whole.
    """
    return _Details().redacted(value, 0, secret=False)


class _Details:
    """One walk over a value, counting what it has seen."""

    def __init__(self) -> None:
        self._nodes = 0

    def redacted(self, value: Any, depth: int, *, secret: bool) -> Any:
        self._nodes += 1
        if value is None or isinstance(value, (bool, int)):
            return value
        if isinstance(value, (Mapping, list, tuple)):
            if depth >= MAX_DEPTH:
                return ELLIPSIS
            if isinstance(value, Mapping):
                return self._mapping(value, depth)
            return self._list(value, depth, secret=secret)
        if isinstance(value, float) and value - value == 0:
            return value  # JSON knows neither NaN nor infinity: those become texts
        return MARK if secret and value != "" else redact(str(value))

    def _list(self, value: Sequence[Any], depth: int, *, secret: bool) -> list[Any]:
        found: list[Any] = []
        for one in value:
            if self._nodes >= MAX_NODES:
                return [*found, ELLIPSIS]
            found.append(self.redacted(one, depth + 1, secret=secret))
        return found

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, one in value.items():
            if self._nodes >= MAX_NODES:
                found[ELLIPSIS] = ELLIPSIS
                break
            secret = _speaks_of_a_secret(str(key)[:WINDOW])
            found[redact(str(key))] = self.redacted(one, depth + 1, secret=secret)
        return found


# Around the secrets: what may be seen at all.


def _without_edge(text: str) -> str:
    """Drop the last word: it may be half a secret that no pattern knows any more."""
    edge = len(text) - _EDGE
    space = max(text.rfind(" ", edge), text.rfind("\n", edge))
    return text[: space if space >= 0 else edge]


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return _pattern("unseen").sub(_seen, text.replace("\r\n", "\n").replace("\r", "\n"))


def _seen(match: Any) -> str:
    char = match.group()
    if char in "\u2028\u2029\u0085\x0b\x0c":
        return "\n"
    if "\ud800" <= char <= "\udfff":
        return "\ufffd"
    return "" if char >= "\u2000" else " "


def _shorten(text: str, limit: int) -> str:
    end = min(len(text), limit - len(ELLIPSIS))
    mark = text.rfind(MARK, max(0, end - len(MARK) + 1), end + len(MARK) - 1)
    if 0 <= mark < end < mark + len(MARK):
        end = mark
    return text[:end] + ELLIPSIS


# The secrets.


def _replace_secrets(text: str) -> str:
    if "-----" in text:
        text = _pem(text)
    if "://" in text:
        text = _user_info(text)
    if "@tcp(" in text or "@unix(" in text:
        text = _pattern("dsn").sub(MARK, text)
    if "=" in text or ":" in text:
        text = _pairs(text)
    if "--" in text:
        text = _pattern("flag").sub(_flag, text)
    text = _pattern("scheme").sub(_credentials, text)
    return _pattern("token").sub(MARK, text)


def _pem(text: str) -> str:
    """Whole blocks, blocks without their end, and ends without their beginning."""
    parts, at = [], 0
    begin, end = text.find("-----BEGIN"), text.find("-----END")
    while begin >= 0 or end >= 0:
        start = begin
        if end < 0:
            stop = _end_of("pem body", text, begin)
        else:
            if not 0 <= begin < end:
                start = _body_before(text, at, end)
            stop = _end_of("pem end", text, end)
        parts += [text[at:start], MARK]
        at = stop
        if 0 <= begin < at:
            begin = text.find("-----BEGIN", at)
        if 0 <= end < at:
            end = text.find("-----END", at)
    return "".join([*parts, text[at:]])


def _end_of(pattern: str, text: str, start: int) -> int:
    found = _pattern(pattern).match(text, start)
    return found.end() if found else start


def _body_before(text: str, start: int, end: int) -> int:
    """Where the lines of base64 begin that end at ``end``: the last may be short."""
    shortest = 1
    while end > start:
        word_end = len(text[start:end].rstrip()) + start if text[end - 1].isspace() else end
        begin = max(text.rfind(" ", start, word_end), text.rfind("\n", start, word_end)) + 1
        begin = max(begin, start)
        word = text[begin:word_end]
        if len(word) < shortest or not _pattern("base64").fullmatch(word):
            return end
        end, shortest = begin, 40
    return start


def _user_info(text: str) -> str:
    first, *rest = text.split("://")
    parts = [first]
    for piece in rest:
        found = _pattern("user info").match(piece)
        parts.append(f"{MARK}@{piece[found.end() :]}" if found else piece)
    return "://".join(parts)


def _flag(match: Any) -> str:
    """``--password hunter2``; flags are spoken of as well, so only what is no word."""
    flag, space, value = match.groups()
    if not _speaks_of_a_secret(flag) or _pattern("plain word").fullmatch(value):
        return str(match.group())
    return f"{flag}{space}{MARK}"


def _credentials(match: Any) -> str:
    """``Bearer`` and ``Basic`` with what follows, unless that is prose."""
    scheme, space, value = match.groups()
    if value.startswith(MARK) or _pattern("challenge").match(value):
        return str(match.group())
    plain = _pattern("plain word").fullmatch(value)
    if scheme.lower() == "basic":
        prose = plain is not None or not _pattern("basic").match(value)
    else:
        prose = plain is not None and plain.group(1).lower() in _PROSE
    if prose:
        return str(match.group())
    return f"{scheme}{space}{MARK}"


# Pairs of key and value.


def _pairs(text: str) -> str:
    pair = _pattern("pair")
    parts, at, search = [], 0, 0
    while True:
        found = pair.search(text, search)
        if found is None:
            break
        search = found.end()
        begin = _secret_value(text, found)
        if begin is None:
            continue
        end = _value_end(text, begin)
        quote = text[begin - 1] if text[begin - 1 : begin] in _QUOTES else ""
        if end > begin and (quote or not text.startswith(MARK, begin)):
            parts += [text[at:begin], MARK]
            at = end
        search = max(search, end)
    return "".join([*parts, text[at:]])


_QUOTES = ('"', "'", "`")


def _secret_value(text: str, found: Any) -> Optional[int]:
    """Where the value begins that is to be replaced, after its quote; None for none."""
    begin: int = found.end()
    quoted = _pattern("quote").match(text, begin)
    if not _holds_a_secret(text, found, bool(quoted)):
        return None
    if quoted:
        return quoted.end()
    after_space = text[begin - 1].isspace()
    if after_space and _pattern("next pair").match(text, begin):
        return None
    count = found.group(1).lower().endswith("tokens") and text[begin : begin + 1].isdigit()
    return None if count or _pattern("no secret").match(text, begin) else begin


def _holds_a_secret(text: str, found: Any, quoted: bool) -> bool:
    key, closing, separator = found.groups()
    if ":" not in separator or (closing and quoted):
        return _speaks_of_a_secret(key)
    # A word before a colon may as well be a pod, a resource, an image or a URL's scheme.
    start, begin = found.start(1), found.end()
    image = text[start - 1 : start] == "/" and not text[begin - 1].isspace()
    if image or text.startswith("//", begin) or not _ends_as_a_secret(text, start, key):
        return False
    return quoted or not _is_prose(text, begin, key)


def _speaks_of_a_secret(key: str) -> bool:
    """Whether a key that is assigned to holds a secret rather than says something of one."""
    return bool(_pattern("secret key").search(key)) and not _pattern("about").search(key)


def _ends_as_a_secret(text: str, start: int, key: str) -> bool:
    """The same of a word before a colon, which may as well be a pod or a resource."""
    if key.lower() in ("key", "keys"):
        return bool(_pattern("spaced key").search(text, max(0, start - 16), start))
    last = key.rstrip(".").rpartition(".")[2]
    return bool(_pattern("secret end").search(last)) and not _pattern("about").search(last)


def _is_prose(text: str, begin: int, key: str) -> bool:
    """Whether what follows ``token:`` reads as a sentence, or as a reason."""
    found = _pattern("words").match(text, begin)
    if found is None:
        return False
    if "authorization" in key.lower():
        return False
    first, after = found.group(1), found.group(2)
    if first.lower() in _PROSE or _pattern("reason").fullmatch(first):
        return True
    password = "pass" in key.lower() or "pwd" in key.lower()
    return bool(after) and not password


def _value_end(text: str, begin: int) -> int:
    """Where the value ends that begins at ``begin``, its closing quote not included."""
    if text[begin - 1 : begin] in _QUOTES:
        return _quoted_end(text, begin)
    if text.startswith("[", begin) and not text.startswith(MARK, begin):
        stop = text.find("]", begin)
        return len(text) if stop < 0 else stop + 1
    if text.startswith(MARK, begin):
        return begin + len(MARK)
    found = _pattern("value").match(text, begin)
    if found is None:
        return begin
    end = int(found.end())
    end = begin + max(len(text[begin:end].rstrip(")]}>\"'`.,;:")), 1)
    return end + 1 if text.startswith(MARK, end + 1 - len(MARK)) else end


def _quoted_end(text: str, begin: int) -> int:
    """A quote that was escaped n times ends at the next one escaped as often."""
    quote = text[begin - 1]
    depth = _backslashes(text, begin - 1)
    at = text.find(quote, begin)
    while at >= 0:
        count = min(_backslashes(text, at), at - begin)
        if count % (2 * (depth + 1)) == depth:
            return at - depth
        at = text.find(quote, at + 1)
    return len(text)


def _backslashes(text: str, at: int) -> int:
    start = at
    while start > 0 and text[start - 1] == "\\":
        start -= 1
    return at - start


# The patterns, each compiled when it is first needed: start-up does without.

_SECRET = (
    r"passw(?:or)?d|passwd|passphrase|pwd|secret|token|credential|authorization"
    r"|(?:api|access|account|private|client|signing|encryption|master|shared|ssh)[_.\-]?key"
)
_PROSE = frozenset(
    """
    a an and are as at auth authentication authorization be been but by can cannot could
    credential credentials denied did does empty eof error errors expired expires failed
    failure false for forbidden format from get had has have header if in incorrect invalid
    is it lookup malformed may mismatch missing must nil no none not null of ok on or
    provided realm refresh refused rejected required revoked scheme secret secrets should
    signature that the this to token tokens true type unable unauthorized unexpected
    unknown unset unsupported used using validation value verification was were with wrong
    """.split()  # noqa: SIM905
)

_ABOUT = (
    r"names?|namespace|refs?|keyref|reference|counts?|total|size|length|limits?|seconds|expiry"
    r"|expiration|expires(?:_?(?:in|at))?|expired|ttl|age|type|kind|version|paths?|file|dir|ur[li]"
    r"|endpoint|issuer|audiences?|reviews?|policy|enabled|required|mounted|volumes?|class|store"
    r"|provider|bindings?|usage|errors?|status|found|controller|format|mode|method|source"
)
"""How the names of keys end that say something of a secret but hold none."""

_PATTERNS = {
    # Control characters but the newline, line separators, bidirectional overrides, and
    # halves of surrogate pairs.
    "unseen": ("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"),
    "pem body": r"-----BEGIN[A-Za-z0-9+/=\\\s:,.\-]*",
    "pem end": r"-----END[A-Z0-9 ]{0,64}-{0,5}",
    "base64": r"[A-Za-z0-9+/=\\]+",
    # The authority up to its last @; with a raw slash in the password only where what
    # follows the colon is no port.
    "user info": (
        r"[^\s\"'<>`/?#]*@"
        r"|[^\s\"'<>`:/@]*:(?!\d+(?:[/?#]|$))[^\s\"'<>`]*@"
    ),
    "dsn": r"(?<![^\s\"'])[^\s:@\"']+:[^\s\"']*(?=@(?:tcp|unix)\()",
    "scheme": r"(?i)(?<![A-Za-z0-9_])(bearer|basic)(\s+|:\s*)([^\s\"'`,;<>]+)",
    "challenge": r"(?i)(?:realm|error|scope|charset)=",
    "plain word": r"([A-Z]?[a-z]+)[).,:;!?\]\u2026]*",
    "pair": r"(?<![\w.\-])([\w.\-]+)(\\*[\"'`])?\s*(=>|:=|==?|:)\s*",
    "flag": r"(?<![\w.\-])(--[\w\-]+)([^\S\n]+)([^\s\-\[]\S*)",
    "basic": r"[^\d=]*[\d=]|.{12}",
    "quote": r"\\*[\"'`]",
    "value": (
        r"(?i)(?:(?:bearer|basic|token|digest|negotiate)[^\S\n]+(?=[^\s\"'`]))?"
        r"(?:[^\s&;,\"'`]|[\"'`](?![,}\])\s:;.]|$)"
        r"|[&;,](?!\s|$|[\w.\-]{1,64}[\"']?[=:]))+"
    ),
    "no secret": (
        r"(?i)(?:true|false|null|nil|none|<nil>|<none>|<unset>|<set>|\*+|\u2026|\[\]"
        r"|\d{1,4}/\d{1,4}|\$[({][\w.\-]+[)}])(?![^\s,;&)}\]\"'])|\{|map\["
    ),
    "next pair": r"[\w.\-]+(?:=(?!=|[\s,;&)]|$)|:(?=\s|$))",
    "words": (
        r"([A-Za-z]+)[).,:;!?]*(?=\s|$|\u2026)"
        r"(\u2026|[^\S\n]+(?=[A-Za-z]+(?:[\s.,;!?)\u2026]|$)))?"
    ),
    "reason": r"(?:[A-Z]+[a-z]+){2,}",
    "secret key": (
        rf"(?i)(?:{_SECRET}|(?<![a-z])creds?(?![a-z])|(?<![a-z])pass(?![a-z])|^sig$"
        r"|x-(?:amz|goog)-signature)"
    ),
    "secret end": (
        rf"(?i)(?:{_SECRET}|(?:^|[_\-])creds?|(?:^|[_\-])pass|x-(?:amz|goog)-signature)s?"
        r"(?:[_\-]?(?:value|data|string|hash|base64|b64|plain|old|new|id|key|\d+)){0,3}$"
    ),
    "about": (
        rf"(?:(?:^|[_\-.])(?i:{_ABOUT})|(?<=[a-z])(?=[A-Z])(?i:{_ABOUT})"
        r"|(?i:secretname|secretrefs?|secretkeyrefs?|tokenreviews?|secretbindings?|secretstores?"
        r"|secretproviderclass|tokentype|automountserviceaccounttoken|imagepullsecrets?))$"
        r"|^(?i:(?:max|num|total|prompt|completion|input|output)_?tokens?)$"
    ),
    "spaced key": r"(?i)(?:api|private|access|account|encryption|signing)\s$",
    "token": (
        r"(?<![A-Za-z0-9])(?:"
        r"eyJ[A-Za-z0-9_\-]{10,}(?:\.[A-Za-z0-9_\-]*){0,4}"
        r"|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}"
        r"|gh[pousr]_[A-Za-z0-9]{10,}|github_pat_[A-Za-z0-9_]{10,}"
        r"|gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas|ffct|rtr)-[A-Za-z0-9_.\-]{10,}"
        r"|xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9\-]{8,}|xapp-[A-Za-z0-9\-]{8,}"
        r"|hooks\.slack\.com/[a-z]+/[^\s\"'`<>]+"
        r"|[sr]k_(?:live|test)_[A-Za-z0-9]{8,}|whsec_[A-Za-z0-9+/=]{8,}"
        r"|npm_[A-Za-z0-9]{16,}"
        r"|pypi-(?=[a-z0-9\-]{0,200}[A-Z_])[A-Za-z0-9_\-]{16,}"
        r"|sk-(?=[a-z0-9_\-]{0,200}[A-Z])[A-Za-z0-9_\-]{20,}"
        r"|AIza[A-Za-z0-9_\-]{20,}|ya29\.[A-Za-z0-9_.\-]{8,}|GOCSPX-[A-Za-z0-9_\-]{8,}"
        r"|hv[sbr]\.[A-Za-z0-9_\-]{16,}|hf_[A-Za-z0-9]{20,}|dckr_pat_[A-Za-z0-9_\-]{10,}"
        r"|SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}|AGE-SECRET-KEY-1[A-Z0-9]{20,}"
        r")"
    ),
}


@cache
def _pattern(name: str) -> Pattern[str]:
    import re

    flags = re.DOTALL if name == "unseen" else re.ASCII | re.DOTALL
    return re.compile(_PATTERNS[name], flags)
