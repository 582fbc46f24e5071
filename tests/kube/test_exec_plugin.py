"""Exec plugins are run as client-go runs them: stdin, folder, environment, end."""

from __future__ import annotations

import base64
import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

import pytest
import yaml

from agentctl.apidouble.double import ApiDouble
from agentctl.clock import SystemClock
from agentctl.kube import exec_plugin
from agentctl.kube.access import AccessProvider
from agentctl.kube.console import NOBODY, Console
from agentctl.kube.kubeconfig import access_from
from tests.cli.program import COMMAND, PATIENCE_S, environment
from tests.kube.test_access_plugins import (
    API,
    BETA,
    EXEC,
    complaint,
    credential,
    kubeconfig,
    load,
    plugin,
)
from tests.kubectl import KUBECTL, NO_KUBECTL
from tests.net.certs import Authority, write


def reporting(folder: Path, what: str, **settings: Any) -> str:
    """A kubeconfig whose plugin gives what it finds as its token, in base64."""
    body = (
        "import base64\n"
        f"token = base64.b64encode(json.dumps({what}).encode()).decode()\n"
        "version = json.loads(os.environ['KUBERNETES_EXEC_INFO'])['apiVersion']\n"
        "print(json.dumps({'apiVersion': version, 'kind': 'ExecCredential', "
        "'status': {'token': token}}))"
    )
    return plugin(folder, body, **settings)


def report(path: str, console: Console = NOBODY) -> Any:
    return json.loads(base64.b64decode(load(path, console).token))


INFO = "json.loads(os.environ['KUBERNETES_EXEC_INFO'])"


# What it is given


def test_it_runs_in_the_folder_of_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert report(reporting(tmp_path, "os.getcwd()")) == str(tmp_path / "elsewhere")


def test_a_command_of_one_word_is_looked_for_in_the_path_alone(tmp_path: Path) -> None:
    path = reporting(tmp_path, "sys.argv[1:]", command="plugin", args=["a b", 1])
    assert "is not installed" in complaint(path)
    access = access_from([path], {"PATH": str(tmp_path)})
    assert json.loads(base64.b64decode(access.token)) == ["a b", "1"]


def test_a_file_that_may_not_be_run_is_not_called_missing(tmp_path: Path) -> None:
    path = plugin(tmp_path, credential(token="t"))
    (tmp_path / "plugin").chmod(0o644)
    assert "is no program that we may run; try 'chmod +x'" in complaint(path)


def test_a_script_without_a_first_line_cannot_be_run(tmp_path: Path) -> None:
    path = plugin(tmp_path, "")
    (tmp_path / "plugin").write_text("echo hello")
    assert "cannot be run: Exec format error" in complaint(path)


def test_variables_without_a_value_are_empty(tmp_path: Path) -> None:
    env = [{"name": "A"}, {"name": "B", "value": None}, {"name": "C", "value": 1}]
    path = reporting(tmp_path, "[os.environ[name] for name in 'ABC']", env=env)
    assert report(path) == ["", "", "1"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"env": ["A=1"]}, "an entry of env has no name"),
        ({"env": [{"name": "A", "value": True}]}, "env A must be text; put it in quotes"),
        ({"env": [{"name": "A=B", "value": "x"}]}, "cannot be run: illegal environment variable"),
        ({"args": "x"}, "args must be a list"),
        ({"args": ["\0"]}, "cannot be run: embedded null byte"),
        ({"command": ["x"]}, "command must be text"),
        ({"apiVersion": ""}, "exec must have command and apiVersion"),
        ({"apiVersion": API.replace("v1", "v1alpha1")}, "known are client.authentication.k8s.io"),
        ({"provideClusterInfo": "yes"}, "provideClusterInfo must be true or false"),
        ({"interactiveMode": None}, "has no interactiveMode; set Never, IfAvailable or Always"),
        ({"interactiveMode": "never"}, "has the interactiveMode 'never'; set Never"),
    ],
)
def test_settings_that_make_no_sense_are_named(
    settings: dict[str, Any], said: str, tmp_path: Path
) -> None:
    assert said in complaint(plugin(tmp_path, credential(token="t"), **settings))


def test_without_being_asked_it_tells_nothing_of_the_cluster(tmp_path: Path) -> None:
    assert report(reporting(tmp_path, INFO)) == {
        "apiVersion": API,
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }


def test_the_cluster_is_told_with_what_its_files_hold(tmp_path: Path) -> None:
    path = Path(reporting(tmp_path, INFO, provideClusterInfo=True, apiVersion=BETA))
    (tmp_path / "root.crt").write_bytes(b"-----BEGIN # \xc3\xa9")
    config = yaml.safe_load(path.read_text())
    config["clusters"][0]["cluster"] = {
        "server": "https://api.example",
        "certificate-authority": "root.crt",
        "tls-server-name": "inner",
        "proxy-url": "http://proxy:1",
        "extensions": [
            {"name": "other", "extension": {"b": 2}},
            {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "a"}},
        ],
    }
    path.write_text(yaml.safe_dump(config))
    assert report(str(path))["spec"]["cluster"] == {
        "server": "https://api.example",
        "certificate-authority-data": base64.b64encode(b"-----BEGIN # \xc3\xa9").decode(),
        "tls-server-name": "inner",
        "proxy-url": "http://proxy:1",
        "config": {"audience": "a"},
    }
    config["clusters"][0]["cluster"] = {
        "server": "api.example",
        "insecure-skip-tls-verify": True,
    }
    path.write_text(yaml.safe_dump(config))
    assert report(str(path))["spec"]["cluster"] == config["clusters"][0]["cluster"]


@pytest.mark.skipif(KUBECTL is None, reason=NO_KUBECTL)
@pytest.mark.parametrize("version", [API, BETA])
def test_it_is_given_what_kubectl_gives(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    seen = tmp_path / "seen"
    body = f"""
seen = [{INFO}, os.getcwd(), os.environ['A'], os.environ['B'], sys.argv[2:], sys.stdin.read()]
with open(sys.argv[1], 'w') as file: json.dump(seen, file)
sys.exit(7)
"""
    (tmp_path / "pki").mkdir()
    write(tmp_path / "pki" / "root.crt", Authority().pem)
    (tmp_path / "k").mkdir()
    path = Path(
        plugin(
            tmp_path / "k",
            body,
            apiVersion=version,
            provideClusterInfo=True,
            args=[str(seen), "a b"],
            env=[{"name": "A"}, {"name": "B", "value": None}],
        )
    )
    config = yaml.safe_load(path.read_text())
    config["clusters"][0]["cluster"] = {
        "server": "https://127.0.0.1:1/x/",
        "certificate-authority": "../pki/root.crt",
        "tls-server-name": "inner",
        "proxy-url": "http://127.0.0.1:1",
        "disable-compression": True,
        "extensions": [
            {"name": "client.authentication.k8s.io/exec", "extension": {"a": [1, None, "x"]}}
        ],
    }
    path.write_text(yaml.safe_dump(config))
    assert "failed with exit code 7" in complaint(str(path))
    ours = json.loads(seen.read_text())
    seen.unlink()
    done = subprocess.run(
        [str(KUBECTL), "--kubeconfig", str(path), "get", "namespaces"],
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "failed with exit code 7" in done.stderr
    assert ours == json.loads(seen.read_text())


# Whom it may ask


@pytest.mark.parametrize(
    ("version", "mode", "has_user", "interactive"),
    [
        (API, "Never", True, False),
        (API, "IfAvailable", True, True),
        (API, "IfAvailable", False, False),
        (API, "Always", True, True),
        (BETA, None, True, True),
        (BETA, None, False, False),
    ],
)
def test_it_may_ask_where_its_mode_and_a_terminal_allow_it(
    version: str, mode: Optional[str], has_user: bool, interactive: bool, tmp_path: Path
) -> None:
    what = "[os.getsid(0) != os.getpid(), " + INFO + "['spec']['interactive']]"
    path = reporting(tmp_path, what, apiVersion=version, interactiveMode=mode)
    lent: list[str] = []

    @contextmanager
    def lend() -> Iterator[None]:
        lent.append("lent")
        yield
        lent.append("given back")

    assert report(path, Console(has_user, lent=lend)) == [interactive, interactive]
    assert lent == (["lent", "given back"] if interactive else [])


def test_a_plugin_that_must_ask_is_not_run_where_it_cannot(tmp_path: Path) -> None:
    path = plugin(tmp_path, credential(token="t"), interactiveMode="Always")
    assert "(interactiveMode: Always), and stdin is no terminal" in complaint(path)


@pytest.mark.parametrize("mode", ["Never", "IfAvailable"])
def test_it_leaves_the_lines_of_a_script_alone(mode: str, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    body = f"sys.stdin.read()\nopen({str(runs)!r}, 'a').write('x')\n" + credential(token="t")
    with ApiDouble() as double:
        path = plugin(tmp_path, body, interactiveMode=mode)
        config = yaml.safe_load(Path(path).read_text())
        config["clusters"] = yaml.safe_load(double.kubeconfig())["clusters"]
        config["contexts"][0]["context"]["cluster"] = config["clusters"][0]["name"]
        Path(path).write_text(yaml.safe_dump(config))
        rounds = 'while read l; do "$@" --kubeconfig "$0" >/dev/null 2>&1; echo "round $l"; done'
        done = subprocess.run(
            ["sh", "-c", f"printf '1\\n2\\n3\\n' | {rounds}", path, *COMMAND, "status"],
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=4 * PATIENCE_S,
            check=True,
        )
    assert done.stdout == "round 1\nround 2\nround 3\n"
    assert runs.read_text() == "xxx"


# What it says


def lines_of(path: str) -> str:
    said: list[str] = []
    load(path, Console(True, said.append))
    return "".join(said)


SAY = "import time\nw = sys.stderr.buffer\ndef say(x): w.write(x); w.flush()\n"


def test_its_words_are_shown_line_by_line_without_secrets(tmp_path: Path) -> None:
    body = SAY + "say(b'open https://login.example/device and enter ABCD-EFGH\\r\\n')\n"
    body += "say(b'--password a1 caf\\xe9\\nend')\n" + credential(token="t")
    assert lines_of(plugin(tmp_path, body)) == (
        "open https://login.example/device and enter ABCD-EFGH\n"
        "--password [redacted] caf\N{REPLACEMENT CHARACTER}\nend\n"
    )


def test_a_key_of_many_lines_is_not_shown_line_by_line(tmp_path: Path) -> None:
    body = SAY + "say(b'read\\n-----BEGIN PRIVATE KEY-----\\nMIIEvQ\\nIBADAN\\n')\n"
    body += "say(b'-----END PRIVATE KEY-----\\ndone\\n')\n" + credential(token="t")
    assert lines_of(plugin(tmp_path, body)) == "read\n[redacted]\ndone\n"


def test_words_that_are_not_utf8_are_no_failure(tmp_path: Path) -> None:
    body = SAY + "say(bytes([233, 255]))\n" + credential(token="t")
    assert load(plugin(tmp_path, body)).token == "t"


def test_a_question_is_shown_before_its_line_is_whole(tmp_path: Path) -> None:
    """The plugin waits for a file that is made once the question has been seen."""
    answered = tmp_path / "answered"
    body = SAY + f"say(b'Code: ')\nwhile not os.path.exists({str(answered)!r}): time.sleep(0.01)\n"
    body += "say(b'thanks\\n')\n" + credential(token="t")
    said: list[str] = []

    def tell(text: str) -> None:
        said.append(text)
        answered.touch()

    load(plugin(tmp_path, body, interactiveMode="IfAvailable"), Console(True, tell))
    assert said == ["Code: ", "thanks\n"]


def test_a_failure_tells_its_last_words_on_a_terminal_too(tmp_path: Path) -> None:
    path = plugin(
        tmp_path, "print('x ' * 40000 + 'the session has expired', file=sys.stderr); sys.exit(255)"
    )
    said: list[str] = []
    message = complaint(path, Console(True, said.append))
    assert "failed with exit code 255: …x x" in message
    assert message.endswith("the session has expired")
    assert len(message) < 600
    assert len("".join(said)) <= 8 * 1024 + 1


# When it ends


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


@pytest.mark.parametrize("last", ["os.wait()", "os.close(1); os.close(2); os.wait()"])
def test_a_plugin_that_hangs_is_killed_with_all_that_it_started(
    last: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = tmp_path / "pids"
    monkeypatch.setattr(exec_plugin, "LIMIT_S", 0.5)
    body = f"""
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if not child:
    os.close(1); os.close(2)
    signal.pause()
with open({str(pids)!r}, 'w') as file: file.write(f'{{os.getpid()}} {{child}}')
print('Open the browser', file=sys.stderr, flush=True)
{last}
"""
    for _ in range(20):  # a busy host may not have let it begin
        message = complaint(plugin(tmp_path, body))
        if pids.exists() and "browser" in message:
            break
        exec_plugin.LIMIT_S *= 2
    assert "had not ended after" in message
    assert message.endswith(": Open the browser")
    plugin_pid, child = map(int, pids.read_text().split())
    assert not alive(plugin_pid)
    until(lambda: not alive(child))


def until(true: Callable[[], bool]) -> None:
    for _ in range(1000):
        if true():
            return
        subprocess.run(["sleep", "0.01"], check=True)
    pytest.fail("it did not come to be")


def test_what_it_leaves_behind_with_its_pipes_keeps_nobody(tmp_path: Path) -> None:
    left = tmp_path / "left"
    body = (
        credential(token="t")
        + f"""
sys.stdout.flush()
child = os.fork()
if not child:
    import signal
    signal.pause()
with open({str(left)!r}, 'w') as file: file.write(str(child))
"""
    )
    try:
        assert load(plugin(tmp_path, body)).token == "t"
    finally:
        os.kill(int(left.read_text()), signal.SIGKILL)


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    """Whatever is raised while it runs, it does not stay."""
    pid = tmp_path / "pid"
    body = f"""
import signal
with open({str(pid)!r}, 'w') as file: file.write(str(os.getpid()))
print('waiting', file=sys.stderr, flush=True)
signal.pause()
"""

    def interrupt(text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(plugin(tmp_path, body), Console(True, interrupt))
    assert not alive(int(pid.read_text()))


def test_no_file_stays_open(tmp_path: Path) -> None:
    good = plugin(tmp_path, credential(token="t"))
    load(good)
    before = len(os.listdir("/proc/self/fd"))
    load(good)
    complaint(plugin(tmp_path, "sys.exit(1)"))
    complaint(kubeconfig(tmp_path, {"exec": {**EXEC, "command": "/dev/null"}}))
    assert len(os.listdir("/proc/self/fd")) == before


def test_ends_of_any_year_and_nanoseconds_are_read(tmp_path: Path) -> None:
    for end in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.123456789Z"):
        path = plugin(tmp_path, credential(token="t", expirationTimestamp=end))
        provider = AccessProvider(lambda path=path: load(path), SystemClock())  # type: ignore[misc]
        access, _ = provider.current()
        assert access.expires_at is not None
        assert str(access.expires_at.year).zfill(4) == end[:4]


def test_on_a_terminal_it_is_asked_there(tmp_path: Path) -> None:
    body = "answer = input()\nprint('got', answer, file=sys.stderr); sys.exit(3)"
    path = plugin(tmp_path, body, interactiveMode="Always")
    master, slave = pty.openpty()
    try:
        os.write(master, b"yes\n")
        done = subprocess.run(
            [*COMMAND, "status", "--kubeconfig", path],
            env=environment(tmp_path),
            stdin=slave,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    finally:
        os.close(master)
        os.close(slave)
    assert "failed with exit code 3: got yes" in done.stderr
