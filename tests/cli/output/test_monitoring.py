"""``-o nagios`` and ``-o prom`` as a monitoring system runs them: codes, lines, files."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agentctl.demo import DemoControlPlane
from tests.cli.inprocess import Done, call
from tests.cli.pluginline import parse
from tests.cli.program import COMMAND, PATIENCE_S, environment, run
from tests.ports import free_port


class Cluster:
    def __init__(self, folder: Path, demo: DemoControlPlane) -> None:
        self.plane, self.double = demo.plane, demo.double
        self.folder = folder
        self.path = str(folder / "kubeconfig")
        Path(self.path).write_text(demo.kubeconfig_text())

    def status(self, *flags: str) -> subprocess.CompletedProcess[str]:
        return run("status", "--kubeconfig", self.path, *flags, home=self.folder)

    def check(self, *flags: str) -> tuple[int, str]:
        """As a plugin: its code, which the line names too, and the line's text."""
        done = self.here("-o", "nagios", *flags)
        line = parse(done.stdout)
        assert done.stderr == ""
        assert done.code == line.code
        return line.code, line.text

    def here(self, *flags: str) -> Done:
        """The same without a process."""
        return call("status", "--kubeconfig", self.path, *flags, home=self.folder)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with DemoControlPlane(free_port(), script=False) as demo:
        yield Cluster(tmp_path, demo)


def samples(text: str) -> dict[str, float]:
    """By name; of the state set what each component has, and none of its other series."""
    return {
        sample.labels.get("component", sample.name): sample.labels.get("status", sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "component" not in sample.labels or (sample.value and "status" in sample.labels)
    }


class TestNagios:
    def test_all_four_codes(self, cluster: Cluster) -> None:
        assert cluster.check() == (0, "healthy: all 9 components")
        cluster.plane.grpc_degrades()
        assert cluster.check() == (1, "grpc is degraded: agents-grpc: 1/2 endpoints ready")
        cluster.plane.grpc_degrades(not_ready=2)
        code, text = cluster.check()
        assert code == 2
        assert text.startswith("grpc is error: ")
        cluster.double.stop()
        code, text = cluster.check()
        assert code == 3
        assert "connection refused" in text

    @pytest.mark.parametrize(
        ("flags", "says"),
        [
            (("--bogus",), "unknown flag --bogus"),
            (("--kubeconfig", "/none"), "/none: cannot read the kubeconfig"),
            (("--timeout", "soon"), "--timeout: expected a duration"),
            (("watch",), "-o nagios shows one state and no stream: agentctl status -o nagios"),
            (("--watch",), "shows one state"),
            (("--until", "healthy"), "--until needs a stream"),
            (("--component", "nonesuch"), "no component matches"),
            (("--output-file", "/none/file"), "cannot write /none/file: no such folder"),
            (("--server", "http://user:pa55@host"), "--server is for --transport"),
        ],
    )
    def test_every_failure_is_a_line(
        self, tmp_path: Path, flags: tuple[str, ...], says: str
    ) -> None:
        done = call("status", "-o", "nagios", *flags, home=tmp_path)
        if "--output-file" not in flags:
            line = parse(done.stdout)
            assert says in line.text
            assert done.stderr == ""
        else:
            assert says in done.stderr
        assert done.code == 3

    @pytest.mark.parametrize("spelling", ["-onagios", "--output=nagios", "-wonagios"])
    def test_however_it_is_asked_for(self, tmp_path: Path, spelling: str) -> None:
        done = call("status", spelling, "--kubeconfig", "/none", home=tmp_path)
        assert (parse(done.stdout).code, done.code) == (3, 3)

    def test_what_does_not_exist_or_is_not_permitted(self, cluster: Cluster) -> None:
        done = cluster.here("-o", "nagios", "-n", "nonesuch")
        assert done.code == parse(done.stdout).code == 3
        assert 'namespace "nonesuch" not found' in done.stdout

    def test_a_secret_in_a_message_is_not_printed(self, tmp_path: Path) -> None:
        flags = ("--kubeconfig", "https://me:hunter2@host/kubeconfig")
        done = call("status", "-o", "nagios", *flags, home=tmp_path)
        assert parse(done.stdout).code == 3
        assert "hunter2" not in done.stdout + done.stderr

    @pytest.mark.timeout(30)
    def test_it_has_a_bound_of_its_own_below_the_callers(self, cluster: Cluster) -> None:
        """A server that takes connections and never answers."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            text = Path(cluster.path).read_text()
            port = silent.getsockname()[1]
            Path(cluster.path).write_text(
                text.replace(cluster.double.url, f"http://127.0.0.1:{port}")
            )
            done = cluster.here("-o", "nagios", "--timeout", "1s")
        line = parse(done.stdout)
        assert (done.code, line.code) == (3, 3)
        assert line.text.startswith("no answer")

    def test_the_bound_by_default(self) -> None:
        from agentctl.renderers import timeout_s

        limit = timeout_s("nagios")
        assert limit is not None
        assert limit + 1.5 < 10  # the threads' second is the engine's own bound
        assert timeout_s("json") is None

    def test_sigterm_is_a_line_too(self, cluster: Cluster) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            text = Path(cluster.path).read_text()
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            Path(cluster.path).write_text(text.replace(cluster.double.url, url))
            flags = ("status", "-o", "nagios", "--kubeconfig", cluster.path)
            with subprocess.Popen(
                [*COMMAND, *flags],
                env=environment(cluster.folder),
                stdout=subprocess.PIPE,
                text=True,
            ) as process:
                silent.accept()[0].close()  # it runs
                process.send_signal(signal.SIGTERM)
                out, _ = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, parse(out).code) == (3, 3)

    def test_a_closed_stdout_is_unknown_as_well(self, tmp_path: Path) -> None:
        done = run(
            "status", "-o", "nagios", "--bogus", home=tmp_path, preexec_fn=lambda: os.close(1)
        )
        assert done.returncode == 3


class TestProm:
    def test_the_file(self, cluster: Cluster) -> None:
        path = cluster.folder / "agents.prom"
        cluster.plane.grpc_degrades()
        before = os.umask(0o077)
        try:
            done = cluster.here("-o", "prom", "--output-file", str(path))
        finally:
            os.umask(before)
        assert (done.code, done.stdout, done.stderr) == (0, "", "")
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        found = samples(path.read_text())
        assert found["agentctl_up"] == 1
        assert found["grpc"] == "degraded"
        assert found["database"] == "configured"
        assert found["agentctl_last_run_timestamp_seconds"] == pytest.approx(time.time(), abs=60)

    def test_on_stdout(self, cluster: Cluster) -> None:
        for flags in ((), ("--output-file", "-")):
            done = cluster.here("-o", "prom", *flags)
            assert samples(done.stdout)["agentctl_control_plane_healthy"] == 1
        done = cluster.here("-o", "prom", "--output-file", "-", "--kubeconfig", "none")
        assert samples(done.stdout)["agentctl_up"] == 0

    def test_a_cluster_that_is_lost_is_not_healthy_for_ever(self, cluster: Cluster) -> None:
        path = cluster.folder / "agents.prom"
        assert cluster.here("-o", "prom", "--output-file", str(path)).code == 0
        cluster.double.stop()
        done = cluster.here("-o", "prom", "--output-file", str(path))
        assert done.code == 5
        assert "connection refused" in done.stderr
        assert sorted(samples(path.read_text())) == [
            "agentctl_build_info",
            "agentctl_control_plane_healthy",
            "agentctl_last_run_timestamp_seconds",
            "agentctl_up",
        ]
        assert samples(path.read_text())["agentctl_up"] == 0

    @pytest.mark.parametrize(
        ("flags", "code"), [(("--kubeconfig", "/none"), 2), (("--bogus",), 2), (("watch",), 2)]
    )
    def test_neither_is_one_whose_command_has_become_wrong(
        self, tmp_path: Path, flags: tuple[str, ...], code: int
    ) -> None:
        path = tmp_path / "agents.prom"
        path.write_text("agentctl_up 1\n")
        done = call(
            "status", "-o", "prom", "--output-file", str(path), "-n", "team-a", *flags,
            home=tmp_path,
        )  # fmt: skip
        assert done.code == code
        assert done.stderr.startswith("agentctl: ")
        assert 'agentctl_up{namespace="team-a"} 0' in path.read_text()

    def test_killed_on_the_way(self, cluster: Cluster) -> None:
        """The program itself; the writing is tried step by step in test_wholefile."""
        path = cluster.folder / "agents.prom"
        path.write_text("old\n")
        flags = ("status", "-o", "prom", "--kubeconfig", cluster.path, "--output-file", str(path))
        for wait_s in (0.1, 0.25, 0.4):
            with subprocess.Popen(
                [*COMMAND, *flags], env=environment(cluster.folder), stderr=subprocess.DEVNULL
            ) as process:
                time.sleep(wait_s)  # the moment is what is tried, nothing is waited for
                process.kill()
            text = path.read_text()
            assert text == "old\n" or samples(text)["agentctl_up"] == 1


class TestOutputFile:
    def test_any_format_of_one_shot(self, cluster: Cluster) -> None:
        path = cluster.folder / "file"
        for output in ("json", "ndjson", "table"):
            printed = cluster.here("-o", output)
            done = cluster.here("-o", output, "--output-file", str(path), "--color", "auto")
            assert (done.code, done.stdout) == (0, "")
            text = path.read_text()
            assert len(text.splitlines()) == len(printed.stdout.splitlines())

    def test_what_says_nothing_at_the_end_leaves_the_file_alone(self, cluster: Cluster) -> None:
        path = cluster.folder / "file"
        path.write_text("old")
        cluster.double.stop()
        assert cluster.here("-o", "json", "--output-file", str(path)).code == 5
        assert path.read_text() == "old"

    def test_nobody_has_to_read_our_stdout(self, cluster: Cluster) -> None:
        path = cluster.folder / "file"
        reading, writing = os.pipe()
        os.close(reading)
        flags = ("status", "-o", "json", "--kubeconfig", cluster.path, "--output-file", str(path))
        with subprocess.Popen(
            [*COMMAND, *flags], env=environment(cluster.folder), stdout=writing
        ) as process:
            os.close(writing)
        assert process.returncode == 0
        assert path.stat().st_size > 100

    def test_a_stream_goes_to_no_such_file(self, tmp_path: Path) -> None:
        done = call("status", "watch", "--output-file", "x", home=tmp_path)
        assert done.code == 2
        assert "> FILE" in done.stderr
