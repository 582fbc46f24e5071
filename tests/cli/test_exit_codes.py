"""Exit codes, signals, pipes and bad weather, with the real program on real connections."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agentctl.demo import ControlPlane
from tests.apidouble.faulty import FaultyDouble
from tests.cli.inprocess import Done, call, until_timeout
from tests.cli.program import (
    COMMAND,
    ENDED_S,
    Program,
    environment,
    run,
    snapshot_of,
)
from tests.kube.rig import eventually

WATCHES = 7
"""How many the default catalog needs: six resources, endpointslices in two namespaces."""


class Cluster:
    """A double with the control plane and a kubeconfig for it."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.double = FaultyDouble(**options)
        self.plane = ControlPlane(self.double.store, lease_duration_s=3600)
        self.plane.install()
        self.folder = folder
        self.path = str(folder / "kubeconfig")

    def write(self, **options: Any) -> None:
        self.double.kubeconfig(self.path, **options)

    @property
    def extra(self) -> dict[str, str]:
        return {"KUBECONFIG": self.path}

    def run(self, *args: str) -> Done:
        return call(*args, home=self.folder, extra=self.extra)

    def watch(self, *args: str) -> Program:
        command = ("status", "watch", "-o", "ndjson", *args)
        return Program(*command, home=self.folder, extra=self.extra)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    with cluster.double:
        cluster.write()
        yield cluster


def one_line(text: str) -> str:
    """stderr is one line that begins with the program's name, and no traceback."""
    lines = text.splitlines()
    assert len(lines) == 1, text
    assert lines[0].startswith("agentctl: ")
    assert "Traceback" not in text
    return lines[0]


def delta(component: str, status: str) -> Any:
    def matches(event: dict[str, Any]) -> bool:
        return event["type"] == "delta" and any(
            (item["component"], item["status"]) == (component, status) for item in event["changes"]
        )

    return matches


# One-shot


def test_status_prints_the_table_to_the_column(cluster: Cluster) -> None:
    done = run("status", home=cluster.folder, extra=cluster.extra)
    assert done.returncode == 0
    assert done.stdout == (
        "COMPONENT                 NAMESPACE  STATUS      MESSAGE\n"
        "namespace                 agents     healthy\n"
        "agents-controller         agents     healthy\n"
        "supporting-controller     agents     healthy\n"
        "orchestration-controller  agents     healthy\n"
        "runtime:workflow          agents     healthy\n"
        "runtime:job               agents     healthy\n"
        "runtime:temporal          agents     configured\n"
        "runtime:custom            agents     unknown     custom runtime configured per AgentRun\n"
        "database                  agents     configured\n"
        "grpc                      agents     healthy     "
        "agents-grpc.agents.svc.cluster.local:50051\n"
    )
    assert done.stderr == ""


def test_json_is_the_same_object_indented_by_two(cluster: Cluster) -> None:
    compact = json.loads(cluster.run("status", "-o", "ndjson").stdout)
    text = cluster.run("status", "-o", "json").stdout
    indented = json.loads(text)
    assert text == json.dumps(indented, indent=2) + "\n"
    assert indented["items"] == compact["items"]
    assert list(indented) == ["type", "generated_at", "items", "cursor"]


def test_a_missing_namespace_is_told(cluster: Cluster) -> None:
    done = cluster.run("status", "-n", "nope", "-o", "ndjson")
    items = {item["component"]: item for item in snapshot_of(done.stdout.splitlines())["items"]}
    assert items["namespace"]["status"] == "error"
    assert items["namespace"]["message"] == 'namespace "nope" not found'
    assert done.code == 3
    assert "--namespace" in one_line(done.stderr)


def test_a_missing_namespace_is_waited_for_by_a_watch(cluster: Cluster) -> None:
    with cluster.watch("-n", "later", "--component", "namespace") as program:
        snapshot = snapshot_of(program.wait_lines(1))
        assert snapshot["items"][0]["status"] == "error"
        assert cluster.double.streams.wait_for(1)
        cluster.double.store.create(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": "later"},
                "status": {"phase": "Active"},
            }
        )
        program.wait_for(delta("namespace", "healthy"))


def test_component_narrows_what_is_shown_and_what_is_asked(cluster: Cluster) -> None:
    done = cluster.run("status", "--component", "runtime:c*", "--component", "database")
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == [
        "runtime:custom",
        "database",
    ]
    assert not any(request.path.endswith("/pods") for request in cluster.double.requests)


# Watching: the end


def test_timeout_while_connected_is_0(cluster: Cluster) -> None:
    done = until_timeout(partial(cluster.run, "status", "watch", "-o", "ndjson", "--timeout"))
    assert done.code == 0
    assert done.stderr == ""
    snapshot_of(done.stdout.splitlines())


def test_timeout_while_disconnected_is_5(tmp_path: Path, free_port: int) -> None:
    cluster = Cluster(tmp_path, port=free_port)
    with cluster.double:
        cluster.write()
    done = until_timeout(partial(cluster.run, "status", "watch", "--timeout"))
    assert done.code == 5
    assert "connection refused" in one_line(done.stderr)


def test_one_shot_with_nobody_there_is_5(tmp_path: Path, free_port: int) -> None:
    cluster = Cluster(tmp_path, port=free_port)
    with cluster.double:
        cluster.write()
    done = cluster.run("status")
    assert (done.code, done.stdout) == (5, "")
    assert f"127.0.0.1:{free_port}" in one_line(done.stderr)


def test_retry_false_ends_with_5_when_the_connection_is_lost(cluster: Cluster) -> None:
    with cluster.watch("--retry=false") as program:
        program.wait_lines(1)
        assert cluster.double.streams.wait_for(WATCHES)
        cluster.double.faults.refuse()
        assert program.wait() == 5
        one_line(program.stderr)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-C", "SIGTERM"]
)
def test_signals_end_it_within_a_second_without_a_word(
    cluster: Cluster, number: signal.Signals, code: int
) -> None:
    with cluster.watch() as program:
        program.wait_lines(1)
        exit_code, seconds = program.signal(number)
        assert exit_code == code
        assert seconds < ENDED_S
        assert program.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_while_nobody_answers(tmp_path: Path, number: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        path = tmp_path / "kubeconfig"
        path.write_text(KUBECONFIG.format(server=f"http://127.0.0.1:{port}", extra=""))
        extra = {"KUBECONFIG": str(path)}
        with Program("status", "watch", home=tmp_path, extra=extra) as program:
            silent.accept()[0].close()
            code, seconds = program.signal(number)
            assert code in (130, 143)
            assert seconds < ENDED_S


def test_the_reader_that_leaves_ends_it_with_141_at_once(cluster: Cluster) -> None:
    for output in ("table", "ndjson"):
        process = subprocess.Popen(
            [*COMMAND, "status", "watch", "-o", output],
            env=environment(cluster.folder, cluster.extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 141  # before the next heartbeat would be written
        assert process.stderr is not None
        assert process.stderr.read() == b""
        process.stderr.close()


# Watching: the stream


def test_a_change_comes_as_one_delta_and_heartbeats_go_on(cluster: Cluster) -> None:
    with cluster.watch("--heartbeat", "200ms") as program:
        program.wait_lines(1)
        assert cluster.double.streams.wait_for(WATCHES)
        cluster.plane.grpc_degrades()
        event = program.wait_for(delta("grpc", "degraded"))
        assert [item["component"] for item in event["changes"]] == ["grpc"]
        program.wait_for(lambda event: event["type"] == "heartbeat")
        kinds = [event["type"] for event in program.events]
        assert kinds[0] == "snapshot"
        assert kinds.count("snapshot") == 1
        assert kinds.count("delta") == 1


def test_follow_only_has_no_snapshot(cluster: Cluster) -> None:
    with cluster.watch("--follow-only", "--heartbeat", "200ms") as program:
        # It beats from when it has the first state; from then on a change shows.
        program.wait_for(lambda event: event["type"] == "heartbeat")
        cluster.plane.grpc_degrades()
        program.wait_for(delta("grpc", "degraded"))
        assert {event["type"] for event in program.events} == {"heartbeat", "delta"}


def test_an_api_killed_and_restarted_is_errors_then_exactly_what_changed(
    cluster: Cluster,
) -> None:
    with cluster.watch("--retry-backoff", "100ms") as program:
        program.wait_lines(1)
        assert cluster.double.streams.wait_for(WATCHES)
        cluster.double.stop()
        program.wait_for(lambda event: event["type"] == "error")
        cluster.plane.grpc_degrades()
        cluster.double.start()
        program.wait_for(delta("grpc", "degraded"))
        deltas = [event for event in program.events if event["type"] == "delta"]
        changed = [item["component"] for event in deltas for item in event["changes"]]
        assert changed == ["grpc"]
        program.wait_for(lambda event: event.get("code") == "recovered")
        codes = [event["code"] for event in program.events if event["type"] == "error"]
        assert set(codes) == {"disconnected", "recovered"}
        assert codes.count("recovered") == 1


def test_expired_history_is_a_resync_then_exactly_what_changed(cluster: Cluster) -> None:
    with cluster.watch("--retry-backoff", "100ms") as program:
        program.wait_lines(1)
        assert cluster.double.streams.wait_for(WATCHES)
        cluster.double.stop()
        program.wait_for(lambda event: event["type"] == "error")
        cluster.plane.grpc_degrades()
        cluster.plane.temporal_degrades()
        cluster.double.restart(history=False)
        program.wait_for(delta("grpc", "degraded"))
        program.wait_for(delta("runtime:temporal", "degraded"))
        assert any(event.get("code") == "resync" for event in program.events)
        deltas = [event for event in program.events if event["type"] == "delta"]
        changed = [item["component"] for event in deltas for item in event["changes"]]
        assert sorted(changed) == ["grpc", "runtime:temporal"]


def test_a_cursor_of_one_run_gives_what_changed_to_a_later_one(cluster: Cluster) -> None:
    watch = ("status", "watch", "-o", "ndjson")
    first = until_timeout(partial(cluster.run, *watch, "--timeout"))
    cursor = json.loads(first.stdout.splitlines()[0])["cursor"]
    again = partial(cluster.run, *watch, "--since", cursor, "--timeout")
    assert until_timeout(again).stdout == ""
    cluster.plane.temporal_degrades()
    (line,) = until_timeout(again).stdout.splitlines()
    event = json.loads(line)
    assert event["type"] == "delta"
    assert [item["component"] for item in event["changes"]] == ["runtime:temporal"]


def test_a_cursor_from_elsewhere_gives_a_snapshot(cluster: Cluster) -> None:
    first = cluster.run("status", "-o", "ndjson", "--component", "grpc")
    cursor = json.loads(first.stdout)["cursor"]
    watch = ("status", "watch", "--since", cursor, "-o", "ndjson", "--timeout")
    done = until_timeout(partial(cluster.run, *watch))
    assert done.code == 0
    snapshot_of(done.stdout.splitlines())


def test_a_full_disk_is_told(cluster: Cluster) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [*COMMAND, "status"],
            env=environment(cluster.folder, cluster.extra),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert os.strerror(errno.ENOSPC) in one_line(done.stderr)


def test_output_is_utf8_whatever_the_locale(cluster: Cluster) -> None:
    done = run("status", home=cluster.folder, extra={**cluster.extra, "LC_ALL": "C", "LANG": "C"})
    assert done.returncode == 0


# The API refuses


def test_refused_credentials_end_with_3_after_the_second_reading(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, tokens={"good"})
    with cluster.double:
        cluster.write(token="bad")
        for action in ([], ["watch"]):
            done = cluster.run("status", *action)
            assert done.code == 3
            assert done.stdout == ""
            one_line(done.stderr)
        asked = [request.path for request in cluster.double.requests]
        assert max(asked.count(path) for path in asked) <= 4  # two a run


def test_forbidden_everywhere_ends_with_3(cluster: Cluster) -> None:
    cluster.double.denied = [("*", "*", "*")]
    for action in ([], ["watch"]):
        done = cluster.run("status", *action)
        assert (done.code, done.stdout) == (3, "")
        assert "forbidden" in one_line(done.stderr)


def test_forbidden_on_one_resource_leaves_the_others(cluster: Cluster) -> None:
    cluster.double.denied = [("*", "", "pods")]
    with cluster.watch() as program:
        snapshot = snapshot_of(program.wait_lines(1))
        items = {item["component"]: item for item in snapshot["items"]}
        assert items["agents-controller"]["status"] == "unknown"
        assert items["agents-controller"]["message"] == "cannot list pods: forbidden"
        assert items["grpc"]["status"] == "healthy"
        error = program.wait_for(lambda event: event["type"] == "error")
        assert (error["code"], error["source"]) == ("forbidden", "pods")
        assert 45 <= error["retry_in"] <= 75


def test_list_without_watch_ends_with_4_and_names_the_way_out(cluster: Cluster) -> None:
    cluster.double.denied = [("watch", "", "pods")]
    done = cluster.run("status", "watch", "--timeout", "10s")
    assert done.code == 4
    assert "--fallback-poll" in done.stderr
    assert cluster.run("status").code == 0


def test_list_without_watch_is_polled_when_asked(cluster: Cluster) -> None:
    cluster.double.denied = [("watch", "discovery.k8s.io", "endpointslices")]
    with cluster.watch("--fallback-poll", "--poll-interval", "100ms") as program:
        error = program.wait_for(lambda event: event["type"] == "error")
        assert error["code"] == "fallback"
        cluster.plane.grpc_degrades()
        program.wait_for(delta("grpc", "degraded"))


# The connection and the credentials

KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "{server}", {extra}}}}}]
users: [{{name: u, user: {{}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"""


def kubeconfig(folder: Path, text: str) -> str:
    path = folder / "bad-kubeconfig"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("a: [b", "YAML"),
        ("[]", "mapping"),
        ("apiVersion: v1\nkind: Config\n", "empty"),
        ("users: [{name: u, user: {}}]", "context"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_2(tmp_path: Path, text: str, says: str) -> None:
    path = kubeconfig(tmp_path, text)
    done = call("status", "--kubeconfig", path, home=tmp_path)
    assert done.code == 2
    line = one_line(done.stderr)
    assert path in line
    assert says in line


def test_no_kubeconfig_at_all_names_the_demo_or_the_flag(tmp_path: Path) -> None:
    done = call("status", home=tmp_path)
    assert done.code == 2
    assert "--kubeconfig" in one_line(done.stderr)


def test_an_unknown_context_names_the_known_ones(cluster: Cluster) -> None:
    done = cluster.run("status", "--context", "dmeo")
    assert done.code == 2
    assert "demo" in one_line(done.stderr)


def test_an_api_that_answers_html_is_5(cluster: Cluster) -> None:
    cluster.double.faults.html()
    done = cluster.run("status")
    assert done.code == 5
    assert "API server" in one_line(done.stderr)


@pytest.mark.timeout(30)
def test_an_api_that_never_answers_is_bounded(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path = kubeconfig(
            tmp_path,
            KUBECONFIG.format(server=f"http://127.0.0.1:{silent.getsockname()[1]}", extra=""),
        )
        watch = ("status", "watch", "--kubeconfig", path, "-o", "ndjson", "--timeout")
        for timeout in ("1s", "4s", "10s"):  # a longer one where a busy host was slow to begin
            done = call(*watch, timeout, home=tmp_path)
            if done.stdout:
                break
    assert done.code == 5
    items = snapshot_of(done.stdout.splitlines())["items"]
    assert {i["status"] for i in items if i["component"] != "runtime:custom"} == {"unknown"}


def test_plain_http_spoken_to_tls_says_so(tmp_path: Path, cluster: Cluster) -> None:
    url = cluster.double.url.replace("http:", "https:")
    path = kubeconfig(
        tmp_path, KUBECONFIG.format(server=url, extra="insecure-skip-tls-verify: true")
    )
    done = call("status", "--kubeconfig", path, home=tmp_path)
    assert done.code == 5
    one_line(done.stderr)


def test_a_certificate_of_another_ca_is_5_and_says_which(tmp_path: Path) -> None:
    trustme = pytest.importorskip("trustme")
    served, other = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.issue_cert("127.0.0.1").configure_cert(context)
    cluster = Cluster(tmp_path, tls=context)
    for name, ca in (("served", served), ("other", other)):
        ca.cert_pem.write_to_path(str(tmp_path / f"{name}.pem"))
    with cluster.double:
        cluster.write(ca_file=str(tmp_path / "served.pem"))
        assert cluster.run("status").code == 0
        cluster.write(ca_file=str(tmp_path / "other.pem"))
        done = cluster.run("status")
    assert done.code == 5
    assert "certificate" in one_line(done.stderr)


# Usage


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["status", "watch", "--heartbeats", "3s"], "did you mean --heartbeat?"),
        (["status", "watch", "--heartbeat", "3 parsecs"], "500ms, 30s, 1m30s or 2h"),
        (["status", "watch", "--poll-interval", "0"], "--poll-interval"),
        (["status", "watch", "--retry=maybe"], "true or false"),
        (["status", "--heartbeat", "5s"], "agentctl status watch --heartbeat"),
        (["status", "-o", "xml"], "ndjson"),
        (["status", "wacht"], "did you mean watch?"),
        (["status", "-n", "Not_A_Name"], "--namespace"),
        (["status", "--server", "x:1"], "--transport grpc or sse"),
        (["statsu"], "did you mean status?"),
        (["watch"], "did you mean 'agentctl status watch'?"),
        (["demo", "--component", "nope"], "agents-controller"),
        (["status", "--timeo", "3s"], "did you mean --timeout?"),
        (["status", "--watch=maybe"], "--watch: expected true or false"),
        (["status", "--no-color=true"], "--no-color takes no value"),
        (["status", "--", "watch", "--timeout", "3s"], "unexpected argument '--timeout'"),
        (["status", ""], "unexpected argument '': expected watch, a component or a glob"),
        (["status", "-v", "-"], "unexpected argument '-': expected watch, a component or a glob"),
        (["status", "--catalog", "/nonexistent.yaml"], "/nonexistent.yaml"),
        (["demo", "--api-only", "--timeout", "3s"], "--api-only"),
        (["demo", "--port", "99999"], "--port"),
        (["status", "--kubeconfig"], "--kubeconfig needs a value, FILE"),
        (["status", "--transport", "sse"], "--server ADDRESS"),
        (["status", "--transport", "grpc", "--context", "x"], "--context has no meaning"),
    ],
)
def test_a_usage_error_is_2_and_one_line_that_helps(
    tmp_path: Path, args: list[str], says: str
) -> None:
    done = call(*args, home=tmp_path)
    assert done.code == 2
    assert done.stdout == ""
    assert says in one_line(done.stderr)


def test_an_unknown_component_names_those_there_are(cluster: Cluster) -> None:
    done = cluster.run("status", "--component", "nothing*")
    assert done.code == 2
    assert "agents-controller" in one_line(done.stderr)


def test_a_catalog_with_a_mistake_names_file_and_line(tmp_path: Path, cluster: Cluster) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: x\ncomponents:\n  - name: a\n    checks:\n      - kind: leese\n")
    done = cluster.run("status", "--catalog", str(path))
    assert done.code == 2
    assert f"{path}:5:" in one_line(done.stderr)


# Settings


def test_flag_then_environment_then_config_file_then_default(
    tmp_path: Path, cluster: Cluster
) -> None:
    def namespace(*args: str, **extra: str) -> str:
        done = call(
            "status", "--component", "namespace", "-o", "ndjson", *args,
            home=tmp_path, extra={**cluster.extra, **extra},
        )  # fmt: skip
        return str(json.loads(done.stdout)["items"][0]["namespace"])

    assert namespace() == "agents"
    config = tmp_path / ".config" / "agentctl" / "config.json"
    config.parent.mkdir(parents=True)
    config.write_text('{"namespace": "from-config"}')
    assert namespace() == "from-config"
    assert namespace(AGENTCTL_NAMESPACE="from-env") == "from-env"
    assert namespace("-n", "from-flag", AGENTCTL_NAMESPACE="from-env") == "from-flag"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "object"),
        ('{"namespce": "x"}', "namespace"),
        ('{"mode": 7}', "mode"),
    ],
)
def test_a_config_file_with_a_mistake_names_it(tmp_path: Path, text: str, says: str) -> None:
    config = tmp_path / ".config" / "agentctl" / "config.json"
    config.parent.mkdir(parents=True)
    config.write_text(text)
    done = call("status", home=tmp_path)
    assert done.code == 2
    line = one_line(done.stderr)
    assert str(config) in line
    assert says in line


def test_debug_says_transport_cursor_and_reconnects_but_no_token(tmp_path: Path) -> None:
    token = "sUper" + "53cretTokenValue"
    cluster = Cluster(tmp_path, tokens={token})
    with cluster.double:
        cluster.write(token=token)
        args = ("status", "watch", "--debug", "--retry-backoff", "100ms", "-o", "ndjson")
        with Program(*args, home=tmp_path, extra=cluster.extra) as program:
            cursor = json.loads(program.wait_lines(1)[0])["cursor"]
            assert cluster.double.streams.wait_for(WATCHES)
            cluster.double.faults.cut("pods")
            assert eventually(lambda: "next attempt in" in program.stderr)
            program.signal(signal.SIGTERM)
        log = program.stderr
        assert "transport kube" in log
        assert cursor in log
        assert token not in log


def test_a_bare_retry_does_not_eat_the_next_word(cluster: Cluster) -> None:
    assert cluster.run("status", "--retry", "watch", "--until", "healthy").code == 0


@pytest.mark.parametrize("retry", [["--retry", "false"], ["--retry=false"]], ids=" ".join)
def test_retry_takes_its_value_apart_or_joined_as_the_help_has_it(
    tmp_path: Path, free_port: int, retry: list[str]
) -> None:
    cluster = Cluster(tmp_path, port=free_port)
    with cluster.double:
        cluster.write()
    done = cluster.run("status", "watch", *retry)
    assert done.code == 5
    assert "connection refused" in one_line(done.stderr)


def test_a_config_file_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    config = tmp_path / ".config" / "agentctl" / "config.json"
    config.parent.mkdir(parents=True)
    os.mkfifo(config)
    done = call("status", home=tmp_path)
    assert done.code == 2
    assert "not a regular file" in one_line(done.stderr)


INTERRUPTED_AT = """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
sys.argv = ["agentctl", "status", "watch"]
from agentctl.cli.entry import entry
entry()
"""


@pytest.mark.parametrize(
    "module",
    ["agentctl.cli.main", "argparse", "agentctl.engine.engine", "yaml", "agentctl.net.http1"],
)
def test_ctrl_c_in_the_middle_of_an_import_leaves_no_traceback(
    cluster: Cluster, module: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT.format(module=module)],
        env=environment(cluster.folder, cluster.extra),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (-signal.SIGINT, 130)
    assert done.stderr == ""


# The small commands


def test_help_teaches_and_is_fast_enough_to_be_read(tmp_path: Path) -> None:
    done = run("--help", home=tmp_path)
    assert done.returncode == 0
    assert "agentctl demo" in done.stdout
    assert run("status", "--help", home=tmp_path).returncode == 0
    assert run("help", home=tmp_path).stdout == done.stdout
    assert "--fail-on" in run("help", "status", home=tmp_path).stdout


def test_no_arguments_shows_the_help(tmp_path: Path) -> None:
    done = run(home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "start here" in done.stdout


def test_version_names_what_it_runs_on(tmp_path: Path) -> None:
    assert call("--version", home=tmp_path).stdout.startswith("agentctl ")
    assert "urllib3" in call("version", home=tmp_path).stdout
    assert json.loads(call("version", "-o", "json", home=tmp_path).stdout)["agentctl"]


def test_schema_is_json(tmp_path: Path) -> None:
    assert json.loads(call("schema", home=tmp_path).stdout)["title"] == "agentctl event"
    accepts = call("schema", "--accepts", home=tmp_path)
    assert json.loads(accepts.stdout)["title"] == "an event that agentctl reads"


def test_catalog_show_can_be_used_as_a_catalog(tmp_path: Path, cluster: Cluster) -> None:
    shown = cluster.run("catalog", "show")
    path = tmp_path / "mine.yaml"
    path.write_text(shown.stdout)
    mine = cluster.run("status", "--catalog", str(path))
    assert mine.stdout == cluster.run("status").stdout
    assert json.loads(cluster.run("catalog", "show", "-o", "json").stdout)["components"]
