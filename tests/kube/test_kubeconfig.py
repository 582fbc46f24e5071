"""Kubeconfig files: what is read out of them, and what is said of those that are wrong."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentctl.errors import ConfigError
from agentctl.kube.access import ClusterAccess
from agentctl.kube.kubeconfig import access_from
from agentctl.kube.overrides import Overrides
from tests.net.certs import b64, write

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def kubeconfig(
    folder: Path, cluster: Any = None, user: Any = None, context: Any = None, name: str = "config"
) -> str:
    """A kubeconfig with one of each, called ``dev``; None leaves the usual."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "dev",
        "clusters": [{"name": "dev", "cluster": cluster or {"server": "https://api.example:6443"}}],
        "users": [{"name": "dev", "user": user or {}}],
        "contexts": [{"name": "dev", "context": context or {"cluster": "dev", "user": "dev"}}],
    }
    return write(folder / name, yaml.safe_dump(content))


def load(path: str, context: str = "", **environ: str) -> ClusterAccess:
    return access_from([path], environ, Overrides(context=context))


def complaint(path: str, context: str = "") -> str:
    with pytest.raises(ConfigError) as failure:
        load(path, context)
    assert "\n" not in failure.value.message
    return failure.value.message


def test_everything_static_is_read(tmp_path: Path) -> None:
    path = kubeconfig(
        tmp_path,
        cluster={
            "server": "https://api.example:6443/prefix",
            "certificate-authority-data": b64(PEM),
            "tls-server-name": "kubernetes",
            "proxy-url": "http://proxy:3128",
        },
        user={
            "client-certificate-data": b64(PEM),
            "client-key-data": b64("-----BEGIN PRIVATE KEY-----"),
            "token": " t0ken\n",
            "as": "boss",
            "as-uid": "7",
            "as-groups": ["a", "b"],
            "as-user-extra": {"scopes": ["x"]},
        },
        context={"cluster": "dev", "user": "dev", "namespace": "agents"},
    )
    assert load(path) == ClusterAccess(
        server="https://api.example:6443/prefix",
        description=f"context 'dev' of {path}",
        context="dev",
        namespace="agents",
        ca_data=PEM,
        tls_server_name="kubernetes",
        client_cert_data=PEM,
        client_key_data="-----BEGIN PRIVATE KEY-----",
        token="t0ken",
        impersonation=(
            ("Impersonate-User", "boss"),
            ("Impersonate-Uid", "7"),
            ("Impersonate-Group", "a"),
            ("Impersonate-Group", "b"),
            ("Impersonate-Extra-scopes", "x"),
        ),
        proxy_url="http://proxy:3128",
    )


def test_relative_paths_start_from_the_file_they_stand_in(tmp_path: Path) -> None:
    for name in ("ca.crt", "me.crt", "me.key"):
        write(tmp_path / name, PEM)
    write(tmp_path / "token", "from-file\n")
    path = kubeconfig(
        tmp_path,
        cluster={"server": "https://x", "certificate-authority": "ca.crt"},
        user={"client-certificate": "me.crt", "client-key": "./me.key", "tokenFile": "token"},
    )
    access = load(path)
    assert os.path.samefile(access.ca_file, tmp_path / "ca.crt")
    assert os.path.samefile(access.client_cert_file, tmp_path / "me.crt")
    assert os.path.samefile(access.client_key_file, tmp_path / "me.key")
    assert os.path.samefile(access.token_file, tmp_path / "token")
    assert access.token == "from-file"


def test_a_token_file_wins_over_a_token_which_stands_in_for_it(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, user={"token": "static", "tokenFile": "token"})
    assert load(path).token == "static"
    write(tmp_path / "token", "from-file")
    assert load(path).token == "from-file"


def test_a_user_is_not_needed(tmp_path: Path) -> None:
    access = load(kubeconfig(tmp_path, context={"cluster": "dev"}))
    assert access.authentication == "none"


@pytest.mark.parametrize(
    ("server", "dialled"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("https://x/a b/../é/?q#f", "https://x/%C3%A9/%23f"),
        ("HTTPS://X:1//a//b/", "https://X:1/a/b"),
        ("https://[::1]:6443/", "https://[::1]:6443"),
        ("https://u%40v:p%3A@x", "https://x"),
    ],
)
def test_a_server_is_read_as_kubectl_does(server: str, dialled: str, tmp_path: Path) -> None:
    insecure = {"server": server, "insecure-skip-tls-verify": True}
    access = load(kubeconfig(tmp_path, cluster=insecure, user={"token": "t"}))
    assert access.server == dialled
    if "@" in server:
        assert (access.username, access.password, access.token) == ("u@v", "p:", "")


def test_the_environments_proxy_is_second_to_proxy_url(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path)
    assert load(path, HTTPS_PROXY="http://env:1").proxy_url == "http://env:1"
    path = kubeconfig(tmp_path, cluster={"server": "https://x", "proxy-url": "http://own:1"})
    assert load(path, HTTPS_PROXY="http://env:1").proxy_url == "http://own:1"


def test_in_several_files_the_first_to_define_a_thing_wins(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub" / "ca.crt", PEM)
    first = write(
        tmp_path / "first",
        yaml.safe_dump(
            {
                "contexts": [{"name": "dev", "context": {"cluster": "prod", "user": "dev"}}],
                "users": [{"name": "dev", "user": {"token": "first"}}],
            }
        ),
    )
    second = kubeconfig(
        tmp_path / "sub",
        cluster={"server": "https://second", "certificate-authority": "ca.crt"},
        user={"token": "second"},
    )
    text = Path(second).read_text().replace("name: dev\ncontexts", "name: prod\ncontexts")
    Path(second).write_text(text.replace("- cluster:", "- name: prod\n  cluster:", 1))
    access = access_from([first, second], {})
    assert (access.server, access.token) == ("https://second", "first")
    assert os.path.samefile(access.ca_file, tmp_path / "sub" / "ca.crt")
    assert access.description == f"context 'dev' of {first}{os.pathsep}{second}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "{path}: the kubeconfig is empty: no clusters, contexts or users"),
        ("# nothing\n", "{path}: the kubeconfig is empty: no clusters, contexts or users"),
        ("{}", "{path}: the kubeconfig is empty: no clusters, contexts or users"),
        ("image: {tag: 5}", "{path}: the kubeconfig is empty: no clusters, contexts or users"),
        (
            "kind: Config\nclusters: []",
            "{path}: the kubeconfig is empty: no clusters, contexts or users",
        ),
        ("just words", "{path}: the kubeconfig must be a mapping, with clusters and contexts"),
        ("- a\n- b\n", "{path}: the kubeconfig must be a mapping, with clusters and contexts"),
        ("users:\n- token: 's3cret\n", "{path}:3: the kubeconfig is not YAML"),
        ("a: b: c s3cret", "{path}:1: the kubeconfig is not YAML"),
        ("\x01s3cret", "{path}: the kubeconfig is not YAML"),
        ("a: &a [*a]", "{path}: an anchor in the kubeconfig contains itself"),
        ("a: {<<: 3}", "{path}:1: << must merge a mapping"),
        ("[a]: b", "{path}:1: a key must be text"),
        ("kind: Secret", "{path}: kind is 'Secret', not Config; is it a kubeconfig?"),
        ("apiVersion: v2", "{path}: apiVersion is 'v2', not v1; is it a kubeconfig?"),
        ("clusters: 3", "{path}: clusters must be a list"),
        (
            "users: [{name: a}, {name: a}]",
            "{path}: two users are named 'a'; remove or rename one",
        ),
        ("users: [s3cret]", "{path}: an entry of users must be a mapping with a name"),
        ("users: {}", "{path}: users must be a list"),
        ("users: [{name: a, user: s3cret}]", "{path}: user 'a': user must be a mapping"),
        ("current-context: 3", "{path}: current-context must be text; put it in quotes"),
        (
            "contexts: [{name: a, context: {cluster: c}}, {name: b}]",
            "{path}: no current-context; name one with --context (there are: a, b)",
        ),
        (
            "current-context: c\nusers: [{name: a}]",
            "{path}: no context 'c' (there are: none)",
        ),
        (
            "current-context: a\ncontexts: [{name: a}]",
            "{path}: context 'a' names no cluster",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_why(content: str, said: str, tmp_path: Path) -> None:
    path = write(tmp_path / "config", content)
    assert complaint(path) == said.format(path=path)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    assert complaint(gone) == f"{gone}: cannot read the kubeconfig: {os.strerror(errno.ENOENT)}"
    assert complaint(str(tmp_path)).endswith(
        f"cannot read the kubeconfig: {os.strerror(errno.EISDIR)}"
    )


def test_an_unknown_context_suggests_the_closest(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path)
    assert (
        complaint(path, "deb") == f"{path}: no context 'deb'; did you mean 'dev'? (there are: dev)"
    )


def test_a_context_that_names_a_cluster_that_is_missing(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, context={"cluster": "gone", "user": "dev"})
    assert complaint(path) == (
        f"{path}: context 'dev' names the cluster 'gone', which is not there (there are: dev)"
    )


@pytest.mark.parametrize(
    ("cluster", "user", "said"),
    [
        ({"server": ""}, {}, "has no server"),
        ({"server": "ftp://x"}, {}, "server is not a URL; expected https://HOST"),
        ({"server": "https://x:port"}, {}, "server is not a URL"),
        ({"server": " https://x"}, {}, "server is not a URL"),
        ({"server": "https://a..b"}, {}, "server: the name 'a..b' has an empty label"),
        ({"server": 3}, {}, "server must be text; put it in quotes"),
        ({"insecure-skip-tls-verify": "yes"}, {}, "must be true or false"),
        (
            {"insecure-skip-tls-verify": True, "certificate-authority-data": b64(PEM)},
            {},
            "certificate-authority and insecure-skip-tls-verify contradict each other; remove one",
        ),
        ({"certificate-authority": "gone.crt"}, {}, "gone.crt, which does not exist"),
        ({"certificate-authority-data": "s3cret!"}, {}, "certificate-authority-data is not base64"),
        ({"certificate-authority-data": b64("s3cret")}, {}, "holds no PEM block; copy it again"),
        ({}, {"client-key-data": "s3cret"}, "client-key-data is not base64"),
        (
            {},
            {"client-certificate-data": b64(PEM)},
            "user 'dev': client-certificate without client-key; give both or neither",
        ),
        (
            {"certificate-authority-data": b64(PEM), "certificate-authority": __file__},
            {},
            "both certificate-authority and certificate-authority-data are given; remove one",
        ),
        ({}, {"password": "s3cret"}, "password without username; give both or neither"),
        ({}, {"token": "a", "username": "b"}, "both a token and a password are given"),
        ({}, {"token": "s3cret\ns3cret"}, "user 'dev': token: is no token: expected visible ASCII"),
        ({}, {"token": 12345}, "token must be text; put it in quotes"),
        ({}, {"tokenFile": "gone"}, "gone: cannot be read: No such file"),
        ({}, {"exec": {"command": "x"}, "auth-provider": {"name": "y"}}, "both exec and auth-prov"),
        ({}, {"exec": {"args": ["x"]}}, "exec must have command and apiVersion"),
    ],
)
def test_a_contradiction_says_what_to_do(
    cluster: dict[str, Any], user: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = kubeconfig(tmp_path, cluster={"server": "https://x", **cluster}, user=user)
    message = complaint(path)
    assert message.startswith(str(tmp_path))
    assert said in message
    assert "s3cret" not in message


def test_static_credentials_import_no_client_library(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, user={"token": "t"})
    script = (
        "import sys; from agentctl.kube.find_access import discover;"
        f"discover({path!r}, {{}}, '/nowhere');"
        "print([m for m in ('kubernetes', 'requests', 'grpc', 'urllib3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
