"""Starts of an API server, drawn from a seed."""

from __future__ import annotations

import random

from agentctl.apidouble.weather import Start


def drawn(rng: random.Random) -> Start:
    """One as they were seen: half-ready for 1 to 102 s, and late in other ways each time."""
    answers = rng.uniform(0.0, 3.0)
    half_ready = 10 ** rng.uniform(0.0, 2.0)

    def late(chance: float) -> float:
        return answers + half_ready * rng.uniform(0.05, 1.0) if rng.random() < chance else 0.0

    custom = answers + half_ready * rng.uniform(0.1, 0.9)
    return Start(
        ready_s=answers + half_ready,
        groups_s=custom,
        custom_s=custom,
        spread_s=rng.choice([0.0, rng.uniform(0.0, answers + half_ready - custom)]),
        no_groups=rng.random() < 0.3,
        roles_s=late(0.4),
        storage_s=min(late(0.2), answers + 5.0),
        answers_s=answers,
    )
