"""Exit codes and the debug log of both transports to a server."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.cli.inprocess import call, until_timeout
from tests.cli.program import ENDED_S, Program
from tests.cli.run.test_transports import REMOTE, Served

TOKEN = "s3cret-of-the-test"


class Guarded(Served):
    """Asks for a token."""

    token = TOKEN

    def start(self) -> Program:
        path = self.folder / "token"
        path.write_text(TOKEN + "\n")
        self.more = ("--token-file", str(path))
        return super().start()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with Guarded(tmp_path_factory.mktemp("guarded")) as served:
        yield served


def only_line(stderr: str) -> str:
    (line,) = stderr.splitlines()
    return line


@pytest.mark.parametrize("transport", REMOTE)
class TestCodes:
    def test_0_for_what_was_asked(self, guarded: Guarded, transport: str) -> None:
        way = [*guarded.way(transport), "--token", TOKEN]
        assert call("status", *way, home=guarded.folder).code == 0
        watch = ("status", "watch", *way, "--timeout")
        done = until_timeout(partial(call, *watch, home=guarded.folder))
        assert done.code == 0

    def test_1_for_a_bad_verdict(self, guarded: Guarded, transport: str) -> None:
        flags = ("--until", "error", "--token", TOKEN, *guarded.way(transport), "--timeout")
        done = until_timeout(partial(call, "status", "watch", *flags, home=guarded.folder))
        assert done.code == 1
        assert "not error before --timeout" in only_line(done.stderr)

    def test_1_for_a_bad_verdict_in_one_shot(self, guarded: Guarded, transport: str) -> None:
        flags = ("--fail-on", "healthy", "--token", TOKEN, *guarded.way(transport))
        done = call("status", *flags, home=guarded.folder)
        assert done.code == 1
        assert "failed: " in only_line(done.stderr)

    @pytest.mark.parametrize("token", [(), ("--token", "wrong")])
    def test_3_without_a_good_token(
        self, guarded: Guarded, transport: str, token: tuple[str, ...]
    ) -> None:
        for command in (("status",), ("status", "watch")):
            done = call(*command, *guarded.way(transport), *token, home=guarded.folder)
            assert done.code == 3, done.stderr
            assert "token" in only_line(done.stderr)

    def test_3_for_a_namespace_that_is_not_served(self, guarded: Guarded, transport: str) -> None:
        flags = ("-n", "elsewhere", "--token", TOKEN)
        done = call("status", *flags, *guarded.way(transport), home=guarded.folder)
        assert done.code == 3
        assert "elsewhere" in only_line(done.stderr)

    def test_5_where_nobody_listens(self, tmp_path: Path, free_port: int, transport: str) -> None:
        way = ("--transport", transport, "--server", f"127.0.0.1:{free_port}")
        for command in (("status",), ("status", "watch", "--no-retry")):
            done = call(*command, *way, home=tmp_path)
            assert done.code == 5
            assert "refused" in only_line(done.stderr)
        watch = ("status", "watch", *way, "--timeout")
        done = until_timeout(partial(call, *watch, home=tmp_path))
        assert done.code == 5
        assert only_line(done.stderr).startswith("agentctl: still disconnected at --timeout")

    def test_signals_and_pipes(self, guarded: Guarded, transport: str) -> None:
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with guarded.watch(transport, "--token", TOKEN) as watcher:
                watcher.wait_lines(1)
                ended, seconds = watcher.signal(number)
                assert (ended, watcher.stderr) == (code, "")
                assert seconds < ENDED_S

    def test_debug_tells_all_but_the_token(self, guarded: Guarded, transport: str) -> None:
        with guarded.watch(transport, "--debug", "--token", TOKEN, "--heartbeat", "1s") as watcher:
            watcher.wait_for(lambda event: event["type"] == "heartbeat")
            watcher.signal(signal.SIGTERM)
            log = watcher.stderr
        assert f"transport {transport}, namespace agents" in log
        assert "cursor A" in log
        assert TOKEN not in log


def test_debug_tells_each_reconnect_and_its_delay(tmp_path: Path, free_port: int) -> None:
    for transport in REMOTE:
        way = ("--transport", transport, "--server", f"127.0.0.1:{free_port}")
        watch = ("status", "watch", "--debug", "--retry-backoff", "100ms", *way, "--timeout")
        log = until_timeout(partial(call, *watch, home=tmp_path)).stderr
        assert "next attempt in 0." in log
        assert "reconnecting" in log
