"""``--catalog`` of a pipe: read once, in time, and its namespace counts as a file's does."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

import pytest

from agentctl.cli.config.piped import Patience, is_piped, read_piped
from agentctl.errors import DisconnectedError
from tests.cli.inprocess import Done, call
from tests.cli.program import run

MINE = "name: mine\nnamespace: mine\ncomponents: [{name: it, checks: [{kind: namespace}]}]\n"
SHOW = ("catalog", "show", "-o", "json", "--catalog")


@pytest.fixture
def pipe() -> Iterator[tuple[str, int]]:
    """A pipe as a shell's ``<(...)`` gives it: a path, and the end to write to."""
    reading, writing = os.pipe()
    yield f"/dev/fd/{reading}", writing
    os.close(reading)


def shown(done: Done) -> tuple[str, list[str]]:
    assert (done.code, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    return found["name"], found["requires"]["namespaces"]


@pytest.mark.parametrize(
    ("flag", "variable", "config", "expected"),
    [("a", "b", "c", "a"), (None, "b", "c", "b"), (None, "", "c", "c"), (None, "", "", "mine")],
)
def test_its_namespace_counts_after_flag_variable_and_config(
    tmp_path: Path,
    pipe: tuple[str, int],
    flag: Optional[str],
    variable: str,
    config: str,
    expected: str,
) -> None:
    path, writing = pipe
    os.write(writing, MINE.encode())
    os.close(writing)
    if config:
        (tmp_path / ".config" / "agentctl").mkdir(parents=True)
        told = json.dumps({"namespace": config})
        (tmp_path / ".config" / "agentctl" / "config.json").write_text(told)
    extra = {"AGENTCTL_NAMESPACE": variable} if variable else {}
    given = ("-n", flag) if flag else ()
    assert shown(call(*SHOW, path, *given, home=tmp_path, extra=extra)) == ("mine", [expected])


def test_a_pipe_without_a_namespace_has_the_default(tmp_path: Path, pipe: tuple[str, int]) -> None:
    path, writing = pipe
    os.write(writing, MINE.replace("namespace: mine\n", "").encode())
    os.close(writing)
    assert shown(call(*SHOW, path, home=tmp_path))[1] == ["agents"]


def test_a_dash_and_dev_stdin_are_the_standard_input_be_it_a_pipe_or_a_file(
    tmp_path: Path,
) -> None:
    (tmp_path / "mine").write_text(MINE)
    for path in ("-", "/dev/stdin"):
        piped = run(*SHOW, path, home=tmp_path, input=MINE)
        assert shown(Done(piped.returncode, piped.stdout, piped.stderr)) == ("mine", ["mine"])
        with (tmp_path / "mine").open() as file:
            found = run(*SHOW, path, home=tmp_path, stdin=file)
        assert shown(Done(found.returncode, found.stdout, found.stderr)) == ("mine", ["mine"])


def test_a_mistake_in_it_has_its_line(tmp_path: Path, pipe: tuple[str, int]) -> None:
    path, writing = pipe
    os.write(writing, b"name: x\ncomponents: 3\n")
    os.close(writing)
    done = call(*SHOW, path, home=tmp_path)
    assert done.code == 2
    assert f"{path}:2: expected a list of entries" in done.stderr


def test_one_that_nobody_closes_is_given_up_in_time(pipe: tuple[str, int]) -> None:
    path, writing = pipe
    with pytest.raises(DisconnectedError, match=r"^not connected after 50ms: "):
        read_piped(path, 100, Patience(0.05, time.monotonic() + 0.05))
    os.close(writing)


def test_no_more_is_read_than_may_be(pipe: tuple[str, int]) -> None:
    path, writing = pipe

    def write() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(b"x" * 100_000)

    thread = threading.Thread(target=write)
    thread.start()
    assert len(read_piped(path, 10)) == 11
    os.read(int(path.rpartition("/")[2]), 100_000)
    thread.join()


def test_files_and_what_is_not_there_are_no_pipes(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not is_piped(str(tmp_path / "file"))
    assert not is_piped(str(tmp_path))
    assert not is_piped(str(tmp_path / "none"))
    assert not is_piped("a\0b")
    assert is_piped("-")


def test_the_standard_input_is_read_once(tmp_path: Path) -> None:
    done = call("catalog", "test", "-", "-", home=tmp_path)
    assert done.code == 2
    assert "'-' is the standard input, which can be read once" in done.stderr


def test_objects_may_come_from_the_standard_input(tmp_path: Path) -> None:
    item = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "web", "namespace": "shop"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    done = run("catalog", "test", "cert-manager", "-", home=tmp_path, input=json.dumps(item))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Certificate.cert-manager.io shop/web: healthy\n")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("certmanager", "'cert-manager'"),
        ("Flux", "'flux'"),
        ("nginx", "'ingress-nginx'"),
        ("argo", "'argo-workflows' or 'argocd'"),
        ("cert_manager", "'cert-manager'"),
        ("tekton-pipelines", "'tekton'"),
    ],
)
def test_a_name_that_is_none_is_told_with_what_was_meant(
    tmp_path: Path, given: str, meant: str
) -> None:
    done = call(*SHOW, given, home=tmp_path)
    assert done.code == 2
    assert f"no catalog {given!r} (did you mean {meant}?)" in done.stderr
