"""What a package of ours holds, as files and inside an archive."""

from __future__ import annotations

import pkgutil
import sys
import zipfile
from pathlib import Path

import pytest

import agentctl.renderers
from agentctl.cli import commands
from agentctl.kube import checks
from agentctl.package import data, module_names


@pytest.mark.parametrize("package", [agentctl, agentctl.renderers, commands, checks])
def test_the_names_are_those_that_pkgutil_finds(package: object) -> None:
    path = package.__path__  # type: ignore[attr-defined]
    assert module_names(path) == sorted(module.name for module in pkgutil.iter_modules(path))


def test_in_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "some.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("packed/__init__.py", "")
        file.writestr("packed/one.py", "")
        file.writestr("packed/share/text", "words")
    monkeypatch.syspath_prepend(str(archive))
    assert module_names([str(archive / "packed")]) == ["one"]
    assert data("packed", "share/text") == b"words"
    monkeypatch.delitem(sys.modules, "packed")


def test_data_that_is_not_there() -> None:
    with pytest.raises(OSError, match=r"missing\.yaml"):
        data("agentctl.catalog", "missing.yaml")
