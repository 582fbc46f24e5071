"""Writes a bundle: wheels, checksums, and what installs them, as one archive.

The same wheels give the same bytes: everything is sorted, and has one time and one owner.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from string import Template

from tools.bundling.collect import INSTALLER, Wheel
from tools.bundling.target import BundleError, Target

HERE = Path(__file__).parent


def write(
    folder: Path,
    project: Wheel,
    extras: Sequence[str],
    sets: Mapping[Target, Sequence[Wheel]],
    mtime: int,
) -> Path:
    """A bundle in ``folder``, for targets on one platform; the path of the archive.

    Beside it comes its own checksum, ``….sha256``. ``mtime``: seconds since 1970.
    """
    targets = sorted(sets)
    (platform,) = {target.platform for target in targets}
    pythons = ".".join(target.name for target in targets)
    parts = ["agentctl-bundle", str(project.version), *extras, pythons, platform]
    name = "-".join(parts)
    members: dict[str, bytes] = {}
    for target in targets:
        for wheel in sets[target]:
            data = wheel.path.read_bytes()
            if members.setdefault(f"wheels/{wheel.path.name}", data) != data:
                raise BundleError(f"there are two of {wheel.path.name}, and they differ")
        members[f"locks/{target.name}.txt"] = lock(target, sets[target]).encode()
    facts = {
        "version": str(project.version),
        "pythons": [f"3.{target.python[1]}" for target in targets],
        "pips": {f"3.{target.python[1]}": installer(sets[target]) for target in targets},
        "platform": platform,
        "system": targets[0].environment()["platform_system"],
        "machine": targets[0].machine,
    }
    members["bundle.json"] = f"{json.dumps(facts)}\n".encode()
    members["install.sh"] = (HERE / "install.sh").read_bytes()
    words = {**facts, "pythons": " and ".join(facts["pythons"])}
    readme = Template((HERE / "README.txt").read_text(encoding="utf-8"))
    members["README.txt"] = readme.substitute(words).encode()
    members["SHA256SUMS"] = sums(members).encode()
    path = folder / f"{name}.tar.gz"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_packed(name, members, mtime))
    path.with_name(f"{path.name}.sha256").write_text(sums({path.name: path.read_bytes()}))
    return path


def lock(target: Target, wheels: Sequence[Wheel]) -> str:
    """What is installed on one Python, with hashes, as pip's --require-hashes takes it.

    Without pip: it installs, and is not installed.
    """
    lines = [f"# {target}, by wheels/{installer(wheels)}"]
    for wheel in sorted(wheels):
        if wheel.path.name != installer(wheels):
            digest = hashlib.sha256(wheel.path.read_bytes()).hexdigest()
            lines.append(f"{wheel.name}=={wheel.version} --hash=sha256:{digest}")
    return "".join(f"{line}\n" for line in lines)


def installer(wheels: Sequence[Wheel]) -> str:
    """The file name of the one that installs the others."""
    return next(wheel.path.name for wheel in wheels if wheel.name == INSTALLER.name)


def sums(members: Mapping[str, bytes]) -> str:
    """As sha256sum writes them, and ``sha256sum -c`` reads them."""
    lines = (f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in members.items())
    return "".join(sorted(lines, key=lambda line: line.partition("  ")[2]))


def _packed(name: str, members: Mapping[str, bytes], mtime: int) -> bytes:
    out = io.BytesIO()
    with ExitStack() as stack:
        # mtime=0 and no file name: gzip's header would hold both. Wheels are compressed already.
        packed = stack.enter_context(gzip.GzipFile("", "wb", 1, out, mtime=0))
        archive = stack.enter_context(
            tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT)
        )
        for path in sorted(members):
            info = tarfile.TarInfo(f"{name}/{path}")
            info.size, info.mtime = len(members[path]), mtime
            info.mode = 0o755 if path == "install.sh" else 0o644
            info.uname = info.gname = "root"
            archive.addfile(info, io.BytesIO(members[path]))
    return out.getvalue()
