"""Provenance of settings: which value is in force, who set it, and whom it overrules.

The table is the one place that names flag, variable and key of a setting side by side. What
comes out is what ``settings.resolve`` and ``serversettings.server_access`` would find.
"""

from __future__ import annotations

import argparse
import os
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from agentctl.cli.config.flags import ADDRESS_VARIABLES, TOKEN_VARIABLES, TRANSPORTS
from agentctl.cli.config.keys import FILE_KEYS, checked, flatten
from agentctl.cli.config.parser import boolean
from agentctl.cli.host.process import Process
from agentctl.errors import AgentctlError
from agentctl.redact import MARK, redact
from agentctl.remote.access import ServerAddress


class Setting(NamedTuple):
    """One setting and the places where it can be said, besides the config file."""

    key: str
    flags: tuple[str, ...]
    variables: tuple[str, ...]
    help: str
    default: str = ""
    transports: tuple[str, ...] = ("kube", "grpc", "sse", "auto")
    """Those that use it."""


CONFIG_FILE = "config file"

_SERVER, _CLUSTER = ("grpc", "sse", "auto"), ("kube", "auto")

SETTINGS = (
    Setting("mode", ("--transport",), ("AGENTCTL_MODE",), "where the state comes from", "kube"),
    Setting(
        "namespace",
        ("--namespace",),
        ("AGENTCTL_NAMESPACE",),
        "where the control plane is",
        "agents",
    ),
    Setting(
        "kubeconfig",
        ("--kubeconfig",),
        ("AGENTCTL_KUBECONFIG",),
        "the kubeconfig to use, before KUBECONFIG",
        transports=_CLUSTER,
    ),
    Setting(
        "context",
        ("--context",),
        ("AGENTCTL_CONTEXT",),
        "the kubeconfig's context to use",
        transports=_CLUSTER,
    ),
    Setting(
        "address",
        ("--server", "--address"),
        ADDRESS_VARIABLES,
        "address of an agentctl server",
        transports=_SERVER,
    ),
    Setting(
        "token",
        ("--token", "--token-file"),
        TOKEN_VARIABLES,
        "bearer token for the server",
        transports=_SERVER,
    ),
    Setting(
        "tls",
        ("--tls", "--no-tls"),
        ("AGENTCTL_TLS",),
        "true or false: use TLS to the server",
        transports=_SERVER,
    ),
    Setting(
        "tls.ca",
        ("--tls-ca",),
        ("AGENTCTL_CA_CERT",),
        "file with the certificate authority to trust",
        transports=_SERVER,
    ),
    Setting(
        "tls.cert",
        ("--tls-cert",),
        ("AGENTCTL_CLIENT_CERT",),
        "file with the client certificate",
        transports=_SERVER,
    ),
    Setting(
        "tls.key",
        ("--tls-key",),
        ("AGENTCTL_CLIENT_KEY",),
        "file with the client certificate's key",
        transports=_SERVER,
    ),
    Setting(
        "tls.server_name",
        ("--tls-server-name",),
        (),
        "the name that the server's certificate must have",
        transports=_SERVER,
    ),
)

OTHER_VARIABLES = {
    "KUBECONFIG": "kubeconfig files to use, as kubectl does",
    "HTTPS_PROXY": "proxy to the cluster; HTTP_PROXY and NO_PROXY too, and in lower case",
    "XDG_CONFIG_HOME": "where agentctl/config.json is (default ~/.config)",
    "NO_COLOR": "set to anything: no colour with --color auto",
}
"""Those that are no setting of the config file."""


class Said(NamedTuple):
    """A value, and who says it."""

    value: str
    by: str
    is_default: bool = False


class InForce(NamedTuple):
    """One setting as it stands. ``value`` is fit to be printed."""

    key: str
    value: str
    by: str
    over: tuple[str, ...] = ()
    """Who else says something else, and is not listened to."""
    note: str = ""
    """What is amiss with it."""


def variables() -> dict[str, str]:
    """Every environment variable that is read, and what it does."""
    own = {name: one.help for one in SETTINGS for name in one.variables}
    return {**own, **OTHER_VARIABLES}


def in_force(args: Namespace, process: Process, config: Mapping[str, Any]) -> tuple[InForce, ...]:
    """All settings, for a run with these flags and this config file."""
    flat = flatten(config)
    said = {one.key: list(_said(one, args, process, flat)) for one in SETTINGS}
    said["kubeconfig"] += _default_kubeconfig(process)
    said["context"] += _default_context(said)
    said["tls"] = list(_tls(said, config))
    plain = bool(getattr(args, "insecure_plaintext_token", False))
    return tuple(_shown(one, said, plain) for one in SETTINGS)


def _said(
    setting: Setting, args: Namespace, process: Process, flat: Mapping[str, Any]
) -> Iterator[Said]:
    """The first place first; an empty value says nothing."""
    for flag in setting.flags:
        value = getattr(args, flag[2:].replace("-", "_"), None)
        if value is False:
            yield Said("false", f"--no-{flag[2:]}")
        elif value:
            by = f"{flag} {value}" if flag == "--token-file" else flag
            yield Said("true" if value is True else value, by)
    for name in setting.variables:
        if process.environ.get(name):
            yield Said(process.environ[name], name)
    if flat.get(setting.key):
        value = flat[setting.key]
        yield Said("true" if value is True else str(value), CONFIG_FILE)
    if setting.default:
        yield Said(setting.default, "default", True)


def _default_kubeconfig(process: Process) -> Iterator[Said]:
    if process.environ.get("KUBECONFIG"):
        yield Said(process.environ["KUBECONFIG"], "KUBECONFIG")
    usual = os.path.join(process.home, ".kube", "config")
    if os.path.exists(usual):
        yield Said(usual, "default", True)
    elif process.environ.get("KUBERNETES_SERVICE_HOST"):
        yield Said("the pod's service account", "default", True)


def _default_context(said: Mapping[str, list[Said]]) -> Iterator[Said]:
    """The kubeconfig's current one."""
    from agentctl.kube.kubeconfig import Kubeconfig

    if not said["kubeconfig"]:
        return
    with suppress(AgentctlError, OSError):
        paths = [each for each in _paths(said["kubeconfig"][0]) if os.path.isfile(each)]
        current = Kubeconfig.load(paths).current_context
        if current:
            yield Said(current, "current-context", True)


def _paths(said: Said) -> list[str]:
    """KUBECONFIG alone may name several."""
    if said.by == "KUBECONFIG":
        return [each for each in said.value.split(os.pathsep) if each]
    return [os.path.expanduser(said.value)]


def _tls(said: Mapping[str, list[Said]], config: Mapping[str, Any]) -> Iterator[Said]:
    """What turns TLS on or off: the address's scheme before all, then whatever speaks of TLS."""
    address = said["address"][0] if said["address"] else Said("", "")
    scheme = address.value.strip().partition("://")[0].lower()
    if scheme in ("http", "https") and "://" in address.value:
        yield Said("true" if scheme == "https" else "false", f"{scheme}:// in {address.by}")
    files = [
        one._replace(value="true")
        for key in ("tls.ca", "tls.cert", "tls.key", "tls.server_name")
        for one in said[key][:1]
    ]
    plainly = [*said["tls"], *files]
    yield from (one for one in plainly if one.by.startswith("--"))
    yield from map(_truth, said["tls"])
    if isinstance(config.get("tls"), dict) and config["tls"]:
        yield Said("true", CONFIG_FILE)
    yield from files
    yield Said("false", "default", True)


def _truth(said: Said) -> Said:
    """True and false in one word each; what is neither is told as it is."""
    with suppress(argparse.ArgumentTypeError):
        return said._replace(value="true" if boolean(said.value) else "false")
    return said


def _shown(setting: Setting, said: Mapping[str, list[Said]], allows_plain_text: bool) -> InForce:
    mine = said[setting.key]
    first = mine[0] if mine else Said("", "")
    over = dict.fromkeys(
        one.by for one in mine[1:] if not one.is_default and one.value != first.value
    )
    value = MARK if first.value and setting.key == "token" else redact(first.value)
    note = _note(setting, first, said, allows_plain_text)
    return InForce(setting.key, value, redact(first.by), tuple(over), redact(note))


def _note(
    setting: Setting, first: Said, said: Mapping[str, list[Said]], allows_plain_text: bool
) -> str:
    mode = said["mode"][0].value
    if not first.value:
        needed = setting.key == "address" and mode in ("grpc", "sse")
        return f"mode {mode} needs one" if needed else ""
    if mode in TRANSPORTS and mode not in setting.transports:
        return "" if first.is_default else f"not used with mode {mode}"
    if setting.key in FILE_KEYS and not first.is_default:
        missing = [each for each in _paths(first) if not os.access(each, os.R_OK)]
        return f"cannot read {', '.join(missing)}" if missing else ""
    if setting.key == "token" and not allows_plain_text and _leaves_in_plain_text(said):
        return "refused over plain text to another host"
    if setting.key in ("mode", "namespace", "address", "token", "tls"):
        try:
            checked(setting.key, first.value)
        except AgentctlError as error:
            return error.message
    return ""


def _leaves_in_plain_text(said: Mapping[str, list[Said]]) -> bool:
    if said["tls"][0].value == "true" or not said["address"]:
        return False
    try:
        return not ServerAddress.parse(said["address"][0].value, 0).is_local
    except AgentctlError:
        return False  # told of the address
