"""Installs a bundle with the network cut off, and runs what it has installed.

Where the system lets us, in a network namespace that has nothing but loopback (unshare).
Everywhere with an index and proxies at which nobody answers, to which pip would go if it
went anywhere.
"""

from __future__ import annotations

import functools
import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

from tools.bundling.target import BundleError

PATIENCE_S = 300.0
NOBODY = "http://192.0.2.1:9"
"""TEST-NET-1 (RFC 5737): no host has this address."""
DEMO = "demo --until healthy --timeout 1m -o ndjson"
"""As soon as it has shown what it is to show, however slow the machine."""
LOOPBACK_UP = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
os.execvp(sys.argv[1], sys.argv[1:])
"""


@functools.cache
def namespace() -> Optional[tuple[str, ...]]:
    """What a command is prefixed with to have no network, or None where that is not permitted."""
    for unshare in (("unshare", "-n"), ("unshare", "-r", "-n")):
        prefix = (*unshare, sys.executable, "-c", LOOPBACK_UP)
        if shutil.which("unshare") and _run([*prefix, "true"], {}).returncode == 0:
            return prefix
    return None


def environment(home: Path) -> dict[str, str]:
    """Nothing of the caller's settings but PATH, and no way out."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "PIP_INDEX_URL": f"{NOBODY}/simple",
        "HTTP_PROXY": NOBODY,
        "HTTPS_PROXY": NOBODY,
        "ALL_PROXY": NOBODY,
    }


@contextmanager
def unpacked(archive: Path) -> Iterator[Path]:
    """The archive's one folder, for a while."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archive) as packed:
            if hasattr(tarfile, "data_filter"):
                packed.extractall(folder, filter="data")
            else:
                packed.extractall(folder)
        (top,) = Path(folder).iterdir()
        yield top


def run(command: Sequence[str], home: Path) -> subprocess.CompletedProcess[str]:
    """Run it to the end, cut off."""
    return _run([*(namespace() or ()), *command], environment(home))


def verify(archive: Path, python: str) -> Iterator[str]:
    """Install it for that Python and try the program; yields what was seen, in lines.

    Raises BundleError at the first thing that does not work.
    """
    cut = "a network namespace of its own" if namespace() else "an index that nobody answers at"
    yield f"{archive.name} on {python}, with {cut}"
    with unpacked(archive) as top, tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        agentctl = home / "a folder" / "bin" / "agentctl"
        install = ["sh", str(top / "install.sh"), "-p", python, str(agentctl.parent.parent)]
        yield f"$ sh install.sh: {_done(install, home).splitlines()[-1]}"
        version = _done([str(agentctl), "version"], home).splitlines()
        yield f"$ agentctl version: {', '.join(version)}"
        printed = _done([str(agentctl), *DEMO.split()], home)
        events = [json.loads(line) for line in printed.splitlines()]
        if not events or events[0]["type"] != "snapshot" or not events[0]["items"]:
            raise BundleError(f"the demo gave no snapshot first: {events[:1]}")
        items = ", ".join(f"{one['component']} {one['status']}" for one in events[0]["items"])
        yield f"$ agentctl {DEMO}: {len(events)} events, first {items}"


def _done(command: Sequence[str], home: Path) -> str:
    done = run(command, home)
    if done.returncode:
        raise BundleError(f"{shlex.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout.rstrip()


def _run(command: Sequence[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=environ or None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
