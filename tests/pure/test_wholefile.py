"""A file written whole: killed at any moment, there is the old one or the new one."""

from __future__ import annotations

import os
import random
import signal
import stat
import time
from pathlib import Path
from typing import Callable

import pytest

from agentctl.cli import wholefile
from agentctl.cli.wholefile import write_whole
from agentctl.errors import UsageError

OLD, NEW = "old\n" * 50_000, "new\n" * 100_000
STEPS = ("mkstemp", "flock", "write", "fchmod", "fsync", "replace", "unlink", "listdir")


def forked(body: Callable[[], None]) -> int:
    """Run it in a process of its own; returns how that ended, as ``os.waitpid`` does."""
    pid = os.fork()
    if pid == 0:
        try:
            body()
        finally:
            os._exit(0)
    return os.waitpid(pid, 0)[1]


def kill_at(call: int) -> None:
    """Have this process killed at the so-maniest call that touches the file system."""
    calls = 0

    def counted(original: Callable[..., object]) -> Callable[..., object]:
        def replaced(*args: object, **kwargs: object) -> object:
            nonlocal calls
            calls += 1
            if calls == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **kwargs)

        return replaced

    for module, names in (
        (wholefile.os, ("fchmod", "fsync", "replace", "unlink", "listdir", "open", "fstat")),
        (wholefile.tempfile, ("mkstemp",)),
        (wholefile.fcntl, ("flock",)),
    ):
        for name in names:
            setattr(module, name, counted(getattr(module, name)))


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name != "agents.prom"]


def test_killed_at_every_step(tmp_path: Path) -> None:
    path = tmp_path / "agents.prom"
    seen = set()
    for call in range(1, 30):
        write_whole(str(path), OLD)

        def body(call: int = call) -> None:
            kill_at(call)
            write_whole(str(path), NEW)

        status = forked(body)
        content = path.read_text()
        assert content in (OLD, NEW)
        assert all(name.startswith(".agents.prom.") for name in leftovers(tmp_path))
        assert all(name.endswith(".tmp") for name in leftovers(tmp_path))
        seen.add(content)
        if not os.WIFSIGNALED(status):
            break
    else:
        pytest.fail("it never came to its end")
    assert call > 8
    assert seen == {OLD, NEW}
    assert leftovers(tmp_path) == []


def test_killed_at_any_moment(tmp_path: Path) -> None:
    path, rng = tmp_path / "agents.prom", random.Random(5)
    write_whole(str(path), OLD)
    for _ in range(40):
        pid = os.fork()
        if pid == 0:
            while True:
                write_whole(str(path), NEW)
                write_whole(str(path), OLD)
        time.sleep(rng.uniform(0, 0.01))  # the moment is what is tried, nothing is waited for
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert path.read_text() in (OLD, NEW)
        assert len(leftovers(tmp_path)) <= 1
    write_whole(str(path), OLD)
    assert leftovers(tmp_path) == []


def test_two_writers_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "agents.prom"
    pids = []
    for text in (OLD, NEW, OLD):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                for _ in range(30):
                    write_whole(str(path), text)
                code = 0
            finally:
                os._exit(code)
        pids.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0, 0, 0]
    assert path.read_text() in (OLD, NEW)
    assert leftovers(tmp_path) == []


def test_the_mode_is_what_is_asked_for_and_else_the_umasks(tmp_path: Path) -> None:
    path = tmp_path / "file"
    before = os.umask(0o027)
    try:
        write_whole(str(path), "a")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        write_whole(str(path), "b", 0o644)
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
    finally:
        os.umask(before)


def test_what_a_link_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_whole(str(tmp_path / "link"), "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("", "not a regular file"),
        (".", "not a regular file"),
        ("/dev/null", "not a regular file"),
        ("none/file", "no such folder"),
        ("file/file", "Not a directory"),
        ("n" * 300, "File name too long"),
    ],
)
def test_what_cannot_be_written_to(tmp_path: Path, place: str, reason: str) -> None:
    (tmp_path / "file").write_text("")
    path = str(tmp_path / place) if place else ""
    with pytest.raises(UsageError, match=reason):
        write_whole(path, "text")
    assert sorted(os.listdir(tmp_path)) == ["file"]
    assert Path("/dev/null").is_char_device()


def test_a_file_of_a_long_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250)
    write_whole(str(path), "text")
    assert path.read_text() == "text"
