"""Packs ``agentctl.pyz``: agentctl and the pure Python of what it needs, with all licences.

The same tree and lock give the same bytes on any host: everything is sorted, and has one time.
"""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Optional

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.backend.wheel_backend import ROOT, Setup, member_of
from tools.bundling.archive import sums
from tools.bundling.target import BundleError, Target

NAME = "agentctl.pyz"
HERE = Path(__file__).parent
PACKED = ("PyYAML", "charset-normalizer", "idna", "requests", "urllib3")
"""What kube and SSE mode import; certifi is left out, see certs.py."""
OLDEST = Target((3, 9), "manylinux2014_x86_64")
"""Whose releases are packed. Each wheel has the pure Python, whatever platform it is for."""


def pins() -> list[str]:
    """What is packed, as requirements/tests.lock has it, with hashes."""
    text = (ROOT / "requirements" / "tests.lock").read_text(encoding="utf-8")
    wanted = {canonicalize_name(name) for name in PACKED}
    found: list[str] = []
    for entry in text.replace("\\\n", " ").splitlines():
        pin, *hashes = entry.split(" --hash=")
        if pin.startswith("#"):
            continue
        one = Requirement(pin)
        if one.name in wanted and (not one.marker or one.marker.evaluate(OLDEST.environment())):
            found.append(" --hash=".join([f"{one.name}{one.specifier}", *map(str.strip, hashes)]))
    return found


def download(source: Optional[Path], folder: Path) -> None:
    """The wheels into ``folder``: from ``source``, or else as pip is set up."""
    lock = folder / "lock"
    lock.write_text("".join(f"{pin}\n" for pin in pins()), encoding="utf-8")
    # fmt: off
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
        "--only-binary", ":all:", "--platform", OLDEST.platform, "--implementation", "cp",
        "--python-version", "3.9", "--abi", OLDEST.name, "--abi", "abi3", "--abi", "none",
        "--dest", str(folder), "--requirement", str(lock),
    ]
    # fmt: on
    if source:
        command += ["--no-index", "--find-links", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lock.unlink()
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise BundleError("not all is to be had:\n" + "\n".join(said or [done.stderr]))


def of_wheel(path: Path) -> dict[str, bytes]:
    """What is packed of a wheel, by name."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if _is_packed(name)}


def of_installed(name: str) -> dict[str, bytes]:
    """The same of what is installed here, for tests: of another release, it may be."""
    return {
        file.as_posix(): file.read_binary()
        for file in metadata.distribution(name).files or []
        if _is_packed(file.as_posix())
    }


def write(folder: Path, others: Iterable[Mapping[str, bytes]]) -> Path:
    """``agentctl.pyz`` in ``folder``, its checksum beside it; returns its path."""
    setup = Setup(ROOT)
    members = {**setup.package(), **setup.information()}
    for files in others:
        members.update(files)
    members["requests/certs.py"] = (HERE / "certs.py").read_bytes()
    members["modules.txt"] = "".join(f"{one}\n" for one in _modules(members)).encode()
    members["__main__.py"] = (HERE / "start.py").read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.write_bytes(_zipped(members))
    path.chmod(0o755)
    path.with_name(f"{NAME}.sha256").write_text(sums({NAME: path.read_bytes()}))
    return path


def _is_packed(name: str) -> bool:
    top, _, rest = name.partition("/")
    if top.endswith(".dist-info"):
        return rest == "METADATA" or "LICENSE" in rest.upper() or "NOTICE" in rest.upper()
    return name.endswith(".py") and not top.startswith((".", "_"))


def _modules(members: Mapping[str, bytes]) -> Sequence[str]:
    return sorted(name for name in members if name.endswith(".py"))


def _zipped(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    out.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            archive.writestr(member_of(name), members[name], zipfile.ZIP_DEFLATED, 9)
    return out.getvalue()
