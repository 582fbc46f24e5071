"""The bundle for hosts without a network: what it holds, what it refuses, and that it installs."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentctl
from tests.packaging import wheelwright
from tools import bundle
from tools.backend.wheel_backend import EPOCH
from tools.bundling import archive, collect, offline
from tools.bundling.collect import Wheel
from tools.bundling.target import BundleError, Target, platform_here

HERE = Target((3, sys.version_info[1]), platform_here())
OLD = Target((3, 9), "manylinux2014_x86_64")
NEW = Target((3, 13), "manylinux2014_x86_64")


def wheels(folder: Path) -> list[Wheel]:
    return [Wheel.at(path) for path in sorted(folder.glob("*.whl"))]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the program as it is; what the demo does not import are stand-ins."""
    folder = tmp_path_factory.mktemp("bundle")
    project = Wheel.at(wheelwright.project(folder / "wheels"))
    wheelwright.pip(folder / "wheels")
    wheelwright.pyyaml(folder / "wheels")
    wheelwright.stand_ins(folder / "wheels")
    chosen = collect.needed(project, [], wheels(folder / "wheels"), HERE)
    return archive.write(folder / "out", project, [], {HERE: chosen}, EPOCH)


@pytest.fixture
def top(made: Path) -> Iterator[Path]:
    with offline.unpacked(made) as folder:
        yield folder


def install(top: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return offline.run(["sh", str(top / "install.sh"), "-p", sys.executable, *arguments], home)


def test_it_installs_and_runs_with_the_network_cut_off(made: Path) -> None:
    seen = list(offline.verify(made, sys.executable))
    assert seen[1].endswith("a folder/bin/agentctl")
    assert seen[2].startswith(f"$ agentctl version: agentctl {agentctl.__version__}, python 3.")
    assert "agents-controller healthy" in seen[3]


def test_what_is_cut_off_reaches_nobody(tmp_path: Path) -> None:
    """Without this the test above would say nothing where a namespace is to be had."""
    if offline.namespace() is None:
        pytest.skip("this system permits no network namespace")
    # A datagram needs a route, and no answer.
    code = "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"
    done = offline.run([sys.executable, "-c", code], tmp_path)
    assert "Network is unreachable" in done.stderr


def test_without_a_virtual_environment_as_its_readme_says(tmp_path: Path) -> None:
    says = {"agentctl/__init__.py": b"", "agentctl/__main__.py": b"print('it runs')\n"}
    project = Wheel.at(wheelwright.wheel(tmp_path, "agentctl", "1", says))
    installer = Wheel.at(wheelwright.pip(tmp_path))
    path = archive.write(tmp_path, project, [], {HERE: [project, installer]}, 0)
    with offline.unpacked(path) as top:
        text = (top / "README.txt").read_text(encoding="utf-8")
        code = text.partition('Where "python3 -m venv" does not')[2].partition("locks/   ")[0]
        code = code.partition("\n\n")[2].replace("python3", sys.executable)
        code = code.replace("FOLDER", str(tmp_path / "into"))
        code = code.replace("PIP/", f"{installer.path.name}/")
        code = code.replace("locks/VERSION", f"locks/{HERE.name}")
        done = offline.run(["sh", "-ec", f"cd '{top}'\n{code}"], tmp_path)
    assert done.stdout.splitlines()[-1:] == ["it runs"], done.stderr


@pytest.mark.parametrize("damage", ["a bit", "gone", "cut", "more", "no sums", "fewer sums"])
def test_a_damaged_one_installs_nothing(damage: str, top: Path, tmp_path: Path) -> None:
    wheel = next((top / "wheels").glob("PyYAML*"))
    sums = top / "SHA256SUMS"
    data = bytearray(wheel.read_bytes())
    if damage == "a bit":
        data[len(data) // 2] ^= 1
        wheel.write_bytes(data)
    elif damage == "gone":
        wheel.unlink()
    elif damage == "cut":
        wheel.write_bytes(data[:-1])
    elif damage == "more":
        shutil.copy(wheel, wheel.with_name("pip-999-py3-none-any.whl"))
    elif damage == "no sums":
        sums.unlink()
    else:
        sums.write_text("")
    done = install(top, tmp_path, str(tmp_path / "into"))
    assert done.returncode == 1
    assert "nothing is installed" in done.stderr
    assert not (tmp_path / "into").exists()


def test_a_folder_that_is_in_use_is_left_alone(top: Path, tmp_path: Path) -> None:
    (tmp_path / "in use").mkdir()
    (tmp_path / "in use" / "file").write_text("kept")
    done = install(top, tmp_path, str(tmp_path / "in use"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "is there already" in done.stderr
    assert (tmp_path / "in use" / "file").read_text() == "kept"


def test_another_python_is_told_which_it_is_for(tmp_path: Path) -> None:
    other = Target((3, 99), HERE.platform)
    project = Wheel.at(wheelwright.wheel(tmp_path, "agentctl", "1", {}))
    stand_in = Wheel.at(wheelwright.wheel(tmp_path, "pip", "1", {}))
    path = archive.write(tmp_path, project, [], {other: [project, stand_in]}, 0)
    with offline.unpacked(path) as top:
        done = install(top, tmp_path, str(tmp_path / "into"))
    assert done.returncode == 1
    assert "this bundle is for CPython 3.99; " in done.stderr
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["a", "b"], 2), ([""], 2), (["-h"], 0)])
def test_how_it_is_called(arguments: list[str], code: int, top: Path, tmp_path: Path) -> None:
    done = install(top, tmp_path, *arguments)
    assert done.returncode == code
    assert "usage: sh install.sh" in done.stdout + done.stderr


def test_its_checksums_are_those_that_sha256sum_reads(made: Path, top: Path) -> None:
    tool = shutil.which("sha256sum")
    if tool is None:
        pytest.skip("sha256sum is not on PATH")
    for folder, sums in ((top, "SHA256SUMS"), (made.parent, f"{made.name}.sha256")):
        subprocess.run([tool, "--check", "--strict", sums], cwd=folder, check=True)
    listed = {line.split("  ")[1] for line in (top / "SHA256SUMS").read_text().splitlines()}
    there = {path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file()}
    assert listed == there - {"SHA256SUMS"}


def test_its_name_and_facts(made: Path, top: Path) -> None:
    release = agentctl.__version__
    assert made.name == f"agentctl-bundle-{release}-{HERE.name}-{HERE.platform}.tar.gz"
    facts = json.loads((top / "bundle.json").read_text(encoding="utf-8"))
    assert (facts["version"], facts["platform"]) == (release, HERE.platform)
    assert facts["pythons"] == [f"3.{HERE.python[1]}"]


def test_the_same_wheels_give_the_same_bytes(tmp_path: Path) -> None:
    project = Wheel.at(wheelwright.wheel(tmp_path, "agentctl", "1", {}))
    other = Wheel.at(wheelwright.wheel(tmp_path, "pip", "2", {"pip.py": b"pass\n"}))
    digests = set()
    for folder, order in (("a", [project, other]), ("b", [other, project])):
        sets = dict.fromkeys((OLD, NEW) if folder == "a" else (NEW, OLD), order)
        path = archive.write(tmp_path / folder, project, ["server"], sets, 1_700_000_000)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
        assert path.name == "agentctl-bundle-1-server-cp39.cp313-manylinux2014_x86_64.tar.gz"
    assert len(digests) == 1
    with tarfile.open(path) as packed:
        members = packed.getmembers()
    assert {(m.mtime, m.uid, m.gid, m.uname) for m in members} == {(1_700_000_000, 0, 0, "root")}
    assert [m.name for m in members] == sorted(m.name for m in members)
    assert [m.name.partition("/")[2] for m in members if m.mode != 0o644] == ["install.sh"]


def test_a_source_distribution_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"other-1\.tar\.gz is no wheel"):
        Wheel.at(tmp_path / "other-1.tar.gz")


def test_dependencies_are_those_of_the_target_not_of_this_python(tmp_path: Path) -> None:
    """pip alone takes the markers of the Python that it runs on."""
    target, other = (NEW, "old") if HERE.python == OLD.python else (OLD, "new")
    requires = ['old; python_version < "3.10"', 'new; python_version >= "3.10"']
    requires.append('web; extra == "server"')
    project = Wheel.at(
        wheelwright.wheel(tmp_path, "agentctl", "1", {}, requires, extras=["server"])
    )
    for name in ("pip", "old", "new"):
        wheelwright.wheel(tmp_path, name, "1", {})
    wheelwright.wheel(tmp_path, "web", "1", {}, tag="cp39-abi3-manylinux_2_12_x86_64")
    collect.download(project, ["server"], target, None, tmp_path, tmp_path / "got")
    got = wheels(tmp_path / "got")
    wanted = {"agentctl", "pip", "old", "new", "web"} - {other}
    assert {wheel.name for wheel in got} == wanted
    assert {wheel.name for wheel in collect.needed(project, ["server"], got, target)} == wanted


def test_what_is_not_to_be_had_is_named(tmp_path: Path) -> None:
    project = Wheel.at(wheelwright.wheel(tmp_path, "agentctl", "1", {}, ["compiled>=2"]))
    wheelwright.pip(tmp_path)
    wheelwright.wheel(tmp_path, "compiled", "2", {}, tag="cp39-cp39-musllinux_1_2_x86_64")
    with pytest.raises(BundleError, match=r"Python 3\.9 .*one compiled>=2 is needed by agentctl"):
        collect.needed(project, [], wheels(tmp_path), OLD)
    with pytest.raises(BundleError, match=r"(?s)not all is to be had for Python 3\.9.*compiled>=2"):
        collect.download(project, [], OLD, None, tmp_path, tmp_path / "got")


@pytest.mark.parametrize(
    ("python", "platform", "why"),
    [
        ("2.7", "manylinux2014_x86_64", "2.7 is no Python"),
        ("3.9.18", "manylinux2014_x86_64", "give it as in 3.9"),
        ("3.9", "win_amd64", "win_amd64 is no platform"),
        ("3.9", "manylinux1999_x86_64", "give a wheel's tag"),
    ],
)
def test_a_target_that_is_none(python: str, platform: str, why: str) -> None:
    assert why in bundle.main(["--python", python, "--platform", platform])


@pytest.mark.parametrize(
    ("platform", "runs", "does_not"),
    [
        ("manylinux2014_x86_64", "manylinux_2_12_x86_64", "manylinux_2_18_x86_64"),
        ("manylinux_2_28_aarch64", "manylinux2014_aarch64", "manylinux2014_x86_64"),
        ("musllinux_1_2_x86_64", "musllinux_1_1_x86_64", "manylinux2014_x86_64"),
        ("macosx_11_0_arm64", "macosx_11_0_universal2", "macosx_12_0_arm64"),
    ],
)
def test_a_platform_runs_what_was_made_for_an_older_one(
    platform: str, runs: str, does_not: str
) -> None:
    target = Target.parse("3.9", platform)
    assert runs in target.platforms()
    assert does_not not in target.platforms()
    assert target.machine == platform.partition("_")[2].lstrip("0123456789_")
