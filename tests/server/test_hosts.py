"""Names that an anonymous listener answers to: a page that rebinds its own reads nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentctl.server.hosts import AllowedHosts, host_name
from tests.cli.run.test_serve_flags import QUIET, own_log, said  # noqa: F401
from tests.cli.serving import STATUS, Served
from tests.server.http.test_http_over_tls import Certificates
from tests.server.http_rig import STREAM, Site
from tests.server.replica import item

NAMES = AllowedHosts(["agentctl.example", "x_y"])

GOOD = (
    "localhost", "LOCALHOST:8080", "localhost.", "127.0.0.1", "127.0.0.1:8080", "10.0.0.7",
    "[::1]", "[::1]:8080", "[fe80::1%eth0]:1", "0.0.0.0:1", "agentctl.example",
    "Agentctl.Example.:8080", "x_y:", " localhost ",
)  # fmt: skip
BAD = (
    "", ":80", "evil.example", "evil.example:8080", "localhost.evil.example",
    "127.0.0.1.evil.example", "evil.agentctl.example", "agentctl.example.evil",
    "localhost:80:80", "localhost@evil.example",
    "evil.example/localhost", "[::1", "[evil]", "::1", "[localhost]", "localhost:x", "127.1",
    "2130706433", "0x7f.0.0.1", "localhost, evil.example", "xn--localhost", "a b",
)  # fmt: skip


@pytest.mark.parametrize("host", GOOD)
def test_a_host_that_is_answered_to(host: str) -> None:
    assert NAMES.refusal([host]) is None


@pytest.mark.parametrize("host", BAD)
def test_a_host_that_is_not(host: str) -> None:
    assert "--allowed-host NAME" in str(NAMES.refusal([host]))
    assert NAMES.refusal(["localhost", host])


def test_no_host_at_all_is_no_browser() -> None:
    assert NAMES.refusal([]) is None


def test_a_long_name_is_cut_where_it_is_told_back() -> None:
    assert len(str(NAMES.refusal(["e" * 10_000]))) < 400


@pytest.mark.parametrize("name", ["agentctl", "Agentctl.Example.", "a_b.c-d", "10.0.0.1", "::1"])
def test_a_name_that_may_be_allowed(name: str) -> None:
    assert host_name(name) == name.lower().rstrip(".")


@pytest.mark.parametrize(
    "name",
    ["", "a:80", "http://a", "a/b", "*", "*.a", "a..b", "-a", "a b", "é", "a" * 254, "[::1]"],
)
def test_a_name_that_may_not(name: str) -> None:
    with pytest.raises(ValueError, match="a host's name without a port"):
        host_name(name)


PATHS = ("/healthz", "/readyz", "/metrics", STATUS, STREAM, "/nothing")


@pytest.mark.parametrize("path", PATHS)
def test_every_path_is_refused_under_another_name(path: str) -> None:
    site = Site(hosts=())
    site.replica.begin(item("a"))
    with site.serve():
        answer = site.get(path, "Host: evil.example:8080")
        assert (answer.status, answer.headers["content-type"]) == (421, "application/json")
        assert answer.json["status"] == 421
        assert "evil.example" in answer.json["error"]
        assert "--allowed-host" in answer.json["error"]
        assert site.streams == 0
        assert site.errors("bad_request") == 1


def test_the_target_counts_as_much_as_the_header() -> None:
    site = Site(hosts=())
    with site.serve():
        assert site.get("http://evil.example/healthz").status == 421
        assert site.get("http://127.0.0.1:1/healthz").status == 200
        assert site.get("http://localhost/healthz", "Host: evil.example").status == 421


def test_a_name_that_was_given_is_answered_to() -> None:
    site = Site(hosts=["agentctl.example"])
    with site.serve():
        assert site.get("/healthz", "Host: Agentctl.Example:8080").status == 200
        assert site.get("/healthz", "Host: evil.example").status == 421
        assert site.get("/healthz", version="1.0").status == 200


def test_with_a_token_any_name_is_good() -> None:
    site = Site(token="good", hosts=())
    with site.serve():
        host = "Host: evil.example"
        assert site.get("/healthz", host, "Authorization: Bearer good").status == 200
        assert site.get("/healthz", host).status == 401
    with site.serve(probe=True):
        assert site.get("/healthz", host).status == 421
        assert site.get("/healthz").status == 200


@pytest.mark.parametrize(("mutual", "status"), [(False, 421), (True, 200)])
def test_tls_alone_is_no_credential_and_a_client_certificate_is_one(
    tmp_path: Path, mutual: bool, status: int
) -> None:
    certificates = Certificates(tmp_path, mutual)
    context = certificates.client(certificates.authority if mutual else None)
    site = Site(hosts=())
    with site.serve(tls=certificates.tls), site.client(tls=context) as client:
        assert client.get("/healthz", "Host: evil.example").status == status


def test_the_flag(tmp_path: Path) -> None:
    flags = ("--allowed-host", "Agentctl.example", "--allowed-host", "other")
    with Served(
        "--source", "demo", "--http", "localhost:0", "--grpc", "off", *flags, home=tmp_path
    ) as served:
        for host, status in (
            ("agentctl.EXAMPLE:1", 200), ("other", 200), ("localhost", 200), ("127.0.0.1", 200),
            ("evil.example", 421),
        ):  # fmt: skip
            with served.request("/healthz", {"Host": host}) as answer:
                assert answer.status == status, host
    assert "--allowed-host: expected a host's name" in said(*QUIET, "--allowed-host", "a:80")
