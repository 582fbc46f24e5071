"""Behind an nginx as it comes, a reader hears each event at once: none is held back."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

import pytest

from tests.server.http_rig import Client, Site, eventually
from tests.server.replica import item

NGINX: Optional[str] = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

CONFIG = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream replicas {{ {servers} }}
  server {{
    listen 127.0.0.1:{port};
    location {prefix} {{ proxy_pass http://replicas/; proxy_set_header Host localhost; }}
  }}
}}
"""


@contextmanager
def proxy(folder: Path, port: int, *upstream: int, prefix: str = "/") -> Iterator[None]:
    """In front of the servers at these ports, of which each is tried again at once."""
    assert NGINX is not None
    servers = " ".join(f"server 127.0.0.1:{one} max_fails=0;" for one in upstream)
    config = CONFIG.format(folder=folder, port=port, servers=servers, prefix=prefix)
    (folder / "conf").write_text(config)
    process = subprocess.Popen(
        [NGINX, "-p", str(folder), "-c", "conf", "-e", str(folder / "log")],
        stderr=subprocess.DEVNULL,
    )
    try:
        # Written once it listens.
        eventually(lambda: (folder / "pid").exists() and bool((folder / "pid").read_text()))
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_each_event_comes_at_once(tmp_path: Path, free_port: int, form: str) -> None:
    site = Site()
    site.replica.begin(item("a"))
    with site.serve(), proxy(tmp_path, free_port, site.http.port), Client(free_port) as client:
        client.stream(f"?format={form}")
        told = client.line if form == "ndjson" else lambda: str(client.event().to_json())
        assert "snapshot" in told()
        for message in ("one", "two"):  # each is looked for before the next is made
            site.replica.publish(item("a", "error", message))
            assert message in told()
