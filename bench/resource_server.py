"""A server of custom resources: lists in pages, and a watch of changes.

    python -m bench.resource_server --objects 10000 --size 10000 --changes 10000

Speaks as ``bench.stream_server`` does. Each object is ``--size`` bytes; every tenth is not ready.
A change makes another one ready or not ready; the last one names MARKER.
"""

from __future__ import annotations

import argparse
import socket
import threading
from typing import Any, Optional

from bench.recording import MARKER, NAMESPACE, encoded
from bench.stream_server import BLOCK, Server

GROUP = "bench.example.org"
PLURAL = "lamps"
COLLECTION = f"/apis/{GROUP}/v1/namespaces/{NAMESPACE}/{PLURAL}"


class ResourceServer(Server):
    """The same with custom resources in the pods' place."""

    watched = COLLECTION

    def __init__(self, objects: int, size: int, changes: int) -> None:
        self._items = [encoded(lamp(n, size, n % 10 != 0, 1)) for n in range(objects)]
        self._version = objects
        lines = [
            event(lamp(n % objects, size, n % 3 != 0, objects + n + 1)) for n in range(changes)
        ]
        last = lamp(0, size, False, objects + changes + 1)
        last["status"]["conditions"][0]["message"] = MARKER
        lines.append(event(last))
        chunks = [b"%x\r\n%s\r\n" % (len(line), line) for line in lines]
        self._stream = [b"".join(chunks[at : at + BLOCK]) for at in range(0, len(chunks), BLOCK)]
        self._go = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._answered: dict[str, dict[str, int]] = {}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def _list(self, path: str, query: dict[str, str], partial: bool) -> Optional[bytes]:
        if path == COLLECTION:
            start, limit = int(query.get("continue") or 0), int(query.get("limit", 1 << 30))
            page = self._items[start : start + limit]
            more = start + limit < len(self._items)
            return self._listed("LampList", page, str(start + limit) if more else "")
        version = {"groupVersion": f"{GROUP}/v1", "version": "v1"}
        if path == f"/apis/{GROUP}":
            found = {"kind": "APIGroup", "versions": [version], "preferredVersion": version}
            return encoded(found)
        if path == f"/apis/{GROUP}/v1":
            resource = {"name": PLURAL, "kind": "Lamp", "namespaced": True}
            return encoded({"kind": "APIResourceList", "resources": [resource]})
        return None


def event(item: dict[str, Any]) -> bytes:
    return encoded({"type": "MODIFIED", "object": item}) + b"\n"


def lamp(number: int, size: int, ready: bool, version: int) -> dict[str, Any]:
    """One object of so many bytes."""
    condition = {
        "type": "Ready",
        "status": "True" if ready else "False",
        "reason": "Lit" if ready else "BulbBroken",
        "message": "the lamp is lit" if ready else "the bulb is broken",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    item = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Lamp",
        "metadata": {
            "name": f"lamp-{number:05}",
            "namespace": NAMESPACE,
            "resourceVersion": str(version),
            "generation": 1,
        },
        "spec": {"rooms": []},
        "status": {"conditions": [condition], "observedGeneration": 1},
    }
    room = {"name": "kitchen", "bulbs": 3, "colour": "a warm white, as it is in the evening"}
    missing = max(0, size - len(encoded(item)))
    item["spec"]["rooms"] = [room] * (missing // len(encoded(room)))  # type: ignore[index]
    return item


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--changes", type=int, required=True)
    args = parser.parse_args()
    ResourceServer(args.objects, args.size, args.changes).run()


if __name__ == "__main__":
    main()
