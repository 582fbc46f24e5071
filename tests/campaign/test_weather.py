"""Restarts and frozen storage by the hundred, in virtual time: nothing false is told.

And nobody sleeps on once the server answers.
"""

from __future__ import annotations

import pytest

from tests.campaign.weatherrun import WeatherRun

pytestmark = pytest.mark.timeout(300)  # all of it work of the processor, and a lot of it

SHOWN = 20
"""Of what was wrong, the first."""

RESTARTS = 20
"""In one run."""
SPELLS = 10


def test_a_restart_brings_no_false_word_and_everybody_back(
    restarts_of: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    seed, count = restarts_of
    run = WeatherRun(seed, monkeypatch)
    run.restarts(count)
    assert not run.wrong, "\n".join(run.wrong[:SHOWN])


def test_frozen_storage_is_never_called_alive_and_its_end_is_seen(
    spells_of: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    seed, count = spells_of
    run = WeatherRun(seed, monkeypatch)
    run.spells(count)
    assert not run.wrong, "\n".join(run.wrong[:SHOWN])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, option, size in (
        ("restarts_of", "--weather-restarts", RESTARTS),
        ("spells_of", "--weather-spells", SPELLS),
    ):
        if name in metafunc.fixturenames:
            left = metafunc.config.getoption(option)
            counts = [min(size, left - done) for done in range(0, left, size)]
            metafunc.parametrize(name, list(enumerate(counts)))
