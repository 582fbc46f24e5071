"""What others would serve the same events with: a thread for each stream, and nchan."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Optional

from agentctl.wire.grpc_contract import SERVICES
from bench.fanout_emitter import delta
from bench.sse_reader import PATH

NCHAN_MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
_STACK = 256 * 1024
"""Of each thread: with the usual 8 MB thousands of them meet the host's limits."""


def nginx() -> Optional[str]:
    """Where an nginx is that can load nchan, if there is one."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    return program if NCHAN_MODULE.exists() else None


def _sse(number: int, size: int) -> bytes:
    event = delta(number, size)
    data = json.dumps(event.to_json(), ensure_ascii=False, separators=(",", ":"))
    return f"event: delta\nid: {event.cursor}\ndata: {data}\n\n".encode()


class _Queues:
    """A queue for each stream that is open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: list[queue.SimpleQueue[bytes]] = []

    def open(self, first: bytes) -> queue.SimpleQueue[bytes]:
        mine: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        mine.put(first)
        with self._lock:
            self._queues.append(mine)
        return mine

    def put(self, data: bytes) -> None:
        with self._lock:
            for one in self._queues:
                one.put(data)

    def __len__(self) -> int:
        return len(self._queues)


class ThreadedSse:
    """The standard library's server: a thread and a queue for each stream."""

    def __init__(self) -> None:
        threading.stack_size(_STACK)
        queues = self._queues = _Queues()

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                mine = queues.open(b"data: hello\n\n")
                while True:
                    self.wfile.write(mine.get())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 1024
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        server = Server(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.http_port, self.grpc_port = server.server_address[1], 0
        self.pid = os.getpid()

    def emit(self, number: int, size: int) -> None:
        self._queues.put(_sse(number, size))

    def beat(self) -> None:
        pass

    def active(self) -> int:
        return len(self._queues)

    def cpu_s(self) -> float:
        return time.process_time()

    def stop(self) -> None:
        pass


class ThreadedGrpc(ThreadedSse):
    """grpcio's usual way: a generator for each stream, which holds a thread of the pool."""

    def __init__(self, streams: int) -> None:
        import grpc

        from agentctl.wire import events_pb

        threading.stack_size(_STACK)
        self._encode = events_pb.encode
        queues = self._queues = _Queues()
        first = self._encode(delta(0, 0))

        def watch(request: bytes, context: object) -> Iterator[bytes]:
            mine = queues.open(first)
            while True:
                yield mine.get()

        self._server = grpc.server(ThreadPoolExecutor(max_workers=streams + 8))
        call: Any = grpc.unary_stream_rpc_method_handler(watch)
        service = SERVICES[0]
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {"WatchControlPlaneStatus": call}),)
        )
        self.http_port, self.grpc_port = 0, self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self.pid = os.getpid()

    def emit(self, number: int, size: int) -> None:
        self._queues.put(self._encode(delta(number, size)))


class Nchan:
    """nginx with the nchan module, one process; an event is a POST to it."""

    def __init__(self) -> None:
        program = nginx()
        assert program is not None
        self._directory = tempfile.TemporaryDirectory(prefix="agentctl-bench-nchan-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config = Path(self._directory.name) / "nginx.conf"
        config.write_text(_NGINX.format(module=NCHAN_MODULE, port=port, path=PATH))
        # It must not outlive this process, however that ends.
        setpriv = shutil.which("setpriv")
        tied = [setpriv, "--pdeathsig", "TERM"] if setpriv else []
        self._nginx = subprocess.Popen(
            [*tied, program, "-p", self._directory.name, "-e", "stderr", "-c", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.http_port, self.grpc_port, self.pid = port, 0, self._nginx.pid
        self._publisher = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        deadline = time.monotonic() + 10
        while True:
            try:
                # A reader gets the channel's last event first, as the snapshot is ours.
                self._post(b"hello")
                break
            except OSError:
                self._publisher.close()
                if time.monotonic() > deadline or self._nginx.poll() is not None:
                    raise
                time.sleep(0.05)

    def _post(self, body: bytes) -> None:
        self._publisher.request("POST", "/publish", body)
        self._publisher.getresponse().read()

    def emit(self, number: int, size: int) -> None:
        self._post(json.dumps(delta(number, size).to_json(), separators=(",", ":")).encode())

    def beat(self) -> None:
        pass

    def active(self) -> int:
        return 0

    def cpu_s(self) -> float:
        stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self._publisher.close()
        self._nginx.terminate()
        self._nginx.wait(10)
        self._directory.cleanup()


_NGINX = """\
load_module {module};
daemon off;
master_process off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid nginx.pid;
events {{ worker_connections 16000; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location = /publish {{
            nchan_publisher;
            nchan_channel_id status;
            nchan_message_buffer_length 100;
            nchan_store_messages on;
        }}
        location = {path} {{
            nchan_subscriber eventsource;
            nchan_channel_id status;
            nchan_subscriber_first_message -1;
        }}
    }}
}}
"""
