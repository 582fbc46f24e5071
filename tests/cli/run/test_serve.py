"""``agentctl serve`` as a program: what it serves, to whom, and how it ends."""

from __future__ import annotations

import json
import os
import resource
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import grpc
import pytest

from agentctl.apidouble.double import ApiDouble
from agentctl.cli.host.rlimit import room_for
from agentctl.errors import ExitCode
from agentctl.rpc import agentctl_pb2, agentctl_pb2_grpc, jangar_pb2, jangar_pb2_grpc
from agentctl.wire.grpc_contract import SERVICES
from tests.cli.program import COMMAND, ENDED_S, PATIENCE_S, environment, run
from tests.cli.serving import ANY_PORT, STATUS, STREAM, Served, events
from tests.net.certs import Authority, write

DEMO = ("--source", "demo", *ANY_PORT)
ROUTES = (STATUS, STREAM, "/healthz", "/readyz", "/metrics", "/nothing-here")


def test_the_demo_has_dependencies_to_be_asked(tmp_path: Path) -> None:
    with Served(*DEMO, "--probe-dependencies", home=tmp_path) as served:
        served.until_ready()
        with served.request(STREAM + "?heartbeat=1s&component=grpc&component=database") as stream:
            seen: dict[str, str] = {}
            for event in events(stream):
                told = [*event.get("items", ()), *event.get("changes", ())]
                seen.update((one["component"], one["status"]) for one in told)
                if set(seen.values()) == {"healthy"}:
                    break
        code, body = served.get("/metrics")
    assert code == 200
    assert "agentctl_probe_latency_seconds{" in body


def test_the_demo_is_served_over_http_and_grpc_and_to_probes(tmp_path: Path) -> None:
    listen = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--probe", "127.0.0.1:0")
    with Served("--source", "demo", *listen, home=tmp_path) as served:
        with served.request(STREAM) as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            first = next(events(stream))
        assert first["type"] == "snapshot"
        code, body = served.get(STATUS)
        assert code == 200
        assert [item["component"] for item in json.loads(body)["items"]] == [
            item["component"] for item in first["items"]
        ]
        with served.request(STREAM + "?format=ndjson") as stream:
            assert json.loads(stream.readline())["type"] == "snapshot"
        served.until_ready()
        with served.request("/readyz", kind="probe") as answer:
            assert answer.status == 200
        with served.request(STATUS, kind="probe") as answer:
            assert answer.status == 404
        with grpc.insecure_channel(f"127.0.0.1:{served.port('grpc')}") as channel:
            for pb, stubs in ((agentctl_pb2, agentctl_pb2_grpc), (jangar_pb2, jangar_pb2_grpc)):
                stub = stubs.AgentctlServiceStub(channel)
                info = stub.GetServerInfo(pb.GetServerInfoRequest(), timeout=PATIENCE_S)
                assert info.service == "agentctl"


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, ExitCode.TERMINATED), (signal.SIGINT, ExitCode.INTERRUPTED)],
)
def test_a_signal_ends_all_streams_cleanly_within_5_s(
    tmp_path: Path, number: signal.Signals, code: ExitCode
) -> None:
    with Served(*DEMO, home=tmp_path) as served:
        streams = [served.request(STREAM) for _ in range(20)]
        for stream in streams:
            next(events(stream))
        started = time.monotonic()
        served.process.send_signal(number)
        rest = [stream.read() for stream in streams]  # IncompleteRead if it were cut off
        assert served.wait() == code
        assert time.monotonic() - started < ENDED_S
        for stream in streams:
            stream.close()
    assert all(b"retry: " in one for one in rest)
    assert "Traceback" not in served.stderr
    assert len(served.lines) == 3  # the greeting, and no more


def test_a_thousand_streams_end_cleanly_within_5_s(tmp_path: Path) -> None:
    room_for(1000)
    request = f"GET {STREAM} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with ExitStack() as stack:
        served = stack.enter_context(Served(*DEMO, home=tmp_path))
        served.until_ready()
        near = ("127.0.0.1", served.port())
        readers = [
            stack.enter_context(socket.create_connection(near, PATIENCE_S)) for _ in range(1000)
        ]
        for reader in readers:
            reader.sendall(request)
        heads = [reader.recv(65536) for reader in readers]
        assert all(head.startswith(b"HTTP/1.1 200 ") for head in heads)
        started = time.monotonic()
        served.process.terminate()
        ends = [b"".join(iter(partial(reader.recv, 65536), b""))[-64:] for reader in readers]
        assert served.wait() == ExitCode.TERMINATED
        assert time.monotonic() - started < ENDED_S
    assert all(end.endswith(b"\r\n0\r\n\r\n") for end in ends)
    assert len({end for end in ends if b"retry: " in end}) > 10  # not all back at once


def test_a_reader_that_does_not_read_delays_the_end_by_no_more(tmp_path: Path) -> None:
    with Served(*DEMO, home=tmp_path) as served, served.request(STREAM) as idle:
        assert idle.status == 200
        started = time.monotonic()
        served.process.terminate()
        assert served.wait() == ExitCode.TERMINATED
        assert time.monotonic() - started < ENDED_S


def test_it_goes_on_when_nobody_reads_its_stdout(tmp_path: Path) -> None:
    out, into = os.pipe()
    os.close(out)
    with Served(*DEMO, home=tmp_path, stdout=into) as served:
        os.close(into)
        served.until_ready()
        served.process.terminate()
        assert served.wait() == ExitCode.TERMINATED


def test_it_serves_when_nobody_reads_its_stderr(tmp_path: Path, free_port: int) -> None:
    out, into = os.pipe()
    os.close(out)
    listen = ("--source", "demo", "--http", f"127.0.0.1:{free_port}", "--grpc", "off")
    process = subprocess.Popen([*COMMAND, "serve", *listen], env=environment(tmp_path), stderr=into)
    os.close(into)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                with urlopen(f"http://127.0.0.1:{free_port}/healthz", timeout=5) as answer:
                    assert answer.status == 200
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        process.terminate()
        assert process.wait(PATIENCE_S) == ExitCode.TERMINATED
    finally:
        process.kill()
        process.wait()


def test_every_route_refuses_without_a_token_where_one_is_set(tmp_path: Path) -> None:
    tokens = tmp_path / "token"
    tokens.write_text("one-token\n")
    good = {"Authorization": "Bearer one-token"}
    listen = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--probe", "127.0.0.1:0")
    with Served(
        "--source", "demo", *listen, "--token-file", str(tokens), "--debug", home=tmp_path
    ) as served:
        for path in ROUTES:
            for headers in (
                {},
                {"Authorization": "Bearer another"},
                {"Authorization": "one-token"},
            ):
                with served.request(path, headers) as answer:
                    assert (answer.status, path) == (401, path)
                    assert answer.headers["WWW-Authenticate"] == "Bearer"
                    assert json.loads(answer.read())["status"] == 401
        served.until_ready(good)
        with served.request("/readyz", kind="probe") as answer:
            assert answer.status == 200
        with grpc.insecure_channel(f"127.0.0.1:{served.port('grpc')}") as channel:
            call = channel.unary_unary(f"/{SERVICES[0]}/GetServerInfo")
            with pytest.raises(grpc.RpcError) as caught:
                call(b"", timeout=PATIENCE_S)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
            call(b"", timeout=PATIENCE_S, metadata=[("authorization", "Bearer one-token")])
        # A token that is taken out ends its streams, and is refused from then on.
        with served.request(STREAM, good) as stream:
            assert next(events(stream))["type"] == "snapshot"
            tokens.write_text("two-token\n")
            stream.read()
        served.until_status("/healthz", 401, good)
        served.until_status("/healthz", 200, {"Authorization": "Bearer two-token"})
        served.process.terminate()
        served.wait()
    assert "one-token" not in served.stderr
    assert "another" not in served.stderr


@pytest.mark.parametrize("mutual", [False, True])
def test_tls_and_client_certificates(tmp_path: Path, mutual: bool) -> None:
    authority, stranger = Authority(), Authority()
    certificate, key = authority.client_pair("127.0.0.1")
    flags = [
        *("--tls-cert", write(tmp_path / "tls.crt", certificate)),
        *("--tls-key", write(tmp_path / "tls.key", key)),
    ]
    if mutual:
        flags += ["--client-ca", write(tmp_path / "ca.crt", authority.pem)]

    def client(of: Authority) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.ca.configure_trust(context)
        pair = of.client_pair()
        context.load_cert_chain(
            write(tmp_path / "client.crt", pair[0]), write(tmp_path / "client.key", pair[1])
        )
        return context

    with Served("--source", "demo", *ANY_PORT, *flags, home=tmp_path) as served:
        with served.request(STREAM, tls=client(authority)) as stream:
            assert next(events(stream))["type"] == "snapshot"
        if mutual:
            with pytest.raises(OSError), served.request(STREAM, tls=client(stranger)) as answer:  # noqa: PT011
                answer.read(1)
        # Renewed, it is presented to the next client.
        before = served_serial(served, authority)
        renewed = authority.client_pair("127.0.0.1")
        write(tmp_path / "tls.crt", renewed[0])
        write(tmp_path / "tls.key", renewed[1])
        deadline = time.monotonic() + PATIENCE_S
        while served_serial(served, authority) == before:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert f"https://127.0.0.1:{served.port()}" in served.stderr


def served_serial(served: Served, authority: Authority) -> bytes:
    """The certificate that is presented, also to one who shows none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.ca.configure_trust(context)
    near = ("127.0.0.1", served.port())
    with socket.create_connection(near, PATIENCE_S) as plain:
        secure = context.wrap_socket(plain, server_hostname="127.0.0.1")
        with secure:
            return secure.getpeercert(binary_form=True) or b""


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_the_command_in_the_greeting_works(tmp_path: Path, host: str) -> None:
    if shutil.which("curl") is None or (host == "[::1]" and not has_ipv6()):
        pytest.skip("no curl here, or no IPv6")
    tokens = tmp_path / "a token"
    tokens.write_text("# mine\none-token\n")
    flags = ("--http", f"{host}:0", "--token-file", str(tokens))
    with Served(*DEMO, *flags, home=tmp_path) as served:
        command = served.line(r"^agentctl: http +(curl .*)$")[1]
        done = subprocess.run(
            ["bash", "-c", f"{command} -s --max-time 1 | head -4"],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert "event: snapshot" in done.stdout
    assert shlex.quote(str(tokens)) in command


def test_too_few_files_lower_the_limit_and_say_so(tmp_path: Path) -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (600, 600))

    with Served(*DEMO, home=tmp_path, preexec_fn=few) as served:
        served.line(r"--max-streams is 88 instead of 10000: .*ulimit -Hn")
        served.until_ready()


def test_the_soft_limit_is_raised_to_what_the_streams_need(tmp_path: Path) -> None:
    def low() -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))

    with Served(*DEMO, "--max-streams", "500", home=tmp_path, preexec_fn=low) as served:
        served.until_ready()
        found = resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE)
        assert found[0] == 500 + 512
        assert "max-streams" not in served.stderr


def test_a_cluster_that_refuses_ends_it_with_3(tmp_path: Path) -> None:
    with ApiDouble(tokens=["good"]) as double:
        kubeconfig = tmp_path / "kubeconfig"
        double.kubeconfig(kubeconfig, token="bad")
        done = run("serve", *ANY_PORT, "--kubeconfig", str(kubeconfig), home=tmp_path)
    assert done.returncode == ExitCode.REFUSED
    assert "agentctl: http  curl" in done.stderr
    assert len(done.stderr.splitlines()) == 4
    assert done.stdout == ""


def test_settings_come_from_the_environment_and_the_config_too(tmp_path: Path) -> None:
    with ApiDouble() as double:
        folder = tmp_path / ".config" / "agentctl"
        folder.mkdir(parents=True)
        double.kubeconfig(tmp_path / "kubeconfig")
        (folder / "config.json").write_text(
            json.dumps({"namespace": "from-config", "kubeconfig": str(tmp_path / "kubeconfig")})
        )
        with Served(*ANY_PORT, home=tmp_path) as served:
            served.line("serving from-config of the cluster")
        with Served(*ANY_PORT, "-n", "b", "-n", "a", "-n", "b", home=tmp_path) as served:
            served.line("serving b, a of the cluster")


def test_help_teaches(tmp_path: Path) -> None:
    done = run("serve", "--help", home=tmp_path)
    assert done.returncode == 0
    assert "curl -N http://127.0.0.1:8080" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
