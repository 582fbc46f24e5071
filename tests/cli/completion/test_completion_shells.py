"""Completion in real shells: what stands on the line after the TAB key."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.completion.test_completion import CATALOG, KUBECONFIG
from tests.cli.program import environment
from tests.kubectl import KUBECTL, NO_KUBECTL

ROOT = Path(__file__).parent.parent.parent.parent
PATIENCE_S = 30.0
SCRIPTS = {
    "agentctl": "entry",
    "kubectl-agentctl": "kubectl_entry",
    "kubectl_complete-agentctl": "kubectl_complete_entry",
}
ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|[=>]|\][^\x07]*\x07)|\r|\x07")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with the console scripts, a kubeconfig, a catalog and a file with a blank."""
    (tmp_path / "bin").mkdir()
    for name, function in SCRIPTS.items():
        path = tmp_path / "bin" / name
        code = f"from agentctl.cli.entry import {function}; {function}()"
        path.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n')
        path.chmod(0o755)
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(KUBECONFIG)
    (tmp_path / "mine.yaml").write_text(CATALOG)
    (tmp_path / "the ca.pem").touch()
    return tmp_path


def environ_of(home: Path) -> dict[str, str]:
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**environment(home), "PATH": path, "PYTHONPATH": str(ROOT), "TERM": "xterm"}


class Shell:
    """An interactive one on a terminal of its own."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._seen = ""

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while text not in self._seen:
            left = deadline - time.monotonic()
            assert left > 0, f"no {text!r} in {self._seen!r}"
            if select.select([self._fd], [], [], left)[0]:
                data = os.read(self._fd, 65536).decode("utf-8", "replace")
                self._seen = ESCAPES.sub("", self._seen + data)

    def type(self, keys: str) -> None:
        self._seen = ""
        os.write(self._fd, keys.encode())

    def completes(self, typed: str, expected: str) -> None:
        """TAB after ``typed`` gives ``expected`` on the same line; then the line is dropped."""
        self.type(f"{typed}\t")
        self.wait_for(expected)
        self.type("\x15\n")
        self.wait_for("READY> ")


@contextmanager
def interactive(argv: list[str], home: Path, setup: str) -> Iterator[Shell]:
    """A shell after its set-up."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(home)
        os.execvpe(argv[0], argv, {**environ_of(home), "PS1": "", "COLUMNS": "200"})
    try:
        shell = Shell(fd)
        # The prompt is not among what is typed and echoed.
        shell.type(f"{setup}; PS1='REA''DY> '\n")
        shell.wait_for("READY> ")
        yield shell
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)


def need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"no {program} here")


BOTH = [
    ("agentctl status --component 'runtime:te", "--component 'runtime:temporal' "),
    ("agentctl status --catalog=mine.yaml --component=st", "--component=store:one "),
    ("agentctl status --context my", "--context my\\ ctx "),
    ("agentctl status --catalog cert", "--catalog cert-manager "),
    ("agentctl status --catalog min", "--catalog mine.yaml "),
    ("agentctl status --tls-ca=th", "--tls-ca=the\\ ca.pem "),
]


def test_bash(home: Path) -> None:
    need("bash")
    setup = "source <(agentctl completion bash)"
    with interactive(["bash", "--norc", "--noprofile", "-i"], home, setup) as shell:
        for typed, expected in BOTH:
            shell.completes(typed, expected)
        # bash cuts the word at the colons, and shows what may come after them.
        shell.completes("agentctl status --context arn:aws:ek", "arn:aws:eks:eu:1:cluster/prod ")
        shell.completes("agentctl catalog show > mi", "> mine.yaml ")
        shell.completes("bin/agentctl vers", "bin/agentctl version ")


def test_zsh(home: Path) -> None:
    need("zsh")
    setup = "autoload -Uz compinit; compinit -u -D; source <(agentctl completion zsh)"
    with interactive(["zsh", "-f", "-i"], home, setup) as shell:
        for typed, expected in BOTH:
            shell.completes(typed, expected)
        # With what each does beside it.
        shell.completes("agentctl status --co", "colour the table")


def test_zsh_takes_the_script_from_fpath(home: Path) -> None:
    need("zsh")
    share = ROOT / "agentctl" / "cli" / "share"
    setup = f"fpath=({share} $fpath); autoload -Uz compinit; compinit -u -D"
    with interactive(["zsh", "-f", "-i"], home, setup) as shell:
        shell.completes("agentctl sta", "agentctl status ")


FISH = [
    ("agentctl sta", "status\thow the control plane is; 'status watch' follows every change"),
    ("agentctl status --component 'runtime:te", "runtime:temporal"),
    ("agentctl status --catalog=mine.yaml --component=st", "--component=store:one"),
    ("agentctl status --context my\\ c", "my ctx\tcluster far"),
    ("agentctl status --catalog cert", "cert-manager"),
    ("agentctl status --catalog min", "mine.yaml"),
    ("agentctl status --tls-ca=th", "--tls-ca=the ca.pem"),
    ("agentctl config set tls.ca the", "the ca.pem"),
]


def test_fish(home: Path) -> None:
    need("fish")
    lines = [typed.replace("\\", "\\\\").replace("'", "\\'") for typed, _ in FISH]
    script = ["agentctl completion fish | source", *(f"complete -C '{line}'" for line in lines)]
    done = subprocess.run(
        ["fish", "--no-config", "-c", "\n".join(script)],
        cwd=home,
        env=environ_of(home),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.stderr == ""
    found = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert found == [expected.partition("\t")[0] for _, expected in FISH]
    assert FISH[0][1] in done.stdout.splitlines()


class TestKubectlPlugin:
    def kubectl(self, home: Path, *args: str) -> subprocess.CompletedProcess[str]:
        if KUBECTL is None:
            pytest.skip(NO_KUBECTL)
        return subprocess.run(
            ["kubectl", *args],
            env=environ_of(home),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )

    def test_it_runs_and_its_exit_code_is_kubectls(self, home: Path) -> None:
        assert self.kubectl(home, "agentctl", "completion", "zsh").stdout.startswith("#compdef")
        done = self.kubectl(home, "agentctl", "status", "--hepl")
        assert done.returncode == 2
        assert done.stderr == (
            "agentctl: unknown flag --hepl; did you mean --help?; "
            "see 'kubectl agentctl status --help'\n"
        )

    def test_usage_calls_it_by_the_name_it_was_called(self, home: Path) -> None:
        done = self.kubectl(home, "agentctl", "config", "set", "--help")
        assert done.stdout.startswith("usage: kubectl agentctl config set ")

    def test_kubectl_completes_it(self, home: Path) -> None:
        done = self.kubectl(home, "__complete", "agentctl", "status", "--color", "a")
        assert done.stdout.splitlines() == ["auto", "always", ":4"]
        assert "ShellCompDirectiveNoFileComp" in done.stderr
        files = self.kubectl(home, "__complete", "agentctl", "status", "--tls-ca", "")
        assert files.stdout.strip() == ":0"

    def test_kubectls_own_flags_are_not_for_it(self, home: Path) -> None:
        """As docs/comfort.md says."""
        done = self.kubectl(home, "--context", "dev", "agentctl", "version")
        assert done.returncode != 0
        assert "flags cannot be placed before plugin name" in done.stderr
