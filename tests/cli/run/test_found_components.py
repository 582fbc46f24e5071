"""Components that come and go, through everything a stream passes: cursors, records, servers."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agentctl.apidouble.store import Store
from tests.apidouble.faulty import FaultyDouble
from tests.campaign.test_replicas import Site
from tests.cli.commands.test_catalog_generate import NAMESPACE, placed
from tests.cli.inprocess import Done, call, until_timeout
from tests.cli.program import PATIENCE_S, Program
from tests.cli.serving import STREAM
from tests.cli.serving import events as sse_events
from tests.kube.judged import deployment
from tests.ports import free_ports

AUTO = ("--catalog", "auto", "-n", NAMESPACE)


class Shop(NamedTuple):
    double: FaultyDouble
    home: Path

    @property
    def way(self) -> tuple[str, ...]:
        kubeconfig = self.home / "kubeconfig"
        self.double.kubeconfig(kubeconfig)
        return ("--kubeconfig", str(kubeconfig))

    def call(self, *args: str) -> Done:
        return call(*args, *self.way, home=self.home)

    def resumed(self, cursor: str) -> dict[str, Any]:
        """The first event after a cursor, in a process that knows nothing else."""
        flags = ("-o", "ndjson", "--since", cursor, *AUTO, *self.way)
        with Program("status", "watch", *flags, home=self.home) as program:
            return program.wait_for(lambda event: True)

    def add(self, name: str, ready: int = 2) -> None:
        self.double.store.create(placed("apps/v1", "Deployment", deployment(name, ready=ready)))

    def remove(self, name: str) -> None:
        self.double.store.delete("deployments.apps", NAMESPACE, name)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    double = FaultyDouble(store=Store())
    for name in (NAMESPACE, "other"):
        double.store.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    with double:
        shop = Shop(double, tmp_path)
        shop.add("web")
        shop.add("api")
        yield shop


def events(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item["component"] for item in items]


def is_removed(name: str) -> Any:
    return lambda event: name in names(event.get("removed", []))


def is_changed(name: str) -> Any:
    return lambda event: name in names(event.get("changes", []))


def test_a_stream_tells_them_as_they_come_and_go_and_its_record_plays_the_same(shop: Shop) -> None:
    record = shop.home / "record.ndjson"
    flags = (*AUTO, *shop.way, "-o", "ndjson", "--record", str(record))
    with Program("status", "watch", *flags, home=shop.home) as program:
        program.wait_lines(1)
        shop.add("new", ready=0)
        program.wait_for(is_changed("deployment/new"))
        shop.remove("api")
        program.wait_for(is_removed("deployment/api"))
        assert program.signal(signal.SIGINT)[0] == 130
        told = program.events
    assert names(told[0]["items"]) == ["deployment/api", "deployment/web"]
    played = call("replay", str(record), "--speed", "max", "-o", "ndjson", home=shop.home)
    assert events(played) == told
    line = call("timeline", str(record), "-o", "json", home=shop.home)
    shown = {one["component"] for one in json.loads(line.stdout)["components"]}
    assert {"deployment/web", "deployment/api", "deployment/new"} <= shown


def test_what_is_gone_since_a_cursor_is_told_by_its_name(shop: Shop) -> None:
    (first,) = events(shop.call("status", "-o", "ndjson", *AUTO))
    shop.remove("api")
    shop.add("new")
    event = shop.resumed(first["cursor"])
    assert event["type"] == "delta"
    assert names(event["changes"]) == ["deployment/new"]
    assert names(event["removed"]) == ["deployment/api"]
    shop.remove("web")
    assert names(shop.resumed(event["cursor"])["removed"]) == ["deployment/web"]


VERDICTS = [
    (("--until", "healthy"), 0, "healthy: all 2 components"),
    (("--until", "healthy", "--component", "deployment/w*"), 0, "healthy: deployment/web"),
    (("--fail-on", "degraded"), 1, "failed: deployment/new is error"),
    (("--fail-on", "degraded", "--component", "*/web", "--timeout"), 0, ""),
]


@pytest.mark.parametrize(("flags", "code", "says"), VERDICTS)
def test_verdicts_are_those_of_what_is_there(
    shop: Shop, flags: tuple, code: int, says: str
) -> None:
    if code:
        shop.add("new", ready=0)
    run = partial(shop.call, "status", "watch", *AUTO, *flags)
    done = until_timeout(run) if flags[-1] == "--timeout" else run()
    assert done.code == code, done
    assert says in done.stderr


def test_a_component_may_be_chosen_before_it_is_there(shop: Shop) -> None:
    done = shop.call("status", "-o", "name", *AUTO, "--component", "deployment/new")
    assert (done.code, done.stdout) == (0, "")
    assert done.stderr == "agentctl: nothing was found: there is no component to show\n"
    shop.add("new")
    done = shop.call("status", "-o", "json", *AUTO, "--component", "deployment/new")
    assert names(json.loads(done.stdout)["items"]) == ["deployment/new"]
    done = shop.call("status", *AUTO, "--component", "deploymnt/new")
    assert done.code == 2
    assert "no component matches 'deploymnt/new'; there are: namespace, deployment/*" in done.stderr


def test_several_namespaces_and_all_of_them(shop: Shop) -> None:
    other = placed("apps/v1", "Deployment", deployment("web"))
    other["metadata"]["namespace"] = "other"
    shop.double.store.create(other)
    expected = [
        (NAMESPACE, "deployment/api"),
        (NAMESPACE, "deployment/web"),
        ("other", "deployment/web"),
    ]
    for where in (("-n", NAMESPACE, "-n", "other"), ("-A",)):
        done = shop.call("status", "-o", "json", "--catalog", "auto", *where)
        found = json.loads(done.stdout)["items"]
        assert sorted((one["namespace"], one["component"]) for one in found) == sorted(expected)


def test_several_clusters(shop: Shop, tmp_path: Path) -> None:
    contexts = tmp_path / "contexts"
    server = {"name": "c", "cluster": {"server": shop.double.url}}
    pairs = [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in ("one", "two")]
    users = [{"name": "u", "user": {}}]
    contexts.write_text(json.dumps({"clusters": [server], "contexts": pairs, "users": users}))
    flags = ("--context", "one", "--context", "two", "--kubeconfig", str(contexts))
    done = call("status", "-o", "json", *AUTO, *flags, home=tmp_path)
    found = [(one["cluster"], one["component"]) for one in json.loads(done.stdout)["items"]]
    assert found == [
        (name, f"deployment/{one}") for name in ("one", "two") for one in ("api", "web")
    ]


def test_a_server_tells_the_same_and_a_cursor_goes_on_anywhere(shop: Shop) -> None:
    pytest.importorskip("grpc")
    http, grpc = free_ports(2)
    listen = ("--http", f"127.0.0.1:{http}", "--grpc", f"127.0.0.1:{grpc}")
    way = ("--transport", "grpc", "--server", f"127.0.0.1:{grpc}", "-n", NAMESPACE)
    with Program("serve", *AUTO, *shop.way, *listen, home=shop.home):
        Site.wait_until_ready(http)
        with Program("status", "watch", "-o", "ndjson", *way, home=shop.home) as program:
            program.wait_lines(1)
            shop.add("new")
            program.wait_for(is_changed("deployment/new"))
            shop.remove("api")
            cursor = program.wait_for(is_removed("deployment/api"))["cursor"]
            shop.remove("new")
            program.wait_for(is_removed("deployment/new"))
        url = f"http://127.0.0.1:{http}{STREAM}?lastEventId={cursor}"
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            event = next(sse_events(answer))
    assert event["type"] == "delta"
    assert names(event["removed"]) == ["deployment/new"]
    shop.remove("web")
    # Another process, which never knew of it: the cursor does.
    event = shop.resumed(event["cursor"])
    assert names(event["removed"]) == ["deployment/web"]


def test_a_diagnosis_explains_what_was_found(shop: Shop) -> None:
    shop.add("new", ready=0)
    shop.double.denied = [("list", "batch", "jobs")]
    (snapshot, *_) = events(shop.call("diagnose", "-o", "ndjson", *AUTO))
    items = {one["component"]: one for one in snapshot["items"]}
    (reason,) = items["deployment/new"]["details"]["diagnosis"]
    assert reason["check"] == "workload"
    (reason,) = items["job"]["details"]["diagnosis"]
    assert "forbidden" in reason["message"]
