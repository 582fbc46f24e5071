"""Writes agentctl/rpc from the .proto files: python tools/protos.py, best as tox -e protos.

Generated code demands at least the protobuf and grpcio that it was made with, so it is
made with the oldest that are supported. What it was made from and what came out is
written down in proto/generated.sha256, as sha256sum has it, so that a test can tell a
stale or edited file without those tools. ``--check`` makes it all again and compares.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "agentctl/rpc"
PROTOS = {
    f"{PACKAGE}/agentctl.proto": "proto/proompteng/agents/v1/agentctl.proto",
    f"{PACKAGE}/jangar.proto": "proto/proompteng/jangar/v1/agentctl.proto",
}
"""What protoc takes each for. The generated modules then import each other as
``agentctl.rpc...``, and a file's name in the descriptor pool, which every package in a
process shares, cannot be that of another's copy."""
TOOLS = "1.59.2"
"""Of grpcio-tools."""
RECORD = ROOT / "proto" / "generated.sha256"


def paths() -> list[str]:
    """Where protoc finds each."""
    return [f"--proto_path={name}={ROOT / path}" for name, path in PROTOS.items()]


def generate(out: Path) -> None:
    """Run protoc, with ``out`` in the place of the root."""
    done = subprocess.run(
        [
            sys.executable,
            *("-m", "grpc_tools.protoc"),
            *paths(),
            *(f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")),
            *PROTOS,
        ],
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        sys.exit("protoc failed")


def generated(root: Path) -> dict[str, bytes]:
    """What protoc writes, by its name below ``root``."""
    found = sorted((root / PACKAGE).glob("*_pb2*.py*"))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def record(made: dict[str, bytes]) -> str:
    """The lines of ``RECORD``: of the sources first, then of what was made from them."""
    files = {**{path: (ROOT / path).read_bytes() for path in PROTOS.values()}, **made}
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items())


def is_current() -> bool:
    """Whether nothing was changed since the last run, on either side."""
    return RECORD.read_text(encoding="ascii") == record(generated(ROOT))


def main(arguments: list[str]) -> None:
    if metadata.version("grpcio-tools") != TOOLS:
        sys.exit(f"this needs grpcio-tools {TOOLS}: run tox -e protos")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        generate(out)
        made = generated(out)
    if "--check" in arguments:
        current = is_current() and made == generated(ROOT)
        sys.exit(0 if current else f"{PACKAGE} is not current: run tox -e protos")
    for name in generated(ROOT):
        (ROOT / name).unlink()
    for name, data in made.items():
        (ROOT / name).write_bytes(data)
    RECORD.write_text(record(made), encoding="ascii")


if __name__ == "__main__":
    main(sys.argv[1:])
