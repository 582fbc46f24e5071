"""What a wheel and a source distribution of this tree hold, and what installing them gives."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from configparser import ConfigParser
from dataclasses import dataclass
from email.parser import Parser
from importlib import metadata
from pathlib import Path
from typing import Optional

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import agentctl

ROOT = Path(__file__).parent.parent.parent
BACKEND = "setuptools>=70.1,<85"
"""The first that makes wheels by itself."""
BUILD = """
import sys
sys.path.insert(0, "tools/backend")
import wheel_backend
from setuptools import build_meta
out, other = sys.argv[1:]
wheel_backend.build_wheel(other)
made = [wheel_backend.build_sdist(out), wheel_backend.build_wheel(out)]
print("built", *made, build_meta.build_wheel(other + "/setuptools"))
"""
NOT_SHIPPED = {".gitignore"}


def tracked() -> list[str]:
    """The repository's files, but for those of the gate."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout: what belongs to the source cannot be told")
    done = subprocess.run(
        [git, "-C", str(ROOT), "ls-files", "-z"], check=True, capture_output=True, text=True
    )
    names = [name for name in done.stdout.split("\0") if name and (ROOT / name).exists()]
    return [name for name in names if name not in NOT_SHIPPED and not name.startswith(".ci/")]


@dataclass(frozen=True)
class Built:
    """Both distributions, and what went into them."""

    source: list[str]
    wheel: Path
    again: Path
    """The same wheel, made a second time."""
    by_setuptools: Path
    wheel_names: list[str]
    sdist_names: list[str]

    def read(self, end: str, wheel: Optional[Path] = None) -> str:
        """A text of the wheel, by the end of its name."""
        with zipfile.ZipFile(wheel or self.wheel) as archive:
            name = next(name for name in archive.namelist() if name.endswith(end))
            return archive.read(name).decode("utf-8")


def _has_backend() -> bool:
    try:
        found = metadata.version("setuptools")
    except metadata.PackageNotFoundError:
        return False
    return SpecifierSet(BACKEND[len("setuptools") :]).contains(found)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built from a copy of what is tracked, so that the tree stays as it is."""
    folder = tmp_path_factory.mktemp("build")
    tree, backend, dist = folder / "tree", folder / "backend", folder / "dist"
    source = tracked()
    for name in source:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    if not _has_backend():
        pip = [sys.executable, "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check"]
        patience = ["--retries", "0", "--timeout", "10"]
        got = subprocess.run(
            [*pip, *patience, "install", "--no-deps", "--target", str(backend), BACKEND],
            capture_output=True,
            text=True,
            check=False,
        )
        if got.returncode:
            pytest.skip(f"cannot have {BACKEND} to build with: {got.stderr.strip()[-200:]}")
    other = folder / "other"
    dist.mkdir()
    (other / "setuptools").mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(dist), str(other)],
        cwd=tree,
        env={"PYTHONPATH": str(backend), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    sdist, wheel, reference = done.stdout.splitlines()[-1].split()[1:]
    with tarfile.open(dist / sdist) as archive:
        inside = [m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()]
    with zipfile.ZipFile(dist / wheel) as archive:
        names = archive.namelist()
    return Built(
        source, dist / wheel, other / wheel, other / "setuptools" / reference, names, inside
    )


def test_the_wheel_is_the_one_that_setuptools_would_make(built: Built) -> None:
    """Ours is made without it: an installation fetches nothing to build with."""
    with zipfile.ZipFile(built.by_setuptools) as archive:
        theirs = {
            name.replace("/licenses/", "/"): archive.read(name) for name in archive.namelist()
        }
    with zipfile.ZipFile(built.wheel) as archive:
        ours = {name: archive.read(name) for name in archive.namelist()}
    assert ours.keys() == theirs.keys()
    ends = ("/METADATA", "/WHEEL", "/RECORD")
    assert [one for one in ours if ours[one] != theirs[one] and not one.endswith(ends)] == []
    said, told = (
        Parser().parsestr(built.read(".dist-info/METADATA", wheel))
        for wheel in (built.wheel, built.by_setuptools)
    )
    for key in {*said.keys(), *told.keys()} - {"Metadata-Version", "Dynamic", "Requires-Dist"}:
        assert said.get_all(key) == told.get_all(key), key
    assert said.get_payload() == told.get_payload()
    wanted, asked = (
        {str(Requirement(one)) for one in wheel.get_all("Requires-Dist", [])}
        for wheel in (said, told)
    )
    assert wanted == asked


def test_the_same_tree_gives_the_same_wheel(built: Built) -> None:
    assert built.again.read_bytes() == built.wheel.read_bytes()


def test_the_wheel_holds_every_module_and_all_that_they_read(built: Built) -> None:
    package = {name for name in built.source if name.startswith("agentctl/")}
    assert {
        "agentctl/catalog/agents.yaml",
        "agentctl/catalog/operators/health.yaml",
        "agentctl/schema/accepts.schema.json",
        "agentctl/schema/events.schema.json",
        "agentctl/server/page/index.html",
        "agentctl/server/page/page.css",
        "agentctl/server/page/page.js",
        "agentctl/py.typed",
    } <= package
    assert package - set(built.wheel_names) == set()


def test_the_wheel_holds_nothing_else(built: Built) -> None:
    tops = {name.partition("/")[0] for name in built.wheel_names}
    release = f"agentctl-{agentctl.__version__}"
    assert tops == {"agentctl", f"{release}.dist-info", f"{release}.data"}
    assert not [name for name in built.wheel_names if "/tests/" in name or "/bench/" in name]


def test_the_wheel_brings_the_man_page_and_the_completions(built: Built) -> None:
    """Where man, bash-completion 2.12, zsh and fish look beside the program's own folder."""
    data = f"agentctl-{agentctl.__version__}.data/data/share/"
    brought = {name[len(data) :] for name in built.wheel_names if name.startswith(data)}
    assert brought == {
        "man/man1/agentctl.1",
        "bash-completion/completions/agentctl.bash",
        "zsh/site-functions/_agentctl",
        "fish/vendor_completions.d/agentctl.fish",
    }
    page = (ROOT / "agentctl" / "cli" / "share" / "agentctl.1").read_text(encoding="utf-8")
    assert built.read("share/man/man1/agentctl.1") == page


def test_the_wheel_carries_the_license(built: Built) -> None:
    assert built.read("/LICENSE") == (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_the_wheel_has_the_commands(built: Built) -> None:
    points = ConfigParser()
    points.read_string(built.read(".dist-info/entry_points.txt"))
    assert dict(points["console_scripts"]) == {
        "agentctl": "agentctl.cli.entry:entry",
        "kubectl-agentctl": "agentctl.cli.entry:kubectl_entry",
        "kubectl_complete-agentctl": "agentctl.cli.entry:kubectl_complete_entry",
    }


def test_the_wheel_says_its_version_and_the_oldest_python(built: Built) -> None:
    said = Parser().parsestr(built.read(".dist-info/METADATA"))
    assert said["Version"] == agentctl.__version__
    assert said["Requires-Python"] == ">=3.9"
    assert said["Name"] == "agentctl"


def test_the_wheel_says_whose_it_is_and_what_it_watches(built: Built) -> None:
    said = Parser().parsestr(built.read(".dist-info/METADATA"))
    assert said["Author"] == "agentctl contributors"
    assert [line.partition(", ")[2][:8] for line in said.get_all("Project-URL", [])] == ["https://"]
    assert said.get_all("Provides-Extra") == ["server", "kubernetes", "all", "dev"]


def test_the_installed_version_is_the_sources() -> None:
    assert metadata.version("agentctl") == agentctl.__version__


def test_what_the_wheel_unpacks_to_runs(built: Built, tmp_path: Path) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        archive.extractall(tmp_path)
    for arguments, begins in (
        (["--version"], f"agentctl {agentctl.__version__}"),
        (["schema"], "{"),
        (["schema", "--accepts"], "{"),
        (["catalog", "show"], "name: agents"),
        (["completion", "zsh"], "#compdef agentctl"),
    ):
        code = (
            f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import agentctl\n"
            f"assert agentctl.__file__.startswith({str(tmp_path)!r})\n"
            f"sys.argv = ['agentctl', *{arguments!r}]\n"
            "from agentctl.cli.entry import entry; entry()"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(begins)


def test_the_source_distribution_holds_all_that_is_tracked(built: Built) -> None:
    assert set(built.source) - set(built.sdist_names) == set()


def test_the_source_distribution_holds_nothing_that_was_made(built: Built) -> None:
    made = set(built.sdist_names) - set(built.source)
    assert {name for name in made if not name.startswith("agentctl.egg-info/")} == {"PKG-INFO"}
