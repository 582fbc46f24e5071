"""Makes wheels without a build tool or a network, for bundles to be made of in tests.

agentctl's own out of the tree, PyYAML's out of what is installed, and for the transports,
which the demo does not import, stand-ins that hold nothing but a name.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

import pip as installed_pip

from tools.backend import wheel_backend


def wheel(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, bytes],
    requires: Sequence[str] = (),
    extras: Sequence[str] = (),
    tag: str = "py3-none-any",
    entry_points: str = "",
) -> Path:
    """Written to ``folder``; RECORD without hashes, which pip does not ask for."""
    said = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    said += [f"Requires-Dist: {one}" for one in requires]
    said += [f"Provides-Extra: {one}" for one in extras]
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    members = {
        **files,
        f"{info}/METADATA": "".join(f"{line}\n" for line in said).encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
        f"{info}/entry_points.txt": entry_points.encode(),
    }
    members[f"{info}/RECORD"] = "".join(
        f"{one},,\n" for one in [*members, f"{info}/RECORD"]
    ).encode()
    path = folder / f"{name.replace('-', '_')}-{version}-{tag}.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            archive.writestr(zipfile.ZipInfo(member), data)
    return path


def project(folder: Path) -> Path:
    """agentctl as it is in the tree."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / wheel_backend.build_wheel(str(folder))


def stand_ins(folder: Path) -> None:
    """The transports' packages by name and version, with nothing in them."""
    for name in ("urllib3", "requests", "grpcio", "protobuf"):
        wheel(folder, name, metadata.version(name), {})


def pyyaml(folder: Path) -> Path:
    """As it is installed here, but for what is compiled: it can do without."""
    found = metadata.distribution("PyYAML")
    files = {
        str(one): Path(str(found.locate_file(one))).read_bytes()
        for one in found.files or []
        if str(one).startswith("yaml/") and one.suffix == ".py"
    }
    return wheel(folder, "PyYAML", found.version, files)


def pip(folder: Path) -> Path:
    """One that hands over to this Python's, which starts in a third of the time that it takes
    out of a wheel; and sees nothing else of what is installed here.
    """
    alone = folder / "pip-alone"
    alone.mkdir(parents=True)
    (alone / "pip").symlink_to(Path(installed_pip.__file__).parent)
    code = (
        f"import runpy, sys\nsys.path[0] = {str(alone)!r}\n"
        "runpy.run_module('pip', run_name='__main__', alter_sys=True)\n"
    )
    files = {"pip/__init__.py": b"", "pip/__main__.py": code.encode()}
    return wheel(folder, "pip", installed_pip.__version__, files)
