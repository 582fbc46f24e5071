"""Several demo control planes: one kubeconfig for all, and the last goes down for a while."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from agentctl.demo import clusters
from agentctl.demo.clusters import DemoClusters
from tests.cli.inprocess import call


def test_each_has_a_context() -> None:
    with DemoClusters(3, script=False) as demo:
        config = yaml.safe_load(demo.kubeconfig_text())
        servers = [one["cluster"]["server"] for one in config["clusters"]]
        assert servers == [plane.url for plane in demo.planes.values()]
    names = ["cluster-1", "cluster-2", "cluster-3"]
    assert [one["name"] for one in config["contexts"]] == names
    assert config["current-context"] == "cluster-1"


def answers(url: str) -> bool:
    place = urlsplit(url)
    try:
        socket.create_connection((place.hostname, place.port), 1.0).close()
    except OSError:
        return False
    return True


def test_the_last_goes_down_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "DOWN_AT_S", 0.05)
    monkeypatch.setattr(clusters, "DOWN_FOR_S", 2.0)  # a crowded host must not miss it
    with DemoClusters(2) as demo:
        first, last = (plane.url for plane in demo.planes.values())
        seen = []
        for wanted in (False, True):
            for _ in range(1000):
                seen.append(answers(last))
                if seen[-1] is wanted:
                    break
                threading.Event().wait(0.02)
            assert seen[-1] is wanted
        assert answers(first)


@pytest.mark.parametrize(
    "flags", [("--clusters", "1"), ("--clusters", "x"), ("--clusters", "2", "--port", "7")]
)
def test_what_makes_no_sense_is_told(flags: tuple[str, ...], tmp_path: Path) -> None:
    done = call("demo", *flags, home=tmp_path)
    assert done.code == 2
    assert flags[-2] in done.stderr
