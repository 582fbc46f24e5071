"""Probes: what 200 of them cost a watch, beside the same watch without any.

Run: python -m bench.probes [SECONDS]
"""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from agentctl.demo import DemoControlPlane

PROBES = 200
EVERY_S = 10


def pongs(listener: socket.socket, begun: list[float]) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        begun.append(time.monotonic())
        with client:
            client.recv(100)
            client.sendall(b"+PONG\r\n")


def catalog(port: int, probes: int) -> str:
    head = "components:\n  - {name: namespace, checks: [{kind: namespace}]}\n"
    rows = (
        f"  - {{name: probe-{n}, checks: [{{kind: probe, protocol: redis, "
        f"address: '127.0.0.{n % 250 + 1}:{port}', every: {EVERY_S}s}}]}}\n"
        for n in range(probes)
    )
    return head + "".join(rows)


def measured(folder: Path, port: int, probes: int, seconds: float) -> tuple[float, float]:
    """CPU as a share of a core, and peak memory in MB."""
    path = folder / f"catalog-{probes}.yaml"
    path.write_text(catalog(port, probes))
    command = [sys.executable, "-m", "agentctl", "status", "watch", "-o", "ndjson"]
    flags = ["--probe-dependencies", "--catalog", str(path), "--kubeconfig", str(folder / "config")]
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen([*command, *flags], stdout=out, stderr=out)
        time.sleep(5)
        before, began = _cpu(process.pid), time.monotonic()
        time.sleep(seconds)
        used = _cpu(process.pid) - before
        share = used / (time.monotonic() - began)
        status = Path(f"/proc/{process.pid}/status").read_text()
        memory = int(status.partition("VmRSS:")[2].split()[0]) / 1024
        process.terminate()
        process.wait()
    return share, memory


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    begun: list[float] = []
    listener = socket.create_server(("", 0), backlog=512)
    threading.Thread(target=pongs, args=(listener, begun), daemon=True).start()
    port = listener.getsockname()[1]
    with tempfile.TemporaryDirectory() as name, DemoControlPlane(script=False) as demo:
        folder = Path(name)
        (folder / "config").write_text(demo.kubeconfig_text())
        none = measured(folder, port, 0, seconds)
        begun.clear()
        many = measured(folder, port, PROBES, seconds)
    gaps = [after - before for before, after in zip(begun, begun[1:])]
    close = sum(gap < 0.005 for gap in gaps)
    print(f"{PROBES} probes each {EVERY_S} s, and none: over {seconds:g} s")
    print(f"  CPU of a core: {many[0]:.1%} and {none[0]:.1%}")
    print(f"  memory: {many[1]:.0f} and {none[1]:.0f} MB")
    print(f"  {len(begun)} connections, {close} within 5 ms of the one before")
    listener.close()


if __name__ == "__main__":
    main()
