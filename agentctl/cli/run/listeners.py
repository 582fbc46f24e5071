"""Listeners of a server: whether their flags make sense, and their addresses."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Optional

from agentctl.cli.host.process import Process
from agentctl.errors import UsageError
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.requirements import GRPC, lacking, require
from agentctl.server.address import Address
from agentctl.server.app import Transport
from agentctl.server.services import Services
from agentctl.server.tls import ServerTls
from agentctl.wire.grpc_contract import SERVICES

STREAM = "/api/agents/control-plane/status/stream"
WATCH = f"{SERVICES[0]}/WatchControlPlaneStatus"

EXTRAS = {
    "http": ("h11", "prometheus_client"),
    "grpc": (*GRPC, "grpc_health", "grpc_reflection"),
}


class Listener(NamedTuple):
    """One that is bound. ``address`` has the port that it got."""

    kind: str
    address: Address
    transport: Transport


_OF_A_CLUSTER = (
    *("--kubeconfig", "--context", "--exclude-context", "--cluster", "--user"),
    *("--as", "--as-group", "--as-uid"),
    *("--insecure-skip-tls-verify", "--insecure-plaintext-token"),
)
"""Flags that say which cluster, and who we are there: the demo's own is known."""


def check_flags(args: Namespace) -> None:
    """Raises UsageError for what cannot be meant."""
    if args.http is None and args.grpc is None:
        raise UsageError("--http off and --grpc off: nothing would be served")
    if bool(args.tls_cert) != bool(args.tls_key):
        given, missing = ("--tls-cert", "--tls-key")[:: 1 if args.tls_cert else -1]
        raise UsageError(f"{given} needs {missing} as well")
    if args.client_ca and not args.tls_cert:
        raise UsageError("--client-ca needs --tls-cert and --tls-key as well")
    if args.cors_origin and args.http is None:
        raise UsageError("--cors-origin has no meaning with --http off: no browser reads gRPC")
    if args.frame_ancestor and (args.no_ui or args.http is None):
        flag = "--no-ui" if args.no_ui else "--http off"
        raise UsageError(f"--frame-ancestor has no meaning with {flag}: there is no page to show")
    if args.cors_origin and args.client_ca:
        raise UsageError(
            "--cors-origin has no meaning with --client-ca: a browser shows no certificate to "
            "another origin; give --token-file, or end the certificates in a proxy"
        )
    if args.clusters and args.source != "demo":
        raise UsageError("--clusters is of --source demo; give --context several times, or a glob")
    if args.source == "demo":
        for flag in _OF_A_CLUSTER:
            if getattr(args, flag[2:].replace("-", "_")):
                raise UsageError(f"{flag} has no meaning with --source demo")
        if args.clusters and args.probe_dependencies:
            flag = "--probe-dependencies"
            raise UsageError(f"{flag} is for one control plane, and --clusters are several")
    _check_admission(args)
    _check_extras(args)


def _check_admission(args: Namespace) -> None:
    asked = args.token_file or args.client_ca
    if args.insecure_no_auth and asked:
        flag = "--token-file" if args.token_file else "--client-ca"
        raise UsageError(f"--insecure-no-auth has no meaning with {flag}")
    if asked or args.insecure_no_auth:
        return
    for flag in ("http", "grpc"):
        address: Optional[Address] = getattr(args, flag)
        if address is not None and not address.is_loopback:
            raise UsageError(
                f"--{flag} {address} can be reached from other hosts, and nothing says who may "
                "read: give --token-file, or --client-ca with --tls-cert and --tls-key, or "
                "--insecure-no-auth if everybody may"
            )


def _check_extras(args: Namespace) -> None:
    needed = {f"--{flag}": EXTRAS[flag] for flag in EXTRAS if getattr(args, flag) is not None}
    amiss = [flag for flag, modules in needed.items() if lacking(modules)]
    modules = dict.fromkeys(module for flag in amiss for module in needed[flag])
    otherwise = f"or give {amiss[0]} off" if len(amiss) == 1 else ""
    require(f"serve with {' and '.join(amiss)}", modules, otherwise)


def bind(args: Namespace, services: Services, tls: Optional[ServerTls]) -> list[Listener]:
    """Take all ports, so that one that cannot be had is told before anything begins."""
    from agentctl.server.http.server import HttpServer

    bound: list[Listener] = []
    try:
        if args.http is not None:
            with _named("--http", args.http):
                http = HttpServer(services, args.http, tls)
            bound.append(Listener("http", args.http._replace(port=http.port), http))
        if args.grpc is not None:
            # Its C core prints each broken handshake; what matters is counted and logged.
            from agentctl.cli.host.grpc_settings import set_up_grpc

            set_up_grpc()
            from agentctl.server.grpc.server import GrpcServer

            with _named("--grpc", args.grpc):
                grpc = GrpcServer(services, args.grpc, tls)
            bound.append(Listener("grpc", args.grpc._replace(port=grpc.port), grpc))
        if args.probe is not None:
            with _named("--probe", args.probe):
                probe = HttpServer(services, args.probe, None, probe=True)
            bound.append(Listener("probe", args.probe._replace(port=probe.port), probe))
    except BaseException:
        for listener in bound:
            listener.transport.stop(0)
        raise
    return bound


def names_listened_at(args: Namespace) -> list[str]:
    """Names in place of addresses: who gives one wants to be asked by it."""
    given = (args.http, args.probe)
    return [one.host.lower().rstrip(".") for one in given if one is not None]


@contextmanager
def _named(flag: str, address: Address) -> Iterator[None]:
    """Which listener it is that cannot be had."""
    try:
        yield
    except PermissionError:
        raise UsageError(
            f"{flag} {address}: not permitted to listen there; take a port above 1023"
        ) from None
    except OSError as error:
        raise UsageError(
            f"{flag} {address}: cannot listen there: {error.strerror or error}; "
            f"take another address, or {flag} off"
        ) from None


def greet(
    args: Namespace, process: Process, namespaces: Sequence[str], listeners: Sequence[Listener]
) -> None:
    """Say on stderr what is served and how to read it; warn of what may not be meant."""
    if process.quiet:
        return
    several = f"{args.clusters} embedded control planes"
    embedded = several if args.clusters else "the embedded control plane"
    source = embedded if args.source == "demo" else "the cluster"
    lines = [f"serving {', '.join(namespaces)} of {source}; ctrl-C ends it"]
    if not args.no_ui:
        scheme = "https" if args.tls_cert else "http"
        pages = [one.address.reachable for one in listeners if one.kind == "http"]
        lines += [f"page  {scheme}://{address}/" for address in pages]
    lines += [_example(args, listener) for listener in listeners]
    exposed = [one for one in listeners if one.kind != "probe" and not one.address.is_loopback]
    if exposed and args.token_file and not args.tls_cert:
        lines.append(
            f"warning: tokens cross the network in plain text on {exposed[0].address}: give "
            "--tls-cert and --tls-key, unless TLS ends in front of this server"
        )
    if exposed and args.insecure_no_auth:
        lines.append(f"warning: whoever can connect to {exposed[0].address} may read")
    # Not by way of the log: it would redact the examples' Authorization.
    process.stderr.write("".join(f"agentctl: {line}\n" for line in lines))
    process.stderr.flush()


def _example(args: Namespace, listener: Listener) -> str:
    """A command that reads from a listener."""
    kind, address = listener.kind, listener.address.reachable
    if kind == "probe":
        return f"{kind:5} curl {shlex.quote(f'http://{address}/readyz')}"
    token = ""
    if args.token_file:
        tokens = shlex.quote(args.token_file)
        token = f" -H \"Authorization: Bearer $(grep -m1 '^[^#]' {tokens})\""
    if kind == "grpc":
        where = shlex.quote(str(address))
        security = "" if args.tls_cert else " -plaintext"
        client = " -cert CERT -key KEY" if args.client_ca else ""
        authority = " -cacert CA" if args.tls_cert else ""
        return f"{kind:5} grpcurl{security}{authority}{client}{token} {where} {WATCH}"
    scheme = "https" if args.tls_cert else "http"
    authority = " --cacert CA" if args.tls_cert else ""
    client = " --cert CERT --key KEY" if args.client_ca else ""
    url = shlex.quote(f"{scheme}://{address}{STREAM}")  # zsh takes [::1] for a pattern
    return f"{kind:5} curl -N{authority}{client}{token} {url}"
