"""What setup.cfg asks for is what the tests are run with, the oldest of it included."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

from agentctl.requirements import REQUIREMENTS

ROOT = Path(__file__).parent.parent.parent


def setup() -> ConfigParser:
    config = ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def requirements(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_all_is_everything_that_runs_and_the_developers_have_it() -> None:
    """Written out thrice: pip before 21.2 cannot take an extra that names another."""
    extras = {name: requirements(text) for name, text in setup()["options.extras_require"].items()}
    others = extras.keys() - {"all", "dev"}
    assert others == {"server", "kubernetes"}
    parts = {one for name in others for one in extras[name]}
    assert set(extras["all"]) == parts | {REQUIREMENTS["socks"]}
    assert set(extras["all"]) < set(extras["dev"])


def test_what_is_told_of_a_missing_package_is_what_is_asked_for() -> None:
    asked = requirements(setup()["options"]["install_requires"])
    asked += requirements(setup()["options.extras_require"]["all"])
    assert sorted(REQUIREMENTS.values()) == sorted(one for one in asked if ";" not in one)


def test_an_installation_brings_three_transports_and_no_more() -> None:
    names = {re.split("[>=<;]", one)[0] for one in WANTED[: WANTED.index("h11>=0.16")]}
    assert names - {"grpcio-health-checking", "grpcio-reflection"} == {
        *("PyYAML", "requests", "urllib3", "grpcio", "protobuf")
    }


WANTED = [
    *requirements(setup()["options"]["install_requires"]),
    *requirements(setup()["options.extras_require"]["server"]),
    *requirements(setup()["options.extras_require"]["kubernetes"]),
]


# Those with a marker are for newer Pythons than the oldest set is for.
@pytest.mark.parametrize("wanted", [line for line in WANTED if ";" not in line])
def test_the_oldest_set_has_the_oldest_of_each(wanted: str) -> None:
    found = re.match(r"([\w-]+)>=([\d.]+)", wanted)
    assert found, f"{wanted} has no lower bound"
    name, oldest = found.groups()
    pins = requirements((ROOT / "tests" / "mindeps.txt").read_text(encoding="utf-8"))
    (pin,) = (line.partition("==")[2] for line in pins if line.startswith(f"{name}=="))
    assert pin in (oldest, f"{oldest}.0")
