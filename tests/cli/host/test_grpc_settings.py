"""grpc's core beside children: those that are started must reach their program."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import sys
from agentctl.cli.host.grpc_settings import set_up_grpc
set_up_grpc()
import collections, subprocess, grpc
from concurrent import futures
server = grpc.server(futures.ThreadPoolExecutor(4))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
channel = grpc.insecure_channel(f"127.0.0.1:{port}")
grpc.channel_ready_future(channel).result(20)
# preexec_fn: fork(2) on each Python, and its handlers with it
ends = collections.Counter(
    subprocess.call(["/bin/true"], preexec_fn=lambda: None) for _ in range(300)
)
channel.close()
server.stop(0).wait()
print(dict(ends))
"""


def test_a_child_that_is_started_beside_a_server_reaches_its_program() -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=own,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("{0: 300}\n", "")
