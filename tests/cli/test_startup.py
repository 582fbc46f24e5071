"""Start-up: what each way in imports, and no more; --version needs nothing at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import agentctl
from agentctl.apidouble.double import ApiDouble
from agentctl.cli.commands import command, commands
from agentctl.demo import ControlPlane
from tests.cli.program import environment, run
from tests.net.certs import Authority

COSTLY = {
    *("dataclasses", "email", "encodings.idna", "http.client", "inspect", "logging", "pathlib"),
    *("pkgutil", "shutil", "subprocess", "tempfile", "traceback"),
}
"""Of the standard library: milliseconds each, and what needs them is seldom done."""


class Loaded(NamedTuple):
    """What a run had imported at its end."""

    code: int
    stdout: str
    modules: frozenset[str]

    @property
    def ours(self) -> list[str]:
        return sorted(name for name in self.modules if name.split(".")[0] == "agentctl")


def loaded(*args: str, home: Path, **extra: str) -> Loaded:
    """Run the console script's function in an interpreter of its own."""
    told = home / "modules.json"
    code = (
        "import atexit, sys\n"
        "def tell():\n"
        "    names = list(sys.modules)\n"
        "    import json\n"
        f"    json.dump(names, open({str(told)!r}, 'w'))\n"
        "atexit.register(tell)\n"
        "from agentctl.cli.entry import entry\n"
        "entry()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        env=environment(home, extra),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Loaded(done.returncode, done.stdout, frozenset(json.loads(told.read_text())))


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[str]:
    """Of a cluster that is well, over TLS."""
    authority = Authority()
    double = ApiDouble(tls=authority.server_context())
    ControlPlane(double.store, lease_duration_s=3600).install()
    with double:
        path = str(tmp_path / "kubeconfig")
        (tmp_path / "ca.pem").write_text(authority.pem)
        double.kubeconfig(path, ca_file=str(tmp_path / "ca.pem"))
        yield path


def test_the_version_imports_next_to_nothing(tmp_path: Path) -> None:
    done = loaded("--version", home=tmp_path)
    assert (done.code, done.stdout) == (0, f"agentctl {agentctl.__version__}\n")
    assert done.ours == ["agentctl", "agentctl.cli", "agentctl.cli.entry"]
    assert {"re", "enum", "typing", "argparse"} & done.modules == set()


def test_the_version_where_nobody_can_read_it(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "agentctl", "--version"],
            env=environment(tmp_path),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode != 0
    assert os.strerror(28) in done.stderr


def test_help_imports_no_engine(tmp_path: Path) -> None:
    done = loaded("--help", home=tmp_path)
    assert done.code == 0
    assert (COSTLY - {"shutil"}) & done.modules == set()
    assert len(done.ours) <= 45, done.ours


def test_one_shot_status_imports_what_it_needs(tmp_path: Path, kubeconfig: str) -> None:
    done = loaded("status", home=tmp_path, KUBECONFIG=kubeconfig)
    assert done.code == 0
    assert COSTLY & done.modules == set()
    assert len(done.ours) <= 154, done.ours


def test_a_command_is_imported_alone() -> None:
    assert [one.NAME for one in commands()] == [
        found.NAME for one in commands() if (found := command(one.NAME)) is not None
    ]
    assert [command(name) for name in ("", "nothing", "__init__", "a.b", "../x", "Status")] == (
        [None] * 6
    )


@pytest.mark.parametrize("words", [("--version",), ("--help",), ("status", "--help")])
def test_the_same_out_of_an_archive(words: tuple[str, ...], tmp_path: Path) -> None:
    import zipfile

    archive = tmp_path / "agentctl.zip"
    root = Path(agentctl.__file__).parent
    with zipfile.ZipFile(archive, "w") as packed:
        for path in root.rglob("*"):
            if path.suffix in (".py", ".yaml", ".json"):
                packed.write(path, path.relative_to(root.parent))
    done = run(*words, home=tmp_path, extra={"PYTHONPATH": str(archive)}, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, run(*words, home=tmp_path).stdout)
