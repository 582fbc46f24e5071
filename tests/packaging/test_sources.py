"""What no tracked file may hold: the name of a package index, or asyncio."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
INDEX_HOSTS = re.compile(
    rb"[p]ypi\.(org|python|io)|[p]ythonhosted\.|[d]ebian\.(org|net)|[u]buntu\.com|[n]pmjs\."
    rb"|[c]rates\.io|[p]roxy\.golang|[a]lpinelinux\.org|[f]edoraproject\.org|[r]ubygems\.org"
)


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout: what is tracked cannot be told")
    done = subprocess.run(
        [git, "-C", str(ROOT), "ls-files", "-z"], check=True, capture_output=True, text=True
    )
    paths = [ROOT / name for name in done.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_no_package_index_is_named(tracked: list[Path]) -> None:
    """Whoever installs has an index of their own: air-gapped hosts have no other."""
    found = [path for path in tracked if INDEX_HOSTS.search(path.read_bytes().lower())]
    assert found == []


def test_nothing_imports_asyncio(tracked: list[Path]) -> None:
    for path in tracked:
        if path.suffix != ".py":
            continue
        text = path.read_text(encoding="utf-8")
        if "async" not in text and "await" not in text:
            continue  # most of them: there is nothing to parse for
        for node in ast.walk(ast.parse(text, str(path))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert "asyncio" not in {name.partition(".")[0] for name in names}, path
            assert not isinstance(node, (ast.AsyncFunctionDef, ast.Await)), path


def test_nothing_that_is_made_is_tracked(tracked: list[Path]) -> None:
    names = [path.relative_to(ROOT).as_posix() for path in tracked]
    made = re.compile(r"(^|/)(__pycache__|build|dist|[^/]+\.egg-info|\.[a-z]+_cache)/|\.py[co]$")
    assert [name for name in names if made.search(name)] == []
