"""Object bodies of the demo, other than workloads, as a cluster's controllers leave them.

Pure: everything that differs between objects comes in, times as RFC 3339 text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import JSONObject

INSTANCE = "app.kubernetes.io/instance"
NAME = "app.kubernetes.io/name"
SERVICE_NAME = "kubernetes.io/service-name"


class Endpoint(NamedTuple):
    address: str
    pod: str
    ready: bool = True


def labels(name: str) -> dict[str, str]:
    return {INSTANCE: "agents", NAME: name}


def namespace(name: str) -> JSONObject:
    return {
        "kind": "Namespace",
        "apiVersion": "v1",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def owner_reference(owner: Mapping[str, Any], controller: bool = True) -> JSONObject:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": controller,
        "blockOwnerDeletion": True,
    }


def service(
    namespace: str, name: str, selector: dict[str, str], ports: Mapping[str, int], address: str
) -> JSONObject:
    return {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {"name": name, "namespace": namespace, "labels": selector},
        "spec": {
            "ports": [
                {"name": key, "protocol": "TCP", "port": port, "targetPort": port}
                for key, port in ports.items()
            ],
            "selector": selector,
            "clusterIP": address,
            "clusterIPs": [address],
            "type": "ClusterIP",
            "sessionAffinity": "None",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
        },
        "status": {"loadBalancer": {}},
    }


def endpointslice(owner: Mapping[str, Any], name: str, endpoints: Sequence[Endpoint]) -> JSONObject:
    """The slice of a Service; its ports are the Service's own."""
    metadata, spec = owner["metadata"], owner["spec"]
    managed = "endpointslice.kubernetes.io/managed-by"
    return {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": {
            "name": name,
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "labels": {
                **metadata["labels"],
                managed: "endpointslice-controller.k8s.io",
                SERVICE_NAME: metadata["name"],
            },
            "ownerReferences": [owner_reference(owner)],
        },
        "addressType": "IPv4",
        "endpoints": slice_endpoints(metadata["namespace"], endpoints),
        "ports": [
            {"name": port["name"], "protocol": "TCP", "port": port["targetPort"]}
            for port in spec["ports"]
        ],
    }


def slice_endpoints(namespace: str, endpoints: Sequence[Endpoint]) -> list[JSONObject]:
    return [
        {
            "addresses": [endpoint.address],
            "conditions": {
                "ready": endpoint.ready,
                "serving": endpoint.ready,
                "terminating": False,
            },
            "targetRef": {"kind": "Pod", "namespace": namespace, "name": endpoint.pod},
            "nodeName": "demo-node",
        }
        for endpoint in endpoints
    ]


def lease(
    namespace: str, name: str, holder: Optional[str], duration_s: int, now: str
) -> JSONObject:
    """``now`` with microseconds, as MicroTime is written."""
    return {
        "kind": "Lease",
        "apiVersion": "coordination.k8s.io/v1",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": duration_s,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": 0,
        },
    }
