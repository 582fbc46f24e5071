"""Impersonation: the ``Impersonate-*`` headers of requests, by client-go's rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from agentctl.errors import ConfigError
from agentctl.lazy_regex import regex

KEYS = ("as", "as-uid", "as-groups", "as-user-extra")
"""Of a kubeconfig's user."""

_TOKEN_CHARACTERS = "!#$&'*+-.^_`|~"
"""What a header's name may have besides letters and digits (RFC 9110, 5.6.2), but for ``%``."""

_NO_VALUE = regex(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


def impersonation_headers(
    user: str,
    uid: str = "",
    groups: Iterable[str] = (),
    extra: Mapping[str, Iterable[str]] = {},
    what: str = "",
) -> tuple[tuple[str, str], ...]:
    """Names and values, which go over the wire in UTF-8; none without ``user``.

    Keys of ``extra`` are percent-encoded where a header's name cannot have them. ``what`` is
    who asks for it, for messages. Raises ConfigError for what no header can carry, and for
    the others without ``user``.
    """
    given = [("Impersonate-Uid", uid)] if uid else []
    given += [("Impersonate-Group", group) for group in groups]
    for key, values in extra.items():
        name = "Impersonate-Extra-" + quote(key, safe=_TOKEN_CHARACTERS)
        given += [(name, value) for value in values]
    if given and not user:
        raise ConfigError(
            f"{what}: a uid, groups or extras are impersonated only with a user; set as too, "
            "or give --as"
        )
    headers = [("Impersonate-User", user), *given] if user else []
    if any(_NO_VALUE.search(value) for _, value in headers):
        raise ConfigError(f"{what}: whom to impersonate has a line break or control character")
    return tuple((name, value.strip(" \t")) for name, value in headers)
