"""docs/server.md says what is: every example in it is run, and gives what it shows.

A ``sh`` or ``python`` block is run as it stands, except that its ports are free ones; the
``text`` block after it holds lines that must come, in that order, ``…`` for anything.
"""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agentctl.server.fanout.narrowing import MAX_NARROWED, MAX_NARROWED_ITEMS
from agentctl.server.held_bytes import SHORT, TOTAL_BYTES
from agentctl.server.http.answer import PIECES_WEIGHT
from agentctl.server.limits import StreamLimits
from tests.cli.program import environment
from tests.cli.serving import ANY_PORT, Served
from tests.ports import free_port

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"^```(sh|python)\n(.*?)^```\n```text\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FENCE = re.compile(r"^```(\w*)$", re.MULTILINE)
PORT = re.compile(r"(127\.0\.0\.1):(\d+)")
PATIENCE_S = 40.0


class Example(NamedTuple):
    language: str
    code: str
    expected: list[str]


EXAMPLES = [Example(m[1], m[2], m[3].splitlines()) for m in EXAMPLE.finditer(PAGE)]


def pattern(line: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in line.split("…")))


class Free:
    """A free port for each port of the page; the same one each time."""

    def __init__(self) -> None:
        self._ports: dict[str, str] = {}

    def of(self, text: str) -> str:
        return PORT.sub(lambda match: f"{match[1]}:{self._port(match[2])}", text)

    def _port(self, port: str) -> str:
        if port not in self._ports:
            self._ports[port] = str(free_port())
        return self._ports[port]


@contextmanager
def running(example: Example, ports: Free, home: Path) -> Iterator[queue.Queue[str]]:
    """The example's lines as they come, "" at their end. All that it began ends with it."""
    code = ports.of(example.code)
    if "agentctl serve" in code:  # what it leaves out has a port of its own as well
        for flag, port in (("--http", 8080), ("--grpc", 50051)):
            if flag not in code:
                code = code.replace("serve ", ports.of(f"serve {flag} 127.0.0.1:{port} "))
    argv = [sys.executable, "-c"] if example.language == "python" else ["bash", "-c"]
    process = subprocess.Popen(
        [*argv, code],
        cwd=home,
        env={
            **environment(home),
            "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    )
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put("")

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield lines
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE_S)
        reader.join(PATIENCE_S)
        assert process.stdout is not None
        process.stdout.close()


def expect(example: Example, ports: Free, lines: queue.Queue[str]) -> None:
    seen: list[str] = []
    deadline = time.monotonic() + PATIENCE_S
    for wanted in example.expected:
        found = pattern(ports.of(wanted))
        while not (seen and found.fullmatch(seen[-1].strip())):
            try:
                line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                line = ""
            assert line, f"{example.code}\ngave no line {wanted!r}, but\n{''.join(seen)}"
            seen.append(line)
        seen.append("")


def run_all(examples: Iterable[Example], home: Path) -> None:
    """Run a page's examples in order; what one leaves running ends with the last."""
    commands = home / "bin"
    commands.mkdir()
    (commands / "agentctl").write_text(f'#!/bin/sh\nexec {sys.executable} -m agentctl "$@"\n')
    (commands / "agentctl").chmod(0o755)
    ports = Free()
    with ExitStack() as stack:
        for example in examples:
            tools = {"curl", "grpcurl", "openssl"} & set(re.findall(r"\w+", example.code))
            if example.language == "sh" and not all(map(shutil.which, tools)):
                continue
            lines = stack.enter_context(running(example, ports, home))
            expect(example, ports, lines)


def test_every_example_gives_what_it_shows(tmp_path: Path) -> None:
    run_all(EXAMPLES, tmp_path)


def test_no_example_goes_unrun() -> None:
    fences = [language for language in FENCE.findall(PAGE) if language]
    assert sorted(fences) == sorted(["text"] * len(EXAMPLES) + [one.language for one in EXAMPLES])
    assert len(EXAMPLES) >= 10


def test_the_table_of_metrics_is_complete(tmp_path: Path) -> None:
    rows = PAGE.partition("<!-- metrics -->\n")[2].partition("\n\n")[0].splitlines()[2:]
    told = {}
    for row in rows:
        name, kind, labels, _ = (cell.strip() for cell in row.strip("|").split("|", 3))
        told[name.strip("`")] = (kind, set(re.findall(r"`(\w+)`", labels)))
    with Served("--source", "demo", *ANY_PORT, home=tmp_path) as served:
        served.until_ready()
        _, page = served.get("/metrics")
    found = {}
    for metric in text_string_to_metric_families(page):
        if metric.name.startswith("agentctl_"):
            name = metric.name + ("_total" if metric.type == "counter" else "")
            labels = {label for sample in metric.samples for label in sample.labels} - {"le"}
            found[name] = (metric.type, labels)
    assert told == found


@pytest.mark.parametrize(
    ("told", "where", "name"),
    [
        ("--max-streams` (10,000)", "agentctl.server.limits", "StreamLimits"),
        ("--max-streams-per-peer` (1,000)", "agentctl.server.limits", "StreamLimits"),
    ],
)
def test_the_limits_are_those_of_the_code(told: str, where: str, name: str) -> None:
    module = __import__(where, fromlist=[name])
    numbers = {f"({number:,})" for number in getattr(module, name)()}
    assert told in PAGE
    assert told.rpartition(" ")[2] in numbers


def test_the_share_of_a_peer_is_that_of_the_code() -> None:
    share = StreamLimits().share
    selections, components = int(MAX_NARROWED * share), int(MAX_NARROWED_ITEMS * share)
    assert f"{MAX_NARROWED} different selections at a time, of {MAX_NARROWED_ITEMS:,}" in PAGE
    assert f"| {TOTAL_BYTES >> 20} MiB, what many share counted once |" in PAGE
    assert f"no longer than {SHORT >> 10} KiB" in PAGE
    assert f"counts as {PIECES_WEIGHT >> 20} MiB" in PAGE
    assert f"{selections} selections of {components:,} components together" in PAGE
