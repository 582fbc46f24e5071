"""One ``agentctl status`` against a script with the official client, and kubectl."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence

from bench.figures import Figure
from bench.process import Bench, agentctl, kubectl, peer
from bench.scale import Scale

HEAVY = ("kubernetes", "grpc", "google.protobuf", "requests", "urllib3", "yaml", "ssl")
"""Modules worth knowing of; the first four must not be there, except for --transport grpc,
which has the second and the third, and for sse, which has requests and urllib3."""

_MODULES = """
import json, sys
from agentctl.cli.main import main
from agentctl.cli.host.process import Process
code = main(["status", "-o", "ndjson", *sys.argv[1:]], Process.real())
print(json.dumps({"code": code, "modules": sorted(sys.modules)}))
"""


def run(bench: Bench, scale: Scale) -> Iterator[Figure]:
    """Wall time and peak memory over plain http and TLS, then from a server; ``--help``."""
    official: Sequence[Figure] = ()
    for scheme in scale.schemes:
        arguments = [str(bench.directory), *(["--tls"] if scheme == "https" else [])]
        with bench.server("demo_server", *arguments) as server:
            server.line()
            kubeconfig = str(bench.directory / "kubeconfig")
            found = list(_status(bench, scale, scheme, kubeconfig))
            yield from found
            if scheme == "http":
                official = found[:2]
                _report_modules("agentctl status", "--kubeconfig", kubeconfig)
    yield from _from_server(bench, scale, official)
    yield from _measure(bench, scale, "agentctl --help", agentctl("--help"), (), "<100 ms", True)
    bare = [sys.executable, "-c", "pass"]
    yield from _measure(bench, scale, "python -c pass", bare, small=True)


def _status(bench: Bench, scale: Scale, scheme: str, kubeconfig: str) -> Iterator[Figure]:
    official = list(
        _measure(bench, scale, f"official list, {scheme}", peer("list_deployments", kubeconfig))
    )
    yield from official
    status = agentctl("status", "--kubeconfig", kubeconfig)
    name = f"agentctl status, {scheme}"
    yield from _measure(bench, scale, name, status, official, "<=0.45x")
    if program := kubectl():
        what = ["get", "ns,deploy,pods,leases,endpointslices,crd", "-n", "agents", "-o", "json"]
        argv = [program, "--kubeconfig", kubeconfig, *what]
        yield from _measure(bench, scale, f"kubectl get, {scheme}", argv, official)


def _from_server(bench: Bench, scale: Scale, peers: Sequence[Figure]) -> Iterator[Figure]:
    """Both transports, against a server that knows the state already."""
    with bench.server("fanout_server", "agentctl", "10", "0") as server:
        ports = json.loads(server.line()[1])
        for transport, port in (("sse", ports["http"]), ("grpc", ports["grpc"])):
            if not port:
                print(f"startup: no {transport}, grpcio is not installed")
                continue
            arguments = ["--transport", transport, "--server", f"127.0.0.1:{port}"]
            argv = agentctl("status", "-n", "agents", *arguments)
            name = f"agentctl status, {transport}"
            yield from _measure(bench, scale, name, argv, peers)
            how = f"agentctl status --transport {transport}"
            _report_modules(how, "-n", "agents", *arguments)


def _measure(
    bench: Bench,
    scale: Scale,
    name: str,
    argv: Sequence[str],
    peers: Sequence[Figure] = (),
    goal: str = "",
    small: bool = False,
) -> Iterator[Figure]:
    if scale.warm_up:
        bench.run(argv)  # compiles, and fills the caches of the system
    usages = [bench.run(argv) for _ in range(scale.startup_runs)]
    wall, peak = peers or (None, None)
    times = tuple(usage.wall_s * 1000 for usage in usages)
    yield Figure("startup", name, "ms", times, peer=wall, goal=goal)
    if small:  # a child's peak is never told as less than its parent's size
        return
    memory = tuple(usage.peak_mb for usage in usages)
    yield Figure("startup", f"{name}, peak", "MB", memory, peer=peak)


def _report_modules(what: str, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _MODULES, *arguments],
        check=True,
        capture_output=True,
        timeout=60,
    )
    modules = json.loads(done.stdout.splitlines()[-1])["modules"]
    found = ", ".join(name for name in HEAVY if name in modules)
    print(f"startup: '{what}' imports {len(modules)} modules, of the heavy: {found}")
