"""A hostile API server whose every answer is huge: what all sources hold of it is bounded."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agentctl.engine.attempt import Attempt, Source
from agentctl.errors import ServerError
from agentctl.kube.reader import parsed_bytes
from agentctl.net.memory_budget import TOTAL_BYTES, MemoryBudget
from tests.cli.program import COMMAND, PATIENCE_S, environment

MIB = 1 << 20
PAGE_BYTES = 31 * MIB
"""Just below what one page may have."""

HEAD = b'{"kind":"List","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"'
BODIES = {
    # One text without end, and nothing but objects: 14 times their bytes in memory.
    "text": (HEAD, b"x" * 65536, b'"}}]}'),
    "objects": (HEAD + b'"}}', b',{"metadata":{}}' * 4096, b"]}"),
}


PUT_OFF = "come to more than 256 MiB: this one is put off"


@contextmanager
def hostile(kind: str) -> Iterator[int]:
    head, piece, tail = BODIES[kind]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(head)
                for _ in range(PAGE_BYTES // len(piece)):
                    self.wfile.write(piece)
                self.wfile.write(tail)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", BODIES)
def test_all_sources_together_keep_to_the_budget(kind: str, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    with hostile(kind) as port:
        named = {"name": "a", "cluster": {"server": f"http://127.0.0.1:{port}"}}
        context = {"name": "a", "context": {"cluster": "a"}}
        config = {"clusters": [named], "contexts": [context], "current-context": "a"}
        kubeconfig.write_text(json.dumps(config))
        for timeout in ("6s", "60s"):  # the longer one where a busy host was slow
            flags = ("--kubeconfig", str(kubeconfig), "-o", "ndjson", "--timeout", timeout)
            with subprocess.Popen(
                [*COMMAND, "status", *flags],
                env=environment(tmp_path),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            ) as process:
                peak = 0
                while process.poll() is None:
                    peak = max(peak, peak_bytes(process.pid))
                    threading.Event().wait(0.02)
                assert process.stdout is not None
                told = process.stdout.read().decode()
            if PUT_OFF in told:
                break
    assert PUT_OFF in told
    # Beside the budget there is the interpreter, with what malloc keeps of what was given back.
    assert peak < TOTAL_BYTES + 256 * MIB


def peak_bytes(pid: int) -> int:
    with suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) * 1024 if found else 0
    return 0


@pytest.mark.parametrize(
    "body",
    [
        b'{"items":[%s]}' % b",".join([b'{"metadata":{}}'] * 20_000),
        b'["%s"]' % (b"x" * 300_000),
        b"[%s]" % b",".join([b"[[]]"] * 50_000),
        b"[%s]" % b",".join([b"1.5"] * 100_000),
        b"[%s]" % b",".join(b'"t%d"' % n for n in range(50_000)),
        json.dumps(["\N{GRINNING FACE}" + "x" * 300_000], ensure_ascii=False).encode(),
    ],
)
def test_no_json_takes_more_than_is_allowed_for_it(body: bytes) -> None:
    import tracemalloc

    tracemalloc.start()
    try:
        value = json.loads(body.decode())
        assert tracemalloc.get_traced_memory()[1] <= parsed_bytes(body) + 16_384
        assert value
    finally:
        tracemalloc.stop()


def test_a_share_is_given_back_however_it_ends() -> None:
    budget = MemoryBudget(100)
    with budget.share() as share:
        share.add(60)
        with pytest.raises(ServerError, match="put off"):
            share.add(60)
    assert budget.taken == 0
    with budget.share() as share:
        share.add(100)
        assert budget.taken == 100


def test_a_failure_keeps_nothing_of_what_was_read() -> None:
    """The engine keeps each source's last one; its trace would keep the page."""
    import queue
    import weakref

    class Page(list[bytes]):
        pass

    kept: list[weakref.ref[Page]] = []

    class Failing(Source):
        name = noun = "pods"

        def run(self, attempt: Attempt) -> None:
            page = Page([b"x"])
            kept.append(weakref.ref(page))
            try:
                raise OSError("cut")
            except OSError as error:
                raise ServerError("no good") from error

    inbox: queue.Queue[object] = queue.Queue()
    attempt = Attempt(Failing(), 1, "", inbox)  # type: ignore[arg-type]
    attempt.start()
    ended = inbox.get(timeout=PATIENCE_S)
    assert attempt.join(PATIENCE_S)
    assert "no good" in str(ended)
    assert kept[0]() is None
