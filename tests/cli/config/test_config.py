"""agentctl config: what it writes, what it refuses, and that it loses nothing."""

from __future__ import annotations

import errno
import json
import os
import pty
import resource
import select
import signal
import stat
import termios
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agentctl.cli.config.file import change, read_document
from tests.cli.inprocess import Done, call
from tests.cli.program import COMMAND, PATIENCE_S, environment, run


def file_of(home: Path) -> Path:
    return home / ".config" / "agentctl" / "config.json"


def written(home: Path) -> Any:
    return json.loads(file_of(home).read_text(encoding="utf-8"))


def config(home: Path, *args: str, **environ: str) -> Done:
    return call("config", *args, home=home, extra=environ)


def put_there(home: Path, text: str, mode: int = 0o600) -> Path:
    path = file_of(home)
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("key", "value", "content"),
    [
        ("mode", "sse", {"mode": "sse"}),
        ("namespace", "team-a", {"namespace": "team-a"}),
        ("address", "https://agentctl.example/prefix", {"address": "https://agentctl.example/prefix"}),
        ("address", "unix:/run/agentctl", {"address": "unix:/run/agentctl"}),
        ("context", "arn:aws:eks:eu:1:cluster/prod", {"context": "arn:aws:eks:eu:1:cluster/prod"}),
        ("kubeconfig", "/etc/kubeconfig", {"kubeconfig": "/etc/kubeconfig"}),
        ("kubeconfig", "~/kubeconfig", {"kubeconfig": "~/kubeconfig"}),
        ("tls", "true", {"tls": True}),
        ("tls", "false", {"tls": False}),
        ("tls.ca", "/etc/ca.crt", {"tls": {"ca": "/etc/ca.crt"}}),
        ("tls.server_name", "agentctl", {"tls": {"server_name": "agentctl"}}),
    ],
)  # fmt: skip
def test_set_writes_what_the_program_reads(
    tmp_path: Path, key: str, value: str, content: dict[str, Any]
) -> None:
    assert config(tmp_path, "set", key, value)[:2] == (0, "")
    assert written(tmp_path) == content
    assert config(tmp_path, "unset", key) == (0, "", "")
    assert key.startswith("tls.") or written(tmp_path) == {}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("mode", "grcp", "sse or auto, got 'grcp'; did you mean grpc?"),
        ("namespace", "Team_A", "namespace 'Team_A'"),
        ("address", "ftp://x", "address 'ftp://x': expected host:port"),
        ("address", "http://user:pw@x", "address: no user and password"),
        ("context", "two\nlines", "context: expected text on one line"),
        ("context", "\x1b[31m", "context: expected text on one line"),
        ("tls.ca", "", "agentctl config unset tls.ca"),
        ("tls", "yes", "tls: expected true or false"),
        ("token", "two words", "token: is no token"),
        ("adress", "x", "got 'adress'; did you mean address?"),
        ("tls.server-name", "x", "did you mean tls.server_name?"),
    ],
)  # fmt: skip
def test_set_refuses_what_cannot_be_meant(tmp_path: Path, key: str, value: str, said: str) -> None:
    done = config(tmp_path, "set", key, value)
    assert done.code == 2
    assert said in done.stderr
    assert not file_of(tmp_path).exists()


def test_a_relative_path_is_written_as_where_it_led(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ca.crt").touch()
    assert config(tmp_path, "set", "tls.ca", "ca.crt") == (0, "", "")
    assert written(tmp_path) == {"tls": {"ca": str(tmp_path / "ca.crt")}}


def test_where_a_relative_path_leads_in_a_folder_that_is_gone_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    done = config(tmp_path, "set", "tls.ca", "ca.crt")
    assert (done.code, done.stdout) == (2, "")
    assert "ca.crt is relative to a folder that is gone: give the whole path" in done.stderr


def test_a_file_that_is_not_there_is_told_and_written(tmp_path: Path) -> None:
    done = config(tmp_path, "set", "tls.ca", "/nonexistent/ca.crt")
    assert done.code == 0
    assert "warning: tls.ca: /nonexistent/ca.crt cannot be read at present" in done.stderr


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        config(tmp_path, "set", "mode", "sse")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in
             (file_of(tmp_path), file_of(tmp_path).parent, tmp_path / ".config")]  # fmt: skip
    assert modes == [0o600, 0o700, 0o700]


def test_one_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = put_there(tmp_path, "{}", 0o644)
    config(tmp_path, "set", "mode", "sse")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_symlink_is_followed_and_stays_one(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "agentctl.json"
    real.parent.mkdir()
    real.write_text('{"namespace": "team-a"}')
    file_of(tmp_path).parent.mkdir(parents=True)
    file_of(tmp_path).symlink_to(real)
    assert config(tmp_path, "set", "mode", "sse").code == 0
    assert file_of(tmp_path).is_symlink()
    assert json.loads(real.read_text()) == {"namespace": "team-a", "mode": "sse"}
    assert os.listdir(real.parent) == ["agentctl.json"]


class TestToken:
    def test_it_comes_from_the_standard_input(self, tmp_path: Path) -> None:
        done = run("config", "set", "token", "-", home=tmp_path, input="s3cr3t-t0ken\n")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert written(tmp_path) == {"token": "s3cr3t-t0ken"}

    def test_an_empty_standard_input_is_no_token(self, tmp_path: Path) -> None:
        done = run("config", "set", "token", "-", home=tmp_path, input="\n")
        assert (done.returncode, done.stderr) == (2, "agentctl: token: holds no token\n")

    @pytest.mark.parametrize(
        ("keys", "code"), [(b"s3cr3t-t0ken\n", 0), (b"\x03", 130), (b"\x04", 2)]
    )
    def test_a_terminal_does_not_show_it_and_is_left_as_it_was(
        self, tmp_path: Path, keys: bytes, code: int
    ) -> None:
        """Typed, given up with ctrl-C, and with ctrl-D."""
        pid, fd = pty.fork()
        if pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.execve(COMMAND[0], [*COMMAND, "config", "set", "token", "-"], environment(tmp_path))
        try:
            seen = b""
            while b"Token: " not in seen:
                assert select.select([fd], [], [], PATIENCE_S)[0]
                seen += os.read(fd, 1024)
            os.write(fd, keys)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == code
            assert termios.tcgetattr(fd)[3] & termios.ECHO
            with suppress(OSError):  # nothing more was said
                seen += os.read(fd, 1024)
            assert b"s3cr3t" not in seen
        finally:
            os.close(fd)
        assert file_of(tmp_path).exists() == (code == 0)

    def test_on_the_command_line_it_is_taken_with_a_warning(self, tmp_path: Path) -> None:
        done = config(tmp_path, "set", "token", "s3cr3t-t0ken")
        assert done.code == 0
        assert "history" in done.stderr
        assert "s3cr3t" not in done.stderr


class TestTls:
    def test_files_are_added_to_one_another(self, tmp_path: Path) -> None:
        config(tmp_path, "set", "tls", "true")
        config(tmp_path, "set", "tls.cert", "/c")
        config(tmp_path, "set", "tls.key", "/k")
        config(tmp_path, "set", "tls", "true")
        assert written(tmp_path) == {"tls": {"cert": "/c", "key": "/k"}}

    def test_false_does_not_throw_them_away(self, tmp_path: Path) -> None:
        config(tmp_path, "set", "tls.ca", "/ca")
        done = config(tmp_path, "set", "tls", "false")
        assert done.code == 2
        assert "tls.ca would be lost" in done.stderr
        assert written(tmp_path) == {"tls": {"ca": "/ca"}}

    def test_the_last_file_taken_away_leaves_tls_on(self, tmp_path: Path) -> None:
        config(tmp_path, "set", "tls.ca", "/ca")
        config(tmp_path, "unset", "tls.ca")
        assert written(tmp_path) == {"tls": True}


class TestAFileThatIsNotUnderstood:
    def test_an_unknown_key_is_told_and_nothing_is_written(self, tmp_path: Path) -> None:
        path = put_there(tmp_path, '{"adress": "x"}')
        for args in (("view",), ("set", "mode", "sse")):
            done = config(tmp_path, *args)
            assert done.code == 2
            assert f"{path}: unknown key 'adress'; did you mean address?" in done.stderr
        assert path.read_text() == '{"adress": "x"}'

    def test_unset_takes_the_unknown_key_away(self, tmp_path: Path) -> None:
        put_there(tmp_path, '{"adress": "x", "mode": "sse"}')
        assert config(tmp_path, "unset", "adress").code == 0
        assert written(tmp_path) == {"mode": "sse"}

    def test_unset_of_a_key_that_nobody_knows_is_a_mistake(self, tmp_path: Path) -> None:
        done = config(tmp_path, "unset", "adress")
        assert done.code == 2
        assert "has no key 'adress'; did you mean address?" in done.stderr

    @pytest.mark.parametrize("text", ["{", "[]", '{"tls": {"caa": "x"}}', '{"mode": 1}'])
    def test_what_cannot_be_read_is_never_written_over(self, tmp_path: Path, text: str) -> None:
        path = put_there(tmp_path, text)
        done = config(tmp_path, "set", "tls.ca", "/ca") if "tls" in text else config(
            tmp_path, "set", "namespace", "a"
        )  # fmt: skip
        assert (done.code, done.stderr.count("\n")) == (2, 1)
        assert path.read_text() == text


class TestWhatTheDiskMayDo:
    def test_a_home_that_cannot_be_written_is_one_line(self, tmp_path: Path) -> None:
        (tmp_path / ".config").write_text("a file, where a folder should be")
        done = config(tmp_path, "set", "mode", "sse")
        assert done.code == 2
        assert (
            done.stderr
            == f"agentctl: {file_of(tmp_path)}: cannot be read: {os.strerror(errno.ENOTDIR)}\n"
        )

    def test_a_folder_that_cannot_be_made_is_one_line(self, tmp_path: Path) -> None:
        done = config(tmp_path, "set", "mode", "sse", XDG_CONFIG_HOME="/proc/nobody")
        path = "/proc/nobody/agentctl/config.json"
        assert (done.code, done.stderr.count("\n")) == (2, 1)
        assert done.stderr.startswith(f"agentctl: cannot write {path}: ")

    def test_a_full_disk_loses_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = put_there(tmp_path, '{"mode": "sse"}')

        def full(fd: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        done = config(tmp_path, "set", "namespace", "team-a")
        assert done.code == 2
        assert done.stderr == f"agentctl: cannot write {path}: {os.strerror(errno.ENOSPC)}\n"
        assert os.listdir(path.parent) == ["config.json"]
        assert written(tmp_path) == {"mode": "sse"}

    def test_a_file_size_limit_loses_nothing(self, tmp_path: Path) -> None:
        """By the kernel itself: what could be written of the new one is not left behind."""
        path = put_there(tmp_path, '{"mode": "sse"}')
        done = run(
            "config", "set", "namespace", "team-a", home=tmp_path,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)),
        )  # fmt: skip
        assert done.returncode == 2
        assert done.stderr == f"agentctl: cannot write {path}: File too large\n"
        assert os.listdir(path.parent) == ["config.json"]
        assert written(tmp_path) == {"mode": "sse"}

    def test_it_is_on_the_disk_before_it_is_in_place(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps: list[str] = []
        sync, replace = os.fsync, os.replace
        monkeypatch.setattr(os, "fsync", lambda fd: (steps.append("fsync"), sync(fd)))
        monkeypatch.setattr(
            os, "replace", lambda old, new: (steps.append("replace"), replace(old, new))
        )
        config(tmp_path, "set", "mode", "sse")
        assert steps == ["fsync", "replace", "fsync"]


def test_of_changes_at_the_same_time_none_is_lost(tmp_path: Path) -> None:
    path = str(tmp_path / "agentctl" / "config.json")
    begin = threading.Barrier(8)
    torn: list[Exception] = []

    def write(name: str) -> None:
        begin.wait(10)
        try:
            for number in range(5):
                change(path, partial(dict.update, **{f"{name}{number}": "x" * 1000}))
                read_document(path)
        except Exception as error:
            torn.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert torn == []
    assert len(read_document(path)) == 40


def test_path_says_where_it_is(tmp_path: Path) -> None:
    assert config(tmp_path, "path") == (0, f"{file_of(tmp_path)}\n", "")
    elsewhere = config(tmp_path, "path", XDG_CONFIG_HOME="/etc/xdg")
    assert elsewhere.stdout == "/etc/xdg/agentctl/config.json\n"


def test_a_variable_that_comes_before_is_told(tmp_path: Path) -> None:
    done = config(tmp_path, "set", "namespace", "a", AGENTCTL_NAMESPACE="b")
    assert "warning: AGENTCTL_NAMESPACE is set, and comes before the config file" in done.stderr
