"""The real program and an API server that was just restarted: half-ready is not broken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentctl.apidouble.weather import Start
from tests.cli.program import snapshot_of
from tests.cli.test_exit_codes import WATCHES, Cluster

SLOW = Start(answers_s=0.2, roles_s=0.8, groups_s=1.6, custom_s=1.6, ready_s=2.0, no_groups=True)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    with cluster.double:
        cluster.write()
        yield cluster


def states(event: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {item["component"]: (item["status"], item["message"]) for item in event["items"]}


def test_one_shots_right_after_a_restart_tell_the_truth(cluster: Cluster) -> None:
    before = states(snapshot_of(cluster.run("status", "-o", "ndjson").stdout.splitlines()))
    cluster.double.restart(start=SLOW)
    goal = ("--until", "healthy", "--fail-on", "error", "--timeout", "15s")
    with cluster.watch(*goal) as gate:
        done = cluster.run("status", "-o", "ndjson")
        assert done.code == 0, done.stderr
        assert states(snapshot_of(done.stdout.splitlines())) == before
        assert gate.wait() == 0, gate.stderr
        assert states(snapshot_of(gate.lines)) == before


def test_a_watch_that_fails_on_errors_outlives_a_restart(cluster: Cluster) -> None:
    with cluster.watch("--fail-on", "error", "--heartbeat", "0") as program:
        program.wait_lines(1)
        assert cluster.double.streams.wait_for(WATCHES)
        cluster.double.restart(start=SLOW)
        program.wait_for(lambda event: event.get("code") == "recovered")
        told = [one for one in program.events if one["type"] in ("delta", "error")]
        assert "not established" not in json.dumps(told)
        assert [one for one in told if one["type"] == "delta"] == []
        assert program.process.poll() is None


def test_in_good_weather_a_one_shot_asks_no_question_more(cluster: Cluster) -> None:
    assert cluster.run("status").code == 0
    asked = [
        (one.path, one.query.get("resourceVersion"))
        for one in cluster.double.requests
        if "/selfsubject" not in one.path  # asked where a busy machine was slow to answer
    ]
    assert len(asked) == len(set(asked)) == WATCHES + 1
    assert ("/apis", None) in asked
    assert ("/readyz", None) not in asked
