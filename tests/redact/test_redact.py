"""What must go and what must stay, in linear time on any text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.redact import ELLIPSIS, LIMIT, MARK, WINDOW, redact, redact_value
from agentctl.redact.known_secrets import replace_secrets
from agentctl.redact.text import is_suspect, may_hold_a_token

# In pieces, so that no scanner takes this file for a leak.
B62 = "a1B2c3D4e5F6g7H8i9J0"
JWT = f"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.{B62}-_{B62}"
PEM_BODY = f"MIIE{B62 * 3}\n{B62 * 3}\nab=="
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{PEM_BODY}\n-----END RSA PRIVATE KEY-----"
TOKENS = {
    "aws": "AKIA" + "IOSFODNN7EXAMPLE",
    "aws session": "ASIA" + "IOSFODNN7EXAMPLE",
    "github": "ghp_" + B62 * 2,
    "github oauth": "gho_" + B62 * 2,
    "github user": "ghu_" + B62 * 2,
    "github server": "ghs_" + B62 * 2,
    "github refresh": "ghr_" + B62 * 2,
    "github fine-grained": "github_pat_" + B62 + "_" + B62,
    "gitlab": "glpat-" + B62,
    "gitlab routable": "glpat-" + B62 + ".01." + "a1b2c3d4e",
    "gitlab deploy": "gldt-" + B62,
    "slack bot": "xoxb-123456789012-" + B62,
    "slack app": "xapp-1-A0-1-" + B62.lower(),
    "slack hook": "https://hooks.slack.com/services/T0/B0/" + B62,
    "stripe": "sk_live_" + B62,
    "stripe restricted": "rk_live_" + B62,
    "stripe hook": "whsec_" + B62,
    "npm": "npm_" + B62 * 2,
    "pypi": "pypi-AgEIcHlwaS5vcmc" + B62,
    "google key": "AIza" + "SyA" + B62 + "abcdefghijkl",
    "google access": "ya29.a0Af" + B62,
    "google client": "GOCSPX-" + B62,
    "openai": "sk-proj-" + B62,
    "vault": "hvs." + B62,
    "jwt": JWT,
    "jwt cut off": JWT[:30],
    "pem": PEM,
    "pem cut off": PEM[:90],
    "pem in json": PEM.replace("\n", "\\n"),
}

# A text, and what of it must be gone.
SECRETS = [
    ("dial postgres://agents:hunter2@db:5432/x failed", "hunter2"),
    ("dial postgres://agents:hun/ter2@db:5432/x failed", "ter2"),
    ("dial postgres://agents:hun@ter2@db:5432/x failed", "ter2"),
    ("redis://:hunter2@cache:6379", "hunter2"),
    ("https://hunter2@git.example.com/x.git", "hunter2"),
    ("amqp://a:hunter2@h1,amqp://b:hunter3@h2", "hunter"),
    ("http://h/a://b:hunter2@c", "hunter2"),
    ("agents:hunter2@tcp(db:3306)/x", "hunter2"),
    ("Authorization: Bearer hunter2", "hunter2"),
    ("authorization: basic aHVudGVyMg==", "aHVudGVyMg"),
    ("Authorization: hunter2", "hunter2"),
    ("Proxy-Authorization: Basic aHVudGVyMg==", "aHVudGVyMg"),
    ('{"Authorization":"Bearer hunter2 x"}', "hunter2"),
    ("curl -H 'Authorization: Bearer hunter2'", "hunter2"),
    ("sent Bearer hunter2, got 401", "hunter2"),
    ("sent Basic aHVudGVyMg== got 401", "aHVudGVyMg"),
    ("token: Bearer hunter2", "hunter2"),
    ("password=hunter2", "hunter2"),
    ("PASSWORD = hunter2", "hunter2"),
    ("passwd=hunter2&x=1", "hunter2"),
    ("pwd:hunter2", "hunter2"),
    ("password: hunter", "hunter"),
    ("password: hunter is not accepted", "hunter"),
    ("password: hunter\nuser: bob", "hunter"),
    ("password=a,b;c&d!hunter2", "hunter2"),
    ("password=ab)hunter2) in x", "hunter2"),
    ('password=ab"hunter2 x', "hunter2"),
    ("Server=db;Password=hunter2;Database=x", "hunter2"),
    ("host=db password=hunter2 dbname=x", "hunter2"),
    ("password='correct horse hunter2' x", "hunter2"),
    ('password="a \\" hunter2" x', "hunter2"),
    ('password="a \\\\\\" hunter2" x', "hunter2"),
    ('password="never closed hunter2', "hunter2"),
    ('{"password":"a\\"hunter2","x":"y"}', "hunter2"),
    ('{"password" : "hunter2"}', "hunter2"),
    ('{"password": 12345678}', "12345678"),
    ('{\\"password\\":\\"a\\\\\\"hunter2\\",\\"x\\":\\"y\\"}', "hunter2"),
    ("{'password': 'hunter2'}", "hunter2"),
    ('{"tokens":["hunter2","x"]}', "hunter2"),
    ("{Password:hunter2 User:bob}", "hunter2"),
    ("map[password:hunter2 user:bob]", "hunter2"),
    ("DB_PASSWORD=hunter2", "hunter2"),
    ("PGPASSWORD=hunter2 psql", "hunter2"),
    ("spring.datasource.password=hunter2", "hunter2"),
    ("x-api-key: hunter2", "hunter2"),
    ("X-Vault-Token: hunter2", "hunter2"),
    ("clientSecret: hunter2", "hunter2"),
    ("client_secret=hunter2", "hunter2"),
    ("access_token=hunter2", "hunter2"),
    ("refreshToken=hunter2", "hunter2"),
    ("apikey=hunter2", "hunter2"),
    ("OPENAI_API_KEY=hunter2", "hunter2"),
    ("api key: hunter2", "hunter2"),
    ("private_key=hunter2", "hunter2"),
    ("credentials=hunter2", "hunter2"),
    ("credential: hunter2", "hunter2"),
    ("secret=hunter2", "hunter2"),
    ("secret => hunter2", "hunter2"),
    ("--password hunter2 --user bob", "hunter2"),
    ("--password=hunter2", "hunter2"),
    ("--db-token hunter2", "hunter2"),
    ("https://h/x?access_token=hunter2&y=1", "hunter2"),
    ("https://a.blob.core.windows.net/c?sv=1&sig=hunter2%3D&se=2", "hunter2"),
    ("AccountName=a;AccountKey=hunter2==;EndpointSuffix=x", "hunter2"),
    ("Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey=hunter2=", "hunter2"),
    ("aws_secret_access_key=hunter2/a+b", "hunter2"),
    ("?X-Amz-Signature=hunter2&X-Amz-Date=1", "hunter2"),
    ("cut head " + B62 * 3 + "\nab==\n-----END PRIVATE KEY-----", B62),
    ("pass\u202eword=hunter2", "hunter2"),
]

# What an operator needs to read.
PLAIN = [
    "",
    "1/2 ready; agents-controllers-7d9f8b6c5-x2x9z: CrashLoopBackOff",
    "1/2 ready; agents-token-refresher-x2x: CrashLoopBackOff",
    "1/2 ready; agents-token: CrashLoopBackOff",
    "agents-credentials: 0/1 ready",
    "temporal connection retrying",
    "Secret agents-db-app not found",
    'secret "agents-db-app" not found',
    'missing secret "foo"',
    'CreateContainerConfigError: secret "x" not found',
    "couldn't find key DATABASE_URL in Secret agents/agents-db-app",
    'MountVolume.SetUp failed for volume "agents-token" : secret "agents-token" not found',
    "token expired",
    "invalid bearer token",
    "invalid bearer token, Token has been invalidated",
    "error getting token: token expired",
    "failed to fetch token: dial tcp 10.0.0.1:443: connect: connection refused",
    "getting credentials: exec: executable aws not found",
    "invalid token: unexpected EOF",
    "secret: not found",
    "basic auth is not supported",
    "Basic authentication required",
    'Www-Authenticate: Bearer realm="https://ghcr.io/token"',
    "the key is missing",
    "password authentication failed for user agents",
    'FATAL: password authentication failed for user "agents"',
    "use --token to pass one",
    "use --token-file /etc/agentctl/token",
    "secretbindings.security.proompteng.ai: not Established",
    "crd tokenreviews.authentication.k8s.io not established",
    "lease holder agents-controllers-7d9f8b6c5-x2x9z_4f1c0e4a-0c3b-4f60-9d35-3f2ad7f7a9f1",
    "secretKeyRef: name=agents-db-app",
    "secretName=agents-db-app",
    "secretKeyRef=agents-db-app",
    "tokenSecretName: agents-token",
    "automountServiceAccountToken: false",
    "token=null",
    "password=",
    "password= user=bob",
    "password=$(DB_PASSWORD)",
    "max_tokens=4096 total_tokens: 35",
    "max_tokens=abc",
    "token_count=12",
    "signals.signals.proompteng.ai",
    "image ghcr.io/proompteng/agents@sha256:" + "0123456789abcdef" * 4,
    "image ghcr.io/proompteng/vault-token:1.2.3@sha256:" + "0123456789abcdef" * 4,
    "image registry:5000/secret:v1 not found",
    "uid 4f1c0e4a-0c3b-4f60-9d35-3f2ad7f7a9f1",
    "pod-template-hash=7d9f8b6c5",
    "commit 3f1d45fbed91f2cfdd6acfd5eaa304d39db67944",
    "http://temporal-frontend.temporal.svc.cluster.local:7233/a@b",
    "dial tcp: lookup temporal-frontend.temporal.svc: no such host",
    "see https://example.com/docs?x=1#y",
    "pypi-mirror-cache-7d9f8b6c5-x2x9z is not ready",
    "sk-learn-worker-7d9f8b6c5-x2x9z is not ready",
    "npm_config_registry is not set",
    "glance-api: 1/2 ready",
    "grpc: agents-grpc.agents.svc.cluster.local:50051",
    "monkey: banana",
    "passed=3 failed=1",
    "Caf\u00e9 \u2713 \u65e5\u672c",
]


@pytest.mark.parametrize("form", TOKENS)
@pytest.mark.parametrize("frame", ["{}", "got {} there", '{{"x":"{}"}}', "a={};b", "({}), x"])
def test_no_part_of_a_known_token_is_left(form: str, frame: str) -> None:
    token = TOKENS[form]
    found = redact(frame.format(token))
    assert MARK in found
    tail = token[-8:].replace("\n", " ")
    assert tail not in found
    assert token[15:25] not in found


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_no_part_of_a_secret_is_left(text: str, secret: str) -> None:
    found = redact(text)
    assert MARK in found
    assert secret not in found
    assert redact(found) == found


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("dial postgres://a:b@db:5432/x failed", "dial postgres://[redacted]@db:5432/x failed"),
        ("Authorization: Bearer a1, x", "Authorization: [redacted], x"),
        ('{"password":"a","user":"bob"}', '{"password":"[redacted]","user":"bob"}'),
        ('{"msg":"password=a1","user":"bob"}', '{"msg":"password=[redacted]","user":"bob"}'),
        ("(password=a1)", "(password=[redacted])"),
        ("password=a1, user=bob", "password=[redacted], user=bob"),
        ("x " + PEM + " y", "x [redacted] y"),
        ("got " + JWT + ".", "got [redacted]"),
        ("--token a1 --user bob", "--token [redacted] --user bob"),
    ],
)
def test_what_is_around_a_secret_stays(text: str, whole: str) -> None:
    assert redact(text) == whole


FRAGMENTS = st.sampled_from(
    [
        *("password", "token", "secret", "key", "api", "Bearer", "Basic", "://", "@", ":", "="),
        *(" ", "\n", '"', "'", "\\", ",", ";", "&", "--", "-----BEGIN X-----", "-----END X-----"),
        *("[redacted]", "eyJ", "ghp_", "abc", "Abc", "a1", "hunter2", "not", "(", ")", "]", "{"),
        *("\u2026", ".", "/", "tcp(", "sig", "\x1b", "\ud800", "\u202e", "Authorization", "_"),
    ]
)
TEXTS = st.lists(FRAGMENTS, max_size=40).map("".join) | st.text(max_size=200)


@given(TEXTS, st.sampled_from([20, 60, 1024]))
def test_idempotent_bounded_one_line_and_utf8(text: str, limit: int) -> None:
    found = redact(text, limit)
    assert redact(found, limit) == found
    assert len(found) <= limit
    found.encode("utf-8")
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in found)
    assert not set(found) & set(
        "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )


@given(st.lists(st.sampled_from([*TOKENS.values(), "x-amz-signature", "a1 "]) | FRAGMENTS))
def test_the_fast_path_passes_only_what_no_pattern_finds(parts: list[str]) -> None:
    text = "".join(parts)
    assert is_suspect(text) or replace_secrets(text, may_hold_a_token) == text


@given(st.text(st.characters(exclude_characters="\\\"'`\n"), min_size=1, max_size=30))
def test_any_quoted_value_goes_whole(secret: str) -> None:
    text = json.dumps({"dbPassword": secret, "user": "bob"})
    assert redact(text) == '{"dbPassword": "[redacted]", "user": "bob"}'
    assert redact(json.dumps(text)) == json.dumps('{"dbPassword": "[redacted]", "user": "bob"}')


@given(st.text(min_size=1, max_size=30))
def test_any_json_text_goes_whole_however_it_is_escaped(secret: str) -> None:
    text = json.dumps({"dbPassword": secret, "user": "bob"})
    assert redact(text) == '{"dbPassword": "[redacted]", "user": "bob"}'


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\nb\r\nc\td", "a b c d"),
        ("\x1b[31mred\x1b[0m", " [31mred [0m"),
        ("\x00\x07\x7f\x9b", "    "),
        ("a\u2028b\u0085c", "a b c"),
        ("abc\u202edef\u2066x\u2069", "abcdefx"),
        ("\ud800x\udfff", "\ufffdx\ufffd"),
    ],
)
def test_nothing_in_it_drives_a_terminal(text: str, seen: str) -> None:
    assert redact(text) == seen


def test_cut_after_redaction_and_never_inside_a_mark() -> None:
    for before in range(LIMIT - 40, LIMIT + 20):
        found = redact("x" * before + " password=" + "s3cret" * 20 + " and more " * 30)
        assert len(found) <= LIMIT
        assert found.endswith(ELLIPSIS)
        assert "s3cret" not in found
        rest = found.replace(MARK, "")
        assert "[" not in rest
        assert redact(found) == found


def test_a_text_of_exactly_the_limit_is_not_cut() -> None:
    assert redact("x" * LIMIT) == "x" * LIMIT
    assert redact("x" * (LIMIT + 1)) == "x" * (LIMIT - 1) + ELLIPSIS


@pytest.mark.parametrize("form", TOKENS)
def test_a_secret_on_the_edge_of_the_window_does_not_leak(form: str) -> None:
    token = TOKENS[form]
    secret = "password=" + "s" * 5000 + " "
    for inside in range(1, len(token), max(7, len(token) // 8)):
        filler = secret * ((WINDOW - inside) // len(secret) - 1)
        filler += "password=" + "s" * (WINDOW - inside - len(filler) - 10) + " "
        found = redact(filler + token + " rest", 10**6)
        assert found.count("redacted") <= filler.count("password") + 1
        assert token[:inside][-12:] not in found or inside < 12


N = 64 * 1024
ATTACKS = {
    "letters": "a",
    "keys": "token",
    "assigned": "token=",
    "colons": "token:",
    "spoken": "token: a ",
    "quotes": 'token="',
    "escaped quotes": 'token=\\"',
    "backslashes": 'token="' + "\\" * 200,
    "schemes": "://",
    "users": "://a:b",
    "ats": "://a:@",
    "dsn": "a:=@tcp(",
    "begins": "-----BEGIN",
    "ends": "-----END",
    "ends and bases": "-----END abc ",
    "ends begins": "-----END-----BEGIN",
    "dashes": "-",
    "bearers": "bearer ",
    "jwts": "eyJ",
    "dots": "eyJaaaaaaaaaa.",
    "pypi": "pypi-",
    "openai": "sk-",
    "slack": "xoxb-",
    "gitlab": "glpat-.",
    "spaces": "token ",
    "blanks": " ",
    "newlines": "token\n",
    "commas": "token=a,",
    "semicolons": "token=;",
    "marks": "[redacted]",
    "marked": "token=[redacted]",
    "brackets": "tokens=[",
    "flags": "--token ",
    "controls": "\x00\ud800",
    "authorization": "authorization: bearer ",
    "dotted": "token.",
    "underscores": "api_",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_time_is_linear_and_bounded_on_any_input(name: str) -> None:
    piece = ATTACKS[name]

    def seconds(size: int) -> float:
        text = (piece * (size // len(piece) + 1))[:size]
        start = time.process_time()
        redact(text, 4 * N)
        return time.process_time() - start

    def is_linear() -> bool:
        return seconds(N // 2) < 10 * seconds(N // 8) + 0.01  # 4 if linear, 16 if quadratic

    assert is_linear() or is_linear()  # the machine may have been busy
    assert seconds(16 * N) < 1.0  # 1 MiB; generous


def test_short_plain_messages_compile_no_pattern() -> None:
    code = (
        "from agentctl.redact import redact; from agentctl.redact.patterns import pattern\n"
        "redact('1/2 ready'); print(pattern.cache_info())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "currsize=0" in done.stdout


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("password=hunter2", "password=[redacted]"),
        ({"password": "a b", "n": 3, "ok": True, "x": None}, None),
        (
            {"dbPassword": "", "secretName": "agents-db"},
            {"dbPassword": "", "secretName": "agents-db"},
        ),
        ({"tokens": ["a", "b"], "nested": [{"apiKey": "k"}]}, None),
        ([1, 2.5, float("inf"), float("nan")], [1, 2.5, "inf", "nan"]),
        (("a", {"b": "Bearer hunter2"}), ["a", {"b": "Bearer [redacted]"}]),
        ({"secret": {"name": "agents-db"}}, {"secret": {"name": "agents-db"}}),
        ({1: b"\x00"}, {"1": "b'\\x00'"}),
    ],
)
def test_values(value: Any, found: Any) -> None:
    if found is None:
        text = json.dumps(redact_value(value))
        assert MARK in text
        assert not any(secret in text for secret in ('"a"', '"a b"', '"b"', '"k"'))
    else:
        assert redact_value(value) == found


def test_values_are_bounded_in_depth_and_size() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    assert json.dumps(redact_value(deep)).count("[") <= 8
    wide = redact_value({str(n): ["x"] * 50 for n in range(5000)})
    assert sum(len(one) for one in wide.values()) <= 1100
    assert redact_value(["x" * 5000]) == ["x" * (LIMIT - 1) + ELLIPSIS]


@pytest.mark.parametrize(
    "text",
    [
        "Successfully assigned agents/agents-controllers-7d9f8b6c5-x2x9z to ip-10-0-3-117.eu-west-1"
        ".compute.internal; Container image already present on machine, created and started it",
        "Failed to pull image ghcr.io/proompteng/agents@sha256:" + "0123456789abcdef" * 4 + ": "
        "rpc error: code = NotFound desc = failed to resolve reference: not found in the registry",
    ],
)
def test_a_message_without_a_secret_costs_few_calls_and_no_pattern(text: str) -> None:
    redact(text)
    calls = []

    def count(frame: Any, event: str, arg: Any) -> None:
        if event in ("call", "c_call"):
            calls.append(getattr(arg, "__name__", frame.f_code.co_name))

    sys.setprofile(count)
    try:
        redact(text)
    finally:
        sys.setprofile(None)
    assert len(calls) < 150, calls
    assert not {"search", "match", "finditer", "sub"} & set(calls)
