"""A loop that dies takes the server with it: one without streams must not look alive."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from agentctl.engine.policy import SourceVitals
from agentctl.server.http.acceptor import Acceptor
from agentctl.server.http.writer import StreamWriter
from tests.server.http_rig import PATIENCE_S, Site


@pytest.mark.parametrize("loop", [Acceptor, StreamWriter])
def test_a_loop_that_dies_ends_the_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, loop: Any
) -> None:
    def turn(self: Any) -> None:
        raise ZeroDivisionError("oops")

    given_up = threading.Event()
    site = Site()
    site.services = replace(site.services, give_up=given_up.set)
    monkeypatch.setattr(loop, "_turn", turn)
    with site.serve():
        assert given_up.wait(PATIENCE_S)
    assert "the server ends" in caplog.text


def test_readiness_asks_for_an_engine_that_looks() -> None:
    site = Site()
    assert site.services.reasons_against() == ["the first state is not known yet"]
    site.replica.begin()
    assert site.services.ready
    site.looked_at = site.clock.monotonic() - 6
    assert site.services.reasons_against() == ["the sources have not been looked at for 6 s"]
    site.looked_at = None
    source = SourceVitals("pods", False, True, 0.0, 1, "refused; password=hunter2")
    site.sources = (source,)
    assert site.services.reasons_against() == ["without pods: refused; password=[redacted]"]
    site.services.draining.set()
    assert site.services.reasons_against() == ["about to end"]
