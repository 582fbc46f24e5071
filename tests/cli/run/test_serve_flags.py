"""``agentctl serve``: what cannot be meant is told in one line, before anything begins."""

from __future__ import annotations

import errno
import io
import logging
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentctl.cli.host.process import FdOutput, Process
from agentctl.cli.main import main
from agentctl.cli.run.listeners import _named
from agentctl.errors import UsageError
from agentctl.requirements import REQUIREMENTS
from agentctl.server.address import Address
from tests.net.certs import Authority, write

QUIET = ("--source", "demo", "--http", "127.0.0.1:0", "--grpc", "off")


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """What the program does to logging is undone."""
    logger = logging.getLogger("agentctl")
    before = (logger.handlers, logger.level, logger.propagate)
    yield
    logger.handlers, logger.level, logger.propagate = before


def said(*args: str) -> str:
    """The one line that a usage error makes."""
    stderr = io.StringIO()
    process = Process(environ={"HOME": "/nonexistent"}, stdout=FdOutput(1), stderr=stderr)
    assert main(["serve", *args], process) == 2
    (line,) = stderr.getvalue().splitlines()
    return line


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ("--http off --grpc off", "nothing would be served"),
        ("--http 8080", "--http: expected HOST:PORT"),
        ("--grpc ::1:50051", "--grpc: expected brackets"),
        ("--http 0.0.0.0:0", "--http 0.0.0.0:0 can be reached from other hosts"),
        ("--grpc :0", "--grpc 0.0.0.0:0 can be reached from other hosts"),
        ("--http [::]:0", "--insecure-no-auth if everybody may"),
        ("--tls-cert x", "--tls-cert needs --tls-key as well"),
        ("--tls-key x", "--tls-key needs --tls-cert as well"),
        ("--client-ca x", "--client-ca needs --tls-cert and --tls-key as well"),
        ("--token-file x --insecure-no-auth", "--insecure-no-auth has no meaning with --token"),
        ("--token-file /nonexistent/token", "--token-file /nonexistent/token: cannot be read"),
        ("--tls-cert /no/c --tls-key /no/k", "--tls-cert /no/c: cannot be read: "),
        ("--source demo --kubeconfig x", "--kubeconfig has no meaning with --source demo"),
        ("--source demo --as x", "--as has no meaning with --source demo"),
        ("--source demo --exclude-context x", "--exclude-context has no meaning"),
        ("--source demo --cluster x", "--cluster has no meaning with --source demo"),
        ("--source demo --clusters 2 --probe-dependencies", "--clusters are several"),
        ("--clusters 3", "--clusters is of --source demo"),
        ("--source demo --clusters 1", "expected a number from 2"),
        ("--source demo --context x", "--context has no meaning with --source demo"),
        ("--source dmeo", "expected kube or demo, got 'dmeo'; did you mean demo?"),
        ("--max-streams 0", "--max-streams: expected a number from 1"),
        ("--max-streams-per-peer many", "--max-streams-per-peer: expected a number"),
        ("--debounce -1s", "--debounce: expected"),
        ("--retry-backoff 0", "--retry-backoff: expected more than 0"),
        ("-n UPPER", "namespace 'UPPER'"),
        ("--source demo --component nope --http 127.0.0.1:0", "no component matches 'nope'"),
        ("--catalog /nonexistent.yaml --http 127.0.0.1:0", "/nonexistent.yaml"),
        ("--http 127.0.0.1:0 --grpc off", "no kubeconfig: /nonexistent/.kube/config"),
        ("--htpp off", "unknown flag --htpp; did you mean --http?"),
        ("now", "unexpected argument 'now'"),
    ],
)
def test_usage_errors(args: str, expected: str) -> None:
    assert expected in said(*args.split())


@pytest.mark.parametrize(
    ("module", "off", "flag"),
    [
        ("h11", "--grpc", "--http"),
        ("prometheus_client", "--grpc", "--http"),
        ("grpc_health", "--http", "--grpc"),
        ("grpc_reflection", "--http", "--grpc"),
    ],
)
def test_packages_that_are_missing(
    monkeypatch: pytest.MonkeyPatch, module: str, off: str, flag: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    line = said("--source", "demo", off, "off")
    assert f"serve with {flag} needs the package " in line
    assert f"{sys.executable} -m pip install '{REQUIREMENTS[module]}'" in line
    assert line.endswith(f"; or give {flag} off")


def test_packages_of_both_listeners_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("h11", "grpc"):
        monkeypatch.setitem(sys.modules, module, None)
    line = said("--source", "demo")
    assert "serve with --http and --grpc needs the packages h11 and grpcio, which are not " in line
    assert line.endswith("-m pip install 'h11>=0.16' 'grpcio>=1.59.2'")


@pytest.mark.parametrize("flag", ["--http", "--grpc", "--probe"])
def test_an_address_that_is_taken_is_named_with_its_flag(flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        line = said(*QUIET, flag, where)
    assert line == (
        f"agentctl: {flag} {where}: cannot listen there: {os.strerror(errno.EADDRINUSE)}; "
        f"take another address, or {flag} off"
    )


def test_two_listeners_cannot_share_an_address(free_port: int) -> None:
    where = f"127.0.0.1:{free_port}"
    line = said("--source", "demo", "--http", where, "--grpc", where)
    assert f"--grpc {where}: cannot listen there: {os.strerror(errno.EADDRINUSE)}" in line


def test_an_address_of_another_host_cannot_be_had() -> None:
    line = said(*QUIET, "--http", "192.0.2.1:8080", "--insecure-no-auth")
    assert "--http 192.0.2.1:8080: cannot listen there: Cannot assign requested address" in line


def test_a_port_that_takes_a_permission() -> None:
    said = r"--http localhost:80: not permitted .* above 1023"
    with pytest.raises(UsageError, match=said), _named("--http", Address("localhost", 80)):
        raise PermissionError(13, "Permission denied")


def test_a_key_that_does_not_belong_to_the_certificate(tmp_path: Path) -> None:
    authority = Authority()
    certificate = write(tmp_path / "tls.crt", authority.client_pair()[0])
    key = write(tmp_path / "tls.key", authority.client_pair()[1])
    line = said(*QUIET, "--tls-cert", certificate, "--tls-key", key)
    assert line == f"agentctl: --tls-key {key}: does not belong to --tls-cert {certificate}"


def test_an_empty_token_file(tmp_path: Path) -> None:
    path = write(tmp_path / "token", "# none yet\n")
    Path(path).chmod(0o600)
    assert said(*QUIET, "--token-file", path) == f"agentctl: --token-file {path}: holds no token"
