"""The alerts that ship: promtool tests them, and a real Prometheus fires and stays quiet."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentctl.demo import DemoControlPlane
from agentctl.model import Status
from tests.cli.program import environment
from tests.cli.serving import ANY_PORT, Served
from tests.deploy.shipped import DEPLOY, ROOT, parsed, the
from tests.kubectl import KUBECTL, NO_KUBECTL
from tests.ports import free_port

PROMETHEUS = DEPLOY / "prometheus"
PROMTOOL, SERVER = shutil.which("promtool"), shutil.which("prometheus")
PATIENCE_S = 30.0

DOCS = (ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"^```promql\n(.*?)^```$", DOCS, re.DOTALL | re.MULTILINE)
QUIET = "> 120|agentctl_source_up\\) == 0"
"""Those that find nothing while all is well."""


def documents() -> dict[str, Any]:
    listed = yaml.safe_load((PROMETHEUS / "kustomization.yaml").read_text())["resources"]
    found = [yaml.safe_load((PROMETHEUS / name).read_text()) for name in listed]
    return {one["kind"]: one for one in found}


def rules() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((PROMETHEUS / "rules.yaml").read_text())
    return found


def test_both_forms_of_the_rules_say_the_same() -> None:
    assert documents()["PrometheusRule"]["spec"] == rules()


def test_the_monitor_selects_the_service_and_keeps_our_labels() -> None:
    monitor, service = documents()["ServiceMonitor"], the("Service")
    assert monitor["metadata"]["namespace"] == service["metadata"]["namespace"]
    wanted = monitor["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in [one["name"] for one in service["spec"]["ports"]]
    assert (endpoint["path"], endpoint["honorLabels"]) == ("/metrics", True)
    assert endpoint["authorization"]["credentials"] == {"name": "agentctl-scrape", "key": "token"}


def test_the_rules_wait_as_long_as_they_should_and_name_what_there_is() -> None:
    (group,) = rules()["groups"]
    assert {one["alert"]: one["for"] for one in group["rules"]} == {
        "AgentComponentBroken": "2m",
        "AgentComponentDegraded": "15m",
        "AgentComponentUnknown": "5m",
        "AgentSourceDown": "5m",
        "AgentStatusAbsent": "5m",
    }
    text = (PROMETHEUS / "rules.yaml").read_text()
    assert set(re.findall(r'status="(\w+)"', text)) <= {one.value for one in Status}
    parsed(["diagnose", "-n", "agents", "--component", "grpc"])
    parsed(["auth", "can-watch"])
    assert "agentctl diagnose -n {{" in text
    assert "agentctl auth can-watch" in text


@pytest.mark.skipif(KUBECTL is None, reason=NO_KUBECTL)
def test_kustomize_builds_it() -> None:
    command = [str(KUBECTL), "kustomize", str(PROMETHEUS)]
    built = subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S).stdout
    kinds = {one["kind"]: one for one in yaml.safe_load_all(built)}
    assert kinds == documents()


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool")
def test_promtool_agrees(tmp_path: Path) -> None:
    shutil.copy(PROMETHEUS / "rules.yaml", tmp_path)
    shutil.copy(Path(__file__).parent / "alerts_test.yaml", tmp_path)
    for command in ("check", "test"):
        named = "rules.yaml" if command == "check" else "alerts_test.yaml"
        ran = subprocess.run(
            [str(PROMTOOL), command, "rules", named],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


class Prometheus:
    """A real one that scrapes a server as the ServiceMonitor says, with the rules that ship."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, path: str, **query: str) -> Any:
        url = f"http://127.0.0.1:{self._port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)["data"]

    def alerts(self) -> dict[str, dict[str, str]]:
        """The labels of those that fire, by name."""
        found = self.get("alerts")["alerts"]
        firing = [one["labels"] for one in found if one["state"] == "firing"]
        return {one["alertname"]: one for one in firing}

    def evaluations(self) -> str:
        """When the rules were last looked at."""
        (group,) = self.get("rules")["groups"]
        assert all(one["health"] != "err" for one in group["rules"]), group
        return str(group["lastEvaluation"])


@contextmanager
def prometheus(target: int, token: str, home: Path) -> Iterator[Prometheus]:
    (endpoint,) = documents()["ServiceMonitor"]["spec"]["endpoints"]
    shortened = rules()
    for one in shortened["groups"][0]["rules"]:
        one["for"] = "1s"
    (home / "rules.yaml").write_text(yaml.safe_dump(shortened))
    config = {
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [
            {
                "job_name": "agentctl",
                "metrics_path": endpoint["path"],
                "honor_labels": endpoint["honorLabels"],
                "authorization": {"credentials": token},
                # As the Operator labels a target.
                "static_configs": [
                    {"targets": [f"127.0.0.1:{target}"], "labels": {"namespace": "monitoring"}}
                ],
            }
        ],
    }
    config["global"]["evaluation_interval"] = "200ms"
    (home / "prometheus.yaml").write_text(yaml.safe_dump(config))
    port = free_port()
    process = subprocess.Popen(
        [
            str(SERVER),
            "--config.file=prometheus.yaml",
            "--storage.tsdb.path=data",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        cwd=home,
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Prometheus(port)
    finally:
        process.kill()
        process.wait(PATIENCE_S)


def until(what: Callable[[], Any]) -> Any:
    """The value of something once it is true; one that cannot be asked yet is not."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            found = what()
        except OSError:
            found = None
        if found:
            return found
        assert time.monotonic() < deadline, "never true"
        threading.Event().wait(0.1)


@pytest.mark.skipif(SERVER is None, reason="needs Prometheus")
def test_a_real_prometheus_fires_for_a_component_and_is_quiet_otherwise(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text("not-much-of-a-secret\n")
    with ExitStack() as stack:
        demo = stack.enter_context(DemoControlPlane(script=False))
        (tmp_path / "kubeconfig").write_text(demo.kubeconfig_text())
        flags = ("--kubeconfig", str(tmp_path / "kubeconfig"), "--token-file", str(token))
        served = stack.enter_context(Served(*flags, *ANY_PORT, home=tmp_path))
        served.until_ready({"Authorization": "Bearer not-much-of-a-secret"})
        seen = stack.enter_context(prometheus(served.port(), "not-much-of-a-secret", tmp_path))
        query = 'agentctl_component_status{status="healthy",component="grpc"} == 1'
        (series,) = until(lambda: seen.get("query", query=query)["result"])
        assert series["metric"]["namespace"] == "agents", "ours, not the target's"
        evaluated = {seen.evaluations()}
        until(lambda: not seen.alerts())  # before the first scrape nothing was there
        while len(evaluated) < 10:  # two seconds: twice what the rules wait for
            evaluated.add(until(seen.evaluations))
            assert seen.alerts() == {}
        demo.plane.grpc_degrades(2)
        until(lambda: seen.get("query", query=QUERIES[0])["result"])
        for query in QUERIES:
            found = seen.get("query", query=query)["result"]
            assert bool(found) != bool(re.search(QUIET, query)), (query, found)
            named = [one["metric"].get("component") for one in found]
            if query == QUERIES[0]:
                assert named == ["grpc"], "runtime:custom is only declared as unknown"
        fired = until(seen.alerts)
        told = {(name, labels["component"]) for name, labels in fired.items()}
        assert told == {("AgentComponentBroken", "grpc")}
        demo.plane.grpc_recovers()
        until(lambda: not seen.alerts())
        served.process.kill()
        assert list(until(seen.alerts)) == ["AgentStatusAbsent"]
