"""A file written whole: killed at any moment, there is the old one or the new one."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agentctl.cli.host.atomic_write import write_whole
from agentctl.errors import UsageError

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.mark.parametrize("how", ["at_every_step", "at_any_moment", "by_several"])
def test_written_and_killed(tmp_path: Path, how: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.cli.host.killed", how, str(tmp_path / "agents.prom")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


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


def test_in_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(UsageError, match="cannot write file: no such folder"):
        write_whole("file", "text")
    write_whole(str(tmp_path / "file"), "text")


def test_a_file_of_a_long_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250)
    write_whole(str(path), "text")
    assert path.read_text() == "text"
