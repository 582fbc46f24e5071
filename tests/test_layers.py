"""Data flows one way: a lower layer never imports a higher one, and imports stay cheap."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from functools import cache
from pathlib import Path

import agentctl

ROOT = Path(agentctl.__file__).parent

LAYERS = (
    "lazy_namedtuple",
    "lazy_dataclass",
    "lazy_regex",
    "debug_log",
    "package",
    "clock",
    "duration",
    "backoff",
    "lenient_json",
    "globs",
    "rules",
    "schema",
    "rpc",
    "redact",
    "item_order",
    "model",
    "errors",
    "cursornames",
    "cursortext",
    "cursor",
    "sanitize",
    "threads",
    "requirements",
    "wire",
    "net",
    "probe",
    "engine",
    "kube",
    "catalog",
    "remote",
    "recording",
    "diagnosis",
    "live",
    "renderers",
    "timeline",
    "apidouble",
    "demo",
    "server",
    "cli",
    "__main__",
)
"""What stands directly in agentctl/, lowest first."""

PURE = (
    *("rules", "model", "cursor", "redact", "wire", "sanitize", "recording", "timeline"),
    *("engine.backlog", "engine.verdict", "engine.stream"),
    *("probe.address", "probe.answer", "probe.target"),
    *("kube.check", "kube.cuts", "kube.explain", "kube.evaluate"),
    *("kube.components", "kube.each", "kube.members", "kube.selects"),
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


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Of the file, in no order that matters."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def imports(path: Path) -> frozenset[str]:
    """What is imported anywhere in the file; of a package that names a module, the module."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if is_module(submodule) else node.module


@cache
def is_module(name: str) -> bool:
    path = ROOT.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def layer(module: str) -> int:
    folder = module.split(".", maxsplit=1)[0]
    assert folder in LAYERS, f"agentctl/{folder} belongs to no layer: add it to LAYERS"
    return LAYERS.index(folder)


@cache
def graph() -> dict[str, frozenset[str]]:
    """Which module imports which: late imports and those for types alone as well."""
    known = dict(modules())
    return {
        name: frozenset(
            # ``from package import name`` is of the module of that name, where there is one.
            target
            for target in (one.partition("agentctl.")[2] for one in imports(path))
            if target in known and target != name
        )
        for name, path in known.items()
    }


def circles(edges: Mapping[str, Set[str]]) -> set[tuple[str, str]]:
    """The edges that lie on a circle."""
    reached: dict[str, set[str]] = {}
    for start in edges:
        seen, ahead = set(), [start]
        while ahead:
            new = edges.get(ahead.pop(), frozenset()) - seen
            seen |= new
            ahead += new
        reached[start] = seen
    return {(one, other) for one in edges for other in edges[one] if one in reached.get(other, ())}


def test_the_page_on_the_architecture_names_each_layer() -> None:
    page = (Path(__file__).parent.parent / "docs/architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)/?`", page))
    assert set(LAYERS) - named - {"__main__"} == set()


def test_no_module_imports_a_higher_layer() -> None:
    found = {(name, one) for name, imported in graph().items() for one in imported}
    assert {(name, one) for name, one in found if layer(one) > layer(name)} == set()


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles(graph()) == set()


def within(folder: str) -> dict[str, set[str]]:
    """Which of a folder's files and folders imports which, each of these as one."""
    inside = folder + "." if folder else ""
    edges: dict[str, set[str]] = {}
    for name, imported in graph().items():
        if name.startswith(inside):
            part = name[len(inside) :].split(".")[0]
            parts = {one[len(inside) :].split(".")[0] for one in imported if one.startswith(inside)}
            edges.setdefault(part, set()).update(parts - {part})
    return edges


def test_what_stands_in_a_folder_does_not_import_each_other_in_a_circle() -> None:
    folders = {"", *(name.rpartition(".")[0] for name in graph())}
    assert {folder: found for folder in folders if (found := circles(within(folder)))} == {}


def test_a_circle_is_seen() -> None:
    edges = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}
    assert circles(edges) == {("b", "c"), ("c", "b")}


def test_no_two_classes_have_one_name() -> None:
    found = Counter(
        node.name
        for name, path in modules()
        if not name.startswith("rpc")
        for node in nodes(path)
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, times in found.items() if times > 1] == []


def packages(path: Path) -> set[str]:
    """The names at the top of what a file imports."""
    return {imported.split(".")[0] for imported in imports(path)}


def test_pure_modules_do_no_io_and_own_no_thread() -> None:
    pure = [(name, path) for name, path in modules() if name.startswith(PURE)]
    assert len(pure) > len(PURE)
    assert [name for name, path in pure if IMPURE_MODULES & packages(path)] == []


def test_nothing_is_asynchronous() -> None:
    assert [name for name, path in modules() if "asyncio" in packages(path)] == []
    kinds = (ast.AsyncFunctionDef, ast.Await)
    assert [n for n, p in modules() if any(isinstance(one, kinds) for one in nodes(p))] == []


STREAMS = ("os.environ", "os.getenv", "sys.argv", "sys.stdout", "sys.stderr")


def reads_the_process(node: ast.AST) -> bool:
    """Whether it is the environment, a stream, or a function that uses one."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}" in STREAMS
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Name) and called.id in ("print", "input")


def test_the_environment_and_the_streams_are_read_in_cli_only() -> None:
    readers = [name for name, path in modules() if any(map(reads_the_process, nodes(path)))]
    assert readers  # cli's own
    assert [name for name in readers if not name.startswith("cli")] == []


def test_nothing_is_compiled_at_import() -> None:
    found = [name for name, path in modules() if "dataclasses" in packages(path)]
    assert found == ["lazy_dataclass"]
    assert [name for name, path in modules() if defines_at_once(path)] == []


def defines_at_once(path: Path) -> bool:
    """Whether it takes the standard NamedTuple, or compiles a pattern while it is imported."""
    text = path.read_text(encoding="utf-8")
    takes = re.search(r"^from typing import [^()\n]*\bNamedTuple\b", text, re.MULTILINE)
    return bool(takes or re.search(r"^\S.* = re\.compile\(", text, re.MULTILINE))


HEAVY = ("kubernetes", "grpc", "requests", "google.protobuf", "h11", "prometheus_client")


def loaded_after(code: str, known: tuple[str, ...] = HEAVY) -> set[str]:
    """Which of the heavy packages, or of those ``known``, an interpreter holds after ``code``."""
    probe = f"{code}\nimport sys\nprint(*[m for m in {known!r} if m in sys.modules])"
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


def test_the_default_catalog_imports_no_rules() -> None:
    code = "from agentctl.catalog.loader import load_default; load_default()"
    unneeded = (
        *("agentctl.rules", "agentctl.kube.tally", "agentctl.kube.checks.webhook"),
        *("agentctl.kube.each", "agentctl.kube.members", "agentctl.kube.selects"),
    )
    assert loaded_after(code, unneeded) == set()


def test_serving_a_cluster_imports_no_api_double() -> None:
    unneeded = ("agentctl.demo", "agentctl.apidouble")
    assert loaded_after("import agentctl.cli.run.serve, agentctl.cli.main", unneeded) == set()


def test_the_protobuf_codec_imports_no_grpc() -> None:
    code = "import agentctl.wire.events_pb, agentctl.wire.legacy_pb"
    assert loaded_after(code) == {"google.protobuf"}
