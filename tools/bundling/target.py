"""What a bundle is made for: one CPython on one platform, and which wheels run there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from packaging import tags

GLIBC_ALIASES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
"""PEP 600: the older names of three of its platforms."""
GLIBC_OF = {alias: f"manylinux_2_{minor}" for minor, alias in GLIBC_ALIASES.items()}


class BundleError(Exception):
    """What is wrong, in words for whoever makes the bundle."""


class Target(NamedTuple):
    """CPython ``python``, as (3, 9), on what the wheel platform tag ``platform`` names."""

    python: tuple[int, int]
    platform: str

    @classmethod
    def parse(cls, python: str, platform: str) -> Target:
        """From ``3.9`` and ``manylinux2014_x86_64``; raises BundleError for anything else."""
        found = re.fullmatch(r"3\.(\d+)", python)
        if not found:
            raise BundleError(f"{python} is no Python that is known: give it as in 3.9")
        target = cls((3, int(found[1])), platform)
        target.platforms()
        return target

    def __str__(self) -> str:
        return f"Python 3.{self.python[1]} on {self.platform}"

    @property
    def name(self) -> str:
        """As wheels call that Python: ``cp39``."""
        return f"cp3{self.python[1]}"

    @property
    def machine(self) -> str:
        return re.sub(r"^(manylinux\d*|musllinux|macosx)(_\d+_\d+)?_", "", self.platform)

    def platforms(self) -> list[str]:
        """The platform tags of all wheels that run there, best first; raises BundleError."""
        older = list(self._older())
        if not older:
            raise BundleError(
                f"{self.platform} is no platform that is known: give a wheel's tag, as in "
                "manylinux2014_x86_64, manylinux_2_28_aarch64, musllinux_1_2_x86_64 "
                "or macosx_11_0_arm64"
            )
        return older

    def _older(self) -> Iterator[str]:
        """A wheel for an older C library or macOS runs on a newer one."""
        plain = re.sub(r"^manylinux\d+(?=_)", lambda m: GLIBC_OF.get(m[0], ""), self.platform)
        found = re.fullmatch(r"(manylinux_2|musllinux_1|macosx_(\d+))_(\d+)_(\w+)", plain)
        if not found:
            return
        family, macos, minor, machine = found.groups()
        if macos:
            yield from tags.mac_platforms((int(macos), int(minor)), machine)
            return
        for number in range(int(minor), -1, -1):
            yield f"{family}_{number}_{machine}"
            if family == "manylinux_2" and number in GLIBC_ALIASES:
                yield f"{GLIBC_ALIASES[number]}_{machine}"

    def tags(self) -> frozenset[tags.Tag]:
        """All that a wheel for it may be tagged with."""
        there = self.platforms()
        return frozenset(
            [
                *tags.cpython_tags(self.python, abis=[self.name], platforms=there),
                *tags.compatible_tags(self.python, interpreter=self.name, platforms=there),
            ]
        )

    def environment(self) -> dict[str, str]:
        """What PEP 508 markers see there.

        Which patch release is not known: as ``.0`` it wants every backport, and one too many
        does no harm.
        """
        is_macos = self.platform.startswith("macosx")
        version = f"3.{self.python[1]}"
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{version}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Darwin" if is_macos else "Linux",
            "platform_version": "",
            "python_full_version": f"{version}.0",
            "python_version": version,
            "sys_platform": "darwin" if is_macos else "linux",
        }


def platform_here() -> str:
    """This host's platform tag, with what it says of the C library."""
    return next(tag for tag in tags.platform_tags() if not tag.startswith("linux_"))
