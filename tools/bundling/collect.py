"""Gets the wheels of a bundle: the project's own is built, its dependencies are downloaded.

Only wheels: a source distribution would need compilers, and more of the network, where the
bundle is installed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from email.parser import HeaderParser
from pathlib import Path
from typing import NamedTuple, Optional

from packaging.requirements import Requirement
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from tools.backend import wheel_backend
from tools.bundling.target import BundleError, Target

INSTALLER = Requirement("pip")
"""Goes along: an old pip does not know new platform tags, and some hosts have none."""

# pip evaluates markers for the Python that it runs on, whatever --python-version says.
# What this reaches into is private to pip; needed() finds out if it had no effect.
PIP_FOR_ANOTHER = """
import json, sys
from pip._vendor.packaging import markers
environment = json.loads(sys.argv.pop(1))
markers.default_environment = lambda: dict(environment)
from pip._internal.cli.main import main
sys.exit(main())
"""


class Wheel(NamedTuple):
    """A wheel's file, and what its name says."""

    path: Path
    name: str
    version: Version
    tags: frozenset[Tag]

    @classmethod
    def at(cls, path: Path) -> Wheel:
        """Raises BundleError if this is no wheel."""
        try:
            name, version, _, tags = parse_wheel_filename(path.name)
        except InvalidWheelFilename:
            raise BundleError(f"{path.name} is no wheel: a bundle holds nothing else") from None
        return cls(path, name, version, tags)

    def requires(self) -> list[Requirement]:
        """Raises BundleError if the wheel cannot be read."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                end = ".dist-info/METADATA"
                (name,) = (one for one in archive.namelist() if one.endswith(end))
                text = archive.read(name).decode("utf-8")
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise BundleError(f"{self.path.name} cannot be read: {error}") from error
        return [
            Requirement(line) for line in HeaderParser().parsestr(text).get_all("Requires-Dist", [])
        ]


def build(folder: Path) -> Wheel:
    """The project's wheel."""
    return Wheel.at(folder / wheel_backend.build_wheel(str(folder)))


def download(
    project: Wheel,
    extras: Sequence[str],
    target: Target,
    constraint: Optional[Path],
    source: Optional[Path],
    folder: Path,
) -> None:
    """All that the target needs into ``folder``: from ``source``, or else as pip is set up."""
    # fmt: off
    command = [
        sys.executable, "-c", PIP_FOR_ANOTHER, json.dumps(target.environment()),
        "download", "--quiet", "--only-binary", ":all:", "--dest", str(folder),
        "--implementation", "cp", "--python-version", f"3.{target.python[1]}",
        "--abi", target.name,
    ]
    # fmt: on
    for platform in target.platforms():
        command += ["--platform", platform]
    if constraint:
        command += ["--constraint", str(constraint)]
    if source:
        command += ["--no-index", "--find-links", str(source)]
    wanted = f"[{','.join(extras)}]" if extras else ""
    command += [str(INSTALLER), f"{project.path}{wanted}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        why = "\n".join(f"  {line}" for line in said or done.stderr.splitlines()[-3:])
        raise BundleError(f"not all is to be had for {target}:\n{why}")


def needed(
    project: Wheel, extras: Sequence[str], wheels: Sequence[Wheel], target: Target
) -> list[Wheel]:
    """Those of ``wheels`` that are needed there; raises BundleError if one is missing.

    An account of its own, from what the wheels themselves say: not what pip has resolved.
    """
    tags, environment = target.tags(), target.environment()
    found: dict[str, Wheel] = {}
    by = {INSTALLER: "the installation"}
    by[Requirement(f"{project.name}[{','.join(extras)}]=={project.version}")] = "the bundle"
    queue, seen = list(by), set(by)
    while queue:
        wanted = queue.pop(0)
        fit = [
            wheel
            for wheel in wheels
            if wheel.name == canonicalize_name(wanted.name)
            and wanted.specifier.contains(wheel.version, prereleases=True)
            and wheel.tags & tags
        ]
        if len({wheel.version for wheel in fit}) != 1:
            have = ", ".join(sorted(wheel.path.name for wheel in fit)) or "none"
            raise BundleError(f"{target}: one {wanted} is needed by {by[wanted]}; there is {have}")
        wheel = found[fit[0].name] = fit[0]
        for requirement in wheel.requires():
            asked = [{**environment, "extra": extra} for extra in ("", *wanted.extras)]
            if requirement.marker and not any(map(requirement.marker.evaluate, asked)):
                continue
            requirement.marker = None
            if requirement not in seen:
                seen.add(requirement)
                by[requirement] = wheel.name
                queue.append(requirement)
    return sorted(found.values())
