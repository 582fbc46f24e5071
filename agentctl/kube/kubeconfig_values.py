"""What a cluster and a user of a kubeconfig give for access, with kubectl's own refusals."""

from __future__ import annotations

import os
import posixpath
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from agentctl.errors import ConfigError
from agentctl.kube.kubeconfig_entry import KubeconfigEntry
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lazy_regex import regex
from agentctl.net.origin import Origin
from agentctl.net.proxies import Proxy
from agentctl.net.token import checked_token, read_token

_BAD_ESCAPE = regex(r"%(?![\da-fA-F]{2})")


class ServerUrl(NamedTuple):
    """A cluster's ``server``, taken apart."""

    url: str
    """Without a user, a query, or a path that is not clean."""
    username: str
    password: str

    @property
    def secure(self) -> bool:
        return self.url.startswith("https:")

    @classmethod
    def of(cls, cluster: KubeconfigEntry) -> ServerUrl:
        """Raises ConfigError for what is no URL of an HTTP server."""
        server = cluster.text("server")
        if not server:
            raise ConfigError(f"{cluster.what}: has no server")
        expected = f"{cluster.what}: server is not a URL; expected https://HOST[:PORT]"
        # kubectl takes what has no scheme for host:port, and speaks plain http there.
        bare = "://" not in server
        url = f"http://{server}" if bare else server
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise ConfigError(expected) from None
        bad = parts.scheme not in ("http", "https") or not host or port == 0
        bad = bad or (bare and parts.path not in ("", "/")) or any(map(str.isspace, parts.netloc))
        bad = bad or ("%" in host and ":" not in host) or bool(_BAD_ESCAPE.search(parts.path))
        if bad or server != server.strip():
            raise ConfigError(expected)
        try:
            Origin.of(url)
        except ValueError as error:
            raise ConfigError(f"{cluster.what}: server: {error}") from None
        named = unquote(parts.path) + (f"#{parts.fragment}" if parts.fragment else "")
        path = posixpath.normpath("/" + named.lstrip("/"))
        address = parts.netloc.rpartition("@")[2]
        clean = "" if path == "/" else quote(path, safe="/$&+,:;=@~")
        return cls(
            f"{parts.scheme}://{address}{clean}",
            unquote(parts.username or ""),
            unquote(parts.password or ""),
        )


def cluster_values(cluster: KubeconfigEntry, secure: bool) -> dict[str, Any]:
    """The fields of a ``ClusterAccess`` that a cluster gives. Raises ConfigError."""
    ca = "certificate-authority"
    ca_file, ca_data = _file_or_data(cluster, ca, secure)
    insecure = cluster.flag("insecure-skip-tls-verify")
    if secure and insecure and (ca_data or ca_file):
        raise ConfigError(
            f"{cluster.what}: {ca} and insecure-skip-tls-verify contradict each other; remove one"
        )
    proxy_url = cluster.text("proxy-url")
    if proxy_url:
        try:
            Proxy.parse(proxy_url)
        except ConfigError as error:
            raise ConfigError(f"{cluster.what}: proxy-url: {error.message}") from None
    return {
        "ca_file": ca_file,
        "ca_data": ca_data,
        "insecure_skip_tls_verify": insecure,
        "tls_server_name": cluster.text("tls-server-name"),
        "proxy_url": proxy_url,
    }


def user_values(user: KubeconfigEntry, secure: bool) -> dict[str, Any]:
    """The fields of a ``ClusterAccess`` that a user gives by itself. Raises ConfigError."""
    cert_file, cert_data = _file_or_data(user, "client-certificate", secure)
    key_file = key_data = ""
    if cert_file or cert_data:
        key_file, key_data = _file_or_data(user, "client-key", secure)
        if not (key_file or key_data):
            raise ConfigError(
                f"{user.what}: client-certificate without client-key; give both or neither"
            )
    token, token_file = _token(user)
    username, password = user.text("username"), user.text("password")
    if token and (username or password):
        raise ConfigError(f"{user.what}: both a token and a password are given; remove one")
    if password and not username:
        raise ConfigError(f"{user.what}: password without username; give both or neither")
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
    given = user.text("as"), user.text("as-uid"), user.texts("as-groups")
    extra = user.text_lists("as-user-extra")
    if not any((*given, extra)):
        return ()
    from agentctl.kube.impersonation import impersonation_headers

    return impersonation_headers(*given, extra, user.what)


def _file_or_data(entry: KubeconfigEntry, key: str, secure: bool) -> tuple[str, str]:
    """A file's path or PEM text, whichever is given; over plain http nobody looks into it."""
    path, data = entry.file(key), entry.pem(f"{key}-data", checked=secure)
    if path and data:
        raise ConfigError(f"{entry.what}: both {key} and {key}-data are given; remove one")
    return path, data


def _token(user: KubeconfigEntry) -> tuple[str, str]:
    """The token, and the file to read it from again. The file's counts where it has one."""
    token = user.text("token").strip()
    if token:
        token = checked_token(token, f"{user.what}: token")
    token_file = user.text("tokenFile")
    if token_file:
        token_file = os.path.join(os.path.dirname(os.path.abspath(user.path)), token_file)
        try:
            token = read_token(token_file)
        except ConfigError:
            if not token:
                raise
    return token, token_file
