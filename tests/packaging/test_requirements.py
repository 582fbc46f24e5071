"""What setup.cfg asks for is what the tests are run with, the oldest of it included."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def setup() -> ConfigParser:
    config = ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def requirements(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_the_developers_have_all_that_the_server_needs() -> None:
    """Written out twice: pip before 21.2 cannot take an extra that names another."""
    extras = setup()["options.extras_require"]
    assert set(requirements(extras["server"])) <= set(requirements(extras["dev"]))


WANTED = [
    *requirements(setup()["options"]["install_requires"]),
    *requirements(setup()["options.extras_require"]["server"]),
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
