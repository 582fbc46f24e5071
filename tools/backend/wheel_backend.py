"""Build backend (PEP 517): makes the wheel out of setup.cfg with the standard library alone.

So ``pip install .`` fetches nothing to build with, which took a quarter of its time. Source
distributions and editable installations are setuptools', which is asked for then.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import time
import zipfile
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from pathlib import Path
from typing import Any, Optional

ROOT = Path(__file__).parent.parent.parent
SETUPTOOLS = ["setuptools>=61,<85"]
"""The upper bound is what was tried: a build of next year must not meet what nobody has."""
EPOCH = 315532800
"""1980: the first time that a zip can hold. SOURCE_DATE_EPOCH says another."""

Settings = Optional[Mapping[str, Any]]


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    return []


def build_wheel(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: Optional[str] = None
) -> str:
    """The wheel's file name. The same tree gives the same bytes."""
    setup = Setup(ROOT)
    members = dict(sorted({**setup.package(), **setup.shared(), **setup.information()}.items()))
    record = f"{setup.information_folder}/RECORD"
    lines = [f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in members.items()]
    members[record] = "".join([*lines, f"{record},,\n"]).encode()
    name = f"{setup.label}-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory) / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member_of(member), data, zipfile.ZIP_DEFLATED)
    return name


def prepare_metadata_for_build_wheel(
    metadata_directory: str, config_settings: Settings = None
) -> str:
    """The name of the folder with what is known without building."""
    setup = Setup(ROOT)
    for name, data in setup.information().items():
        path = Path(metadata_directory) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return setup.information_folder


def get_requires_for_build_sdist(config_settings: Settings = None) -> list[str]:
    return SETUPTOOLS


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    from setuptools import build_meta

    return build_meta.build_sdist(sdist_directory, config_settings)


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    return SETUPTOOLS


def build_editable(
    wheel_directory: str, config_settings: Any = None, metadata_directory: Optional[str] = None
) -> str:
    from setuptools import build_meta

    return build_meta.build_editable(wheel_directory, config_settings)


def epoch() -> int:
    """The time that all files in an archive have, in seconds since 1970."""
    return int(os.environ.get("SOURCE_DATE_EPOCH", EPOCH))


def member_of(name: str) -> zipfile.ZipInfo:
    """A file of an archive, with one time and one mode whoever makes it."""
    info = zipfile.ZipInfo(name, time.gmtime(max(epoch(), EPOCH))[:6])
    info.external_attr = 0o100644 << 16
    info.create_system = 3
    return info


class Setup:
    """What setup.cfg in ``root`` says, and the files that it names."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = ConfigParser(interpolation=None)
        self.config.optionxform = str  # type: ignore[assignment,method-assign]
        self.config.read(root / "setup.cfg", encoding="utf-8")
        told = (root / "agentctl" / "__init__.py").read_text(encoding="utf-8")
        (version,) = re.findall(r'^__version__ = "(.+)"$', told, re.MULTILINE)
        self.label = f"agentctl-{version}"
        self.version = str(version)

    @property
    def information_folder(self) -> str:
        return f"{self.label}.dist-info"

    def package(self) -> dict[str, bytes]:
        """The modules and what they read, by their path."""
        patterns = {name: text.split() for name, text in self.config.items("options.package_data")}
        found: dict[str, bytes] = {}
        for init in (self.root / "agentctl").rglob("__init__.py"):
            folder = init.parent
            package = ".".join(folder.relative_to(self.root).parts)
            for pattern in ("*.py", *patterns.get(package, ())):
                for path in folder.glob(pattern):
                    found[path.relative_to(self.root).as_posix()] = path.read_bytes()
        return found

    def shared(self) -> dict[str, bytes]:
        """The man page and the completions, where an installation puts them."""
        return {
            f"{self.label}.data/data/{folder}/{name.rpartition('/')[2]}": (
                (self.root / name).read_bytes()
            )
            for folder, names in self.config.items("options.data_files")
            for name in names.split()
        }

    def information(self) -> dict[str, bytes]:
        """The folder .dist-info, but for RECORD."""
        points = self.config["options.entry_points"]["console_scripts"].strip()
        wheel = (
            "Wheel-Version: 1.0\nGenerator: agentctl\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        readme = (self.root / "README.md").read_text(encoding="utf-8")
        texts = {
            "METADATA": "".join(f"{key}: {value}\n" for key, value in self._said()) + "\n" + readme,
            "WHEEL": wheel,
            "entry_points.txt": f"[console_scripts]\n{points}\n",
            "top_level.txt": "agentctl\n",
            "LICENSE": (self.root / "LICENSE").read_text(encoding="utf-8"),
        }
        return {f"{self.information_folder}/{name}": text.encode() for name, text in texts.items()}

    def _said(self) -> Iterator[tuple[str, str]]:
        """The fields of METADATA (core metadata 2.1)."""
        metadata, options = self.config["metadata"], self.config["options"]
        yield "Metadata-Version", "2.1"
        yield "Name", "agentctl"
        yield "Version", self.version
        yield "Summary", metadata["description"]
        yield "Author", metadata["author"]
        for line in _lines(metadata["project_urls"]):
            label, _, url = line.partition(" = ")
            yield "Project-URL", f"{label}, {url}"
        yield "License", metadata["license"]
        for line in _lines(metadata["classifiers"]):
            yield "Classifier", line
        yield "Requires-Python", options["python_requires"]
        yield "Description-Content-Type", metadata["long_description_content_type"]
        yield "License-File", metadata["license_files"]
        for line in _lines(options["install_requires"]):
            yield "Requires-Dist", line
        for extra, text in self.config.items("options.extras_require"):
            yield "Provides-Extra", extra
            for line in _lines(text):
                requirement, _, marker = line.partition(";")
                more = f"({marker.strip()}) and " if marker else ""
                yield "Requires-Dist", f'{requirement.strip()}; {more}extra == "{extra}"'


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode("ascii")
