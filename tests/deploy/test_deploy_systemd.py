"""The systemd unit: its command is one the program takes, and systemd takes the unit."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agentctl.errors import ExitCode
from tests.deploy.shipped import DEPLOY, container, parsed

UNIT = DEPLOY / "systemd" / "agentctl-serve.service"
ANALYZE = shutil.which("systemd-analyze")
PROGRAM = "/opt/agentctl/bin/agentctl"
PATIENT = ("TimeoutStartSec", "WatchdogSec")


def settings() -> dict[str, list[str]]:
    """Each setting with its values in order, by systemd.syntax(7)."""
    text = "\n".join(
        line for line in UNIT.read_text(encoding="utf-8").splitlines() if line[:1] not in "#;"
    )
    found: dict[str, list[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        if "=" in line:
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def command() -> list[str]:
    (line,) = settings()["ExecStart"]
    return shlex.split(line)


def test_the_program_takes_every_flag() -> None:
    program, *arguments = command()
    assert program == PROGRAM
    assert arguments[0] == "serve"
    assert callable(parsed(arguments).run)


def test_every_secret_is_handed_over_as_a_credential() -> None:
    named = re.findall(r"\$\{CREDENTIALS_DIRECTORY\}/(\S+)", " ".join(command()))
    loaded = dict(one.split(":") for one in settings()["LoadCredential"])
    assert loaded == {name: f"/etc/agentctl/{name}" for name in named}
    args = parsed(command()[1:])
    for path in (args.kubeconfig, args.token_file, args.tls_cert, args.tls_key):
        assert path.startswith("${CREDENTIALS_DIRECTORY}/")


def test_the_ports_are_those_of_the_manifests_and_probes_stay_on_the_host() -> None:
    here, there = parsed(command()[1:]), parsed(container()["args"])
    assert (here.http, here.grpc) == (there.http, there.grpc)
    assert here.probe == there.probe._replace(host="127.0.0.1")


def test_how_it_ends_is_how_the_program_ends() -> None:
    said = settings()
    assert said["Restart"] == ["on-failure"]
    assert said["SuccessExitStatus"] == [str(int(ExitCode.TERMINATED))]
    hopeless = (ExitCode.USAGE, ExitCode.STREAMING_UNSUPPORTED)
    assert said["RestartPreventExitStatus"] == [" ".join(str(int(code)) for code in hopeless)]
    assert int(said["TimeoutStopSec"][0]) > 5


def test_it_is_watched_over() -> None:
    said = settings()
    assert said["Type"] == ["notify"]
    minutes = {name: int(said[name][0].removesuffix("min")) for name in PATIENT}
    # Staleness is told long before, and no start may take longer than systemd waits for it.
    assert all(waited > 2 for waited in minutes.values())
    assert said["WatchdogSignal"] == ["SIGTERM"]
    assert "AF_UNIX" in said["RestrictAddressFamilies"][0].split()


def test_it_may_open_a_socket_for_each_stream() -> None:
    assert int(settings()["LimitNOFILE"][0]) > 2 * 10_000


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there: systemd looks for it."""
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text(encoding="utf-8").replace(PROGRAM, sys.executable))
    return path


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert ANALYZE is not None
    return subprocess.run(
        [ANALYZE, *arguments], capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not on PATH")
def test_systemd_takes_the_unit(unit: Path) -> None:
    done = analyze("verify", "--man=no", str(unit))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not on PATH")
def test_systemd_would_notice_a_setting_that_does_not_exist(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("DynamicUser=yes", "DynamicUsers=yes"))
    assert "DynamicUsers" in analyze("verify", "--man=no", str(unit)).stderr


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not on PATH")
def test_little_is_left_exposed(unit: Path) -> None:
    done = analyze("security", "--offline=yes", "--threshold=20", "--no-pager", str(unit))
    if "unrecognized option" in done.stderr:  # before systemd 250
        pytest.skip("this systemd-analyze judges running units only")
    assert done.returncode == 0, done.stdout
