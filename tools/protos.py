"""Writes agentctl/rpc from the .proto file: python tools/protos.py, best as tox -e protos.

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
PROTO = "proto/proompteng/jangar/v1/agentctl.proto"
PACKAGE = "agentctl/rpc"
TOOLS = "1.59.2"
"""Of grpcio-tools."""
RECORD = ROOT / "proto" / "generated.sha256"

VIRTUAL = f"{PACKAGE}/{Path(PROTO).name}"
"""What protoc takes the file for. The generated modules then import each other as
``agentctl.rpc...``, and the file's name in the descriptor pool, which every package in a
process shares, cannot be that of another's copy."""


def generate(out: Path) -> None:
    """Run protoc, with ``out`` in the place of the root."""
    done = subprocess.run(
        [
            sys.executable,
            *("-m", "grpc_tools.protoc"),
            f"--proto_path={PACKAGE}={(ROOT / PROTO).parent}",
            *(f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")),
            VIRTUAL,
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
    """The lines of ``RECORD``: of the source first, then of what was made from it."""
    files = {PROTO: (ROOT / PROTO).read_bytes(), **made}
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
