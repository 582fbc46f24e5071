"""The regular expressions of redaction, each compiled when it is first needed.

Start-up does without them. Each begins only where a word begins and holds no quantifier
within another over the same characters, so that matching is linear in the text.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from re import Pattern

_SECRET = (
    r"passw(?:or)?d|passwd|passphrase|pwd|secret|token|credential|authorization"
    r"|(?:api|access|account|private|client|signing|encryption|master|shared|ssh)[_.\-]?key"
)
PROSE = frozenset(
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
def pattern(name: str) -> Pattern[str]:
    import re

    flags = re.DOTALL if name == "unseen" else re.ASCII | re.DOTALL
    return re.compile(_PATTERNS[name], flags)
