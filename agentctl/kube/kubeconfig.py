"""Kubeconfig files, read as kubectl does; says clearly what is wrong with them.

What is written out in the file (certificates, tokens, passwords) is read here;
what must be run or fetched is left to ``credentials``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from agentctl.errors import ConfigError
from agentctl.kube.access import ClusterAccess
from agentctl.kube.console import NOBODY, Console
from agentctl.kube.impersonation import impersonation_headers
from agentctl.kube.kubeconfig_entry import KubeconfigEntry
from agentctl.kube.overrides import NO_OVERRIDES, Overrides
from agentctl.net.origin import Origin
from agentctl.net.proxies import environment_proxy
from agentctl.net.token import checked_token, read_token

_KINDS = {"clusters": "cluster", "contexts": "context", "users": "user"}


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
        for path in paths:
            config._add(path, _read_yaml(path))
        if not (config.contexts or config.clusters or config.users):
            raise ConfigError(f"{config.where}: the kubeconfig is empty")
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

    def referred(self, context: KubeconfigEntry, kind: str, override: str) -> KubeconfigEntry:
        """The cluster or user that ``override`` or else the context names; empty if neither."""
        name = override or context.text(kind)
        table = self.clusters if kind == "cluster" else self.users
        if name in table:
            return table[name]
        if not name:
            return KubeconfigEntry(context.what, context.path, {})
        known = ", ".join(sorted(table)) or "none"
        says = (
            f"{self.where}: no {kind} {name!r}"
            if override
            else (f"{context.what} names the {kind} {name!r}, which is not there")
        )
        raise ConfigError(f"{says} (there are: {known})")

    def _add(self, path: str, content: Mapping[str, Any]) -> None:
        current = content.get("current-context")
        if current is not None and not isinstance(current, str):
            raise ConfigError(f"{path}: current-context must be text; put it in quotes")
        self.current_context = self.current_context or current or ""
        for plural, kind in _KINDS.items():
            table: dict[str, KubeconfigEntry] = getattr(self, plural)
            entries = content.get(plural) or []
            if not isinstance(entries, list):
                raise ConfigError(f"{path}: {plural} must be a list")
            for entry in entries:
                name = entry.get("name") if isinstance(entry, dict) else None
                if not isinstance(name, str) or not name:
                    raise ConfigError(f"{path}: an entry of {plural} has no name")
                what = f"{path}: {kind} {name!r}"
                values = entry.get(kind) or {}
                if not isinstance(values, dict):
                    raise ConfigError(f"{what}: {kind} must be a mapping")
                table.setdefault(name, KubeconfigEntry(what, path, values))


def access_from(
    paths: Sequence[str],
    environ: Mapping[str, str],
    overrides: Overrides = NO_OVERRIDES,
    console: Console = NOBODY,
) -> ClusterAccess:
    """From kubeconfig files, merged by kubectl's rules: the first to say a thing wins.

    ``overrides`` win over all of them. May run the user's exec plugin. Raises ConfigError.
    """
    config = Kubeconfig.load(paths)
    name, chosen = config.context(overrides)
    cluster = config.referred(chosen, "cluster", overrides.cluster)
    user = config.referred(chosen, "user", overrides.user)
    if not (overrides.cluster or chosen.text("cluster")):
        raise ConfigError(f"{chosen.what} names no cluster")
    cluster, user = overrides.in_cluster(cluster), overrides.in_user(user)
    what = f"context {name!r}" if name else f"cluster {overrides.cluster!r}"
    values: dict[str, Any] = {
        "description": f"{what} of {config.where}",
        "context": name,
        "kubeconfigs": tuple(paths),
        "namespace": chosen.text("namespace"),
        **_cluster_values(cluster),
        **_user_values(user),
    }
    if (user.values.get("exec") or user.values.get("auth-provider")) and not (
        values["token"] or values["username"]
    ):
        from agentctl.kube.credentials import dynamic_values

        values.update(dynamic_values(paths, name, cluster, user, environ, console))
    values["server"] = _server(cluster, values)
    values["proxy_url"] = values["proxy_url"] or environment_proxy(
        Origin.of(values["server"]), environ
    )
    return ClusterAccess(**values)


def _cluster_values(cluster: KubeconfigEntry) -> dict[str, Any]:
    insecure = cluster.flag("insecure-skip-tls-verify")
    ca_data = cluster.pem("certificate-authority-data")
    ca_file = "" if ca_data else cluster.file("certificate-authority")
    if insecure and (ca_data or ca_file):
        raise ConfigError(
            f"{cluster.what}: certificate-authority and insecure-skip-tls-verify contradict "
            "each other; remove one"
        )
    return {
        "ca_file": ca_file,
        "ca_data": ca_data,
        "insecure_skip_tls_verify": insecure,
        "tls_server_name": cluster.text("tls-server-name"),
        "proxy_url": cluster.text("proxy-url"),
    }


def _user_values(user: KubeconfigEntry) -> dict[str, Any]:
    cert_data, key_data = user.pem("client-certificate-data"), user.pem("client-key-data")
    cert_file = "" if cert_data else user.file("client-certificate")
    key_file = "" if key_data else user.file("client-key")
    if bool(cert_data or cert_file) != bool(key_data or key_file):
        has, lacks = (
            ("client-certificate", "client-key")
            if cert_data or cert_file
            else ("client-key", "client-certificate")
        )
        raise ConfigError(f"{user.what}: {has} without {lacks}; give both or neither")
    token = user.text("token").strip()
    if token:
        token = checked_token(token, user.what)
    token_file = user.text("tokenFile")
    if token_file:
        token_file = os.path.join(os.path.dirname(os.path.abspath(user.path)), token_file)
        try:
            token = read_token(token_file)
        except ConfigError:
            if not token:
                raise
    username, password = user.text("username"), user.text("password")
    if token and username:
        raise ConfigError(f"{user.what}: both a token and a password are given; remove one")
    return {
        "client_cert_file": cert_file,
        "client_cert_data": cert_data,
        "client_key_file": key_file,
        "client_key_data": key_data,
        "token": token,
        "token_file": token_file,
        "username": username,
        "password": password,
        "impersonation": _impersonation(user),
    }


def _impersonation(user: KubeconfigEntry) -> tuple[tuple[str, str], ...]:
    extra = {key: user.texts(key, values) for key, values in user.mapping("as-user-extra").items()}
    groups = user.texts("as-groups", user.values.get("as-groups"))
    return impersonation_headers(user.text("as"), user.text("as-uid"), groups, extra, user.what)


def _server(cluster: KubeconfigEntry, values: Mapping[str, Any]) -> str:
    server = cluster.text("server").strip()
    if not server:
        raise ConfigError(f"{cluster.what}: has no server")
    if "://" not in server:
        uses_tls = any(values[key] for key in ("ca_file", "ca_data", "client_cert_file"))
        uses_tls = uses_tls or values["client_cert_data"] or values["insecure_skip_tls_verify"]
        server = f"{'https' if uses_tls else 'http'}://{server}"
    try:
        parts = urlsplit(server)
        bad = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        bad = True
    if bad:
        raise ConfigError(f"{cluster.what}: server is not a URL; expected https://HOST[:PORT]")
    if parts.username or parts.password:
        raise ConfigError(f"{cluster.what}: server must not carry a password; set it on the user")
    return server


def _read_yaml(path: str) -> Mapping[str, Any]:
    import yaml

    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the kubeconfig: {error.strerror}") from error
    try:
        loaded = yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # Not the error's own text: it quotes the line, and that may be a secret.
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{path}{line}: the kubeconfig is not YAML") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path}: the kubeconfig must be a mapping, with clusters and contexts")
    return loaded
