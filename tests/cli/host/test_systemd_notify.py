"""What systemd is told: readiness, signs of life only of fresh data, and the end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

import pytest

from agentctl.cli.host.process import FdOutput, Process
from agentctl.cli.host.service import Service
from agentctl.cli.host.systemd import (
    LOOK_S,
    SILENT_S,
    Notifier,
    sender,
    service_of,
    watchdog_s,
)
from agentctl.demo import DemoControlPlane
from agentctl.engine.policy import SourceVitals, Vitals
from tests.cli.notifysocket import NotifySocket
from tests.cli.program import Program
from tests.cli.serving import ANY_PORT, Served
from tests.ports import free_port


def source(name: str = "pods", lost: bool = False, failure: str = "") -> SourceVitals:
    return SourceVitals(name, not lost, lost, 0.0, 1, failure)


def vitals(at: float, *sources: SourceVitals, begun: bool = True, amiss: str = "") -> Vitals:
    return Vitals(at, begun, sources or (source(),), (amiss,) if amiss else ())


class Systemd:
    """Takes messages, unless it is told not to."""

    def __init__(self, watchdog: Optional[float] = 10.0) -> None:
        self.messages: list[list[str]] = []
        self.deaf = False
        self.notifier = Notifier(self._send, watchdog)

    def _send(self, message: str) -> bool:
        if not self.deaf:
            self.messages.append(message.split("\n"))
        return not self.deaf

    def look(self, state: Vitals, now: float) -> list[str]:
        """What is told of it."""
        before = len(self.messages)
        self.notifier.look(state, now)
        return [line for message in self.messages[before:] for line in message]


class TestTheRules:
    def test_ready_once_all_can_be_seen(self) -> None:
        systemd = Systemd()
        waiting = vitals(0, source(lost=True), begun=False)
        assert systemd.look(waiting, 0) == ["STATUS=waiting for the first state"]
        lost = vitals(1, source("pods", True, "connection refused"), source("leases", True))
        assert systemd.look(lost, 1) == ["STATUS=without pods, leases: connection refused"]
        assert systemd.look(vitals(2), 2) == [
            "READY=1",
            "WATCHDOG=1",
            "STATUS=watching; all 1 sources are alive",
        ]
        assert systemd.look(vitals(3), 3) == []

    def test_a_sign_of_life_each_half_of_the_interval(self) -> None:
        systemd = Systemd(watchdog=10.0)
        moments = [now for now in range(60) if "WATCHDOG=1" in systemd.look(vitals(now), now)]
        assert moments == list(range(0, 60, 5))

    @pytest.mark.parametrize("interval", [0.2, 1.0, 3.0, 30.0])
    def test_it_never_comes_later_than_that(self, interval: float) -> None:
        systemd = Systemd(watchdog=interval)
        period = systemd.notifier.period_s
        moments = [
            count * period
            for count in range(200)
            if "WATCHDOG=1" in systemd.look(vitals(count * period), count * period)
        ]
        gaps = [late - early for early, late in zip(moments, moments[1:])]
        assert max(gaps) <= interval / 2 + 1e-9
        assert min(gaps) >= interval / 4 - 1e-9

    @pytest.mark.parametrize(
        ("state", "says"),
        [
            (vitals(20, source(lost=True)), "without pods: no answer yet"),
            (vitals(20, amiss="leases"), "the server is without leases"),
            (vitals(20 - SILENT_S - 0.1), "the engine is stuck"),
        ],
    )
    def test_no_sign_of_life_of_what_is_not_fresh(self, state: Vitals, says: str) -> None:
        systemd = Systemd()
        systemd.look(vitals(0), 0)
        assert systemd.look(state, 20) == [f"STATUS={says}"]
        assert systemd.look(state._replace(at=state.at + 9), 29) == []
        assert "WATCHDOG=1" in systemd.look(vitals(30), 30)

    def test_what_one_may_not_see_is_no_reason_to_start_anew(self) -> None:
        forbidden = SourceVitals("pods", False, False, 0.0, 3, "forbidden")
        assert "READY=1" in Systemd().look(vitals(0, forbidden), 0)

    def test_what_was_not_delivered_is_told_again(self) -> None:
        systemd = Systemd()
        systemd.deaf = True
        assert systemd.look(vitals(0), 0) == []
        systemd.deaf = False
        assert systemd.look(vitals(1), 1)[:2] == ["READY=1", "WATCHDOG=1"]

    def test_without_a_watchdog_no_sign_of_life(self) -> None:
        systemd = Systemd(watchdog=None)
        assert systemd.look(vitals(0), 0)[0] == "READY=1"
        assert systemd.look(vitals(100), 100) == []
        assert systemd.notifier.period_s == LOOK_S

    def test_the_end_is_told_once_and_is_the_last_word(self) -> None:
        systemd = Systemd()
        systemd.notifier.stopping()
        systemd.notifier.stopping()
        assert systemd.messages == [["STOPPING=1", "STATUS=stopping"]]
        assert systemd.look(vitals(0), 0) == []

    def test_no_secret_of_a_failure_is_told(self) -> None:
        lost = vitals(0, source("pods", True, "https://me:hunter2@host refused"))
        assert "hunter2" not in str(Systemd().look(lost, 0))


class TestTheEnvironment:
    @pytest.mark.parametrize(
        ("environ", "expected"),
        [
            ({}, None),
            ({"WATCHDOG_USEC": "30000000"}, 30.0),
            ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"}, 30.0),
            ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "43"}, None),
            ({"WATCHDOG_USEC": "0"}, None),
            ({"WATCHDOG_USEC": "-1"}, None),
            ({"WATCHDOG_USEC": "soon"}, None),
        ],
    )
    def test_the_watchdog(self, environ: dict[str, str], expected: Optional[float]) -> None:
        assert watchdog_s(environ, 42) == expected

    @pytest.mark.parametrize("address", ["", "relative/path", "vsock:2:1234"])
    def test_addresses_that_mean_nothing_here(
        self, address: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        import sys

        process = Process({"NOTIFY_SOCKET": address}, FdOutput(1), sys.stderr)
        assert type(service_of(process.environ)) is Service

    def test_nobody_listens(self, tmp_path: Path) -> None:
        for address in (str(tmp_path / "none"), "@agentctl-none", "/" + "n" * 200, "/a\0b"):
            assert sender(address)("READY=1") is False

    @pytest.mark.parametrize("abstract", [False, True])
    def test_both_kinds_of_sockets(self, tmp_path: Path, abstract: bool) -> None:
        path = f"@agentctl-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
        with NotifySocket(path) as heard:
            assert sender(path)("READY=1\nSTATUS=x")
            assert heard.next(1) == ["READY=1", "STATUS=x"]

    def test_a_listener_that_does_not_read_holds_nobody_up(self, tmp_path: Path) -> None:
        path = str(tmp_path / "notify")
        with NotifySocket(path):
            sent = [sender(path)("x" * 1000) for _ in range(2000)]
        assert sent[0]
        assert not sent[-1]


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[NotifySocket]:
    with NotifySocket(str(tmp_path / "notify")) as heard:
        yield heard


WATCHDOG_S = 1.0


def environ(heard: NotifySocket) -> dict[str, str]:
    return {"NOTIFY_SOCKET": heard.path, "WATCHDOG_USEC": f"{WATCHDOG_S * 1e6:.0f}"}


def test_a_watch_loses_the_api_and_finds_it_again(heard: NotifySocket, tmp_path: Path) -> None:
    with DemoControlPlane(free_port(), script=False) as demo:
        (tmp_path / "kubeconfig").write_text(demo.kubeconfig_text())
        flags = ("--kubeconfig", str(tmp_path / "kubeconfig"), "--retry-backoff", "50ms")
        watch = ("status", "watch", "--heartbeat", "0", *flags)
        with Program(*watch, home=tmp_path, extra=environ(heard)) as program:
            heard.until("READY=1")
            heard.until("WATCHDOG=1")
            demo.double.stop()
            # At first some may tell how they were cut off.
            while "connection refused" not in heard.until("STATUS=without "):
                pass
            assert "WATCHDOG=1" not in heard.during(2 * WATCHDOG_S)
            demo.double.start()
            heard.until("WATCHDOG=1")
            code, _ = program.signal(signal.SIGTERM)
        assert code == 143
        heard.until("STOPPING=1")
        assert heard.lines.count("READY=1") == 1


def test_serve(heard: NotifySocket, tmp_path: Path) -> None:
    flags = ("--source", "demo", *ANY_PORT)
    with Served(*flags, home=tmp_path, extra=environ(heard)) as served:
        heard.until("READY=1")
        assert served.get("/readyz")[0] == 200
        heard.until("WATCHDOG=1")
        served.process.terminate()
        heard.until("STOPPING=1")
        assert served.wait() == 143
