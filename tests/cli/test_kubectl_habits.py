"""What the hands of kubectl's users type: formats, words and switches, without a process."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentctl.demo import DemoControlPlane
from tests.cli.completion.test_completion import complete
from tests.cli.inprocess import Done, call, until_timeout


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoControlPlane]:
    with DemoControlPlane(script=False) as demo:
        yield demo


@pytest.fixture
def here(demo: DemoControlPlane, tmp_path: Path) -> Any:
    (tmp_path / "kubeconfig").write_text(demo.kubeconfig_text())

    def typed(line: str, **extra: str) -> Done:
        variables = {"KUBECONFIG": str(tmp_path / "kubeconfig"), **extra}
        return call(*line.split(), home=tmp_path, extra=variables)

    return typed


def components(done: Done) -> list[str]:
    assert (done.code, done.stderr) == (0, "")
    return [item["component"] for item in json.loads(done.stdout)["items"]]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("status agents-controller", ["agents-controller"]),
        ("status runtime:t* -ojson namespace", ["namespace", "runtime:temporal"]),
        ("status component/namespace --component grpc", ["namespace", "grpc"]),
        ("diagnose grpc", ["grpc"]),
    ],
)
def test_components_may_be_named_as_arguments(here: Any, line: str, names: list[str]) -> None:
    assert components(here(f"{line} --output=ndjson")) == names


@pytest.mark.parametrize(
    "line",
    [
        "status watch namespace",
        "status namespace watch",
        "status -w namespace",
        "status --watch=true namespace",
        "diagnose watch namespace",
        "diagnose -w namespace",
    ],
)
def test_each_way_to_say_watch(here: Any, line: str) -> None:
    done = here(f"{line} --until healthy --quiet")
    assert (done.code, done.stderr) == (0, "")
    head, row, rule, *_ = done.stdout.splitlines()
    assert (head.split()[0], row.split()[0], rule) == ("COMPONENT", "namespace", "---")


def test_watch_only_watches_and_shows_no_snapshot(here: Any) -> None:
    watch = "status --watch-only --heartbeat 50ms --timeout"
    done = until_timeout(lambda timeout: here(f"{watch} {timeout}"))
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith("HEARTBEAT")


@pytest.mark.parametrize("wrong", ["wacht", "nothing", "-- --nothing"])
def test_an_argument_that_is_no_component_is_told(here: Any, wrong: str) -> None:
    done = here(f"status {wrong}")
    assert (done.code, done.stdout) == (2, "")
    assert wrong.rsplit(maxsplit=1)[-1] in done.stderr


def test_names_are_those_that_can_be_given_again(here: Any) -> None:
    names = here("status -o name").stdout.splitlines()
    assert names[:2] == ["component/namespace", "component/agents-controller"]
    assert here(f"status -o name {' '.join(names)}").stdout.splitlines() == names


def test_yaml_has_the_keys_of_the_json(here: Any) -> None:
    told = json.loads(here("status -o json").stdout)
    read = yaml.safe_load(here("status -o yaml").stdout)
    for content in (told, read):
        content.pop("cursor"), content.pop("generated_at")
    assert read == told
    assert list(read) == ["type", "items"]
    assert list(read["items"][0]) == ["component", "namespace", "status", "message"]


def test_a_stream_of_yaml_is_a_document_an_event(here: Any) -> None:
    watch = "status watch -o yaml --heartbeat 50ms --timeout"
    done = until_timeout(lambda timeout: here(f"{watch} {timeout}"))
    assert done.stdout.startswith("---\n")
    types = [event["type"] for event in yaml.safe_load_all(done.stdout)]
    assert types[:2] == ["snapshot", "heartbeat"]


def test_headers_can_be_left_out(here: Any) -> None:
    with_them, without = here("status").stdout, here("status --no-headers").stdout
    assert without.split() == with_them.partition("\n")[2].split()
    assert here("status grpc --no-headers=false").stdout.startswith("COMPONENT")
    assert not here("status -o wide --no-headers").stdout.startswith("COMPONENT")


def test_wide_has_age_and_reason(here: Any) -> None:
    head, *rows = here("status -o wide").stdout.splitlines()
    assert head.split() == ["COMPONENT", "NAMESPACE", "STATUS", "AGE", "REASON", "MESSAGE"]
    told = {row.split()[0]: row.split()[3:5] for row in rows}
    assert told["database"] == ["-", "-"]
    for name in ("agents-controller", "runtime:workflow"):  # which follows it
        age, reason = told[name]
        assert re.fullmatch(r"(\d+[dhms]){1,2}", age)
        assert reason == "-"


def test_wide_says_why_and_since_when(tmp_path: Path) -> None:
    with DemoControlPlane(script=False) as demo:
        demo.plane.controller_crashes()
        path = tmp_path / "kubeconfig"
        path.write_text(demo.kubeconfig_text())
        done = call("status", "-o", "wide", "--kubeconfig", str(path), home=tmp_path)
    (row,) = (row for row in done.stdout.splitlines() if row.startswith("agents-controller"))
    status, _, reason = row.split()[2:5]
    assert status in ("degraded", "error")
    assert reason == "CrashLoopBackOff"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("status -o jsonpath={.items}", "there is no jsonpath here: -o json | jq"),
        ("status -o=go-template={{.}}", "there is no go-template here: -o json | jq"),
        ("status --output custom-columns=A:.a", "there is no custom-columns here"),
        ("status -w -o name", "-o name shows one state and no stream: agentctl status -o name"),
        ("diagnose -o name", "name shows one state and nothing else: agentctl status -o name"),
        ("demo -o name", "name shows one state and nothing else"),
        ("status --version", "it has no command before it, as in agentctl --version"),
        ("status -o jsn", "did you mean json?"),
        ("status -v=x", "expected a number such as 0 or 6"),
        ("status -q --debug", "--quiet and --debug: give one of them"),
        ("status -qv", "--quiet and -v: give one of them"),
        ("status -w --live --no-headers", "--live has headers"),
        ("catalog detect -A", "'catalog detect' looks in all without it"),
        ("get", "did you mean 'agentctl status'?"),
        ("logs", "did you mean 'kubectl logs'?"),
        ("config use-context x", "did you mean 'agentctl config set context NAME'?"),
    ],
)
def test_what_is_not_here_names_what_is(here: Any, line: str, says: str) -> None:
    done = here(line)
    assert (done.code, done.stdout) == (2, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("flag", ["-v 6", "-v=1", "--v=2", "-v", "--v 1"])
def test_verbosity_is_debug(here: Any, flag: str) -> None:
    assert "transport kube" in here(f"status grpc {flag}").stderr
    assert here("status -v 0 grpc").stderr == ""


def test_quiet_leaves_out_all_but_the_error_that_ends_it(here: Any) -> None:
    assert "embedded" in here("demo --until healthy").stderr
    assert here("demo -q --until healthy").stderr == ""
    watch = "status watch grpc --until healthy"
    assert "healthy: grpc" in here(watch).stderr
    assert here(f"{watch} --quiet").stderr == ""
    longer = f"{watch} --quiet --stable-for 1h --timeout"
    done = until_timeout(lambda timeout: here(f"{longer} {timeout}"))
    assert done.code == 1
    assert done.stderr.startswith("agentctl: not healthy before --timeout")


def test_completion_offers_watch_and_components(tmp_path: Path) -> None:
    assert complete(tmp_path, "status", "w")[0].startswith("watch")
    assert complete(tmp_path, "diagnose", "runtime:w")[0] == "runtime:workflow"


def test_completion_offers_what_the_kubeconfig_has(demo: DemoControlPlane, tmp_path: Path) -> None:
    path = tmp_path / ".kube" / "config"
    path.parent.mkdir()
    path.write_text(demo.kubeconfig_text())
    for flag in ("--cluster", "--user"):
        assert complete(tmp_path, "status", flag, "")[0] == "demo"


def test_a_variable_that_the_mode_does_not_use_is_told_of_by_config_view(here: Any) -> None:
    assert here("status", AGENTCTL_TLS="maybe").code == 0
    done = here("config view -o json", AGENTCTL_TLS="maybe", AGENTCTL_SERVER="ftp://x")
    told = {one["key"]: one["note"] for one in json.loads(done.stdout)["settings"]}
    assert told["tls"] == ("not used with mode kube; tls: expected true or false, got 'maybe'")
    assert told["address"].startswith("not used with mode kube; address 'ftp://x': expected host")
    assert "https://host/prefix" in told["address"]


@pytest.mark.parametrize(
    "line",
    [
        *("status %s", "status --component %s", "status --catalog auto --component %s"),
        *("diagnose %s", "timeline x --component %s", "auth can-watch --component %s"),
        "serve --source demo --component %s",
    ],
)
@pytest.mark.parametrize(
    ("glob", "says"),
    [("[b-a]", "its range b-a ends before it begins"), ("deployment/[", "no ] ends its [")],
)
def test_a_glob_that_can_mean_nothing_is_a_mistake(
    here: Any, line: str, glob: str, says: str
) -> None:
    done = here(line % glob)
    expected = f"expected a glob such as 'runtime:*', got '{glob}': {says}"
    assert (done.code, expected in done.stderr) == (2, True), done.stderr
