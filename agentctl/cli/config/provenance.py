"""Provenance of settings: the value in force, who says it, whom it overrules, what is amiss."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import suppress

from agentctl.cli.config.layers import Layers, Said
from agentctl.cli.config.table import SETTINGS, TRANSPORTS, Setting
from agentctl.cli.host.process import Process
from agentctl.errors import AgentctlError
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.redact import MARK, redact
from agentctl.remote.access import ServerAddress


class InForce(NamedTuple):
    """One setting as it stands. ``value`` is fit to be printed."""

    key: str
    value: str
    by: str
    over: tuple[str, ...] = ()
    """Who else says something else, and is not listened to."""
    note: str = ""
    """What is amiss with it."""


def in_force(args: Namespace, process: Process) -> tuple[InForce, ...]:
    """All settings, for a run with these flags. Raises ConfigError."""
    layers = Layers.of(process, args)
    said = {one.key: list(layers.said(one.key)) for one in SETTINGS}
    said["kubeconfig"] += _default_kubeconfig(process)
    said["context"] += _default_context(said)
    plain = bool(getattr(args, "insecure_plaintext_token", False))
    return tuple(_shown(one, said, plain) for one in SETTINGS)


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


def _shown(setting: Setting, said: Mapping[str, list[Said]], allows_plain_text: bool) -> InForce:
    mine = said[setting.key]
    first = mine[0] if mine else Said()
    by = f"{first.by} {first.value}" if first.by == "--token-file" else first.by
    over = dict.fromkeys(
        one.by for one in mine[1:] if not one.is_default and one.value != first.value
    )
    value = MARK if first.value and setting.key == "token" else redact(first.value)
    note = _note(setting, first, said, allows_plain_text)
    return InForce(setting.key, value, redact(by), tuple(over), redact(note))


def _note(
    setting: Setting, first: Said, said: Mapping[str, list[Said]], allows_plain_text: bool
) -> str:
    mode = said["mode"][0].value
    if not first.value:
        needed = setting.key == "address" and mode in ("grpc", "sse")
        return f"mode {mode} needs one" if needed else ""
    if mode in TRANSPORTS and mode not in setting.transports:
        amiss = _amiss(setting, first)
        unused = f"not used with mode {mode}{'; ' if amiss else ''}{amiss}"
        return "" if first.is_default else unused
    if setting.is_file and not first.is_default:
        missing = [each for each in _paths(first) if not os.access(each, os.R_OK)]
        return f"cannot read {', '.join(missing)}" if missing else ""
    if setting.key == "token" and not allows_plain_text and _leaves_in_plain_text(said):
        return "refused over plain text to another host"
    return _amiss(setting, first)


def _amiss(setting: Setting, said: Said) -> str:
    """What is wrong with a value, whoever says it."""
    try:
        setting.checked(said.value, setting.key)
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
