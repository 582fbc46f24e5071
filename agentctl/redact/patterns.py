"""The regular expressions of redaction, each compiled when it is first needed.

Start-up does without them. Each begins only where a word begins and holds no quantifier
within another over the same characters, so that matching is linear in the text.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from agentctl.redact.words import ABOUT, SECRET

if TYPE_CHECKING:
    from re import Pattern

_FIELD = r"\\*\"[^\"]*\"|[^\s,\"'`]*"
_COOKIE = (
    r"(?:expires=[^;\"'`\n]{0,40}gmt|httponly|secure|partitioned"
    r"|[^\s=;,\"'`]+=(?:\\*\"[^\"]*\"|[^\s;,\"'`]*))"
)
_SCHEME_BEFORE = r"(?:bearer|basic|token|digest|negotiate)[^\S\n]+(?=[^\s\"'`])"

_PATTERNS = {
    # Control characters but the newline, line separators, bidirectional overrides, and
    # halves of surrogate pairs.
    "unseen": ("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"),
    "escape": (
        r"%[0-9A-Fa-f]{2}|(?<!\\)\\+(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[nrt])"
        r"|&(?:quot|apos|amp|lt|gt|nbsp|#\d{1,6}|#[xX][0-9A-Fa-f]{1,5});"
    ),
    # Blocks of keys.
    "pem body": r"-----BEGIN[A-Za-z0-9+/=\\\s:,.\-]*",
    "pem end": r"-----END[A-Z0-9 ]{0,64}-{0,5}",
    "base64": r"[A-Za-z0-9+/=\\]+",
    # Who logs in. The authority up to its last @; with a raw slash in the password only
    # where what follows the colon is no port.
    "user info": (
        r"[^\s\"'<>`/?#]*@"
        r"|[^\s\"'<>`:/@]*:(?!\d+(?:[/?#]|$))[^\s\"'<>`]*@"
    ),
    "dialled": r"@(?:[a-z][a-z0-9+]{1,15})?\(",
    "dialled host": r"@(?://)?[\w.\-]+:\d{2,5}(?![\w.])|@//[\w.\-]+/",
    "account": r"([\w.\-]{1,64})[:/]([^/\s@]\S*)",
    "no account": r"(?i)(?:mailto|users?|groups?|email|acct|sips?|xmpp|serviceaccount|\d+)$",
    "login": (
        r"(?<![\w.\-])(?:-u|-U|--user|--proxy-user)(?:\\*[\"'`])?[\s,=]+(?:-\s+)?(?:\\*[\"'`])?"
        r"([^\s:\"'`,]{1,128}):([^\s\"'`,]+)"
    ),
    "told": (
        r"(?i)(?<![\w.\-])(?:identified\s+by|password)\s+(?=\\*[\"'`])"
        r"|(?<![\w.\-])login\s+\S{1,128}\s+password\s+(?=\S)"
    ),
    # Headers.
    "scheme": (
        r"(?<![\w./\-])((?i:bearer|basic|ssws|apikey|negotiate|digest|hawk|oauth|mac|signature"
        r"|vapid|sharedkey(?:lite)?|aws4-[a-z]+(?:-[a-z0-9]+)*|hmac-sha\d+))(\s+|:\s*)"
        r"([^\s\"'`,;<>]+)"
    ),
    "challenge": r"(?i)(?:realm|error|scope|charset)=",
    "plain word": r"([A-Z]?[a-z]+)[).,:;!?\]\u2026]*",
    "basic": r"[^\d=]*[\d=]|.{12}",
    "scheme name": r"[A-Za-z][A-Za-z0-9.+_\-]{0,40}(?=[^\S\n]+[^\s\"'`])",
    "word": r"[^\s\"'`,;<>]+",
    "parameter": rf"[\w.\-]+=(?:{_FIELD})",
    "next parameter": r"(?:[^\S\n]*,[^\S\n]*|[^\S\n]+)(?=[\w.\-]+=)",
    "cookies": rf"(?i){_COOKIE}(?:[^\S\n]*[;,][^\S\n]*{_COOKIE})*",
    # Pairs.
    "pair": (
        r"(?<![\w.\-])([\w.\-]+)(\\*(?:\"{1,3}|'{1,3}|`))?(?:\]|[^\S\n]*\))?\s*"
        r"(=>|:=|==?|:)\s*"
    ),
    "name": r"\\*[\"'`]{0,3}([\w.\-]{1,128})",
    "named before": (
        r"\\*[\"'`]{0,3}[\s,;]+\\*[\"'`]?(?:-\s+)?(?i:name|key)\\*[\"'`]?\s*(?::=|[:=])\s*"
        r"\\*[\"'`]?([\w.\-]{1,128})"
    ),
    "quoted name": (
        r"(?i)(?:nodes?|pods?|secrets?|configmaps?|volumes?|containers?|deployments?|jobs?|images?"
        r"|namespaces?|services?|serviceaccounts?|leases?|claims?|crds?|of|for|from|in|on|object"
        r"|resource|file|component|lock|plugin|provider|class|role|user|group|webhook|cluster)"
        r"\s\\*[\"'`]$"
    ),
    "prose before": r"[A-Za-z0-9]\s\\*[\"'`]$",
    "flag": r"(?<![\w.\-])(--?[A-Za-z][\w\-]*)(\\*[\"'`])?(\s*,?\s*(?:-\s+)?)(?=(\\*[\"'`])?)",
    "flag name": r"--?[A-Za-z][\w\-]*[\\\"'`=]",
    "header name": r"[A-Za-z]+(?:-[A-Za-z]+)*",
    "header item": (
        r"(?i)[(\[{,]\s{0,4}\\*[\"'`](?:(?:proxy-)?authorization|(?:set-)?cookie|x-[a-z\-]{0,64}(?:key|token))"
        r"\\*[\"'`],\s*[\[(]?(?=\\*[\"'`])"
    ),
    "element": (
        r"<(?:[\w.\-]+:)?([\w.\-]+)((?:\s+[\w.:\-]+=(?:\\*\"[^\"<>]*\"|'[^'<>]*'))*)\s*>"
        r"(?:\s*<!\[CDATA\[)?"
    ),
    "named attribute": r"(?i)\s(?:name|key|id)=\\*[\"']([\w.\-]{1,128})\\*[\"']",
    "plist": r"(?i)<key>\s{0,8}([\w.\-]{1,128})\s{0,8}</key>\s*<(?:string|data)>",
    # Values.
    "quote": r"""\\*(?:\"\"\"|'''|["'`])""",
    "block": r"[|>][+\-\d]{0,2}[^\S\n]*(?:#[^\n]*)?(?=\n|$)|[|>][+\-\d]{0,2}[^\S\n]+(?=\S)",
    "block line": r"([^\S\n]*)([^\n]*)(?:\n|$)",
    "block key": r"\s+(?:-\s+)?[\w.\-]{1,64}:(?:\s|$)|\n|$",
    "scheme before": rf"(?i){_SCHEME_BEFORE}",
    "value": (
        rf"(?i)(?:{_SCHEME_BEFORE})?"
        r"(?:[^\s&;,\"'`<\\})\]]|[\"'`](?![,}\])\s:;.]|$)"
        r"|\\+(?![nrt][\w.\-]{1,64}[\"']?[=:])"
        r"|<(?!/?[\w:.\-]{1,64}/?>)"
        r"|[})\]](?![})\]]{0,8},\s?[{(\[\"'])"
        r"|[&;,](?!\s|$|[\w.\-]{1,64}[\"']?[=:]))+"
    ),
    "no secret": (
        r"(?i)(?:true|false|null|nil|none|<nil>|<none>|<unset>|<set>|\*+|\u2026|\[\]"
        r"|\d{1,4}/\d{1,4}|\$[({][\w.\-]+[)}]"
        r"|/(?:etc|var|run|home|root|tmp|opt|usr|mnt|srv|secrets|certs|keys|app|data)/[\w.\-/]+"
        r"|[\w.\-/]{1,256}\.(?:key|pem|crt|cer|p12|pfx|jks))"
        r"(?![^\s,;:&)}\]\"'])|\{|map\["
    ),
    "next pair": r"[\w.\-]+(?:=(?!=|[\s,;&)]|$)|:(?=\s|$))",
    "next field": (
        r"(?i)(?:[\w\-]{1,64}\.){0,4}(?:name|namespace|reason|error|err|path|kind|type|status|code|id|key|file|ref|url"
        r"|host|user|username|expected|got|want|version|provider|mount|optional|expires\w*)[=:]"
    ),
    "words": (
        r"([A-Za-z]+)[).,:;!?]*(?=\s|$|\u2026)"
        r"(\u2026|[^\S\n]+(?=[A-Za-z]+(?:[\s.,:;!?)\u2026]|$)|[\"'`(\[]))?"
    ),
    "count": r"\d{1,4}\s+[a-z]",
    # What is no name, no word and no duration.
    "bare secret": (
        r"(?=[^\d\s]{0,64}\d)(?=[\d.:]{0,64}[A-Za-z])(?!(?:\d{1,9}(?:\.\d+)?[A-Za-z%]{1,2})+(?!\w))"
        r"(?![a-z]+\[)[^\s\"'`,;]{6,}"
    ),
    "reason": r"(?:[A-Z]+[a-z]+){2,}",
    "encoded": r"(?=[a-z/]{0,64}[\dA-Z+=])[A-Za-z0-9+/_\-]{8,}={0,2}(?![^\s\"'`,;}\])&<\\])",
    "hash": r"(?i)(?:sha\d{1,3}[:~\-])?[0-9a-f]{32,128}(?![\w\-])",
    # Names of keys.
    "secret key": (
        rf"(?i)(?:{SECRET}|(?<![a-z])creds?(?![a-z])|(?<![a-z])pass(?![a-z])|^sig$|^signature$"
        r"|x-(?:amz|goog)-signature)"
    ),
    "secret end": (
        rf"(?i)(?:{SECRET}|(?:^|[_\-])creds?|(?:^|[_\-])pass|x-(?:amz|goog)-signature)s?"
        r"(?:[_\-]?(?:value|data|string|hash|base64|b64|plain|old|new|id|key|\d+)){0,3}$"
    ),
    "about": (
        rf"(?:(?:^|[_\-.])(?i:{ABOUT})|(?<=[a-z])(?=[A-Z])(?i:{ABOUT})"
        r"|(?i:secretname|secretrefs?|secretkeyrefs?|tokenreviews?|secretbindings?|secretstores?"
        r"|secretproviderclass|tokentype|automountserviceaccounttoken|imagepullsecrets?))$"
        r"|^(?i:(?:max|num|total|prompt|completion|input|output)_?tokens?)$"
    ),
    "spaced key": r"(?i)(?:api|private|access|account|encryption|signing)\s$",
    # Files that hold keys, as Secrets name them.
    "key file": (
        r"(?i)\.?(?:[\w\-]+\.)*(?:tls|ca|server|client|private|ssl|priv|host|root|peer|etcd|sa)"
        r"\.(?:key|p12|pfx|jks)"
    ),
}


@cache
def pattern(name: str) -> Pattern[str]:
    import re

    flags = re.DOTALL if name == "unseen" else re.ASCII | re.DOTALL
    return re.compile(_PATTERNS[name], flags)
