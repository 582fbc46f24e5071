"""Trip of one change: the files of ``agentctl`` that a pod's crash passes on its way to stdout.

    python tools/trip.py [kube|sse]

All threads of ``agentctl status watch`` are profiled from the moment before a workload of the
API double begins to crash until the delta is printed. Over SSE the server is another process.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any

ROOT = Path(__file__).parent.parent
MODES = ("kube", "sse")
PATIENCE_S = 30.0

STAND_INS = frozenset(
    f"agentctl/{name}.py"
    for name in ("lazy_dataclass", "lazy_namedtuple", "lazy_regex", "debug_log")
)
"""What is used as a module of the standard library is, and need not be read either."""

WATCHES = 7
"""That the default catalog has open: the trip begins once all of them are."""


TRIPS = 3
"""So often at most: one in which something is asked of the API as well is made again."""


def trip(mode: str) -> dict[str, int]:
    """Each file with its lines. Raises RuntimeError where no delta comes."""
    sys.path.insert(0, str(ROOT))
    from agentctl.apidouble.double import ApiDouble
    from agentctl.demo import ControlPlane

    with tempfile.TemporaryDirectory() as home, ApiDouble() as double:
        plane = ControlPlane(double.store)
        plane.install()
        kubeconfig = str(Path(home, "kubeconfig"))
        double.kubeconfig(kubeconfig)
        if mode == "kube":
            return _followed(double, plane, home, "--kubeconfig", kubeconfig)
        with _serving(home, kubeconfig) as address:
            return _followed(double, plane, home, "--transport", mode, "--server", address)


def _followed(double: Any, plane: Any, home: str, *flags: str) -> dict[str, int]:
    command = [sys.executable, __file__, "--profiled", "status", "watch", "-o", "ndjson", *flags]
    with subprocess.Popen(
        command, env=_environment(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as watch:
        assert watch.stdin is not None
        assert watch.stdout is not None
        try:
            _until(watch.stdout, '"snapshot"')
            if not double.streams.wait_for(WATCHES, timeout=PATIENCE_S):
                raise RuntimeError(f"not {WATCHES} watches but {double.streams.count()}")
            for _ in range(TRIPS):
                plane.controller_crashes()  # once before, for what is only done once
                _until(watch.stdout, '"status":"degraded"')
                plane.controller_recovers()
                _until(watch.stdout, '"status":"healthy"')
                asked = len(double.requests)
                watch.stdin.write(b"begin\n")
                watch.stdin.flush()
                _until(watch.stdout, "begun")
                plane.controller_crashes()
                _until(watch.stdout, '"status":"degraded"')
                watch.stdin.write(b"end\n")
                watch.stdin.flush()
                files: list[str] = json.loads(_until(watch.stdout, '{"files"'))["files"]
                if len(double.requests) == asked:
                    break
                plane.controller_recovers()
                _until(watch.stdout, '"status":"healthy"')
        finally:
            watch.kill()
    return {name: len((ROOT / name).read_text("utf-8").splitlines()) for name in sorted(files)}


def _until(lines: IO[bytes], sign: str) -> str:
    """The next line with this in it. Raises RuntimeError at the end."""
    for line in lines:
        if sign in line.decode():
            return line.decode()
    raise RuntimeError(f"it ended without {sign}")


@contextmanager
def _serving(home: str, kubeconfig: str) -> Iterator[str]:
    """The address of ``agentctl serve``, once it is ready."""
    command = [sys.executable, "-m", "agentctl", "serve", "--kubeconfig", kubeconfig]
    with subprocess.Popen(
        [*command, "--http", "127.0.0.1:0", "--grpc", "off"],
        env=_environment(home),
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        try:
            for line in server.stderr:
                if found := re.search(r"\S+:(\d+)[\s/]", line):
                    yield f"http://127.0.0.1:{found[1]}"
                    break
        finally:
            server.kill()


def _environment(home: str) -> dict[str, str]:
    return {**os.environ, "HOME": home, "PYTHONPATH": str(ROOT)}


class _Profile:
    """The files of ``agentctl`` whose functions were called, between begin and end."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self._on = False

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        if self._on and event in ("call", "return"):
            self.files.add(frame.f_code.co_filename)
            if frame.f_back is not None:  # it was called before and goes on
                self.files.add(frame.f_back.f_code.co_filename)

    def listen(self) -> None:
        """Begin and end as stdin says; in a thread that is not profiled."""
        for word in sys.stdin:
            self._on = word == "begin\n"
            if self._on:
                self.files.clear()
                os.write(1, b"begun\n")
                continue
            package = f"{ROOT}/agentctl/"
            named = [os.path.relpath(one, ROOT) for one in self.files if one.startswith(package)]
            named = [name for name in named if name not in STAND_INS]
            os.write(1, json.dumps({"files": named}).encode() + b"\n")


def _run_profiled(arguments: list[str]) -> None:
    from agentctl.cli.main import program

    profile = _Profile()
    threading.Thread(target=profile.listen, daemon=True).start()
    threading.setprofile(profile)
    sys.setprofile(profile)
    program(first=arguments)


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--profiled"]:
        sys.argv[1:] = []
        _run_profiled(arguments[1:])
    for mode in arguments or MODES:
        found = trip(mode)
        print(f"{mode}: {len(found)} files, the longest of {max(found.values())} lines")
        for name, lines in found.items():
            print(f"  {lines:4} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
