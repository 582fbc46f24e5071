"""agentctl serve: the stream for many readers, over HTTP and gRPC."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from typing import TYPE_CHECKING, Optional

from agentctl.cli.commands.demo import count as cluster_count
from agentctl.cli.config.flags import (
    add_choice,
    add_cluster,
    add_persistence,
    add_selection,
)
from agentctl.cli.config.output_flags import add_talk
from agentctl.cli.config.parser import Parser, duration
from agentctl.cli.host.process import Process

if TYPE_CHECKING:
    from agentctl.server.address import Address

NAME = "serve"
HELP = "serve a status page, and the stream to many, over HTTP (SSE, NDJSON) and gRPC"
COMMON = (
    "--http",
    "--grpc",
    "--token-file",
    "--tls-cert",
    "--tls-key",
    "--allowed-host",
    "--namespace",
    "--source",
    "--context",
    "--kubeconfig",
)
DESCRIPTION = """\
Watch the control plane once and serve its stream to any number of readers, each
of which can go on where it was, here or at another server of the same cluster.

examples:
  agentctl serve --source demo          an embedded control plane; no cluster needed
  agentctl serve --source demo --clusters 3
  open http://127.0.0.1:8080/           the status page, in a browser
  curl -N http://127.0.0.1:8080/api/agents/control-plane/status/stream
  curl http://127.0.0.1:8080/api/agents/control-plane/status

  agentctl serve -n agents -n agents-staging
  agentctl serve --http 0.0.0.0:8443 --grpc off --token-file /etc/agentctl/token \\
      --tls-cert /etc/agentctl/tls.crt --tls-key /etc/agentctl/tls.key

Addresses are HOST:PORT, [::1]:PORT for IPv6, :PORT for every IPv4 address; port 0
is any. Tokens and certificates are read again when their files change. SIGTERM
ends all streams within 5s; readers go on elsewhere, or here after the restart.
Durations are 500ms, 30s, 1m30s, 2h; a bare number is seconds."""

HTTP = "127.0.0.1:8080"
GRPC = "127.0.0.1:50051"


def address(text: str) -> Optional[Address]:
    """An argparse type: HOST:PORT, or None for ``off``."""
    from agentctl.server.address import parse_address

    if text == "off":
        return None
    try:
        return parse_address(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def host(text: str) -> str:
    """An argparse type: a name that may stand in a URL."""
    from agentctl.server.hosts import host_name

    try:
        return host_name(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def origin(text: str) -> str:
    """An argparse type: an origin whose pages may read."""
    from agentctl.server.cors import parse_origin

    try:
        return parse_origin(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def count(text: str) -> int:
    """An argparse type: how many there may be."""
    if text.isascii() and text.isdigit() and 0 < int(text) <= 1_000_000:
        return int(text)
    raise ArgumentTypeError(f"expected a number from 1 to 1000000, got {text!r}")


def configure(parser: Parser) -> None:
    _add_listeners(parser)
    _add_admission(parser)
    add_selection(parser)
    group = parser.add_argument_group("cluster")
    about = "demo embeds a control plane that things happen to (default kube)"
    add_choice(group, "--source", of=("kube", "demo"), help=about)
    group.add_argument(
        "--clusters",
        type=cluster_count,
        metavar="N",
        help="of --source demo: several control planes; the last goes down for a while",
    )
    add_cluster(group)
    add_persistence(group)
    _add_streams(parser)


def run(args: Namespace, process: Process) -> int:
    from agentctl.cli.run.serve import serve

    return serve(args, process)


def _add_listeners(parser: Parser) -> None:
    group = parser.add_argument_group("where to listen")
    for flag, default, text in (
        ("--http", HTTP, f"stream, status, health and metrics (default {HTTP}; off for none)"),
        ("--grpc", GRPC, f"the same over gRPC (default {GRPC}; off for none)"),
        ("--probe", "off", "/livez and /readyz without token or TLS, for a kubelet"),
    ):
        group.add_argument(flag, type=address, default=default, metavar="HOST:PORT", help=text)


def _add_admission(parser: Parser) -> None:
    group = parser.add_argument_group("who may read")
    for flag, text in (
        ("--token-file", "file with the bearer tokens that are good, one a line"),
        ("--tls-cert", "certificate (PEM, with its chain) of both listeners"),
        ("--tls-key", "its private key"),
        ("--client-ca", "ask clients for a certificate that this authority has signed"),
    ):
        group.add_argument(flag, metavar="FILE", help=text)
    group.add_argument(
        "--allowed-host",
        action="append",
        type=host,
        default=[],
        metavar="NAME",
        help="answer to this name in a URL too, where no token and no client certificate is "
        "asked for; addresses and localhost are always answered to (may be repeated)",
    )
    group.add_argument(
        "--cors-origin",
        action="append",
        type=origin,
        default=[],
        metavar="ORIGIN",
        help="let web pages of this origin read over HTTP, as in https://dashboards.example "
        "(may be repeated; default none)",
    )
    group.add_argument(
        "--frame-ancestor",
        action="append",
        type=origin,
        default=[],
        metavar="ORIGIN",
        help="let pages of this origin show the status page in a frame (may be repeated; "
        "default none)",
    )
    group.add_argument(
        "--no-ui", action="store_true", help="leave out the status page, which is at / otherwise"
    )
    group.add_argument(
        "--insecure-no-auth",
        action="store_true",
        help="let everybody read who can connect, from other hosts too",
    )


def _add_streams(parser: Parser) -> None:
    group = parser.add_argument_group("streams")
    group.add_argument(
        "--debounce",
        type=duration,
        default=0.1,
        metavar="D",
        help="tell what follows a change within this time in one delta; 0 for none (default 100ms)",
    )
    group.add_argument(
        "--timeline",
        type=duration,
        default=86_400.0,
        metavar="D",
        help="keep what each component was for so long, in bounded memory; 0 for none "
        "(default 24h)",
    )
    group.add_argument(
        "--max-streams",
        type=count,
        default=10_000,
        metavar="N",
        help="open streams, of all transports together (default 10000)",
    )
    group.add_argument(
        "--max-streams-per-peer",
        type=count,
        default=1_000,
        metavar="N",
        help="the same for one address (default 1000)",
    )
    add_talk(group, "log sources, cursors and each reconnect to stderr, never a token")
