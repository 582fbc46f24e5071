"""A page of another origin in a real browser: what it reads with --cors-origin, and not without.

The pages are those of docs/dashboards.md.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.browser import chromium
from tests.cli.serving import ANY_PORT, Served
from tests.docpage import ROOT
from tests.server.http_rig import STATUS, Site
from tests.server.replica import item

DOCS = (ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8")
PAGES = re.findall(r"^```html\n(.*?)^```$", DOCS, re.DOTALL | re.MULTILINE)
TOKEN = "not-much-of-a-secret"
STREAM = STATUS + "/stream?format=ndjson"

READ = """
window.answers = {};
for (const [name, url, headers] of %s)
  fetch(url, {headers}).then(async answer => {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    const first = (await reader.read()).value;
    await reader.cancel();
    answers[name] = [answer.status, first, answer.headers.get('Agentctl-Build'),
                     answer.headers.get('Retry-After')];
  }, () => answers[name] = null);
"""

pytestmark = pytest.mark.skipif(chromium.program() is None, reason="needs Chromium")


class Elsewhere(BaseHTTPRequestHandler):
    """Serves one page at each path."""

    pages: dict[str, str]

    def do_GET(self) -> None:
        body = self.pages.get(self.path, "<!doctype html><title>elsewhere</title>").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def elsewhere() -> Iterator[tuple[str, dict[str, str]]]:
    """An origin, and the pages of it by path, to be filled."""
    pages: dict[str, str] = {}
    handler = type("Handler", (Elsewhere,), {"pages": pages})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", pages
        finally:
            server.shutdown()
            thread.join()


def loaded(page: chromium.Page, url: str) -> None:
    page.evaluate(f"location.href = {json.dumps(url)}")
    page.wait_for(f"location.href == {json.dumps(url)} && document.readyState == 'complete'")


def read(page: chromium.Page, *asked: tuple[str, Site, str, dict[str, str]]) -> Any:
    urls = [
        (name, f"http://127.0.0.1:{site.http.port}{path}", headers)
        for name, site, path, headers in asked
    ]
    page.evaluate(READ % json.dumps(urls))
    page.wait_for(f"Object.keys(answers).length == {len(urls)}")
    return page.evaluate("answers")


def test_a_page_of_another_origin(tmp_path: Path) -> None:
    pytest.importorskip("websocket")
    with ExitStack() as stack:
        origin, pages = stack.enter_context(elsewhere())
        flags = ("--source", "demo", *ANY_PORT, "--cors-origin", origin)
        served = stack.enter_context(Served(*flags, home=tmp_path))
        sites = {
            "named": Site(origins=[origin]),
            "token": Site(origins=[origin], token=TOKEN),
            "other": Site(origins=["https://dashboards.example"]),
            "none": Site(),
            "early": Site(origins=[origin]),
        }
        for name, site in sites.items():
            if name != "early":
                site.replica.begin(item("grpc"), item("database"))
            stack.enter_context(site.serve())
        page = stack.enter_context(chromium.Page(tmp_path / "profile", origin))
        page.wait_for("document.title == 'elsewhere'")

        good = {"Authorization": f"Bearer {TOKEN}", "Last-Event-ID": "x"}
        answers = read(
            page,
            ("stream", sites["named"], STREAM, {}),
            ("with a token", sites["token"], STREAM, good),
            ("without it", sites["token"], STREAM, {}),
            ("too early", sites["early"], STATUS, {}),
            ("another's", sites["other"], STREAM, {}),
            ("nobody's", sites["none"], STREAM, {}),
            ("nobody's, asked before", sites["none"], STREAM, good),
            ("nobody's status", sites["none"], STATUS, {}),
        )
        for name in ("stream", "with a token"):
            status, first, build, _ = answers.pop(name)
            assert (status, build) == (200, "1.2.3")
            assert json.loads(first.splitlines()[0])["type"] == "snapshot"
        status, first, *_ = answers.pop("without it")
        assert (status, "Authorization" in json.loads(first)["error"]) == (401, True)
        assert [answers["too early"][place] for place in (0, 3)] == [503, "1"]
        del answers["too early"]
        assert len(answers) == 4
        assert set(answers.values()) == {None}, "the browser hands on nothing"

        by_event_source, by_fetch = PAGES
        for path, text, port in (
            ("/a", by_event_source, sites["named"].http.port),
            ("/b", by_fetch, sites["token"].http.port),
            ("/c", by_event_source, sites["none"].http.port),
        ):
            pages[path] = re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", text)
        loaded(page, origin + "/a")
        page.wait_for("list.innerText == 'grpc: healthy '.trim()")
        sites["named"].replica.publish(item("grpc", "error", "0/2 <b>ready</b>"), item("database"))
        page.wait_for("list.innerText == 'grpc: error 0/2 <b>ready</b>'")
        loaded(page, origin + "/b")
        page.wait_for("out.innerText.trim() == 'snapshot'")
        sites["token"].replica.publish(item("grpc", "error"), item("database"))
        page.wait_for("out.innerText.split('\\n')[1] == 'delta'")
        loaded(page, origin + "/c")
        refusing = json.dumps(f"http://127.0.0.1:{sites['none'].http.port}{STATUS}/stream")
        page.evaluate(f"window.refused = 0; new EventSource({refusing}).onerror = () => refused++")
        page.wait_for("refused > 0")
        assert page.evaluate("list.innerText") == ""
        served.until_ready()
        page.evaluate(
            f"new EventSource('http://127.0.0.1:{served.port()}{STATUS}/stream').addEventListener("
            "'snapshot', event => window.told = JSON.parse(event.data).items.length)"
        )
        assert page.wait_for("window.told") > 5, "so it is with the flag itself"
