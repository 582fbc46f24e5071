"""The agentctl process, and its events as they come."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable, NamedTuple, Union

from jsonschema import Draft202012Validator

from agentctl.errors import ExitCode
from tests.e2e.cluster import Cluster

ROOT = Path(__file__).parent.parent.parent
ENTRY = "from agentctl.cli.entry import entry; entry()"
CHECKS = MappingProxyType(
    {
        "namespace": "{kind: namespace}",
        "leader": "{kind: lease, name: e2e-leader}",
        "api": "{kind: endpoints, service: e2e-api, port: 8080, show_address: true}",
        "worker": "{kind: workload, names: [e2e-worker]}",
        "crds": "{kind: crds, names: [CRD]}",
    }
)
"""Component to its one check."""

Event = dict[str, Any]


class Done(NamedTuple):
    """A process that has ended by itself."""

    code: int
    events: list[Event]
    stdout: str
    stderr: str
    took_s: float


def command(cluster: Cluster, components: str, *arguments: str) -> list[str]:
    """agentctl on this cluster, with a catalog of these components (see ``CHECKS``)."""
    catalog = cluster.folder / f"{components.replace(' ', '-')}.yaml"
    lines = ["name: e2e", "components:"]
    for name in components.split():
        check = CHECKS[name].replace("CRD", cluster.crd)
        lines.append(f"  - {{name: {name}, checks: [{check}]}}")
    catalog.write_text("\n".join(lines) + "\n", encoding="utf-8")
    context = ["--context", cluster.context] if cluster.context else []
    given = arguments if "-n" in arguments else ("-n", cluster.namespace, *arguments)
    flags = ["--kubeconfig", str(cluster.kubeconfig), *context, "--catalog", str(catalog), *given]
    return [sys.executable, "-c", ENTRY, "status", *flags]


def run(cluster: Cluster, components: str, *arguments: str) -> Done:
    """Run it to its end; with ``-o ndjson`` every line is checked against the schema."""
    started = time.monotonic()
    done = subprocess.run(
        command(cluster, components, *arguments),
        cwd=ROOT,
        env=environment(cluster),
        capture_output=True,
        text=True,
        timeout=cluster.patience_s,
        check=False,
    )
    took = time.monotonic() - started
    lines = done.stdout.splitlines() if "ndjson" in arguments else []
    return Done(done.returncode, list(map(checked, lines)), done.stdout, done.stderr, took)


def run_quietly(cluster: Cluster, components: str, *arguments: str) -> Done:
    """A watch that ends by its ``--timeout``; with a longer one where a busy machine let it
    pass before there was a connection."""
    flags = ("--watch", "-o", "ndjson", *arguments)
    done = run(cluster, components, *flags, "--timeout", f"{cluster.quiet_s}s")
    if done.code == ExitCode.DISCONNECTED:
        done = run(cluster, components, *flags, "--timeout", f"{cluster.patience_s / 2}s")
    return done


class Watch:
    """``agentctl status watch -o ndjson`` while it runs."""

    def __init__(self, cluster: Cluster, components: str, *arguments: str) -> None:
        self._patience_s = cluster.patience_s
        self._process = subprocess.Popen(
            command(cluster, components, "--watch", "-o", "ndjson", "--heartbeat", "1", *arguments),
            cwd=ROOT,
            env=environment(cluster),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._left = b""
        self.seen: list[Event] = []
        """All events so far."""

    def next(self) -> Event:
        """The next event that is no heartbeat."""
        return self._read(lambda event: event["type"] != "heartbeat")

    def heartbeat(self) -> Event:
        """The next heartbeat: whatever came before it was not a change."""
        event = self._read(lambda event: True)
        assert event["type"] == "heartbeat", event
        return event

    def until(self, component: str, status: str) -> Event:
        """The event that makes a component so."""
        return self._read(
            lambda event: any(
                (item["component"], item["status"]) == (component, status)
                for item in event.get("items", event.get("changes", ()))
            )
        )

    def stop(self) -> None:
        self._process.terminate()
        try:
            _, errors = self._process.communicate(timeout=self._patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise
        assert self._process.returncode == 143, errors.decode()
        assert errors == b""

    def _read(self, wanted: Callable[[Event], bool]) -> Event:
        deadline = time.monotonic() + self._patience_s
        while True:
            event = checked(self._line(deadline))
            self.seen.append(event)
            if wanted(event):
                return event

    def _line(self, deadline: float) -> str:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._left:
            wait = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([descriptor], [], [], wait)
            assert ready, f"nothing more came; so far: {self.seen}"
            data = os.read(descriptor, 65536)
            assert data, f"it has ended; so far: {self.seen}"
            self._left += data
        line, _, self._left = self._left.partition(b"\n")
        return line.decode()


@contextmanager
def watching(cluster: Cluster, components: str, *arguments: str) -> Iterator[Watch]:
    """A watch that is ended, and has to end well, with SIGTERM."""
    watch = Watch(cluster, components, *arguments)
    try:
        yield watch
    finally:
        watch.stop()


def states(event: Event) -> dict[str, Union[str, tuple[str, str]]]:
    """What an event says of components: the status, and the message where there is one."""
    return {
        item["component"]: (item["status"], item["message"]) if item["message"] else item["status"]
        for item in event.get("items", event.get("changes", ()))
    }


def environment(cluster: Cluster) -> dict[str, str]:
    """This process's own without what would change a setting."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AGENTCTL_")}
    return {**kept, "XDG_CONFIG_HOME": str(cluster.folder), "PYTHONPATH": str(ROOT)}


def checked(line: str) -> Event:
    """One line as an event, by the schema that agentctl itself prints."""
    event = json.loads(line)
    _validator().validate(event)
    assert isinstance(event, dict)
    return event


@cache
def _validator() -> Draft202012Validator:
    code = [sys.executable, "-c", ENTRY, "schema"]
    printed = subprocess.run(code, cwd=ROOT, check=True, capture_output=True, text=True, timeout=30)
    schema = json.loads(printed.stdout)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)
