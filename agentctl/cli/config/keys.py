"""Config keys as ``agentctl config`` names them, and what each takes.

``tls`` is true, false or an object in the file; ``tls.ca`` is the object's ``ca``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from agentctl.cli.config.flags import TRANSPORTS
from agentctl.cli.config.parser import guess
from agentctl.errors import AgentctlError, UsageError

KEYS = (
    "mode",
    "namespace",
    "kubeconfig",
    "context",
    "address",
    "token",
    "tls",
    "tls.ca",
    "tls.cert",
    "tls.key",
    "tls.server_name",
)
FILE_KEYS = ("kubeconfig", "tls.ca", "tls.cert", "tls.key")

MAX_TEXT = 1024
"""Of a name or an address."""


def choices_of(key: str) -> tuple[str, ...]:
    """The values a key can have, if they are few."""
    return {"mode": TRANSPORTS, "tls": ("true", "false")}.get(key, ())


def checked(key: str, text: str) -> Any:
    """What is to be written for ``text``. Raises UsageError, which names the key."""
    from agentctl.cli.config.settings import checked_namespace
    from agentctl.remote.access import ServerAddress, checked_token

    if key == "token":
        return checked_token(text, "token")
    if not text or len(text) > MAX_TEXT or not text.isprintable():
        raise UsageError(
            f"{key}: expected text on one line, {MAX_TEXT} characters at most"
            + ("" if text else f"; to take it away: agentctl config unset {key}")
        )
    choices = choices_of(key)
    if choices and text not in choices:
        expected = " or ".join(choices)
        raise UsageError(f"{key}: expected {expected}, got {text!r}{guess(text, choices)}")
    if key == "tls":
        return text == "true"
    if key == "namespace":
        return checked_namespace(text)
    if key == "address":
        try:
            ServerAddress.parse(text, 0)
        except AgentctlError as error:
            raise UsageError(error.message.replace("--server", "address", 1)) from None
    # Where a relative path leads to depends on where one is.
    return os.path.abspath(text) if key in FILE_KEYS and text[0] != "~" else text


def put(config: dict[str, Any], key: str, value: Any) -> None:
    """Set a key. Raises UsageError rather than lose what is there."""
    name, _, inner = key.partition(".")
    now = config.get(name)
    if inner:
        config[name] = {**(now if isinstance(now, dict) else {}), inner: value}
    elif key == "tls" and isinstance(now, dict) and now:
        if not value:
            kept = ", ".join(f"tls.{each}" for each in now)
            raise UsageError(f"tls: {kept} would be lost; agentctl config unset tls takes all away")
    else:
        config[name] = value


def take(config: dict[str, Any], key: str) -> bool:
    """Take a key away, known or not; False if it is not there."""
    name, _, inner = key.partition(".")
    if key in config:
        del config[key]
    elif inner and isinstance(config.get(name), dict) and inner in config[name]:
        rest = {each: value for each, value in config[name].items() if each != inner}
        # The last of its files gone, TLS is still wanted: an empty object would turn it off.
        config[name] = rest or True
    else:
        return False
    return True


def flatten(config: Mapping[str, Any]) -> dict[str, Any]:
    """The content by key, ``tls.ca`` and its kin among them."""
    flat = {key: value for key, value in config.items() if not isinstance(value, dict)}
    tls = config.get("tls")
    if isinstance(tls, dict):
        flat.update({f"tls.{key}": value for key, value in tls.items()})
    return flat
