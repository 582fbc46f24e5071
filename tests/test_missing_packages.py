"""What is not installed is told in one line, with the command that installs it where we run."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from agentctl import requirements
from agentctl.demo import DemoControlPlane
from agentctl.errors import ExitCode, MissingPackageError
from agentctl.requirements import GRPC, REQUIREMENTS, install_command, lacking, require
from tests.cli.inprocess import call

GRPC_COMMAND = f"{sys.executable} -m pip install 'grpcio>=1.59.2'"


def told_of(package: str) -> str:
    return f"needs the package {package}, which is not installed: {sys.executable} -m pip install"


@pytest.fixture
def no_grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)


@pytest.mark.usefixtures("no_grpc")
def test_grpc_that_was_asked_for(tmp_path: Path) -> None:
    done = call("status", "--transport", "grpc", "--server", "127.0.0.1:1", home=tmp_path)
    assert (done.code, done.stdout) == (ExitCode.USAGE, "")
    assert done.stderr == (
        f"agentctl: --transport grpc {told_of('grpcio')} 'grpcio>=1.59.2'; "
        "or use --transport sse or kube\n"
    )


@pytest.mark.usefixtures("no_grpc")
@pytest.mark.parametrize("more", [(), ("requests",)])
def test_auto_goes_on_to_the_next_transport(
    more: tuple[str, ...], tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in more:
        monkeypatch.setitem(sys.modules, module, None)
    with DemoControlPlane(script=False) as demo:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(demo.kubeconfig_text())
        where = ("--server", f"127.0.0.1:{free_port}", "--kubeconfig", str(kubeconfig))
        done = call("status", "--transport", "auto", *where, "-o", "ndjson", home=tmp_path)
    assert done.code == ExitCode.OK, done.stderr
    assert f"using kube; grpc: --transport grpc {told_of('grpcio')}" in done.stdout
    assert GRPC_COMMAND in done.stdout
    for module in more:
        assert f"sse: --transport sse {told_of(module)}" in done.stdout


def test_yaml_without_which_no_kubeconfig_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    for name in ("agentctl.catalog.document", "agentctl.catalog.loader"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "kubeconfig").write_text("kind: Config\n")
    done = call("status", "--kubeconfig", str(tmp_path / "kubeconfig"), home=tmp_path)
    assert (done.code, done.stdout) == (ExitCode.USAGE, "")
    assert "the package PyYAML, which is not installed: " in done.stderr
    assert done.stderr.endswith("-m pip install 'PyYAML>=5.4.1'\n")
    assert done.stderr.count("\n") == 1


def test_all_that_is_missing_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("google.protobuf", "grpc", "h11"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError) as failure:
        require("this", [*GRPC, "h11"])
    assert failure.value.message.startswith(
        "this needs the packages grpcio, protobuf and h11, which are not installed: "
    )


def test_one_that_is_broken_is_installed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "h11.py").write_text("raise ImportError('libc is\\ntoo old')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "h11", raising=False)
    with pytest.raises(MissingPackageError) as failure:
        require("this", ["h11"])
    assert failure.value.message == (
        "this needs the package h11, which cannot be imported (libc is too old): "
        f"{sys.executable} -m pip install --force-reinstall 'h11>=0.16'"
    )


def test_one_that_the_host_had_no_memory_for_is_not_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "h11.py").write_text("raise ImportError('failed to map segment')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "h11", raising=False)
    with pytest.raises(ImportError, match="failed to map segment"):
        lacking(["h11"])


class TestTheCommand:
    """In each kind of environment."""

    def test_with_pip(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "executable", "/a folder/python")
        assert shlex.split(install_command({"socks": ""})) == (
            ["/a folder/python", "-m", "pip", "install", REQUIREMENTS["socks"]]
        )

    def test_without_pip(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setitem(sys.modules, "pip", None)
        monkeypatch.setenv("PATH", str(tmp_path))
        python = sys.executable
        assert install_command({"h11": ""}) == (
            f"{python} -m ensurepip && {python} -m pip install 'h11>=0.16'"
        )
        uv = tmp_path / "uv"
        uv.write_text("#!/bin/sh\n")
        uv.chmod(0o755)
        assert install_command({"h11": ""}) == f"uv pip install --python {python} 'h11>=0.16'"

    def test_where_the_system_manages_its_python(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "EXTERNALLY-MANAGED").write_text("")
        monkeypatch.setattr(sys, "prefix", sys.base_prefix)
        monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
        python = sys.executable
        told = install_command({"h11": ""})
        assert told == f"{python} -m pip install --break-system-packages 'h11>=0.16'"
        monkeypatch.setattr(requirements, "archive", lambda: "/there/agentctl.pyz")
        assert install_command({"h11": ""}) == (
            f"{python} -m venv agentctl-venv && agentctl-venv/bin/python -m pip install "
            "'h11>=0.16', and run agentctl-venv/bin/python /there/agentctl.pyz"
        )
