"""Kubeconfig files, merged and read as kubectl does; says clearly what is wrong with them.

What is written out in the file (certificates, tokens, passwords) is read here;
what must be run or fetched is left to ``credentials``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agentctl.debug_log import DebugLog
from agentctl.errors import ConfigError
from agentctl.kube.access import ClusterAccess
from agentctl.kube.console import NOBODY, Console
from agentctl.kube.kubeconfig_entry import KubeconfigEntry
from agentctl.kube.kubeconfig_file import read_file
from agentctl.kube.kubeconfig_values import ServerUrl, cluster_values, user_values
from agentctl.kube.overrides import NO_OVERRIDES, Overrides
from agentctl.lazy_dataclass import dataclass, field
from agentctl.net.origin import Origin
from agentctl.net.proxies import environment_proxy

log = DebugLog(__name__)


@dataclass
class Kubeconfig:
    """Several files as one: the first to define a name, or a current context, wins."""

    paths: tuple[str, ...] = ()
    current_context: str = ""
    clusters: dict[str, KubeconfigEntry] = field(default_factory=dict)
    contexts: dict[str, KubeconfigEntry] = field(default_factory=dict)
    users: dict[str, KubeconfigEntry] = field(default_factory=dict)

    @classmethod
    def load(cls, paths: Sequence[str]) -> Kubeconfig:
        """Read and merge. Raises ConfigError naming the file and what is wrong with it."""
        config = cls(tuple(paths))
        tables = {"cluster": config.clusters, "context": config.contexts, "user": config.users}
        for path in paths:
            current, entries = read_file(path)
            config.current_context = config.current_context or current
            for kind, table in tables.items():
                table.update({**entries[kind], **table})
        if not any(tables.values()):
            raise ConfigError(
                f"{config.where}: the kubeconfig is empty: no clusters, contexts or users"
            )
        return config

    @property
    def where(self) -> str:
        return os.pathsep.join(self.paths)

    def context(self, overrides: Overrides) -> tuple[str, KubeconfigEntry]:
        """The context that is asked for, or the current one; an empty one if neither is needed."""
        wanted = overrides.context or self.current_context
        if not wanted and overrides.cluster:
            return "", KubeconfigEntry(self.where, self.paths[0], {})
        known = ", ".join(sorted(self.contexts)) or "none"
        if not wanted:
            raise ConfigError(
                f"{self.where}: no current-context; name one with --context (there are: {known})"
            )
        if wanted in self.contexts:
            return wanted, self.contexts[wanted]
        import difflib

        close = difflib.get_close_matches(wanted, self.contexts, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ConfigError(f"{self.where}: no context {wanted!r}{hint} (there are: {known})")

    def cluster(self, context: KubeconfigEntry, override: str) -> KubeconfigEntry:
        """The one that ``override`` or else the context names. Raises ConfigError without one."""
        name = override or context.text("cluster")
        if name in self.clusters:
            return self.clusters[name]
        if override:
            raise ConfigError(f"{self.where}: no cluster {name!r} {_known(self.clusters)}")
        if not name:
            raise ConfigError(f"{context.what} names no cluster")
        raise ConfigError(
            f"{context.what} names the cluster {name!r}, which is not there {_known(self.clusters)}"
        )

    def user(self, context: KubeconfigEntry, override: str) -> KubeconfigEntry:
        """The one that ``override`` or else the context names.

        A context whose user is not there has no credentials, which kubectl takes as well.
        """
        name = override or context.text("user")
        if name in self.users:
            return self.users[name]
        if override:
            raise ConfigError(f"{self.where}: no user {name!r} {_known(self.users)}")
        if name:
            log.debug(
                "%s names the user %r, which is not there: no credentials", context.what, name
            )
        return KubeconfigEntry(context.what, context.path, {})


def _known(table: Mapping[str, KubeconfigEntry]) -> str:
    return f"(there are: {', '.join(sorted(table)) or 'none'})"


def access_from(
    paths: Sequence[str],
    environ: Mapping[str, str],
    overrides: Overrides = NO_OVERRIDES,
    console: Console = NOBODY,
    load: Callable[[Sequence[str]], Kubeconfig] = Kubeconfig.load,
) -> ClusterAccess:
    """From kubeconfig files, merged by kubectl's rules: the first to say a thing wins.

    ``overrides`` win over all of them. May run the user's exec plugin. Raises ConfigError.
    """
    config = load(paths)
    name, chosen = config.context(overrides)
    cluster = overrides.in_cluster(config.cluster(chosen, overrides.cluster))
    user = overrides.in_user(config.user(chosen, overrides.user))
    server = ServerUrl.of(cluster)
    what = f"context {name!r}" if name else f"cluster {overrides.cluster!r}"
    values: dict[str, Any] = {
        "description": f"{what} of {config.where}",
        "context": name,
        "kubeconfigs": tuple(paths),
        "namespace": chosen.text("namespace"),
        "server": server.url,
        **cluster_values(cluster, server.secure),
        **user_values(user, server.secure),
    }
    if server.username or server.password:
        values.update(token="", token_file="", username=server.username, password=server.password)
    if user.mapping("exec") or user.mapping("auth-provider"):
        from agentctl.kube.credentials import dynamic_values

        # One that a context of its own does not name is not for the kubernetes package.
        own = name if overrides.user in ("", chosen.text("user")) else ""
        has = any(values[key] for key in ("token", "username", "client_cert_file"))
        static = has or bool(values["client_cert_data"])
        values.update(dynamic_values(paths, own, cluster, user, environ, console, static))
    values["proxy_url"] = values["proxy_url"] or environment_proxy(Origin.of(server.url), environ)
    return ClusterAccess(**values)
