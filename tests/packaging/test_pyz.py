"""``agentctl.pyz``: all in one file, run alone by a Python that has nothing, and writes nothing."""

from __future__ import annotations

import ast
import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

import agentctl
from agentctl.demo import DemoControlPlane
from tests.cli.serving import Served
from tests.net.certs import write
from tools.bundle import version_of
from tools.bundling import offline
from tools.pyz import pack
from tools.pyz.__main__ import main as make

OLDEST = (3, 9)
LICENCES = ("agentctl", "PyYAML", "charset_normalizer", "idna", "requests", "urllib3")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of what is installed here: the locked releases where this Python is the oldest."""
    for name in pack.PACKED:
        if not list(metadata.distributions(name=name)):
            pytest.skip(f"{name} is not installed: old releases of requests do without")
    folder = tmp_path_factory.mktemp("pyz")
    return pack.write(folder, [pack.of_installed(name) for name in pack.PACKED])


@pytest.fixture(scope="module")
def python() -> str:
    """The oldest Python, where it is at hand."""
    found = shutil.which("python3.9") or sys.executable
    return found if version_of(found) == OLDEST else sys.executable


PATIENT = ("--timeout", "60s")
"""Out of the file it begins slowly, on a crowded host after more than a one-shot's 5 s."""


class Alone:
    """The file in a folder of its own, run by a Python without any package."""

    def __init__(self, made: Path, folder: Path, python: str) -> None:
        self.folder, self.home, self.temporary = folder / "of it", folder / "home", folder / "tmp"
        for one in (self.folder, self.home, self.temporary):
            one.mkdir()
        self.pyz = Path(shutil.copy(made, self.folder))
        # -I -S: nothing of the caller's settings, and no package that is installed.
        self.command = [python, "-I", "-S", str(self.pyz)]

    def run(self, *arguments: str, name: str = "") -> subprocess.CompletedProcess[str]:
        command = [*self.command[:-1], str(self.pyz.with_name(name))] if name else self.command
        return subprocess.run(
            [*command, *arguments],
            env={"HOME": str(self.home), "TMPDIR": str(self.temporary), "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )


@pytest.fixture
def alone(made: Path, tmp_path: Path, python: str) -> Iterator[Alone]:
    """Fails if anything was written."""
    it = Alone(made, tmp_path, python)
    yield it
    assert [path.name for path in it.folder.iterdir()] == [it.pyz.name]
    assert list(it.home.iterdir()) == list(it.temporary.iterdir()) == []


def test_status_of_a_cluster(alone: Alone, tmp_path: Path) -> None:
    with DemoControlPlane(script=False) as demo:
        kubeconfig = write(tmp_path / "kubeconfig", demo.kubeconfig_text())
        done = alone.run("status", *PATIENT, "--kubeconfig", kubeconfig)
    assert (done.returncode, done.stderr) == (0, "")
    assert "agents-controller         agents     healthy" in done.stdout


def test_the_network_cut_off(alone: Alone, tmp_path: Path) -> None:
    """The API and the program, both of the file, in a namespace that has loopback alone."""
    if offline.namespace() is None:
        pytest.skip("this system permits no network namespace")
    script = """
        "$@" demo --api-only --no-script > "$0" & api=$!
        until [ -s "$0" ]; do kill -0 $api || exit 9; sleep 0.1; done
        "$@" status --timeout 60s --kubeconfig "$0"; code=$?
        kill $api; wait $api; exit $code
    """
    kubeconfig = str(tmp_path / "kubeconfig")
    done = offline.run(["sh", "-c", script, kubeconfig, *alone.command], alone.home)
    assert done.returncode == 0, done.stderr
    assert "agents-controller         agents     healthy" in done.stdout


def test_status_of_a_server_by_sse(made: Path, tmp_path: Path) -> None:
    alone = Alone(made, tmp_path, sys.executable)  # requests may be too new for the oldest
    with Served("--source", "demo", "--http", "127.0.0.1:0", "--grpc", "off", home=tmp_path) as at:
        way = ("--transport", "sse", "--server", f"127.0.0.1:{at.port('http')}")
        done = alone.run("status", *PATIENT, *way)
    assert (done.returncode, done.stderr) == (0, "")
    assert "agents-controller " in done.stdout


def test_grpc_is_told_what_to_do(alone: Alone) -> None:
    done = alone.run("status", "--transport", "grpc", "--server", "127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "the packages grpcio and protobuf, which are not in agentctl.pyz nor inst" in done.stderr
    assert " install 'grpcio>=1.59.2' 'protobuf>=4.25.0'" in done.stderr


def test_what_reads_data_out_of_the_file(alone: Alone) -> None:
    for arguments, begins in (
        (["--version"], f"agentctl {agentctl.__version__}"),
        (["version"], f"agentctl {agentctl.__version__}\npython 3."),
        (["schema"], "{"),
        (["catalog", "show"], "name: agents"),
        (["completion", "bash"], "#"),
        (["status", "--help"], "usage: agentctl status"),
    ):
        done = alone.run(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), arguments
        assert done.stdout.startswith(begins), arguments


def test_under_the_name_of_a_plugin_it_is_one(made: Path, tmp_path: Path, python: str) -> None:
    alone = Alone(made, tmp_path, python)
    shutil.copy(alone.pyz, alone.folder / "kubectl-agentctl")
    done = alone.run("status", "--help", name="kubectl-agentctl")
    assert done.stdout.startswith("usage: kubectl agentctl status")


def test_it_is_a_program_of_its_own(made: Path) -> None:
    assert made.read_bytes().startswith(b"#!/usr/bin/env python3\nPK")
    assert os.access(made, os.X_OK)


def test_a_python_that_is_too_old_is_told_so() -> None:
    start = (Path(pack.__file__).parent / "start.py").read_text(encoding="utf-8")
    ast.parse(start, feature_version=(3, 4))
    code = f"import sys; sys.version_info = (3, 8, 1); sys.argv = ['a.pyz']\nexec({start!r})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=90, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"agentctl: this needs Python 3.9 or later, and {sys.executable} is 3.8; "
        "run it with another, as in: python3.9 a.pyz\n"
    )


def test_it_is_small_pure_and_the_same_each_time(made: Path, tmp_path: Path) -> None:
    again = pack.write(tmp_path, [pack.of_installed(name) for name in reversed(pack.PACKED)])
    assert again.read_bytes() == made.read_bytes()
    assert made.stat().st_size < 1_500_000
    with zipfile.ZipFile(made) as archive:
        members = archive.infolist()
    assert {member.date_time for member in members} == {(1980, 1, 1, 0, 0, 0)}
    names = [member.filename for member in members]
    assert names == sorted(names)
    assert [name for name in names if name.endswith((".so", ".pyc", ".pyd"))] == []
    assert not [name for name in names if name.startswith("certifi/")]
    for package in LICENCES:
        held = f"{package}-".lower()
        assert [one for one in names if one.lower().startswith(held) and "LICENSE" in one], package


def test_its_checksum_is_beside_it(made: Path) -> None:
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    assert made.with_name("agentctl.pyz.sha256").read_text() == f"{digest}  agentctl.pyz\n"


def test_what_is_packed_is_what_is_locked_for_the_oldest_python() -> None:
    pins = pack.pins()
    assert len(pins) == len(pack.PACKED)
    for pin, name in zip(pins, sorted(pack.PACKED, key=str.lower)):
        wanted, *hashes = pin.split(" --hash=")
        assert wanted.lower().startswith(f"{name.lower()}==")
        assert hashes
        assert all(one.startswith("sha256:") for one in hashes)


def test_of_a_wheel_what_is_compiled_stays_out() -> None:
    wheel = io.BytesIO()
    held = ("yaml/__init__.py", "x-1.dist-info/METADATA", "x-1.dist-info/licenses/LICENSE")
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in (
            *held,
            "yaml/_yaml.cpython-39.so",
            "_yaml/__init__.py",
            "x-1.dist-info/RECORD",
        ):
            archive.writestr(name, "")
    assert set(pack.of_wheel(wheel)) == set(held)


def test_without_its_wheels_it_says_what_is_missing(tmp_path: Path) -> None:
    said = make(["--wheels", str(tmp_path), "--output", str(tmp_path / "out")])
    assert said.startswith("pyz: not all is to be had:\nERROR: ")
    assert not (tmp_path / "out").exists()
