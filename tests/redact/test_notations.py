"""Each notation in which secrets are written: exactly what is left of it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.redact import MARK, redact, redact_value
from agentctl.redact.known_secrets import replace_secrets
from agentctl.redact.text import is_suspect, may_hold_a_token

AWS4 = (
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6"
)
DIGEST = 'Digest username="bob", realm="x", nonce="abc", response="6629fae4939", opaque="5c"'
B64 = "eyJhdXRocyI6eyJnaGNy+/LmlvIjp7ImF1dGgiOiJkWE5s+/fX19Cg=="

HEADERS = [
    ("Authorization: ApiKey abc123DEF==, x", "Authorization: [redacted], x"),
    ("Authorization: SSWS 00Qr9-hunter2", "Authorization: [redacted]"),
    (f"Authorization: {AWS4} got 403", "Authorization: [redacted] got 403"),
    (f"Authorization: {DIGEST} got 403", "Authorization: [redacted] got 403"),
    ("Authorization: Foo hunter2 got 403", "Authorization: [redacted] got 403"),
    ("Authorization: Foo hunter", "Authorization: [redacted]"),
    ("Authorization: Token hunter", "Authorization: [redacted]"),
    ("Authorization: Negotiate YIIJvwYGKwYBBQ", "Authorization: [redacted]"),
    ("Authorization: hunter2 got 401", "Authorization: [redacted] got 401"),
    ('{"Authorization":"SSWS a b"}', '{"Authorization":"[redacted]"}'),
    ("map[Authorization:[ApiKey x] Accept:[*/*]]", "map[Authorization:[redacted] Accept:[*/*]]"),
    ("curl -H 'Authorization: Foo hunter2' x", "curl -H 'Authorization: [redacted]' x"),
    ("('authorization', 'ApiKey hunter2')", "('authorization', '[redacted]')"),
    (f"sent {AWS4} got 403", "sent AWS4-HMAC-SHA256 [redacted] got 403"),
    ("Cookie: sid=abc123; theme=dark", "Cookie: [redacted]"),
    ("curl -H 'Cookie: sid=abc; b=c' x", "curl -H 'Cookie: [redacted]' x"),
    ('{"Cookie":"sid=abc; b=c","x":"y"}', '{"Cookie":"[redacted]","x":"y"}'),
    ("map[Cookie:[sid=a; b=c] Accept:[x]]", "map[Cookie:[redacted] Accept:[x]]"),
    (
        "Set-Cookie: sid=abc; Path=/; Expires=Wed, 21 Oct 2015 07:28:00 GMT; HttpOnly",
        "Set-Cookie: [redacted]",
    ),
]
VALUES = [
    ("password=ab=cd==", "password=[redacted]"),
    ("password: ab=cd", "password: [redacted]"),
    ("PASSWORD = ab=cd", "PASSWORD = [redacted]"),
    ("token=a=b&user=bob", "token=[redacted]&user=bob"),
    ("password= user=bob", "password= user=bob"),
    ('password = """hun"ter2""" x', 'password = """[redacted]""" x'),
    ("password = '''hun'ter2''' x", "password = '''[redacted]''' x"),
    ('""password"":""hunter2"",""user""', '""password"":""[redacted]"",""user""'),
    ("password='hun''ter2' x", "password=[redacted] x"),
    ("""password='hun'"ter2" x""", "password=[redacted] x"),
    ("password: |\n  hunter2\n  hunter3\nuser: bob", "password: [redacted] user: bob"),
    ("password: >-\n    hunter2\n\n    hunter3\nuser: b", "password: [redacted] user: b"),
    ("d:\n  token: |-\n    hunter2\n  user: b", "d:   token: [redacted]   user: b"),
    ("- password: |\n    hunter2\n  user: b", "- password: [redacted]   user: b"),
    ("bad: password: |\n  hunter2\nx", "bad: password: [redacted] x"),
    ("password: | hunter2 hunter3 user: b", "password: [redacted] user: b"),
    ("tokens:\n- hunter2\n- hunter3\nuser: b", "tokens: [redacted] user: b"),
    ("password:\n  hunter2 hunter3\nuser: b", "password:   [redacted] user: b"),
    ('"auth": "dXNlcjpwYXNz+/abc=="', '"auth": "[redacted]"'),
    ('{"ghcr.io":{"auth":"dXNlcjpw+/YXNz"}}', '{"ghcr.io":{"auth":"[redacted]"}}'),
    (f".dockerconfigjson: {B64}", ".dockerconfigjson: [redacted]"),
    (f"decoded {B64} of it", "decoded [redacted] of it"),
    ("tls.key: MIIEvQIBADANBgkqhki+/9w0BAQ==", "tls.key: [redacted]"),
    ('"tls.key":"MIIE+/BA==","tls.crt":"x"', '"tls.key":"[redacted]","tls.crt":"x"'),
    ("tls.key: |\n  MIIE+/9w0\n  BAQ==\nx: y", "tls.key: [redacted] x: y"),
]
RECORDS = [
    (
        '{"name":"DB_PASSWORD","value":"hunter2"},{"name":"FOO","value":"bar"}',
        '{"name":"DB_PASSWORD","value":"[redacted]"},{"name":"FOO","value":"bar"}',
    ),
    ('{"value":"hunter2","name":"A_TOKEN"}', '{"value":"[redacted]","name":"A_TOKEN"}'),
    ("{'name': 'A_TOKEN', 'value': 'x y'}", "{'name': 'A_TOKEN', 'value': '[redacted]'}"),
    ("- name: A_TOKEN\n  value: x\n- name: B", "- name: A_TOKEN   value: [redacted] - name: B"),
    ("- name: A_TOKEN value: x - name: B", "- name: A_TOKEN value: [redacted] - name: B"),
    ("{name: A_TOKEN, value: x}, {name: B}", "{name: A_TOKEN, value: [redacted]}, {name: B}"),
    (
        "EnvVar{Name:A_TOKEN,Value:a b,c}d,ValueFrom:nil,} EnvVar{Name:B,Value:c,ValueFrom:nil,}",
        "EnvVar{Name:A_TOKEN,Value:[redacted],ValueFrom:nil,} "
        "EnvVar{Name:B,Value:c,ValueFrom:nil,}",
    ),
    (
        "[{Name:A_TOKEN Value:x ValueFrom:nil} {Name:B Value:c ValueFrom:nil}]",
        "[{Name:A_TOKEN Value:[redacted] ValueFrom:nil} {Name:B Value:c ValueFrom:nil}]",
    ),
    ('EnvVar{Name:"A_TOKEN", Value:"x"}', 'EnvVar{Name:"A_TOKEN", Value:"[redacted]"}'),
    ('{"key":"password","value":"x"}', '{"key":"password","value":"[redacted]"}'),
    (
        '{\\"name\\":\\"A_TOKEN\\",\\"value\\":\\"x\\"}',
        '{\\"name\\":\\"A_TOKEN\\",\\"value\\":\\"[redacted]\\"}',
    ),
]
ARGUMENTS = [
    ('["--password","hunter2","--user"]', '["--password","[redacted]","--user"]'),
    ('["--password" "hunter2" "-v"]', '["--password" "[redacted]" "-v"]'),
    ("['--db-token', 'a b']", "['--db-token', '[redacted]']"),
    ("- --password\n- hunter2\n- -v", "- --password - [redacted] - -v"),
    ("[--password hunter2 --user bob]", "[--password [redacted] --user bob]"),
    ("--password hunter --user bob", "--password [redacted] --user bob"),
    ("--password hunter", "--password [redacted]"),
    ('{\\"a\\":[\\"--token\\",\\"x\\"]}', '{\\"a\\":[\\"--token\\",\\"[redacted]\\"]}'),
    ("curl -u bob:hunter2 https://x", "curl -u bob:[redacted] https://x"),
    ("machine h login bob password hunter2", "machine h login bob password [redacted]"),
    ("CREATE USER x IDENTIFIED BY 'a b'", "CREATE USER x IDENTIFIED BY '[redacted]'"),
]
DIALLED = [
    ("u:p@tcp(db)/", "[redacted]@tcp(db)/"),
    ("DSN=root:hun/te@r2@tcp(db:3306)/a", "DSN=[redacted]@tcp(db:3306)/a"),
    ("root:hunter2@(db:3306)/app", "[redacted]@(db:3306)/app"),
    ("root:hunter2@unix(/run/x.sock)/a", "[redacted]@unix(/run/x.sock)/a"),
    ("by bob:hunter2@proxy.example.com:3128", "by [redacted]@proxy.example.com:3128"),
    ("scott/tiger@//db:1521/x", "[redacted]@//db:1521/x"),
]
DISGUISED = [
    ("password%3Dhunter2%26user%3Dbob", "password%3D[redacted]%26user%3Dbob"),
    ("password%253Dhunter2%2526user%253Db", "password%253D[redacted]%2526user%253Db"),
    ("?u=https%3A%2F%2Fbob%3Ahunter2%40h", "?u=https%3A%2F%2F[redacted]%40h"),
    ("pass\u200bword=hunter2", "pass\u200bword=[redacted]"),
    ("pa\u0301ssword=hunter2", "pa\u0301ssword=[redacted]"),
    (
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44\uff1dhunter2",
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44\uff1d[redacted]",
    ),
    ("p\u0430ssw\u043erd=hunter2", "p\u0430ssw\u043erd=[redacted]"),
    ("gh\u200bp_a1B2c3D4e5F6g7H8i9J0 x", "[redacted] x"),
    ('{"pass\\u0077ord":"hunter2"}', '{"pass\\u0077ord":"[redacted]"}'),
    ("\\u0022token\\u0022:\\u0022x\\u0022", "\\u0022token\\u0022:\\u0022[redacted]\\u0022"),
    ("a=1\\u0026token\\u003dx\\u0026b=2", "a=1\\u0026token\\u003d[redacted]\\u0026b=2"),
    (
        '{"a":"{\\\\"token\\\\":\\\\"x\\\\",\\\\"b\\\\":\\\\"c\\\\"}"}',
        '{"a":"{\\\\"token\\\\":\\\\"[redacted]\\\\",\\\\"b\\\\":\\\\"c\\\\"}"}',
    ),
    ("&quot;token&quot;:&quot;x&quot;", "&quot;token&quot;:&quot;[redacted]&quot;"),
    ("<password>hunter2</password><a>b</a>", "<password>[redacted]</password><a>b</a>"),
    ("<w:Password T='x'>a b</w:Password>", "<w:Password T='x'>[redacted]</w:Password>"),
    ("<p><token><![CDATA[a<b]]></token></p>", "<p><token><![CDATA[[redacted]]]></token></p>"),
    ('<add key="Password" value="x"/>', '<add key="Password" value="[redacted]"/>'),
    ('<p name="db.password">x</p>', '<p name="db.password">[redacted]</p>'),
    ("<key>token</key><string>x</string>", "<key>token</key><string>[redacted]</string>"),
    ("&lt;token&gt;x&lt;/token&gt;", "&lt;token&gt;[redacted]&lt;/token&gt;"),
]
ALL = [*HEADERS, *VALUES, *RECORDS, *ARGUMENTS, *DIALLED, *DISGUISED]

PLAIN = [
    'node "my-secret": 5m0s',
    'gke-pool-x2x9 "my-secret": 5m0s',
    "open bearer: no such file or directory",
    "open /var/run/bearer: permission denied",
    "the bearer file has mode 0644",
    "open /etc/tls/tls.key: no such file or directory",
    'secret "db" not found',
    "secretKeyRef: {name: db-password, key: password}",
    '{"name":"A_TOKEN","valueFrom":{"secretKeyRef":{"name":"db","key":"password"}}}',
    "checksum/secret: 0123456789abcdef0123456789abcdef",
    "kubernetes.io/dockerconfigjson: data[.dockerconfigjson]: Required value",
    "may require authorization: server message: insufficient_scope",
    'failed to fetch token: serviceaccounts "x" is forbidden',
    "(using password: YES)",
    "auth: required",
    "unknown flag: --password",
    "--tls-key needs --tls-cert as well",
    "--client-key /etc/kubernetes/pki/x.key --server y",
    "private_key=server.pem, token: /var/run/secrets/token",
    "use --password-stdin or --token-file x",
    'missing fields ["username", "password"] and "authorization", "cookie"',
    "alice@example.com:443 and user:bob@example.com:443",
    "nginx:1.25@sha256:" + "0123456789abcdef" * 4,
    "docker run --user 1000:1000 x",
    "<credentials><user>bob</user></credentials>",
    "<secret> is no element that ends",
    "100% of 50%20 and C:\\new\\token",
]


@pytest.mark.parametrize(("text", "left"), ALL)
def test_a_secret_goes_whole_and_nothing_else(text: str, left: str) -> None:
    assert redact(text) == left


@pytest.mark.parametrize("text", PLAIN)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert redact(text) == text


FRAGMENTS = st.sampled_from(
    [
        *("name", "value", "Name:", "Value:", "ValueFrom:", "DB_PASSWORD", "password", "tls.key"),
        *("Authorization: ", "Cookie: ", "Digest ", "a=b", ", ", "; ", ": ", "=", ":", "|", ">-"),
        *("--password", "-u ", "bob:x", "@tcp(", "@h:22", "<", ">", "</", "<token>", "<![CDATA["),
        *(
            "%3D",
            "%22",
            "%25",
            "\\u0022",
            "\\n",
            "\\",
            "&quot;",
            "&amp;",
            "\u200b",
            "\uff1d",
            "\u0430",
        ),
        *('"', "'", '"""', "''", "\n", "\n  ", "- ", " ", "{", "}", "[", "]", "(", MARK, "hunter2"),
        *("eyJabcdefghijk", "ghp_", "sk-", "A1b2C3d4E5", "auth", "login ", "identified by "),
    ]
)
TEXTS = st.lists(FRAGMENTS, max_size=30).map("".join)


@given(TEXTS, st.sampled_from([30, 1024]))
def test_twice_is_the_same_as_once_and_the_limit_holds(text: str, limit: int) -> None:
    found = redact(text, limit)
    assert redact(found, limit) == found
    assert len(found) <= limit
    # Each mark stands for at least one character.
    assert len(redact(text, 10**6)) <= len(text) * len(MARK)


@given(TEXTS)
def test_what_is_not_suspected_holds_nothing_that_is_found(text: str) -> None:
    assert is_suspect(text) or replace_secrets(text, may_hold_a_token) == text


SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=30).map(
    lambda text: "Zq7" + text
)


@given(SECRETS)
def test_any_value_goes_whole_in_any_notation(secret: str) -> None:
    doc = json.dumps({"name": "DB_PASSWORD", "value": secret})
    for text in (
        doc,
        json.dumps(doc),
        json.dumps({"args": ["--password", secret]}),
        json.dumps({"headers": {"Authorization": f"Foo {secret}"}}),
        quote(f"password={quote(secret, safe='')}&user=bob", safe=""),
        f"password: |\n  {secret}\n  {secret}\nuser: bob",
    ):
        left = redact(text).replace(MARK, "")
        assert "Zq7" not in left, text
        assert secret[-6:] not in left or secret[-6:] in text.replace(secret, ""), text


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ({"name": "DB_PASSWORD", "value": "x"}, {"name": "DB_PASSWORD", "value": MARK}),
        ({"name": "FOO", "value": "x"}, {"name": "FOO", "value": "x"}),
        ({"args": ["--password", "x", "y"]}, {"args": ["--password", MARK, "y"]}),
        ({".dockerconfigjson": "x", "tls.crt": "y"}, {".dockerconfigjson": MARK, "tls.crt": "y"}),
        ({"tls.key": "x", "Cookie": "a"}, {"tls.key": MARK, "Cookie": MARK}),
    ],
)
def test_details_know_records_and_arguments(value: Any, left: Any) -> None:
    assert redact_value(value) == left
