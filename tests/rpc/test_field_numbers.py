"""The wire contract, field by field: whoever changes one breaks servers in the field."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from agentctl.rpc import agentctl_pb2, jangar_pb2
from agentctl.wire.grpc_contract import SERVICES

NAMES = pytest.mark.parametrize("pb", [agentctl_pb2, jangar_pb2])
TYPES = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_INT32: "int32",
}

MESSAGES = {
    "GetServerInfoRequest": "",
    "GetServerInfoResponse": (
        "version=1 string, build_sha=2 string, build_time=3 string, service=4 string"
    ),
    "GetControlPlaneStatusRequest": "namespace=1 string, clusters=100 bool",
    "GetControlPlaneStatusResponse": (
        "service=1 string, generated_at=2 string, controllers=3 repeated ControllerHealth, "
        "runtime_adapters=4 repeated RuntimeAdapterHealth, database=5 DatabaseHealth, "
        "grpc=6 GrpcHealth, namespaces=7 repeated NamespaceHealth, "
        "items=100 repeated ControlPlaneStatusItem, "
        "errors=101 repeated ControlPlaneStatusEvent, cursor=102 string"
    ),
    "ControllerHealth": (
        "name=1 string, enabled=2 bool, started=3 bool, crds_ready=4 bool, "
        "missing_crds=5 repeated string, last_checked_at=6 string, status=7 string, "
        "message=8 string"
    ),
    "RuntimeAdapterHealth": (
        "name=1 string, available=2 bool, status=3 string, message=4 string, endpoint=5 string"
    ),
    "DatabaseHealth": (
        "configured=1 bool, connected=2 bool, status=3 string, message=4 string, latency_ms=5 int32"
    ),
    "GrpcHealth": "enabled=1 bool, address=2 string, status=3 string, message=4 string",
    "NamespaceHealth": "namespace=1 string, status=2 string, degraded_components=3 repeated string",
    "WatchControlPlaneStatusRequest": (
        "namespace=1 string, heartbeat=2 Duration, cursor=3 string, follow_only=4 bool, "
        "clusters=100 bool"
    ),
    "ControlPlaneStatusEvent": (
        "type=1 Type, generated_at=2 Timestamp, items=3 repeated ControlPlaneStatusItem, "
        "message=4 string, cursor=5 string, removed=6 repeated RemovedItem, code=7 string, "
        "source=100 string, retry_in=101 Duration, sources=102 repeated string, "
        "cluster=103 string, lasted=104 Duration"
    ),
    "ControlPlaneStatusItem": (
        "component=1 string, namespace=2 string, status=3 Status, message=4 string, "
        "details=5 Struct, cluster=100 string"
    ),
    "RemovedItem": "component=1 string, namespace=2 string, cluster=100 string",
}


def described(message: Descriptor) -> str:
    return ", ".join(one(field) for field in message.fields)


def one(field: FieldDescriptor) -> str:
    kind = TYPES.get(field.type) or (field.message_type or field.enum_type).name
    return f"{field.name}={field.number} {'repeated ' if is_repeated(field) else ''}{kind}"


def is_repeated(field: FieldDescriptor) -> bool:
    if hasattr(field, "is_repeated"):  # what ``label`` was replaced by
        return bool(field.is_repeated)
    return bool(field.label == FieldDescriptor.LABEL_REPEATED)


@NAMES
@pytest.mark.parametrize("name", MESSAGES)
def test_every_field_has_its_number_and_type(name: str, pb: Any) -> None:
    assert described(pb.DESCRIPTOR.message_types_by_name[name]) == MESSAGES[name]


@NAMES
def test_there_is_no_other_message(pb: Any) -> None:
    assert set(pb.DESCRIPTOR.message_types_by_name) == set(MESSAGES)


@NAMES
def test_the_types_of_events_have_their_numbers(pb: Any) -> None:
    assert dict(pb.ControlPlaneStatusEvent.Type.items()) == {
        "TYPE_UNSPECIFIED": 0,
        "SNAPSHOT": 1,
        "DELTA": 2,
        "HEARTBEAT": 3,
        "ERROR": 4,
    }


@NAMES
def test_the_statuses_have_their_numbers(pb: Any) -> None:
    assert dict(pb.ControlPlaneStatusItem.Status.items()) == {
        "STATUS_UNSPECIFIED": 0,
        "STATUS_HEALTHY": 1,
        "STATUS_CONFIGURED": 2,
        "STATUS_UNKNOWN": 3,
        "STATUS_DEGRADED": 4,
        "STATUS_ERROR": 5,
    }


@pytest.mark.parametrize(("pb", "name"), list(zip((agentctl_pb2, jangar_pb2), SERVICES)))
def test_the_service_has_these_methods(pb: Any, name: str) -> None:
    (service,) = pb.DESCRIPTOR.services_by_name.values()
    assert service.full_name == name
    status = "GetControlPlaneStatus"
    assert [
        (one.name, one.input_type.name, one.output_type.name, one.server_streaming)
        for one in service.methods
    ] == [
        ("GetServerInfo", "GetServerInfoRequest", "GetServerInfoResponse", False),
        (status, f"{status}Request", f"{status}Response", False),
        (
            "WatchControlPlaneStatus",
            "WatchControlPlaneStatusRequest",
            "ControlPlaneStatusEvent",
            True,
        ),
    ]
    assert not any(one.client_streaming for one in service.methods)
