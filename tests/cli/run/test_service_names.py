"""Servers under the service's old and its new name, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc

from agentctl.wire import events_pb
from agentctl.wire.grpc_contract import SERVICES
from tests.cli.inprocess import call
from tests.cli.program import Program
from tests.remote.grpc_server_rig import BEAT, DELTA, SNAPSHOT, ScriptedServer, until_gone
from tests.remote.test_grpc_names import answer, paths


def watch(request: Any, context: grpc.ServicerContext) -> Iterator[bytes]:
    """A snapshot, a change and a beat; cut once, so that the reader comes back."""
    events = (DELTA, BEAT) if request.cursor else (SNAPSHOT,)
    yield from map(events_pb.encode, events)
    if not request.cursor:
        context.abort(grpc.StatusCode.UNAVAILABLE, "moved")
    until_gone(context)


def test_one_command_watches_servers_of_both_names(tmp_path: Path) -> None:
    old_and_new = [(SERVICES[1], [*SERVICES, SERVICES[1]]), (SERVICES[0], [SERVICES[0]] * 2)]
    with ExitStack() as stack:
        watched = []
        for service, asked in old_and_new:
            server = stack.enter_context(ScriptedServer(watch, answer, service=service))
            to = ("--grpc", "--server", f"127.0.0.1:{server.port}")
            flags = ("-o", "ndjson", "--retry-backoff", "50ms")
            program = Program("status", "watch", *flags, *to, home=tmp_path)
            watched.append((stack.enter_context(program), server, asked, to))
        for program, server, asked, to in watched:
            delta = program.wait_for(lambda event: event["type"] == "delta")
            assert delta["changes"][0]["component"] == "a"
            # The name that was found is the one that the reconnect asks for.
            assert server.calls == paths("WatchControlPlaneStatus", *asked)
            assert call("status", *to, home=tmp_path).code == 0
