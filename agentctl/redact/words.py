"""Words by which secrets are spoken of, and those that show that prose goes on."""

from __future__ import annotations

SECRET = (
    r"passw(?:or[dt]|d)?|passphrase|passcode|pwd|secret|token|credential|authorization"
    r"|(?:api|access|account|private|client|signing|encryption|decryption|master|shared|ssh|auth"
    r"|license|session|deploy|storage|hmac|jwt|webhook|subscription|functions|consumer)"
    r"[_.\-]?key"
    r"|dockercfg|dockerconfigjson|cookie|sess(?:ion)?[_.\-]?id(?![a-z])|connect\.sid"
)

ABOUT = (
    r"names?|namespace|refs?|keyref|reference|counts?|total|size|length|limits?|seconds|expiry"
    r"|expiration|expires(?:_?(?:in|at))?|expired|ttl|age|type|kind|version|paths?|file|dir|ur[li]"
    r"|endpoint|issuer|audiences?|reviews?|policy|enabled|required|mounted|volumes?|class|store"
    r"|provider|bindings?|usage|errors?|status|found|controller|format|mode|method|source"
    r"|stdin|prompt|uid|checksum|digest|fingerprint|thumbprint|resourceversion|informer|lister"
)
"""How the names of keys end that say something of a secret but hold none."""

PROSE = frozenset(
    """
    a after again an and are as at auth authentication authorization be been before being
    but by can cannot could credential credentials denied did does each either empty eof
    error errors every expired expires failed failure false first flag flags for forbidden
    format from get given got had has have header headers if in incorrect instead invalid
    is it its lookup malformed may mismatch missing must neither nil no none nor not null
    of ok on once only option or provided realm refresh refused rejected required revoked
    scheme secret secrets should signature than that the then this through to token tokens
    too true twice type unable unauthorized unexpected unknown unless unset unsupported
    until used using validation value values verification via was were when where which
    while will with without would wrong yes
    """.split()  # noqa: SIM905
)

SCHEMES = frozenset(
    """
    api-key apikey aws basic bearer cosmosdb digest dpop genie geniekey gnap googlelogin
    hawk hmac hoba key klaviyo-api-key mac mediabrowser mutual negotiate ntlm oauth
    privatetoken pveapitoken sapisidhash sharedaccesssignature sharedkey sharedkeylite
    signature snowflake splunk ssws token user usertoken vapid wsse zoho-oauthtoken
    """.split()  # noqa: SIM905
)
"""Of ``Authorization``, in lower case: what follows them is no prose."""
