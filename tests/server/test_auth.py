"""Bearer tokens: who is admitted, and what happens when their file changes."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.errors import ConfigError, ExitCode
from agentctl.server.auth import MAX_TOKENS, TokenGate
from agentctl.server.reloading import MAX_BYTES
from tests.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("one\n")
    return path


def test_without_a_token_everybody_is_admitted() -> None:
    gate = TokenGate()
    assert gate.open
    assert gate.admits("")
    assert gate.honours(gate.ticket("") or b"")


@pytest.mark.parametrize("good", ["Bearer one", "bearer one", "BEARER  one", "Bearer one "])
def test_the_scheme_is_case_insensitive(good: str) -> None:
    assert TokenGate("one").admits(good)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "one",
        "Bearer",
        "Bearer ",
        "Bearer on",
        "Bearer onee",
        "Basic one",
        "Bearer\tone",
        "Bearer ONE",
        "Bearer one two",
        " Bearer one",
        "Bearer \ud800",
        "Bearer öne",
    ],
)
def test_nothing_else_is(bad: str) -> None:
    assert not TokenGate("one").admits(bad)


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    assert not TokenGate("the one").admits(text)
    assert not TokenGate("the one").admits(f"Bearer {text[:3]}")


def test_several_tokens_are_good_at_once(file: Path, clock: FakeClock) -> None:
    file.write_text("# the dashboards'\none\n\n  two  \r\n# three\n")
    gate = TokenGate.from_file(str(file), clock)
    assert [gate.admits(f"Bearer {token}") for token in ("one", "two", "three", "#")] == [
        True,
        True,
        False,
        False,
    ]


def test_a_byte_order_mark_belongs_to_no_token(file: Path, clock: FakeClock) -> None:
    file.write_bytes(b"\xef\xbb\xbfone\n")
    assert TokenGate.from_file(str(file), clock).admits("Bearer one")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no token"),
        (b"\n# only this\n", "holds no token"),
        (b"one\ntwo words\n", "line 2 is no token"),
        (b"\xff\xfe\n", "line 1 is no token"),
        (b"a" * (MAX_BYTES + 1), "larger than"),
        (b"".join(b"t%d\n" % n for n in range(MAX_TOKENS + 1)), f"more than {MAX_TOKENS}"),
    ],
)
def test_a_bad_file_at_the_start_is_a_usage_error(
    file: Path, clock: FakeClock, content: bytes, said: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=said) as caught:
        TokenGate.from_file(str(file), clock)
    assert caught.value.exit_code == ExitCode.USAGE
    assert caught.value.message.startswith(f"--token-file {file}: ")
    assert "two words" not in caught.value.message


def test_a_missing_file_at_the_start_is_a_usage_error(tmp_path: Path, clock: FakeClock) -> None:
    with pytest.raises(
        ConfigError, match=rf"--token-file .*gone: cannot be read: {os.strerror(errno.ENOENT)}"
    ):
        TokenGate.from_file(str(tmp_path / "gone"), clock)


def test_a_changed_file_is_read_again_within_a_second(file: Path, clock: FakeClock) -> None:
    gate = TokenGate.from_file(str(file), clock)
    file.write_text("two\n")
    assert gate.admits("Bearer one")  # looked at once a second at most
    clock.advance(1)
    assert not gate.admits("Bearer one")
    assert gate.admits("Bearer two")


def test_a_rewrite_that_leaves_date_and_size_alone_is_seen(file: Path, clock: FakeClock) -> None:
    gate = TokenGate.from_file(str(file), clock)
    before = os.stat(file)
    file.write_text("two\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    clock.advance(1)
    assert gate.admits("Bearer two")


def test_a_swapped_symlink_is_seen_as_kubernetes_mounts_do_it(
    tmp_path: Path, clock: FakeClock
) -> None:
    for number in ("one", "two"):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}" / "token").write_text(number)
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "token").symlink_to("..data/token")
    gate = TokenGate.from_file(str(tmp_path / "token"), clock)
    (tmp_path / "..new").symlink_to("..two")
    os.replace(tmp_path / "..new", tmp_path / "..data")
    clock.advance(1)
    assert not gate.admits("Bearer one")
    assert gate.admits("Bearer two")


def test_an_emptied_file_admits_nobody(file: Path, clock: FakeClock) -> None:
    gate = TokenGate.from_file(str(file), clock)
    file.write_text("")
    clock.advance(1)
    assert not gate.admits("Bearer one")
    assert not gate.open
    assert not gate.admits("Bearer ")


def test_a_file_that_is_gone_leaves_the_tokens_good_and_says_so_once(
    file: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    gate = TokenGate.from_file(str(file), clock)
    file.unlink()
    for _ in range(3):
        clock.advance(1)
        assert gate.admits("Bearer one")
    assert [record.getMessage() for record in caplog.records] == [
        f"--token-file {file}: cannot be read: No such file or directory; "
        "what was there before stays in force"
    ]
    file.write_text("two")
    clock.advance(1)
    assert not gate.admits("Bearer one")


def test_a_bad_line_in_a_changed_file_costs_that_line_only(
    file: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    gate = TokenGate.from_file(str(file), clock)
    file.write_text("two\nthr ee\n")
    clock.advance(1)
    assert not gate.admits("Bearer one")  # what was taken out is out
    assert gate.admits("Bearer two")
    assert "line 2" in caplog.text
    assert "thr" not in caplog.text


def test_a_pipe_is_read_once(clock: FakeClock) -> None:
    out, into = os.pipe()
    os.write(into, b"one\n")
    os.close(into)
    gate = TokenGate.from_file(f"/dev/fd/{out}", clock)
    os.close(out)
    clock.advance(5)
    assert gate.admits("Bearer one")


def test_a_ticket_is_honoured_until_its_token_is_taken_out(file: Path, clock: FakeClock) -> None:
    file.write_text("one\ntwo\n")
    gate = TokenGate.from_file(str(file), clock)
    first, second = gate.ticket("Bearer one"), gate.ticket("Bearer two")
    assert first is not None
    assert second is not None
    assert gate.ticket("Bearer three") is None
    generation = gate.generation
    clock.advance(1)
    assert gate.generation == generation
    file.write_text("two\n")
    clock.advance(1)
    assert gate.generation != generation
    assert not gate.honours(first)
    assert gate.honours(second)


def test_no_token_is_logged(file: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    file.write_text("first-secret")
    gate = TokenGate.from_file(str(file), clock)
    gate.admits("Bearer second-secret")
    for content in ("third-secret", "", "fourth-secret and more"):
        file.write_text(content)
        clock.advance(1)
        gate.admits("Bearer first-secret")
    assert caplog.records
    assert "secret" not in caplog.text.replace(str(file), "")
    assert "secret" not in repr(vars(gate))
