"""What is taken out, what stays, and that it costs no more than the text is long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.redact import LIMIT, REDACTED, WINDOW, redact

# Put together at run time: scanners that guard repositories know these forms too.
HEX = "0123456789abcdef" * 2
WORD = "Zq9" * 12
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabcd\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + "c2lnbmF0dXJl"

SECRETS = [
    ("postgres://app:hunter2@db:5432/agents", "hunter2"),
    ("postgres://app:hun/ter2@db:5432/agents", "ter2"),
    ("https://user:p@ss@word@host/path", "word@"),
    ("amqp://:hunter2@mq/", "hunter2"),
    ("https://sometoken@host/x", "sometoken"),
    ("Authorization: Bearer abc.def-ghi", "abc.def"),
    ("authorization=Basic dXNlcjpwYXNz", "dXNl"),
    ('{"Authorization": "Bearer abcdefgh"}', "abcdefgh"),
    ("sent bearer abcdefghij to it", "abcdefghij"),
    ("Basic dXNlcjpwYXNzd29yZA==", "dXNlcj"),
    ("password=hunter2", "hunter2"),
    ("DB_PASSWORD=hunter2,x", "hunter2"),
    ("password: hunter2", "hunter2"),
    ("passwd = hunter2", "hunter2"),
    ("PGPASSWORD='it is long' psql", "long"),
    ('clientSecret="with \\" quote and tail" next', "tail"),
    ('{"clientSecret":"hunter2","user":"bob"}', "hunter2"),
    ('{"api_key": 12345678}', "12345678"),
    ("{'db-password': 'hunter2'}", "hunter2"),
    ('{"password":"never closed and more', "closed"),
    ("x-api-key: abc123", "abc123"),
    ("apikey=abc123&user=bob", "abc123"),
    ("access_token=abc123&x=1", "abc123"),
    ("aws_secret_access_key=wJalrXUtnFEMI/K7MDENG", "K7MDENG"),
    ("credentials: abc123", "abc123"),
    ("run --token abc123 --verbose", "abc123"),
    ("run --db-password hunter2", "hunter2"),
    (PEM, "MIIEow"),
    (PEM.replace("\n", "\\n"), "MIIEow"),
    (PEM[:50], "MIIEow"),
    (f"got {JWT} from it", "c2lnbmF0dXJl"),
    ("key " + "AKIA" + "IOSFODNN7EXAMPLE", "IOSFODNN"),
    ("ASIA" + "IOSFODNN7EXAMPLE", "IOSFODNN"),
    *((f"uses {p}{WORD} here", WORD) for p in ("ghp_", "gho_", "ghs_", "github_pat_", "npm_")),
    *((f"uses {p}{WORD} here", WORD) for p in ("glpat-", "pypi-", "AIza", "GOCSPX-", "xapp-")),
    ("xox" + f"b-1234-{WORD}", WORD),
    ("https://hooks.slack.com/services/T0/B0/XyZ", "XyZ"),
    ("sk_" + f"live_{WORD}", WORD),
    ("rk_" + f"test_{WORD}", WORD),
    ("whsec_" + WORD, WORD),
    ("ya29." + WORD, WORD),
    ("?sv=2020&sig=abc%2Bdef&se=1", "abc%2Bdef"),
    ("AccountKey=abc+/==;EndpointSuffix=x", "abc+"),
    ("SharedAccessKey=abc+/==", "abc+"),
    ("pass\u202aword=hunter2", "hunter2"),
]

PLAIN = [
    "1/2 ready; agents-controllers-x2x: CrashLoopBackOff",
    "1/2 ready; token-refresher-7d9f-x2x: CrashLoopBackOff",
    'CreateContainerConfigError: secret "agents-db-app" not found',
    "Secret agents-db-app not found",
    "secretName: agents-db-app",
    '{"secretKeyRef":{"name":"agents-db-app","key":"uri"}}',
    "missing CRDs: secretbindings.security.proompteng.ai",
    "secretbindings.security.proompteng.ai: not established",
    "token expired",
    "bearer token expired",
    "basic authentication failed",
    "the password has expired",
    "image registry.local/agents@sha256:" + HEX,
    "uid 799d2d33-3e97-4cac-9963-aa73bd48b6c8",
    "pod agents-5cb7dcc7-5wcxb",
    "lease agents-controller-leader expired (holder agents-controllers-abc, last renewed "
    "2026-01-30T18:15:00Z)",
    "cannot list secrets: forbidden",
    "dial tcp 10.0.0.1:443: connect: connection refused",
    "https://10.0.0.1:6443/api/v1/pods?watch=true",
    "agents-grpc.agents.svc.cluster.local:50051",
    "temporal connection retrying",
    "mail ops@example.org about it",
    "größer als erwartet, 日本語",
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_secrets_are_replaced_whole(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert REDACTED in redact(text)


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_a_secret_inside_other_text_is_found_too(text: str, secret: str) -> None:
    wrapped = f"component x failed ({text}) again"
    assert secret not in redact(wrapped)
    assert redact(wrapped).startswith("component x failed (")


@pytest.mark.parametrize("text", PLAIN)
def test_what_only_speaks_of_secrets_stays(text: str) -> None:
    assert redact(text) == text


def test_what_leads_up_to_a_secret_stays() -> None:
    assert redact("postgres://app:x@db/agents") == "postgres://[redacted]@db/agents"
    assert redact('{"token":"x","user":"bob"}') == '{"token":"[redacted]","user":"bob"}'
    assert redact("apikey=abc&user=bob") == "apikey=[redacted]&user=bob"


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_redacting_again_changes_nothing(text: str, secret: str) -> None:
    assert redact(redact(text)) == redact(text)


def test_it_is_cut_after_redaction_with_a_mark() -> None:
    assert len(redact("word " * 1000)) == LIMIT
    assert redact("word " * 1000).endswith("…")


@pytest.mark.parametrize("lead", range(LIMIT - 40, LIMIT + 2))
def test_the_cut_is_never_inside_a_replaced_part(lead: int) -> None:
    out = redact("x" * lead + " password=hunter2 tail tail tail tail tail")
    assert "hunter2" not in out
    assert len(out) <= LIMIT
    tail = out[out.rfind("[") :] if "[" in out else REDACTED
    assert tail.startswith(REDACTED)


@pytest.mark.parametrize("before", range(WINDOW - 60, WINDOW + 5, 5))
def test_a_secret_at_the_edge_of_the_window_does_not_leak(before: int) -> None:
    secret = "ghp_" + WORD
    long = "password=" + "y" * (before - 10) + " "
    assert "ghp_" not in redact(long + secret + " tail " * 10, limit=10**6)


@pytest.mark.parametrize(
    "bad", ["\x1b[31m", "\x9b31m", "\r\n", "\x00", "\u202e", "\u2066", "\ud800"]
)
def test_nothing_that_drives_a_terminal_or_breaks_utf8_stays(bad: str) -> None:
    out = redact(f"a{bad}b")
    assert out.isprintable()
    out.encode("utf-8")


@given(st.text(max_size=300))
def test_any_text_gives_printable_utf8_within_the_limit(text: str) -> None:
    out = redact(text)
    out.encode("utf-8")
    assert len(out) <= LIMIT
    assert "\n" not in out


HOSTILE = [
    "://",
    "://a:",
    "://a:b",
    "a@",
    "eyJ",
    "eyJa.",
    "-----BEGIN A-----",
    "token",
    "token=",
    'token="',
    "token='\\",
    '"token":"',
    "password_",
    "--password ",
    "authorization: ",
    "bearer ",
    "basic a",
    "basic aaaaaaaaaaaaaaaaaaaa",
    "ghp_",
    "secret-",
    " ",
    "=",
    "\\",
    '"',
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_is_linear_on_hostile_text(piece: str) -> None:
    def cost(size: int) -> float:
        text = (piece * size)[:size]
        started = time.process_time()
        redact(text, limit=10**7)
        return time.process_time() - started

    cost(1000)
    assert cost(WINDOW) < 0.5
    assert cost(50 * WINDOW) < 0.5
