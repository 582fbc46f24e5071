"""agentctl diagnose on each fault: it names the cause, and what it advises works."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable

import pytest

from agentctl import cursor as cursors
from agentctl.demo import ControlPlane
from agentctl.demo.crds import DEFINITIONS, SIGNALS, crd
from tests.apidouble.faulty import FaultyDouble
from tests.cli.inprocess import Done, call, until_timeout
from tests.cli.program import ENDED_S, Program
from tests.deploy.authorizer import Asked, Granted
from tests.incidents import database_unset, rollout_stalls
from tests.kube.rig import eventually
from tests.kubectl import KUBECTL, NO_KUBECTL

needs_kubectl = pytest.mark.skipif(KUBECTL is None, reason=NO_KUBECTL)

CRASHING = "agents-controllers-54b7cbbcd-x2x7k"


class Cluster:
    def __init__(self, folder: Path, double: FaultyDouble) -> None:
        self.folder = folder
        self.double = double
        self.plane = ControlPlane(double.store, lease_duration_s=3600)
        self.plane.install()
        self.path = folder / "kubeconfig"
        double.kubeconfig(self.path)

    @property
    def extra(self) -> dict[str, str]:
        return {"KUBECONFIG": str(self.path)}

    def diagnose(self, *args: str) -> Done:
        return call("diagnose", *args, home=self.folder, extra=self.extra)

    def items(self, *args: str) -> dict[str, dict[str, Any]]:
        done = self.diagnose("-o", "ndjson", *args)
        first = json.loads(done.stdout.splitlines()[0])
        return {item["component"]: item for item in first["items"]}

    def statuses(self, *args: str) -> dict[str, str]:
        return {name: item["status"] for name, item in self.items(*args).items()}

    def shell(self, line: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command that the diagnosis advised, as it stands."""
        words = shlex.split(line)
        assert words[0] == "kubectl"
        return subprocess.run(
            [str(KUBECTL), f"--cache-dir={self.folder / 'cache'}", *words[1:]],
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), **self.extra},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **options,
        )


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with FaultyDouble() as double:
        yield Cluster(tmp_path, double)


def let_the_lease_expire(cluster: Cluster) -> None:
    def age(lease: dict[str, Any]) -> None:
        lease["spec"]["renewTime"] = "2026-01-01T00:00:00.000000Z"

    cluster.double.store.update("leases", "agents", "agents-controller-leader", age)


@dataclass(frozen=True)
class Fault:
    """What happens, the component that shows it, and what must be said of it."""

    happens: Callable[[Cluster], None]
    component: str
    text: tuple[str, ...]
    facts: Mapping[str, Any]
    command: str
    """What one of the commands contains."""
    flags: tuple[str, ...] = ()


FAULTS = {
    "temporal degraded": Fault(
        lambda cluster: cluster.plane.temporal_degrades(),
        "runtime:temporal",
        (
            "endpoints: temporal-frontend: 1/2 endpoints ready",
            "not ready: 10.1.0.6 temporal-frontend-6d9f7c4b8-wm4tl",
            "event Unhealthy on pod/temporal-frontend-6d9f7c4b8-wm4tl",
        ),
        {"ready": 1, "endpoints": 2, "object": "service/temporal-frontend"},
        "-n temporal describe pod temporal-frontend-6d9f7c4b8-wm4tl",
    ),
    "controller crash-loop": Fault(
        lambda cluster: cluster.plane.controller_crashes(),
        "agents-controller",
        (
            "deployment/agents-controllers in agents: 2 desired, 1 ready, 1 available, 2 updated",
            "condition Available=False MinimumReplicasUnavailable",
            f"pod {CRASHING}: CrashLoopBackOff",
            "container app: 1 restart; waiting: CrashLoopBackOff (back-off 10s",
            "last ended: Error, exit code 1",
            f"event BackOff on pod/{CRASHING}",
            "remedy: container app ended with exit code 1 (Error): the end of its log says why",
        ),
        {"check": "workload", "object": "deployment/agents-controllers"},
        f"-n agents logs {CRASHING} -c app --previous",
    ),
    "a CRD vanishes": Fault(
        lambda cluster: cluster.plane.crd_vanishes(),
        "supporting-controller",
        (f"crds: missing CRDs: {SIGNALS}", "remedy: install the missing CRDs again"),
        {"check": "crds", "missing_crds": [SIGNALS]},
        "apply --server-side -f crds/",
    ),
    "the lease expires": Fault(
        let_the_lease_expire,
        "agents-controller",
        (
            "lease: lease agents-controller-leader expired",
            "holder: agents-controllers-54b7cbbcd-k7v9p_",
            "renewed: 2026-01-01T00:00:00Z",
            "expires after: 1h0m0s",
            "remedy: holder agents-controllers-54b7cbbcd-k7v9p does not renew it",
        ),
        {"check": "lease", "lease": "agents-controller-leader", "renewed": "2026-01-01T00:00:00Z"},
        "-n agents delete pod agents-controllers-54b7cbbcd-k7v9p",
    ),
    "the namespace is missing": Fault(
        lambda cluster: None,
        "namespace",
        ('namespace: namespace "other" not found', "remedy: create it and install"),
        {"check": "namespace"},
        "create namespace other",
        ("-n", "other"),
    ),
    "a resource is forbidden": Fault(
        lambda cluster: setattr(cluster.double, "denied", [("*", "", "pods")]),
        "agents-controller",
        (
            "workload: cannot list pods: forbidden",
            "missing: list,watch on pods in namespace agents",
            "remedy: have an administrator grant viewer list,watch on pods in namespace agents",
            "kind: RoleBinding",
        ),
        {"source": "pods", "user": "viewer"},
        "",
    ),
    "no endpoints": Fault(
        lambda cluster: cluster.plane.grpc_degrades(2),
        "grpc",
        (
            "endpoints: agents-grpc: no ready endpoints",
            "not ready: 10.1.0.1 agents-5cb7dcc7-5wcxb",
            "not ready: 10.1.0.2 agents-5cb7dcc7-sd2gm",
            "Readiness probe failed",
        ),
        {"ready": 0, "endpoints": 2},
        "-n agents describe pod agents-5cb7dcc7-5wcxb",
    ),
    "ProgressDeadlineExceeded": Fault(
        lambda cluster: rollout_stalls(cluster.plane),
        "agents-controller",
        (
            "condition Progressing=False ProgressDeadlineExceeded: ReplicaSet",
            f"pod {CRASHING}: ImagePullBackOff",
            "image registry.local/agents:1.0 cannot be pulled",
            "or go back to the revision before this one",
            "Failed to pull image",
        ),
        {"check": "workload"},
        "rollout undo deployment/agents-controllers",
    ),
    "the database is not set": Fault(
        lambda cluster: database_unset(cluster.plane),
        "database",
        (
            "env: DATABASE_URL is not set on deployment agents",
            "remedy: set DATABASE_URL on deployment/agents",
        ),
        {"check": "env", "variables": ["DATABASE_URL"]},
        "-n agents set env deployment/agents --from=secret/SECRET --keys=DATABASE_URL",
    ),
}


@pytest.mark.parametrize("name", list(FAULTS))
def test_each_fault_is_told_with_its_cause_and_a_remedy(cluster: Cluster, name: str) -> None:
    fault = FAULTS[name]
    fault.happens(cluster)
    done = cluster.diagnose(*fault.flags)
    table, _, sections = done.stdout.partition("\n\n")
    assert table.splitlines()[0].split() == ["COMPONENT", "NAMESPACE", "STATUS", "MESSAGE"]
    assert len(table.splitlines()) == 11
    section = next(
        one for one in sections.split("\n\n") if one.startswith(f"{fault.component} is ")
    )
    for text in fault.text:
        assert text in section
    reasons = cluster.items(*fault.flags)[fault.component]["details"]["diagnosis"]
    reason = next(
        one for one in reasons if all(one.get(key) == fault.facts[key] for key in fault.facts)
    )
    assert reason["remedy"]
    assert any(fault.command in command for command in reason["commands"]) or not fault.command
    assert all(command.startswith("kubectl --context demo ") for command in reason["commands"])


def test_what_is_well_needs_no_words(cluster: Cluster) -> None:
    done = cluster.diagnose()
    status = call("status", home=cluster.folder, extra=cluster.extra)
    assert done == status
    assert "runtime:custom" in done.stdout


@needs_kubectl
def test_the_commands_to_look_further_work(cluster: Cluster) -> None:
    told: set[str] = set()
    for fault in ("temporal degraded", "controller crash-loop", "no endpoints"):
        FAULTS[fault].happens(cluster)
    let_the_lease_expire(cluster)
    for item in cluster.items().values():
        for reason in item.get("details", {}).get("diagnosis", ()):
            told.update(reason["commands"])
    reading = sorted(line for line in told if not {"delete", "set"} & set(line.split()))
    assert len(reading) >= 6
    for line in reading:
        done = cluster.shell(line)
        assert done.returncode == 0, (line, done.stderr)
        if "--previous" in line:
            assert done.stdout == "FATAL: cannot start; exit code 1\n"
    events = cluster.shell("kubectl -n agents get events --field-selector type=Warning")
    assert "BackOff" in events.stdout


@needs_kubectl
def test_a_missing_crd_is_installed_again(cluster: Cluster) -> None:
    FAULTS["a CRD vanishes"].happens(cluster)
    (reason,) = cluster.items()["supporting-controller"]["details"]["diagnosis"]
    (cluster.folder / "crds").mkdir()
    missing = [one for one in DEFINITIONS if one.name in reason["missing_crds"]]
    for one in missing:
        (cluster.folder / "crds" / f"{one.name}.json").write_text(json.dumps(crd(one)))
    done = cluster.shell(reason["commands"][0])
    assert done.returncode == 0, done.stderr
    assert cluster.statuses()["supporting-controller"] == "healthy"


@needs_kubectl
def test_the_holder_that_hangs_is_deleted(cluster: Cluster) -> None:
    let_the_lease_expire(cluster)
    (reason,) = cluster.items()["agents-controller"]["details"]["diagnosis"]
    assert reason["age_s"] > 1e6
    delete = next(line for line in reason["commands"] if " delete " in line)
    assert cluster.shell(delete).returncode == 0
    cluster.plane.renew_lease()  # as the pod that takes over does
    assert cluster.statuses()["agents-controller"] == "healthy"


@needs_kubectl
def test_a_missing_namespace_is_created(cluster: Cluster) -> None:
    (reason,) = cluster.items("-n", "other")["namespace"]["details"]["diagnosis"]
    assert cluster.shell(reason["commands"][0]).returncode == 0
    assert cluster.statuses("-n", "other")["namespace"] == "healthy"


@needs_kubectl
def test_the_database_is_set(cluster: Cluster) -> None:
    database_unset(cluster.plane)
    (reason,) = cluster.items()["database"]["details"]["diagnosis"]
    line = reason["commands"][0].partition("--from")[0] + "DATABASE_URL=postgres://db/agents"
    assert cluster.shell(line).returncode == 0
    assert cluster.statuses()["database"] == "configured"


def test_the_rules_that_are_told_end_the_blindness(cluster: Cluster) -> None:
    cluster.double.denied = [("*", "", "pods")]
    reasons = cluster.items()["agents-controller"]["details"]["diagnosis"]
    manifests = next(one["apply"] for one in reasons if "apply" in one)
    granted = [Granted("agents", rule) for one in manifests for rule in one.get("rules", ())]
    assert [one["kind"] for one in manifests] == ["Role", "RoleBinding"]

    def denies(verb: str, group: str, plural: str, namespace: str) -> bool:
        asked = Asked(verb, "", group, plural, namespace)
        return plural == "pods" and not any(rule.allows(asked) for rule in granted)

    cluster.double.denied = denies
    assert cluster.statuses()["agents-controller"] == "healthy"


def test_all_forbidden_tells_what_to_grant(cluster: Cluster) -> None:
    cluster.double.denied = [("*", "*", "*")]
    done = cluster.diagnose()
    assert done.code == 3
    assert "An administrator grants what is missing" in done.stdout
    assert "viewer may not watch all that the catalog needs" in done.stderr


def test_events_that_may_not_be_read_are_told_of_once_and_fail_nothing(cluster: Cluster) -> None:
    cluster.plane.controller_crashes()
    cluster.plane.grpc_degrades()
    cluster.double.denied = [("list", "", "events")]
    done = cluster.diagnose()
    assert done.code == 0
    assert done.stdout.count("events are not shown: cannot list events: forbidden") == 2
    assert done.stdout.count("create role agentctl-events --verb=list --resource=events") == 1
    asked = [one for one in cluster.double.requests if one.path.endswith("/events")]
    assert len(asked) == 1, "a refusal is believed for a while"
    (reason,) = cluster.items()["grpc"]["details"]["diagnosis"]
    assert reason["events_grant"][1].endswith(
        "create rolebinding agentctl-events --role=agentctl-events --user=viewer"
    )


def test_nothing_but_events_is_asked_for_beyond_what_status_asks(cluster: Cluster) -> None:
    cluster.plane.controller_crashes()

    def asked(command: str) -> set[tuple[str, str]]:
        cluster.double.requests.clear()
        call(command, home=cluster.folder, extra=cluster.extra)
        return {
            (one.path, one.query.get("labelSelector", "") + one.query.get("fieldSelector", ""))
            for one in cluster.double.requests
            # What we may do is asked where a source has not answered in time.
            if not one.path.endswith(
                ("/events", "/selfsubjectaccessreviews", "/selfsubjectreviews")
            )
        }

    assert asked("diagnose") == asked("status")


def test_details_and_cursor_are_those_of_status_but_for_the_diagnosis(cluster: Cluster) -> None:
    for fault in ("controller crash-loop", "a CRD vanishes", "the lease expires"):
        FAULTS[fault].happens(cluster)
    found = []
    for command in ("status", "diagnose"):
        done = call(command, "-o", "ndjson", home=cluster.folder, extra=cluster.extra)
        snapshot = json.loads(done.stdout)
        cursor = cursors.decode(snapshot["cursor"])
        assert cursor is not None
        for item in snapshot["items"]:
            had = item.setdefault("details", {}).pop("diagnosis", None) is not None
            assert had == (command == "diagnose" and item["status"] in ("degraded", "error"))
        found.append((snapshot["items"], cursor.scope, cursor.hashes))
    assert found[0] == found[1]


def test_a_watch_tells_the_reasons_with_each_update(cluster: Cluster) -> None:
    args = ("diagnose", "--watch", "--component", "agents-controller")
    with Program(*args, home=cluster.folder, extra=cluster.extra) as program:
        assert program.wait_lines(3)[2] == "---"
        rollout_stalls(cluster.plane)
        lines = program.wait_lines(8)
        while not any("remedy: " in line for line in lines):
            lines = program.wait_lines(len(lines) + 1)
        cluster.plane.controller_recovers()
        while "status=healthy" not in lines[-1]:
            lines = program.wait_lines(len(lines) + 1)
        code, seconds = program.signal(signal.SIGINT)
    assert (code, seconds < ENDED_S) == (130, True)
    updates = [index for index, line in enumerate(lines) if line.startswith("UPDATE ")]
    assert all(line.startswith("  ") for line in lines[updates[0] + 1 : updates[1]])
    assert lines[-1].endswith('status=healthy message=""')


def asked_for_events(cluster: Cluster) -> bool:
    return any(one.path.endswith("/events") for one in list(cluster.double.requests))


def test_a_stalled_events_api_delays_nothing_for_long(cluster: Cluster) -> None:
    cluster.plane.controller_crashes()
    cluster.double.faults.hang("events")
    args = ("diagnose", "--watch", "-o", "ndjson")
    with Program(*args, home=cluster.folder, extra=cluster.extra) as program:
        assert eventually(lambda: asked_for_events(cluster))
        code, seconds = program.signal(signal.SIGTERM)
    assert (code, seconds < ENDED_S) == (143, True)
    cluster.double.faults.clear()


def test_debug_logs_what_may_be_watched(cluster: Cluster) -> None:
    cluster.double.denied = [("watch", "", "pods")]
    args = ("status", "watch", "--debug", "--fallback-poll", "--timeout")
    done = until_timeout(partial(call, *args, home=cluster.folder, extra=cluster.extra))
    assert done.code == 0
    assert (
        "access: viewer may not watch all that the catalog needs: missing watch pods" in done.stderr
    )


def test_events_of_an_earlier_object_of_the_name_are_not_shown(cluster: Cluster) -> None:
    cluster.plane.controller_crashes()
    store = cluster.double.store
    (event,) = [one for one in store.objects("events")[0] if CRASHING in one.key.name]
    old = json.loads(json.dumps(dict(event.obj)))
    old["metadata"] = {"name": "of-before", "namespace": "agents"}
    old["involvedObject"].pop("resourceVersion")
    old.update(reason="FailedScheduling", lastTimestamp="2026-01-01T00:00:00Z")
    store.create(json.loads(json.dumps(old)))
    assert "event FailedScheduling" in cluster.diagnose().stdout, "it is the same object's"
    store.delete("events", "agents", "of-before")
    old["involvedObject"]["uid"] = "of-before"
    store.create(old)
    told = cluster.diagnose().stdout
    assert "event BackOff" in told
    assert "event FailedScheduling" not in told


def test_events_of_an_earlier_object_are_not_shown_where_the_later_has_none(
    cluster: Cluster,
) -> None:
    cluster.plane.controller_crashes()
    store = cluster.double.store
    (event,) = [one for one in store.objects("events")[0] if CRASHING in one.key.name]
    assert "event BackOff" in cluster.diagnose().stdout

    def made_again(found: Any) -> None:
        found["involvedObject"]["uid"] = "of-before"

    store.update("events", "agents", event.key.name, made_again)
    told = cluster.diagnose().stdout
    assert CRASHING in told
    assert "event BackOff" not in told
    # A kubelet's own pods are named in events as it calls them.
    mirror = {"annotations": {"kubernetes.io/config.mirror": "of-before"}}
    store.update("pods", "agents", CRASHING, lambda found: found["metadata"].update(mirror))
    assert "event BackOff" in cluster.diagnose().stdout


def test_a_secret_in_an_event_or_a_condition_is_not_shown(cluster: Cluster) -> None:
    secret = "postgres://admin:hunter2@db/agents"
    cluster.plane.controller_crashes()
    store = cluster.double.store
    (event,) = [one for one in store.objects("events")[0] if CRASHING in one.key.name]

    def leak(obj: dict[str, Any]) -> None:
        obj["message"] = f"cannot connect to {secret}"

    def leak_pod(pod: dict[str, Any]) -> None:
        pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["message"] = secret

    store.update("events", "agents", event.key.name, leak)
    store.update("pods", "agents", CRASHING, leak_pod)
    for form in ("table", "json"):
        out = cluster.diagnose("-o", form).stdout
        assert "hunter2" not in out
        assert "[redacted]" in out


def test_watch_flags_need_a_watch(cluster: Cluster) -> None:
    done = cluster.diagnose("--heartbeat", "5s")
    assert (done.code, done.stderr) == (
        2,
        "agentctl: --heartbeat needs a stream: agentctl diagnose --watch --heartbeat ...\n",
    )
