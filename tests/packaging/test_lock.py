"""The lock files: one release of each package that is asked for, on every Python we support."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.backend import wheel_backend

ROOT = Path(__file__).parent.parent.parent
PYTHONS = ("3.9.18", "3.10.13", "3.11.7", "3.12.1", "3.13.0")
SYSTEMS = (("linux", "Linux"), ("darwin", "Darwin"))


def lines(text: str) -> list[Requirement]:
    found = (line.partition("#")[0].strip() for line in text.splitlines())
    return [Requirement(line) for line in found if line]


def read(name: str) -> str:
    return (ROOT / "requirements" / name).read_text(encoding="utf-8")


def setup(section: str, option: str) -> list[Requirement]:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return lines(config.get(section, option))


def builds() -> list[Requirement]:
    return [Requirement(one) for one in wheel_backend.SETUPTOOLS]


WANTED = {
    "tests.lock": [
        *setup("options", "install_requires"),
        *setup("options.extras_require", "server"),
        *setup("options.extras_require", "dev"),
        *lines(read("build.in")),
        *builds(),
    ],
    "checks.lock": lines(read("checks.in")),
}


def locked(name: str, environment: dict[str, str]) -> dict[str, str]:
    """Each package's release where that environment is."""
    found: dict[str, str] = {}
    for entry in read(name).replace("\\\n", " ").splitlines():
        pin = Requirement(entry.partition(" --hash=")[0]) if not entry.startswith("#") else None
        if pin is None or (pin.marker and not pin.marker.evaluate(environment)):
            continue
        (only,) = pin.specifier
        assert only.operator == "=="
        key = canonicalize_name(pin.name)
        assert key not in found, f"{key} twice"
        found[key] = only.version
    return found


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system[0])
@pytest.mark.parametrize("python", PYTHONS)
def test_what_is_asked_for_is_locked_within_its_range(python: str, system: tuple[str, str]) -> None:
    environment = {key: str(value) for key, value in default_environment().items()}
    environment.update(python_full_version=python, python_version=python.rpartition(".")[0])
    environment.update(sys_platform=system[0], platform_system=system[1])
    pins = {name: locked(name, environment) for name in WANTED}
    for name, wanted in WANTED.items():
        for one in wanted:
            if one.marker is None or one.marker.evaluate(environment):
                release = pins[name].get(canonicalize_name(one.name))
                assert release is not None, f"{one} is not in {name}"
                assert one.specifier.contains(release), f"{one} is not {release}"
    # tox -e types installs from both.
    both = pins["tests.lock"].keys() & pins["checks.lock"].keys()
    assert {key: pins["tests.lock"][key] for key in both} == {
        key: pins["checks.lock"][key] for key in both
    }


def test_every_python_of_ours_was_looked_at() -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    said = re.findall(r"Python :: (3\.\d+)", config["metadata"]["classifiers"])
    assert said == [python.rpartition(".")[0] for python in PYTHONS]


@pytest.mark.parametrize("name", sorted(WANTED))
def test_every_release_has_its_checksums_and_no_place_is_named(name: str) -> None:
    text = read(name)
    assert "://" not in text
    assert not re.search(r"^\s*(-|\S+\s*@)", text.replace("    --hash=", ""), re.MULTILINE)
    for entry in text.replace("\\\n", " ").splitlines():
        assert entry.startswith("#") or re.search(r" --hash=sha256:[0-9a-f]{64}\b", entry), entry
