"""Data flows one way: a lower layer never imports a higher one, and imports stay cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentctl

ROOT = Path(agentctl.__file__).parent

LAYERS = (
    ("clock", "duration", "schema", "rpc", "lenient_json"),
    ("model", "redact"),
    ("errors", "diff", "backoff"),
    ("cursor", "cursortext", "sanitize", "threads"),
    ("wire",),
    ("net", "kube.access", "kube.kubeconfig", "kube.credentials"),
    ("engine",),
    ("kube",),
    ("catalog",),
    ("remote",),
    ("recording", "diagnosis"),
    ("renderers", "live", "timeline", "apidouble"),
    ("demo",),
    ("server",),
    ("cli", "__main__"),
)
"""Lowest first; the longest prefix of a module's name decides."""

PURE = (
    *("model", "diff", "cursor", "redact", "wire", "sanitize", "recording", "timeline"),
    *("engine.backlog", "engine.verdict", "engine.stream"),
    *("kube.check", "kube.cuts", "kube.explain", "kube.evaluate"),
    *("diagnosis.explain", "diagnosis.text"),
)
IMPURE_MODULES = {
    "socket",
    "threading",
    "subprocess",
    "urllib3",
    "requests",
    "http",
    "ssl",
    "queue",
    "grpc",
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            yield name, path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(module: str) -> int:
    ranks = {
        len(prefix): rank
        for rank, prefixes in enumerate(LAYERS)
        for prefix in prefixes
        if module == prefix or module.startswith(prefix + ".")
    }
    assert ranks, f"agentctl.{module} belongs to no layer: add it to LAYERS"
    return ranks[max(ranks)]


@pytest.mark.parametrize(("name", "path"), list(modules()))
def test_no_module_imports_a_higher_layer(name: str, path: Path) -> None:
    known = {module for module, _ in modules()}
    for imported in imports(path):
        target = imported.removeprefix("agentctl.") if sys.version_info >= (3, 9) else imported
        if imported.startswith("agentctl.") and target in known:
            assert layer(target) <= layer(name), f"{name} imports {target}"


@pytest.mark.parametrize(("name", "path"), [(n, p) for n, p in modules() if n.startswith(PURE)])
def test_pure_modules_do_no_io_and_own_no_thread(name: str, path: Path) -> None:
    assert not IMPURE_MODULES & {imported.split(".")[0] for imported in imports(path)}


@pytest.mark.parametrize(("name", "path"), list(modules()))
def test_nothing_is_asynchronous(name: str, path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not any(isinstance(node, (ast.AsyncFunctionDef, ast.Await)) for node in ast.walk(tree))
    assert "asyncio" not in {imported.split(".")[0] for imported in imports(path)}


@pytest.mark.parametrize(("name", "path"), list(modules()))
def test_the_environment_and_the_streams_are_read_in_cli_only(name: str, path: Path) -> None:
    if name.startswith("cli"):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            read = f"{node.value.id}.{node.attr}"
            assert read not in {"os.environ", "os.getenv", "sys.argv", "sys.stdout", "sys.stderr"}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"print", "input"}


HEAVY = ("kubernetes", "grpc", "requests", "google.protobuf", "h11", "prometheus_client")


def loaded_after(code: str) -> set[str]:
    """Which of the heavy packages a fresh interpreter holds after ``code``."""
    probe = f"{code}\nimport sys\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=30
    )
    return set(done.stdout.splitlines()[-1].split()) if done.stdout.strip() else set()


def test_help_imports_no_transport() -> None:
    code = (
        "from agentctl.cli.main import main; from agentctl.cli.host.process import Process\n"
        "main(['--help'], Process.real())"
    )
    assert loaded_after(code) & {*HEAVY, "urllib3"} == set()


def test_kube_mode_imports_no_client_package() -> None:
    assert loaded_after("import agentctl.cli.run.kube, agentctl.net.connection") == set()


def test_the_protobuf_codec_imports_no_grpc() -> None:
    code = "import agentctl.wire.events_pb, agentctl.wire.legacy_pb"
    assert loaded_after(code) == {"google.protobuf"}
