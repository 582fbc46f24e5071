"""Dynamic credentials: exec plugins and auth providers.

Both are left to ``kubernetes.config``, which is imported only here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Optional

from agentctl.errors import ConfigError
from agentctl.kube.kubeconfig_entry import KubeconfigEntry
from agentctl.model import parse_time
from agentctl.net.token import checked_token
from agentctl.redact import redact

MAX_REASON = 300


def dynamic_values(
    paths: Sequence[str], context: str, cluster: KubeconfigEntry, user: KubeconfigEntry
) -> dict[str, Any]:
    """The fields of a ``ClusterAccess`` that a plugin or provider gives. Raises ConfigError."""
    plugin, provider = user.values.get("exec"), user.values.get("auth-provider")
    if plugin and provider:
        raise ConfigError(f"{user.what}: both exec and auth-provider are given; remove one")
    try:
        import kubernetes.config  # noqa: F401
    except ImportError as error:
        needs = "an exec plugin" if plugin else "an auth-provider"
        raise ConfigError(
            f"{user.what}: {needs} needs the package kubernetes ({error}); "
            "install it, or use a user with a certificate or a token"
        ) from error
    return _run_plugin(cluster, user, plugin) if plugin else _ask_provider(paths, context, user)


def _run_plugin(cluster: KubeconfigEntry, user: KubeconfigEntry, plugin: Any) -> dict[str, Any]:
    from kubernetes.config.exec_provider import ExecProvider
    from kubernetes.config.kube_config import ConfigNode

    command = plugin.get("command") if isinstance(plugin, dict) else None
    if not isinstance(command, str) or not command or not plugin.get("apiVersion"):
        raise ConfigError(f"{user.what}: exec must have command and apiVersion")
    folder = os.path.dirname(os.path.abspath(user.path))
    what = f"{user.what}: the exec plugin {command!r}"
    if not shutil.which(os.path.join(folder, command) if os.sep in command else command):
        hint = " ".join(str(plugin.get("installHint") or "").split())
        raise ConfigError(f"{what} is not installed; {hint or 'install it and put it on PATH'}")
    # The provider drops the key where it is null, and args may be written as numbers.
    settings = {key: value for key, value in plugin.items() if value is not None}
    settings["args"] = [str(argument) for argument in settings.get("args", ())]
    arguments: list[Any] = [ConfigNode("exec", settings, user.path), folder]
    if plugin.get("provideClusterInfo"):
        arguments.append(ConfigNode("cluster", dict(cluster.values), cluster.path))
    try:
        status = ExecProvider(*arguments).run()
    except TypeError as error:
        raise ConfigError(
            f"{what} wants to know the cluster; that needs a newer package kubernetes"
        ) from error
    except Exception as error:  # ConfigException, OSError, what a plugin's answer provokes
        raise ConfigError(f"{what} failed: {_line(error)}") from error
    return _plugin_values(what, status)


def _plugin_values(what: str, status: Any) -> dict[str, Any]:
    if not isinstance(status, dict):
        raise ConfigError(f"{what} answered without a status")
    values: dict[str, Any] = {}
    token = status.get("token")
    cert, key = status.get("clientCertificateData"), status.get("clientKeyData")
    if isinstance(token, str) and token:
        values["token"] = checked_token(token, what)
    if cert and key:
        values.update(client_cert_data=str(cert), client_key_data=str(key))
        values.update(client_cert_file="", client_key_file="")
    elif cert or key:
        raise ConfigError(f"{what} gave a client certificate without its key, or the reverse")
    if not values:
        raise ConfigError(f"{what} gave neither a token nor a client certificate")
    values["expires_at"] = _moment(status.get("expirationTimestamp"), what)
    return values


def _moment(text: Any, what: str) -> Optional[datetime]:
    if not text:
        return None
    try:
        return parse_time(str(text))
    except ValueError as error:
        raise ConfigError(f"{what} gave an expirationTimestamp that is no time") from error


def _ask_provider(paths: Sequence[str], context: str, user: KubeconfigEntry) -> dict[str, Any]:
    from kubernetes.client import Configuration
    from kubernetes.config import load_kube_config

    provider = user.values["auth-provider"]
    kind = provider.get("name", "") if isinstance(provider, dict) else ""
    what = f"{user.what}: the auth-provider {kind!r}"
    settings = Configuration()
    try:
        # Refreshed tokens are written back, as kubectl does: an OIDC refresh token may
        # be good only once.
        load_kube_config(
            config_file=os.pathsep.join(paths), context=context, client_configuration=settings
        )
    except Exception as error:  # each provider has errors of its own
        raise ConfigError(f"{what} failed: {_line(error)}") from error
    # Older releases file it under the header's name, newer ones under the scheme's.
    keys = settings.api_key
    bearer = str(keys.get("authorization") or keys.get("BearerToken") or "")
    scheme, _, token = bearer.partition(" ")
    if scheme != "Bearer" or not token:
        raise ConfigError(
            f"{what} gave no token; log in again, or use an exec plugin (kubelogin, gcloud)"
        )
    return {"token": checked_token(token, what)}


def _line(error: Exception) -> str:
    """What went wrong, without secrets: a plugin may write what it was given."""
    return redact(" ".join(redact(str(error), 4 * MAX_REASON).split()), MAX_REASON) or (
        type(error).__name__
    )
