"""Keys of a terminal: at once and unseen while they are ours, and its modes back after that."""

from __future__ import annotations

import os
import pty
import select
import termios
from collections.abc import Iterator
from typing import Any

import pytest

from agentctl.cli.host.keys import LOCAL_FLAGS, Keys


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    """The two ends of a terminal."""
    master, slave = pty.openpty()
    yield master, slave
    for fd in (master, slave):
        os.close(fd)


def modes(fd: int) -> list[Any]:
    return termios.tcgetattr(fd)


def test_taken_read_and_given_back(ends: tuple[int, int]) -> None:
    master, slave = ends
    before, keys = modes(slave), Keys(slave)
    assert keys.fd is None
    keys.take()
    keys.take()
    assert keys.fd == slave
    assert keys.read() == b""  # nothing was typed, and it does not wait
    os.write(master, b"q")
    assert select.select([slave], [], [], 10)[0]
    assert keys.read() == b"q"
    local = modes(slave)[LOCAL_FLAGS]
    assert local & termios.ISIG  # ctrl-C and ctrl-Z
    assert not local & (termios.ICANON | termios.ECHO)
    keys.give_back()
    assert modes(slave) == before
    assert keys.fd is None
    keys.give_back()
    keys.take()
    keys.give_back()
    assert modes(slave) == before


def test_a_shell_that_has_stopped_it_and_lets_it_go_on_may_set_the_modes(
    ends: tuple[int, int],
) -> None:
    _, slave = ends
    before, keys = modes(slave), Keys(slave)
    keys.take()
    termios.tcsetattr(slave, termios.TCSANOW, before)  # SIGSTOP, and fg
    keys.take()
    assert not modes(slave)[LOCAL_FLAGS] & termios.ICANON
    keys.give_back()
    assert modes(slave) == before


def test_who_asks_the_user_something_has_the_terminal_as_it_was(ends: tuple[int, int]) -> None:
    _, slave = ends
    before, keys = modes(slave), Keys(slave)
    keys.take()
    with keys.lent():
        keys.take()  # as each frame does
        assert modes(slave) == before
        assert keys.fd is None
    keys.take()
    assert keys.fd == slave


def test_what_is_no_terminal_has_no_keys() -> None:
    out, end = os.pipe()
    os.write(end, b"q")
    keys = Keys(out)
    keys.take()
    assert (keys.fd, keys.read()) == (None, b"")
    keys.give_back()
    os.close(out)
    os.close(end)


def test_a_terminal_that_has_hung_up_is_asked_no_more() -> None:
    master, slave = pty.openpty()
    keys = Keys(slave)
    keys.take()
    os.close(master)
    keys.forget()
    keys.take()
    keys.give_back()
    assert keys.fd is None
    os.close(slave)
