"""The generated code is what the .proto file says, whoever edited either of them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from agentctl.rpc import agentctl_pb2, jangar_pb2
from tools import protos

MEND = "run tox -e protos"
BOTH = pytest.mark.parametrize(("name", "pb"), list(zip(protos.PROTOS, (agentctl_pb2, jangar_pb2))))
needs_protoc = pytest.mark.skipif(
    importlib.util.find_spec("grpc_tools") is None, reason="grpcio-tools is not installed"
)


def test_the_generated_code_is_current() -> None:
    assert protos.is_current(), MEND


def test_the_record_is_of_all_files_that_are_there() -> None:
    names = [line.split("  ")[1] for line in protos.RECORD.read_text("ascii").splitlines()]
    here = {path.name for path in (protos.ROOT / protos.PACKAGE).iterdir() if path.is_file()}
    count = len(protos.PROTOS)
    assert names[:count] == list(protos.PROTOS.values())
    assert {Path(name).name for name in names[count:]} == here - {"__init__.py"}
    there = (protos.ROOT / "proto").rglob("*.proto")
    assert {path.relative_to(protos.ROOT).as_posix() for path in there} == set(names[:count])


def test_the_two_sources_differ_in_the_package_alone() -> None:
    def code(path: str) -> str:
        text = (protos.ROOT / path).read_text("utf-8")
        return text[text.index("syntax") :]

    new, old = map(code, protos.PROTOS.values())
    assert old.replace("package proompteng.jangar.v1;", "package proompteng.agents.v1;") == new


@pytest.mark.parametrize(
    "edited",
    [
        *protos.PROTOS.values(),
        *(
            f"{protos.PACKAGE}/{name}_pb2{end}"
            for name in ("agentctl", "jangar")
            for end in (".py", ".pyi", "_grpc.py")
        ),
    ],
)
def test_an_edit_is_noticed(edited: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*protos.PROTOS.values(), *protos.generated(protos.ROOT)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((protos.ROOT / name).read_bytes())
    monkeypatch.setattr(protos, "ROOT", tmp_path)
    assert protos.is_current()
    with (tmp_path / edited).open("ab") as file:
        file.write(b"\n")
    assert not protos.is_current()


def test_a_generated_file_too_many_or_too_few_is_noticed() -> None:
    made = protos.generated(protos.ROOT)
    recorded = protos.RECORD.read_text("ascii")
    assert protos.record(made) == recorded
    assert protos.record({**made, "agentctl/rpc/other_pb2.py": b""}) != recorded
    made.popitem()
    assert protos.record(made) != recorded


@needs_protoc
@BOTH
def test_the_descriptor_is_that_of_the_source(name: str, pb: Any, tmp_path: Path) -> None:
    """With any release of the tools: the record alone would believe a forged one."""
    out = tmp_path / "set"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_out={out}"]
    subprocess.run(
        [*command, *protos.paths(), name],
        check=True,
        timeout=30,
        cwd=tmp_path,
    )
    (expected,) = FileDescriptorSet.FromString(out.read_bytes()).file
    found = FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(found)
    assert without_json_names(found) == without_json_names(expected), MEND


def without_json_names(file: FileDescriptorProto) -> FileDescriptorProto:
    """They are worked out from the names, and only some releases write them down."""
    for message in file.message_type:
        for field in message.field:
            field.ClearField("json_name")
    return file


def test_it_asks_for_no_release_of_its_own() -> None:
    """Newer tools write a check that fails with older libraries."""
    for data in protos.generated(protos.ROOT).values():
        assert b"runtime_version" not in data
        assert b"_version_not_supported" not in data


@BOTH
def test_its_names_cannot_be_taken_for_those_of_another_package(name: str, pb: Any) -> None:
    assert pb.DESCRIPTOR.name == name
    assert name.startswith("agentctl/rpc/")
    assert pb.__name__ == name.replace("/", ".").replace(".proto", "_pb2")
