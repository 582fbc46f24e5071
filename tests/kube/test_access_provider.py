"""The holder of the credentials: read again when due, once however many ask."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from agentctl.errors import ConfigError, UnauthorizedError
from agentctl.kube.access import AccessProvider, ClusterAccess
from tests.kube.rig import PATIENCE_S
from tests.net.certs import write


class FakeClock:
    def __init__(self) -> None:
        self.elapsed = 0.0

    def monotonic(self) -> float:
        return self.elapsed

    def now(self) -> datetime:
        return datetime(2026, 1, 30, tzinfo=timezone.utc) + timedelta(seconds=self.elapsed)


class Loader:
    """Gives tokens 1, 2, 3, …; or fails while told to."""

    def __init__(self) -> None:
        self.loads = 0
        self.wait: Callable[[], object] = lambda: None
        self.failing = False
        self.access = ClusterAccess(server="https://x")

    def __call__(self) -> ClusterAccess:
        self.loads += 1
        self.wait()
        if self.failing:
            raise ConfigError("the plugin failed")
        return dataclasses.replace(self.access, token=str(self.loads))


def test_it_is_read_once_until_somebody_needs_more() -> None:
    loader = Loader()
    provider = AccessProvider(loader, FakeClock())
    assert provider.current() == provider.current()
    assert (provider.current()[0].token, loader.loads) == ("1", 1)


def test_a_refused_generation_is_read_again_and_an_older_one_is_not() -> None:
    loader = Loader()
    provider = AccessProvider(loader, FakeClock())
    _, first = provider.current()
    access, second = provider.refresh(first)
    assert (access.token, second > first) == ("2", True)
    assert provider.refresh(first) == (access, second)
    assert loader.loads == 2


def test_many_threads_that_were_refused_read_once() -> None:
    loader = Loader()
    provider = AccessProvider(loader, FakeClock())
    tokens = []
    barrier = threading.Barrier(20)

    def refused() -> None:
        barrier.wait()
        tokens.append(provider.refresh(1)[0].token)

    _run(refused)
    assert (tokens, loader.loads) == (["2"] * 20, 2)


def test_many_threads_share_one_failure_and_a_later_one_tries_anew() -> None:
    loader = Loader()
    provider = AccessProvider(loader, FakeClock())
    loader.failing = True
    failures = []
    asking = threading.Semaphore(0)

    def all_ask() -> None:
        for _ in range(20):
            assert asking.acquire(timeout=PATIENCE_S)
        time.sleep(0.2)  # between what they say here and what they do, nothing can be seen

    loader.wait = all_ask

    def refused() -> None:
        asking.release()
        with pytest.raises(UnauthorizedError, match="the plugin failed") as failure:
            provider.refresh(1)
        failures.append(failure.value)

    _run(refused)
    assert (len(failures), loader.loads) == (20, 2)
    loader.failing, loader.wait = False, lambda: None
    assert provider.refresh(1)[0].token == "3"


def test_others_are_not_held_up_while_it_is_read() -> None:
    loader = Loader()
    provider = AccessProvider(loader, FakeClock())
    reading, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        reading.set()
        assert go_on.wait(PATIENCE_S)

    provider.current()
    loader.wait = wait
    thread = threading.Thread(target=provider.refresh, args=(1,))
    thread.start()
    assert reading.wait(PATIENCE_S)
    assert provider.current()[0].token == "1"  # while the other one still reads
    go_on.set()
    thread.join()
    assert provider.current()[0].token == "2"


def test_a_token_file_is_read_again_after_a_minute(tmp_path: Path) -> None:
    token_file = write(tmp_path / "token", "old")
    clock = FakeClock()
    access = ClusterAccess(server="https://x", token="old", token_file=token_file)
    provider = AccessProvider(lambda: access, clock)
    write(tmp_path / "token", "new\n")
    clock.elapsed = 59
    assert provider.current()[0].token == "old"
    clock.elapsed = 60
    access, generation = provider.current()
    assert (access.token, generation) == ("new", 2)
    clock.elapsed = 120
    assert provider.current() == (access, 2), "an unchanged token is no new generation"


@pytest.mark.parametrize("content", [None, "", "two\nlines"])
def test_a_token_file_that_cannot_be_used_keeps_the_token(content: object, tmp_path: Path) -> None:
    path = tmp_path / "token"
    clock = FakeClock()
    access = ClusterAccess(server="https://x", token="old", token_file=str(path))
    provider = AccessProvider(lambda: access, clock)
    if isinstance(content, str):
        write(path, content)
    clock.elapsed = 61
    assert provider.current() == (access, 1)
    write(path, "new")
    clock.elapsed = 122
    assert provider.current()[0].token == "new"


def test_credentials_that_say_when_they_end_are_replaced_before() -> None:
    loader, clock = Loader(), FakeClock()
    loader.access = ClusterAccess(
        server="https://x", expires_at=clock.now() + timedelta(seconds=100)
    )
    provider = AccessProvider(loader, clock)
    clock.elapsed = 89
    assert provider.current()[0].token == "1"
    clock.elapsed = 90
    loader.access = ClusterAccess(server="https://x")
    assert provider.current()[0].token == "2"


def test_no_secret_is_in_the_repr() -> None:
    access = ClusterAccess(
        server="https://x",
        token="s3cret",
        username="me",
        password="s3cret",
        client_key_data="s3cret",
        client_cert_data="cert",
    )
    assert "s3cret" not in repr(access)
    assert access.authentication == "client certificate, token, password"


def _run(target: object) -> None:
    threads = [threading.Thread(target=target) for _ in range(20)]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
