"""The status page: files that need no token, the headers that bind them, and --no-ui."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agentctl.server.page.status_page import PATHS, StatusPage
from tests.cli.inprocess import call
from tests.server.http_rig import STATUS, Response, Site

FOLDER = Path(__file__).parent.parent.parent / "agentctl" / "server" / "page"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    site = Site(token="secret")
    site.services = replace(site.services, page=StatusPage())
    with site.serve():
        yield site


def policy(answer: Response) -> dict[str, str]:
    parts = answer.headers["content-security-policy"].split("; ")
    return dict(part.split(" ", 1) for part in parts)


@pytest.mark.parametrize("path", PATHS)
def test_a_file_needs_no_token_and_says_of_which_build_it_is(site: Site, path: str) -> None:
    answer = site.get(path)
    assert answer.status == 200
    assert re.fullmatch(r"1\.2\.3\+[0-9a-f]{8}", answer.headers["agentctl-build"])
    assert b"{{" not in answer.body
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"].endswith("; charset=utf-8")
    with site.client() as client:
        head = client.get(path, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(answer.body))


def test_the_data_needs_one(site: Site) -> None:
    assert site.get(STATUS).status == 401
    assert site.get("/page.html").status == 401


def test_the_page_names_its_build_and_nothing_of_another_host(site: Site) -> None:
    answer = site.get("/")
    page = answer.body.decode()
    assert f'name="agentctl-build" content="{answer.headers["agentctl-build"]}"' in page
    assert not re.search(r"""(?:src|href)=["'](?:[a-z]+:)?//""", page)
    relative = re.findall(r"""(?:src|href)=["']([^"'#][^"']*)""", page)
    assert set(relative) == {"data:,", "page.css", "page.js"}
    for name in ("page.css", "page.js"):
        text = (FOLDER / name).read_text(encoding="utf-8")
        urls = set(re.findall(r"https?://[^\"'`\s]+", text))
        assert urls <= {"http://www.w3.org/2000/svg"}, urls


def test_the_policy_lets_nothing_in(site: Site) -> None:
    found = policy(site.get("/"))
    assert found["default-src"] == found["frame-ancestors"] == found["base-uri"] == "'none'"
    assert found["script-src"] == found["style-src"] == found["connect-src"] == "'self'"
    assert not re.search(r"unsafe|\*|https?:", str(found))
    assert site.get("/").headers["x-frame-options"] == "DENY"


def test_a_page_of_a_named_origin_may_show_it_in_a_frame() -> None:
    site = Site()
    site.services = replace(site.services, page=StatusPage(["https://a.example", "http://b:3000"]))
    with site.serve():
        answer = site.get("/")
    assert policy(answer)["frame-ancestors"] == "https://a.example http://b:3000"
    assert "x-frame-options" not in answer.headers


def test_without_the_page_there_is_nothing_at_the_root() -> None:
    with Site().serve() as site:
        answer = site.get("/")
        assert answer.status == 404
        assert answer.headers["agentctl-build"] == "1.2.3"


def test_a_name_that_is_not_answered_to_gets_no_page() -> None:
    site = Site()
    site.services = replace(site.services, page=StatusPage())
    with site.serve():
        assert site.get("/", "Host: evil.example").status == 421


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--no-ui", "--frame-ancestor", "https://a.example"), "--no-ui"),
        (("--http", "off", "--frame-ancestor", "https://a.example"), "--http off"),
        (("--frame-ancestor", "https://a.example/"), "https://a.example"),
        (("--frame-ancestor", "*"), "name each origin"),
    ],
)
def test_a_frame_ancestor_that_cannot_be_meant(
    flags: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    done = call("serve", "--source", "demo", *flags, home=tmp_path)
    assert done.code == 2
    assert said in done.stderr
