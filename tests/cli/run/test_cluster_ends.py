"""Several clusters: what is granted in each, how a script ends, 200 contexts, a restored one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentctl.demo import DemoControlPlane
from tests.cli.inprocess import call
from tests.cli.program import COMMAND, PATIENCE_S, environment
from tests.cli.run.test_many_clusters import NAMES, Fleet, events, folded, running

WATCH_FORBIDDEN = [("watch", "*", "*")]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running(tmp_path_factory.mktemp("fleet")) as found:
        yield found


@pytest.fixture
def pods_denied(fleet: Fleet) -> Iterator[Fleet]:
    """In one of the clusters."""
    double = fleet.demos["prod-us"].double
    double.denied = [("*", "", "pods")]
    yield fleet
    double.denied = []


def contexts(*names: str) -> list[str]:
    return [part for name in names for part in ("--context", name)]


def test_can_watch_speaks_of_each_cluster(pods_denied: Fleet) -> None:
    done = pods_denied.call("auth", "can-watch", *contexts("dev", "prod-us", "gone"))
    assert done.code == 3
    told = dict(part.split("\n", 1) for part in done.stdout.split("cluster ")[1:] if "\n" in part)
    assert "viewer may watch all that the catalog needs" in told["dev"]
    assert "kubectl --context prod-us apply -f and this:" in told["prod-us"]
    assert list(yaml.safe_load_all(told["prod-us"].partition("this:\n\n")[2]))
    assert "cluster gone cannot be asked: 127.0.0.1:" in done.stdout
    last = done.stderr.splitlines()[-1]
    assert "prod-us: viewer may not watch all that the catalog needs: missing list,watch " in last
    assert "dev:" not in last
    assert "gone: 127.0.0.1:" in last


@pytest.mark.parametrize(
    ("names", "code"), [(("dev", "prod-eu"), 0), (("dev", "gone"), 5), (("dev", "prod-us"), 3)]
)
def test_can_watch_ends_with_what_is_known_to_be_missing_first(
    pods_denied: Fleet, names: tuple[str, ...], code: int
) -> None:
    done = pods_denied.call("auth", "can-watch", "-o", "json", *contexts(*names))
    assert done.code == code
    report = json.loads(done.stdout)
    assert report["allowed"] is (code == 0)
    assert [one["cluster"] for one in report["clusters"]] == list(names)
    assert ("error" in report["clusters"][1]) is (code == 5)


def test_what_is_to_be_applied_is_for_one_cluster(fleet: Fleet) -> None:
    done = fleet.call("auth", "can-watch", "-o", "yaml", *contexts("dev", "prod-eu"))
    assert (done.code, done.stdout) == (2, "")
    assert "--context are several" in done.stderr
    done = fleet.call("auth", "can-watch", "-o", "yaml", "--context", "d*")
    assert (done.code, done.stdout) == (0, "")


def test_a_diagnosis_names_the_cluster_in_which_something_is_missing(pods_denied: Fleet) -> None:
    done = pods_denied.call("diagnose", *contexts("dev", "prod-us"))
    remedies = [line for line in done.stdout.splitlines() if "have an administrator grant" in line]
    assert remedies
    for line in remedies:
        assert "list,watch on pods in namespace agents in cluster prod-us: kubectl" in line
        assert "agentctl auth can-watch --context prod-us shows all" in line


def test_where_all_is_forbidden_everywhere_each_cluster_has_its_list(fleet: Fleet) -> None:
    doubles = [fleet.demos[name].double for name in ("dev", "prod-us")]
    for double in doubles:
        double.denied = [("*", "*", "*")]
    try:
        done = fleet.call("diagnose", *contexts("dev", "prod-us"))
    finally:
        for double in doubles:
            double.denied = []
    assert done.code == 3
    for name in ("dev", "prod-us"):
        assert f"kubectl --context {name} apply -f" in done.stdout


def test_each_exit_code_of_a_script_over_several(fleet: Fleet, tmp_path: Path) -> None:
    """All at once, as each is a process."""
    polled = DemoControlPlane(script=False).start()
    refused = DemoControlPlane(script=False).start()
    polled.double.denied = WATCH_FORBIDDEN
    refused.double.denied = [("*", "*", "*")]
    before = dict(fleet.urls)
    fleet.urls.update({"only-lists": polled.url, "refuses": refused.url})
    fleet.write()
    watch = ("status", "watch", "--component", "namespace", "--component", "grpc")
    lines: dict[int, list[tuple[str, ...]]] = {
        0: [(*watch, *contexts("dev", "prod-eu"), "--until", "healthy")],
        1: [
            (
                *watch,
                *contexts("dev", "prod-us", "gone"),
                "--fail-on",
                "degraded",
                "--timeout",
                "15s",
            )
        ],
        2: [(*watch, *contexts("dev", "nowhere"))],
        3: [("status", *contexts("dev", "refuses"))],
        4: [(*watch, *contexts("dev", "only-lists"), "--timeout", "2500ms")],
        5: [(*watch, *contexts("dev", "gone"), "--timeout", "2500ms")],
    }

    def started(words: Sequence[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *words, "--kubeconfig", str(fleet.path)],
            env=environment(tmp_path),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    fleet.demos["prod-us"].plane.grpc_degrades()
    try:
        runs = [(code, words, started(words)) for code, each in lines.items() for words in each]
        for code, words, process in runs:
            _, stderr = process.communicate(timeout=PATIENCE_S)
            if "is this host too busy" in stderr:
                again = started([word.replace("2500ms", "12s") for word in words])
                _, stderr = again.communicate(timeout=PATIENCE_S)
                assert again.returncode == code, (words, stderr)
            else:
                assert process.returncode == code, (words, stderr)
    finally:
        fleet.demos["prod-us"].plane.grpc_recovers()
        for demo in (polled, refused):
            demo.stop()
        fleet.urls = before
        fleet.write()


@pytest.fixture
def crowd(fleet: Fleet, tmp_path: Path) -> Path:
    """A kubeconfig of 200 contexts: eight lead to a cluster, no other can even be read."""
    names = [f"c-{number:03d}" for number in range(200)]
    url = fleet.demos["dev"].url
    config: dict[str, Any] = {
        "clusters": [
            {"name": name, "cluster": {"server": url}}
            if name.endswith("7") and name < "c-080"
            else {"name": name, "cluster": {"server": url, "certificate-authority": "/none"}}
            for name in names
        ],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "u"}} for name in names],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    return path


def test_a_glob_over_200_contexts_asks_those_that_it_matches(crowd: Path) -> None:
    flags = ("--kubeconfig", str(crowd), "--component", "namespace", "-o", "ndjson")
    wanted = ("--context", "c-0?7", "--exclude-context", "c-0[89]*")
    done = call("status", *wanted, *flags, home=crowd.parent)
    assert done.code == 0, done.stderr
    matched = [f"c-0{tens}7" for tens in range(8)]
    (snapshot,) = events(done)
    assert [item["cluster"] for item in snapshot["items"]] == matched
    assert {item["status"] for item in snapshot["items"]} == {"healthy"}
    assert done.stderr.startswith(f"agentctl: watching 8 clusters: {', '.join(matched)}\n")


def test_a_glob_that_matches_200_contexts_is_told_in_full(crowd: Path) -> None:
    flags = ("--kubeconfig", str(crowd), "--component", "namespace", "-o", "ndjson")
    done = call("status", "--context", "c-*", *flags, home=crowd.parent)
    assert "watching 200 clusters: c-000, c-001, " in done.stderr
    (snapshot,) = [event for event in events(done) if event["type"] == "snapshot"]
    assert len(snapshot["items"]) == 200
    healthy = [item["cluster"] for item in snapshot["items"] if item["status"] == "healthy"]
    assert healthy == [f"c-0{tens}7" for tens in range(8)]
    assert done.code != 0


def test_one_of_several_that_is_restored_from_a_backup_is_read_anew(tmp_path: Path) -> None:
    with running(tmp_path) as fleet:
        flags = contexts(*NAMES)
        restored = fleet.demos["prod-us"]
        with fleet.watch(*flags, "--heartbeat", "1s", "--retry-backoff", "100ms") as run:
            run.wait_for(lambda event: event["type"] == "snapshot")
            restored.plane.grpc_degrades()
            run.wait_for(lambda event: event["type"] == "delta")
            for _ in range(50):  # what the backup does not know of
                restored.plane.renew_lease()
            port = restored.double.port
            restored.double.stop()
            fleet.demos["prod-us"] = DemoControlPlane(port, script=False).start()
            run.wait_for(
                lambda event: (
                    event["type"] == "error"
                    and event.get("cluster") == "prod-us"
                    and "storage is at" in event["message"]
                )
            )
            expected = folded(events(fleet.call("status", "-o", "ndjson", *flags)))
            run.wait_for(lambda event: folded(run.events) == expected)
            told = run.events
        assert {event.get("cluster") for event in told if event["type"] == "error"} == {"prod-us"}
        assert sum(event["type"] == "snapshot" for event in told) == 1
