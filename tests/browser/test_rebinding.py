"""A web page whose own name leads to our loopback address: a browser reads nothing for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import chromium
from tests.cli.serving import ANY_PORT, STATUS, STREAM, Served

EVIL = "rebound.evil.example"
READ = """
window.answers = {};
for (const path of %s)
  fetch(path).then(answer => answer.text().then(text => answers[path] = [answer.status, text]));
window.stream = new EventSource(%s);
window.events = 0;
for (const type of ['snapshot', 'delta', 'heartbeat', 'error'])
  stream.addEventListener(type, event => event.data && events++);
"""
PATHS = [STATUS, STREAM + "?format=ndjson", "/metrics", "/healthz", "/readyz"]

needs_chromium = pytest.mark.skipif(chromium.program() is None, reason="needs Chromium")


@pytest.fixture
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    more = getattr(request, "param", ())
    with Served("--source", "demo", *ANY_PORT, *more, home=tmp_path) as served:
        served.until_ready()
        yield served


def page_at(name: str, served: Served, tmp_path: Path) -> Any:
    """What is at the name is this server, whoever's name it is."""
    rules = f"--host-resolver-rules=MAP {name} 127.0.0.1"
    url = f"http://{name}:{served.port()}/healthz"
    return chromium.Page(tmp_path / "profile", url, rules)


def read(page: chromium.Page, name: str, paths: list[str]) -> Any:
    page.wait_for(f"location.hostname == '{name}' && document.readyState == 'complete'")
    page.evaluate(READ % (json.dumps(paths), json.dumps(STREAM)))
    page.wait_for(f"Object.keys(answers).length == {len(paths)}")
    return page.evaluate("answers")


@needs_chromium
def test_a_page_at_an_evil_name_reads_nothing(served: Served, tmp_path: Path) -> None:
    pytest.importorskip("websocket")
    with page_at(EVIL, served, tmp_path) as page:
        answers = read(page, EVIL, PATHS)
        page.wait_for("stream.readyState == EventSource.CLOSED")
        assert page.evaluate("events") == 0
        shown = page.evaluate("document.body.innerText")
    assert {status for status, _ in answers.values()} == {421}
    for text in (shown, *(text for _, text in answers.values())):
        assert "--allowed-host" in json.loads(text)["error"]
        assert "agents-controller" not in text


@needs_chromium
@pytest.mark.parametrize("served", [("--allowed-host", EVIL)], indirect=True)
def test_a_name_that_was_allowed_reads_all(served: Served, tmp_path: Path) -> None:
    """Which shows that the refusal above is ours, and not the browser's."""
    pytest.importorskip("websocket")
    with page_at(EVIL, served, tmp_path) as page:
        answers = read(page, EVIL, [STATUS, "/healthz"])
        page.wait_for("events > 0")
    assert {status for status, _ in answers.values()} == {200}
    assert "agents-controller" in answers[STATUS][1]
