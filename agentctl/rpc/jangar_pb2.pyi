from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetServerInfoRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ["version", "build_sha", "build_time", "service"]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BUILD_SHA_FIELD_NUMBER: _ClassVar[int]
    BUILD_TIME_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    version: str
    build_sha: str
    build_time: str
    service: str
    def __init__(self, version: _Optional[str] = ..., build_sha: _Optional[str] = ..., build_time: _Optional[str] = ..., service: _Optional[str] = ...) -> None: ...

class GetControlPlaneStatusRequest(_message.Message):
    __slots__ = ["namespace", "clusters"]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    CLUSTERS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    clusters: bool
    def __init__(self, namespace: _Optional[str] = ..., clusters: bool = ...) -> None: ...

class GetControlPlaneStatusResponse(_message.Message):
    __slots__ = ["service", "generated_at", "controllers", "runtime_adapters", "database", "grpc", "namespaces", "items", "errors", "cursor"]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    GENERATED_AT_FIELD_NUMBER: _ClassVar[int]
    CONTROLLERS_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_ADAPTERS_FIELD_NUMBER: _ClassVar[int]
    DATABASE_FIELD_NUMBER: _ClassVar[int]
    GRPC_FIELD_NUMBER: _ClassVar[int]
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    service: str
    generated_at: str
    controllers: _containers.RepeatedCompositeFieldContainer[ControllerHealth]
    runtime_adapters: _containers.RepeatedCompositeFieldContainer[RuntimeAdapterHealth]
    database: DatabaseHealth
    grpc: GrpcHealth
    namespaces: _containers.RepeatedCompositeFieldContainer[NamespaceHealth]
    items: _containers.RepeatedCompositeFieldContainer[ControlPlaneStatusItem]
    errors: _containers.RepeatedCompositeFieldContainer[ControlPlaneStatusEvent]
    cursor: str
    def __init__(self, service: _Optional[str] = ..., generated_at: _Optional[str] = ..., controllers: _Optional[_Iterable[_Union[ControllerHealth, _Mapping]]] = ..., runtime_adapters: _Optional[_Iterable[_Union[RuntimeAdapterHealth, _Mapping]]] = ..., database: _Optional[_Union[DatabaseHealth, _Mapping]] = ..., grpc: _Optional[_Union[GrpcHealth, _Mapping]] = ..., namespaces: _Optional[_Iterable[_Union[NamespaceHealth, _Mapping]]] = ..., items: _Optional[_Iterable[_Union[ControlPlaneStatusItem, _Mapping]]] = ..., errors: _Optional[_Iterable[_Union[ControlPlaneStatusEvent, _Mapping]]] = ..., cursor: _Optional[str] = ...) -> None: ...

class ControllerHealth(_message.Message):
    __slots__ = ["name", "enabled", "started", "crds_ready", "missing_crds", "last_checked_at", "status", "message"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    CRDS_READY_FIELD_NUMBER: _ClassVar[int]
    MISSING_CRDS_FIELD_NUMBER: _ClassVar[int]
    LAST_CHECKED_AT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    enabled: bool
    started: bool
    crds_ready: bool
    missing_crds: _containers.RepeatedScalarFieldContainer[str]
    last_checked_at: str
    status: str
    message: str
    def __init__(self, name: _Optional[str] = ..., enabled: bool = ..., started: bool = ..., crds_ready: bool = ..., missing_crds: _Optional[_Iterable[str]] = ..., last_checked_at: _Optional[str] = ..., status: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class RuntimeAdapterHealth(_message.Message):
    __slots__ = ["name", "available", "status", "message", "endpoint"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    name: str
    available: bool
    status: str
    message: str
    endpoint: str
    def __init__(self, name: _Optional[str] = ..., available: bool = ..., status: _Optional[str] = ..., message: _Optional[str] = ..., endpoint: _Optional[str] = ...) -> None: ...

class DatabaseHealth(_message.Message):
    __slots__ = ["configured", "connected", "status", "message", "latency_ms"]
    CONFIGURED_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    LATENCY_MS_FIELD_NUMBER: _ClassVar[int]
    configured: bool
    connected: bool
    status: str
    message: str
    latency_ms: int
    def __init__(self, configured: bool = ..., connected: bool = ..., status: _Optional[str] = ..., message: _Optional[str] = ..., latency_ms: _Optional[int] = ...) -> None: ...

class GrpcHealth(_message.Message):
    __slots__ = ["enabled", "address", "status", "message"]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    address: str
    status: str
    message: str
    def __init__(self, enabled: bool = ..., address: _Optional[str] = ..., status: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class NamespaceHealth(_message.Message):
    __slots__ = ["namespace", "status", "degraded_components"]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    status: str
    degraded_components: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, namespace: _Optional[str] = ..., status: _Optional[str] = ..., degraded_components: _Optional[_Iterable[str]] = ...) -> None: ...

class WatchControlPlaneStatusRequest(_message.Message):
    __slots__ = ["namespace", "heartbeat", "cursor", "follow_only", "clusters"]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_ONLY_FIELD_NUMBER: _ClassVar[int]
    CLUSTERS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    heartbeat: _duration_pb2.Duration
    cursor: str
    follow_only: bool
    clusters: bool
    def __init__(self, namespace: _Optional[str] = ..., heartbeat: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., cursor: _Optional[str] = ..., follow_only: bool = ..., clusters: bool = ...) -> None: ...

class ControlPlaneStatusEvent(_message.Message):
    __slots__ = ["type", "generated_at", "items", "message", "cursor", "removed", "code", "source", "retry_in", "sources", "cluster", "lasted"]
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
        TYPE_UNSPECIFIED: _ClassVar[ControlPlaneStatusEvent.Type]
        SNAPSHOT: _ClassVar[ControlPlaneStatusEvent.Type]
        DELTA: _ClassVar[ControlPlaneStatusEvent.Type]
        HEARTBEAT: _ClassVar[ControlPlaneStatusEvent.Type]
        ERROR: _ClassVar[ControlPlaneStatusEvent.Type]
    TYPE_UNSPECIFIED: ControlPlaneStatusEvent.Type
    SNAPSHOT: ControlPlaneStatusEvent.Type
    DELTA: ControlPlaneStatusEvent.Type
    HEARTBEAT: ControlPlaneStatusEvent.Type
    ERROR: ControlPlaneStatusEvent.Type
    TYPE_FIELD_NUMBER: _ClassVar[int]
    GENERATED_AT_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    RETRY_IN_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    LASTED_FIELD_NUMBER: _ClassVar[int]
    type: ControlPlaneStatusEvent.Type
    generated_at: _timestamp_pb2.Timestamp
    items: _containers.RepeatedCompositeFieldContainer[ControlPlaneStatusItem]
    message: str
    cursor: str
    removed: _containers.RepeatedCompositeFieldContainer[RemovedItem]
    code: str
    source: str
    retry_in: _duration_pb2.Duration
    sources: _containers.RepeatedScalarFieldContainer[str]
    cluster: str
    lasted: _duration_pb2.Duration
    def __init__(self, type: _Optional[_Union[ControlPlaneStatusEvent.Type, str]] = ..., generated_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., items: _Optional[_Iterable[_Union[ControlPlaneStatusItem, _Mapping]]] = ..., message: _Optional[str] = ..., cursor: _Optional[str] = ..., removed: _Optional[_Iterable[_Union[RemovedItem, _Mapping]]] = ..., code: _Optional[str] = ..., source: _Optional[str] = ..., retry_in: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., sources: _Optional[_Iterable[str]] = ..., cluster: _Optional[str] = ..., lasted: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ControlPlaneStatusItem(_message.Message):
    __slots__ = ["component", "namespace", "status", "message", "details", "cluster"]
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
        STATUS_UNSPECIFIED: _ClassVar[ControlPlaneStatusItem.Status]
        STATUS_HEALTHY: _ClassVar[ControlPlaneStatusItem.Status]
        STATUS_CONFIGURED: _ClassVar[ControlPlaneStatusItem.Status]
        STATUS_UNKNOWN: _ClassVar[ControlPlaneStatusItem.Status]
        STATUS_DEGRADED: _ClassVar[ControlPlaneStatusItem.Status]
        STATUS_ERROR: _ClassVar[ControlPlaneStatusItem.Status]
    STATUS_UNSPECIFIED: ControlPlaneStatusItem.Status
    STATUS_HEALTHY: ControlPlaneStatusItem.Status
    STATUS_CONFIGURED: ControlPlaneStatusItem.Status
    STATUS_UNKNOWN: ControlPlaneStatusItem.Status
    STATUS_DEGRADED: ControlPlaneStatusItem.Status
    STATUS_ERROR: ControlPlaneStatusItem.Status
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    component: str
    namespace: str
    status: ControlPlaneStatusItem.Status
    message: str
    details: _struct_pb2.Struct
    cluster: str
    def __init__(self, component: _Optional[str] = ..., namespace: _Optional[str] = ..., status: _Optional[_Union[ControlPlaneStatusItem.Status, str]] = ..., message: _Optional[str] = ..., details: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., cluster: _Optional[str] = ...) -> None: ...

class RemovedItem(_message.Message):
    __slots__ = ["component", "namespace", "cluster"]
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    component: str
    namespace: str
    cluster: str
    def __init__(self, component: _Optional[str] = ..., namespace: _Optional[str] = ..., cluster: _Optional[str] = ...) -> None: ...
