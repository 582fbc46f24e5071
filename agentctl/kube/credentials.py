"""Dynamic credentials: exec plugins and auth providers.

Auth providers are left to ``kubernetes.config``, which is imported only here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from agentctl.errors import ConfigError
from agentctl.kube.console import Console
from agentctl.kube.kubeconfig_entry import KubeconfigEntry
from agentctl.net.token import checked_token
from agentctl.redact import redact
from agentctl.requirements import require

MAX_REASON = 300
PROVIDERS = ("azure", "gcp", "oidc")


def dynamic_values(
    paths: Sequence[str],
    context: str,
    cluster: KubeconfigEntry,
    user: KubeconfigEntry,
    environ: Mapping[str, str],
    console: Console,
    static: bool,
) -> dict[str, Any]:
    """The fields of a ``ClusterAccess`` that a plugin or provider gives. Raises ConfigError.

    None where the user has credentials already (``static``): then an exec plugin is only
    checked. ``context`` is empty where no context names the user.
    """
    if not user.values.get("exec"):
        if static:
            return {}
        if not context:
            raise ConfigError(f"{user.what}: an auth-provider needs a context that names this user")
        return _ask_provider(paths, context, user)
    if user.values.get("auth-provider"):
        raise ConfigError(f"{user.what}: both exec and auth-provider are given; remove one")
    from agentctl.kube.exec_plugin import ExecPlugin, checked_exec

    if static:
        checked_exec(user)
        return {}
    return ExecPlugin.of(cluster, user, environ, console).run(environ, console)


def _ask_provider(paths: Sequence[str], context: str, user: KubeconfigEntry) -> dict[str, Any]:
    provider = user.values["auth-provider"]
    kind = provider.get("name", "") if isinstance(provider, dict) else ""
    what = f"{user.what}: the auth-provider {kind!r}"
    otherwise = "use an exec plugin (kubelogin, gcloud), a certificate or a token"
    if kind not in PROVIDERS:
        raise ConfigError(f"{what} is none of {', '.join(PROVIDERS)}: {otherwise}")
    require(what, ["kubernetes"], f"or {otherwise}")
    from kubernetes.client import Configuration
    from kubernetes.config import load_kube_config

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
