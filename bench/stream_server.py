"""A server of recorded bytes: lists that are ready, and a watch served as it is read.

    python -m bench.stream_server --pods 1000 --changes 50000 --mix mixed

Prints one JSON object a line: its port; then, for each watch of the pods, that it was
asked for (``watching``), and when the first byte of its changes went out (``began``,
CLOCK_MONOTONIC), which is when the line ``go`` has come on stdin. The line ``report``
asks for what was answered so far. It ends when stdin does.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
import time
from email.utils import formatdate
from typing import Any, Optional
from urllib.parse import parse_qs, urlsplit

from bench.recording import LABELS, NAMESPACE, POD_HASH, WORKLOAD, encoded, record

CRD_FILLER = 100_000
"""Bytes of a CRD's body that nobody should fetch."""

BLOCK = 64
"""Events joined into one write; each is a chunk of its own, as from an API server."""

PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
AGGREGATED = "apidiscovery.k8s.io/v2"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
DISCOVERY = "/apis"
CORE = "/api"
DISCOVERED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Server:
    """The recording and who asked for what."""

    watched = PODS
    """Whose changes are recorded."""

    def __init__(self, pods: int, changes: int, mix: str, crds: int, seed: int) -> None:
        recorded = record(seed, pods, changes, mix)
        self._pods = recorded.items
        self._version = pods
        chunks = [b"%x\r\n%s\r\n" % (len(line), line) for line in recorded.lines]
        self._stream = [b"".join(chunks[at : at + BLOCK]) for at in range(0, len(chunks), BLOCK)]
        self._crds = crds
        self._go = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._answered: dict[str, dict[str, int]] = {}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def run(self) -> None:
        """Serve until stdin ends."""
        threading.Thread(target=self._accept, daemon=True).start()
        say(port=self._listener.getsockname()[1])
        for line in sys.stdin:
            if line.strip() == "go":
                self._go.release()
            else:
                with self._lock:
                    say(answered=self._answered)

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as requests:
                while request := requests.readline():
                    headers = {}
                    while (line := requests.readline()) not in (b"\r\n", b""):
                        name, _, value = line.decode("latin-1").partition(":")
                        headers[name.strip().lower()] = value.strip()
                    self._answer(connection, request.split()[1].decode(), headers)
        except OSError:
            return

    def _answer(self, connection: socket.socket, target: str, headers: dict[str, str]) -> None:
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if query.get("watch") in ("true", "True", "1"):
            self._watch(connection, url.path)
            return
        partial = "PartialObjectMetadata" in headers.get("accept", "")
        body = self._list(url.path, query, partial)
        status = "200 OK" if body is not None else "404 Not Found"
        kind = DISCOVERED if url.path in (CORE, DISCOVERY) else "application/json"
        framing = f"Content-Length: {len(body or b'')}"
        connection.sendall(head(status, framing, kind) + (body or b""))
        with self._lock:
            count = self._answered.setdefault(url.path, {"bytes": 0, "whole": 0})
            count["bytes"] += len(body or b"")
            count["whole"] += not partial

    def _watch(self, connection: socket.socket, path: str) -> None:
        connection.sendall(head("200 OK", "Transfer-Encoding: chunked"))
        if path == self.watched:
            say(watching=path)
            self._go.acquire()
            say(began=time.monotonic())
            for block in self._stream:
                connection.sendall(block)
        connection.recv(1)  # silent until the client goes
        raise ConnectionResetError

    def _list(self, path: str, query: dict[str, str], partial: bool) -> Optional[bytes]:
        if path == PODS:
            start, limit = int(query.get("continue", 0)), int(query.get("limit", 1 << 30))
            page = self._pods[start : start + limit]
            more = start + limit < len(self._pods)
            return self._listed("PodList", page, str(start + limit) if more else "")
        if path == DEPLOYMENTS:
            return self._listed("DeploymentList", [encoded(deployment(len(self._pods)))])
        if path == CRDS:
            kind = "PartialObjectMetadataList" if partial else "CustomResourceDefinitionList"
            names = crd_names(self._crds)
            return self._listed(kind, [encoded(crd(name, partial)) for name in names])
        if path == DISCOVERY:
            return encoded(discovery(self._crds))
        if path == CORE:
            return encoded(core())
        return None

    def _listed(self, kind: str, items: list[bytes], token: str = "") -> bytes:
        metadata = {"resourceVersion": str(self._version), "continue": token}
        opening = encoded({"kind": kind, "apiVersion": "v1", "metadata": metadata})
        return opening[:-1] + b',"items":[' + b",".join(items) + b"]}"


def head(status: str, framing: str, kind: str = "application/json") -> bytes:
    date = formatdate(usegmt=True)
    lines = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Date: {date}", framing)
    return "\r\n".join((*lines, "", "")).encode("ascii")


def say(**values: Any) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def deployment(pods: int) -> dict[str, Any]:
    """One that lacks a few replicas, so that its pods are looked at."""
    counts = {"replicas": pods, "updatedReplicas": pods, "readyReplicas": pods - 1}
    return {
        "metadata": {"name": WORKLOAD, "namespace": NAMESPACE, "labels": LABELS, "generation": 1},
        "spec": {"replicas": pods, "selector": {"matchLabels": LABELS}},
        "status": {**counts, "availableReplicas": pods - 1, "observedGeneration": 1},
    }


def crd_names(count: int) -> list[str]:
    return [f"kind{index}s.bench.example.com" for index in range(count)]


def crd(name: str, partial: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"metadata": {"name": name, "resourceVersion": "1", "uid": POD_HASH}}
    return found if partial else {**found, "spec": {"filler": "x" * CRD_FILLER}}


def discovery(crds: int) -> dict[str, Any]:
    resources = [{"resource": name.partition(".")[0]} for name in crd_names(crds)]
    group = {
        "metadata": {"name": "bench.example.com"},
        "versions": [{"version": "v1", "resources": resources}],
    }
    return {"kind": "APIGroupDiscoveryList", "apiVersion": AGGREGATED, "items": [group]}


def core() -> dict[str, Any]:
    """Discovery of the core group, for kubectl: pods alone."""
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    verbs = ["get", "list", "watch"]
    pods = {"resource": "pods", "responseKind": kind, "scope": "Namespaced", "verbs": verbs}
    versions = [{"version": "v1", "resources": [{**pods, "singularResource": "pod"}]}]
    group = {"metadata": {"name": ""}, "versions": versions}
    return {"kind": "APIGroupDiscoveryList", "apiVersion": AGGREGATED, "items": [group]}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pods", type=int, required=True)
    parser.add_argument("--changes", type=int, required=True)
    parser.add_argument("--mix", required=True)
    parser.add_argument("--crds", type=int, default=0)
    parser.add_argument("--seed", type=int, default=20260130)
    args = parser.parse_args()
    Server(args.pods, args.changes, args.mix, args.crds, args.seed).run()


if __name__ == "__main__":
    main()
