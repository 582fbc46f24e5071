"""A token file that everybody may read is warned of, once, and not where Kubernetes made it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentctl.cli.host.secret_file import is_for_all_to_read
from tests.cli.inprocess import call
from tests.cli.serving import ANY_PORT, Served


def token(path: Path, mode: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a-token-of-some-length\n")
    path.chmod(mode)
    return path


@pytest.mark.parametrize(("mode", "told"), [(0o644, True), (0o604, True), (0o640, False)])
def test_a_plain_file(tmp_path: Path, mode: int, told: bool) -> None:
    assert is_for_all_to_read(str(token(tmp_path / "token", mode))) is told


def test_what_is_no_file_is_no_matter(tmp_path: Path) -> None:
    assert not is_for_all_to_read(str(tmp_path / "gone"))
    assert not is_for_all_to_read("/dev/null")


@pytest.mark.parametrize("name", ["token", "below/token"])
def test_a_mount_of_kubernetes(tmp_path: Path, name: str) -> None:
    mount = tmp_path / "mount"
    token(mount / "..2026_01_30" / name, 0o644)
    (mount / "..data").symlink_to("..2026_01_30")
    first = name.split("/", maxsplit=1)[0]
    (mount / first).symlink_to(f"..data/{first}")
    (tmp_path / "link").symlink_to(mount / name)
    assert not is_for_all_to_read(str(mount / name))
    assert not is_for_all_to_read(str(tmp_path / "link"))
    assert is_for_all_to_read(str(token(mount / "beside", 0o644)))


def warnings(lines: list[str]) -> list[str]:
    return [line for line in lines if "warning: --token-file" in line]


@pytest.mark.parametrize(("mode", "count"), [(0o644, 1), (0o600, 0)])
def test_both_ends_say_it_once(tmp_path: Path, mode: int, count: int) -> None:
    path = str(token(tmp_path / "token", mode))
    with Served("--source", "demo", *ANY_PORT, "--token-file", path, home=tmp_path) as served:
        served.until_ready({"Authorization": "Bearer a-token-of-some-length"})
        to = ("--transport", "sse", "--server", f"127.0.0.1:{served.port()}")
        done = call("status", *to, "--token-file", path, home=tmp_path)
    assert done.code == 0
    assert len(warnings(done.stderr.splitlines())) == len(warnings(served.lines)) == count
    assert all(f"{path} can be read by every user" in one for one in warnings(served.lines))
