"""Kubeconfigs as people have them, and what kubectl makes of each: data.

``$SERVER`` is a server over TLS whose certificate ``$LEAF`` the intermediate ``$INT`` signed,
and that one the root ``$CA`` (base64 of PEM; ``$INT_PEM`` and so on is the PEM alone);
``$PLAIN`` is one without TLS; ``$HOST`` and ``$PLAIN_HOST`` are theirs without a scheme. Beside
each kubeconfig stand files of those names: see ``tests.kube.test_kubeconfig_kubectl``.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Union

USUAL = ("authorization: Bearer t",)
CA = "certificate-authority-data: $CA"
SKIP = "insecure-skip-tls-verify: true"


class Row(NamedTuple):
    name: str
    files: dict[str, Union[str, bytes]]
    sent: Optional[tuple[str, ...]] = USUAL
    """Credentials of kubectl's request; None where kubectl refuses."""
    said: str = ""
    """What we refuse it with: where kubectl does, or where these words help more."""
    code: int = 2
    certificate: bool = False
    """Whether a client certificate is shown."""
    path: str = ""
    """What is asked for, where that is for the row to say."""
    listed: str = ""
    """``KUBECONFIG``, in place of ``--kubeconfig``; ``$DIR`` is the folder."""


def config(
    cluster: str = CA,
    user: str = "token: t",
    context: str = "cluster: c, user: u",
    server: str = "$SERVER",
    before: str = "",
    after: str = "",
    clusters: str = "",
    contexts: str = "",
    users: Optional[str] = None,
) -> str:
    """With one of each; ``clusters`` and so on are entries before it. None of ``users`` is [u]."""
    own = f"{{name: u, user: {{{user}}}}}"
    return (
        f"{before}apiVersion: v1\nkind: Config\ncurrent-context: x\n"
        f"contexts: [{contexts}{{name: x, context: {{{context}}}}}]\n"
        f"clusters: [{clusters}{{name: c, cluster: {{server: '{server}', {cluster}}}}}]\n"
        f"users: [{own if users is None else users}]\n{after}"
    )


def taken(name: str, text: str, *sent: str, certificate: bool = False, path: str = "") -> Row:
    return Row(name, {"config": text}, sent or USUAL, certificate=certificate, path=path)


def refused(name: str, text: str, said: str, code: int = 2) -> Row:
    return Row(name, {"config": text}, None, said, code)


def better(name: str, text: str, said: str, *sent: str) -> Row:
    """kubectl goes on, and we say what is wrong."""
    return Row(name, {"config": text}, sent, said)


def as_dev(more: str) -> str:
    return config(user=f"token: t, as: dev, {more}")


DEV = (*USUAL, "impersonate-user: dev")
BROKEN = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"

TRUST = [
    taken("root", config()),
    taken("intermediate", config("certificate-authority-data: $INT")),
    taken("leaf", config("certificate-authority-data: $LEAF")),
    taken("intermediate file", config("certificate-authority: int.crt")),
    taken("leaf file", config("certificate-authority: ./leaf.crt")),
    taken("absolute file", config("certificate-authority: $DIR/ca.crt")),
    taken("utf-8 comment", config("certificate-authority-data: $UTF8_COMMENT")),
    taken("latin comment", config("certificate-authority-data: $LATIN_COMMENT")),
    taken("utf-8 comment file", config("certificate-authority: utf8-comment.crt")),
    taken("good then broken", config("certificate-authority-data: $GOOD_BROKEN")),
    taken("broken then good", config("certificate-authority-data: $BROKEN_GOOD")),
    taken("no certificate then good", config("certificate-authority-data: $JUNK_GOOD")),
    taken("good then broken file", config("certificate-authority: good-broken.crt")),
    taken("key before the certificate", config("certificate-authority-data: $KEY_CA")),
    taken("crlf", config("certificate-authority-data: $CRLF_CA")),
    taken("line breaks in base64", config('certificate-authority-data: "$CA\\n"')),
    refused("blank in base64", config('certificate-authority-data: "$CA "'), "is not base64"),
    refused("only broken", config("certificate-authority-data: $BROKEN"), "cannot use the CA"),
    refused("only broken file", config("certificate-authority: broken.crt"), "cannot use the CA"),
    refused("another root", config("certificate-authority-data: $OTHER"), "unknown authority", 5),
    refused("no root", config("tls-server-name: localhost"), "unknown authority", 5),
    refused("PEM itself", config("certificate-authority-data: '-----BEGIN'"), "is not base64"),
    refused("no PEM", config("certificate-authority-data: aGVsbG8="), "holds no PEM block"),
    refused("gone", config("certificate-authority: gone"), "gone, which does not exist"),
    refused("folder", config("certificate-authority: ."), ", which is no file"),
    refused("both", config(f"{CA}, certificate-authority: ca.crt"), "-data are given; remove one"),
    refused("CA and skip", config(f"{CA}, {SKIP}"), "contradict each other; remove one"),
    taken("skip", config(SKIP)),
    taken("skip by y", config("insecure-skip-tls-verify: y")),
    refused("skip in quotes", config('insecure-skip-tls-verify: "true"'), "without quotes"),
    refused("skip by 1", config("insecure-skip-tls-verify: 1"), "must be true or false"),
    taken("server name", config(f"{CA}, tls-server-name: localhost")),
    taken("server name with a dot", config(f"{CA}, tls-server-name: LOCALHOST.")),
    refused("another name", config(f"{CA}, tls-server-name: x.y"), "is for another name", 5),
    refused("leaf for another", config("certificate-authority-data: $LEAF, tls-server-name: x.y"),
            "is for another name", 5),
    refused("no name", config(f"{CA}, tls-server-name: a..b"), "has an empty label"),
]  # fmt: skip

WHO = [
    taken("no such user", config("", users="", server="$PLAIN"), ""),
    taken("null users", config("", server="$PLAIN").replace("users: [", "users:\nq: ["), ""),
    taken("no user", config("", context="cluster: c", server="$PLAIN"), ""),
    taken("user without values", config(users="{name: q}, {name: u, user: {token: t}}")),
    taken("null entries", config(users="null, {name: u, user: {token: t}}")),
    taken("null texts", config(user="username: null, exec: null, as: null, token: t")),
    refused("users as a mapping", config().replace("users: [", "q: [") + "users: {}\n",
            "users must be a list"),
    refused("number", config(user="token: 12345"), "token must be text; put it in quotes"),
    refused("number with an e", config(user="token: 12e03"), "token must be text"),
    refused("truth", config(user="token: n"), "token must be text"),
    taken("date", config(user="token: 2026-01-01"), "authorization: Bearer 2026-01-01"),
    taken("base 60", config(user="token: 190:20:30"), "authorization: Bearer 190:20:30"),
    taken("tagged text", config(user="token: !!str 123"), "authorization: Bearer 123"),
    taken("unknown tag", config(user="token: !mine t")),
    taken("key twice", config(user="token: a, token: t")),
    taken("merge", config(before="q: &q {token: a}\n", user="<<: *q"), "authorization: Bearer a"),
    taken("merge counts last", config(user="token: a, <<: [{token: t}, {token: b}]")),
    taken("unknown fields", config(after="more: {a: 1}\n", user="token: t, more: []")),
    taken("token file", config(user="tokenFile: token"), "authorization: Bearer from-file"),
    taken("token file first", config(user="token: t, tokenFile: token"),
          "authorization: Bearer from-file"),
    taken("token file gone", config(user="token: t, tokenFile: gone")),
    taken("token file empty", config(user="token: t, tokenFile: empty")),
    refused("token file only and gone", config(user="tokenFile: gone"), "gone: cannot be read"),
    refused("token file only and empty", config(user="tokenFile: empty"), "holds no token"),
    better("blank in a token", config(user='token: "a b"'), "is no token: expected visible ASCII",
           "authorization: Bearer a b"),
    taken("password", config(user="username: é, password: 'b:c'"),
          "authorization: Basic w6k6Yjpj"),
    refused("password and token", config(user="token: t, username: a"), "both a token and a"),
    refused("password alone", config(user="password: b"), "password without username"),
    taken("certificate", config(user="client-certificate-data: $CERT, client-key-data: $KEY"),
          "", certificate=True),
    taken("certificate with comments",
          config(user="client-certificate-data: $CERT_COMMENT, client-key: me.key, token: t"),
          certificate=True),
    refused("no key", config(user="client-certificate: me.crt"), "without client-key; give both"),
    taken("no certificate", config(user="token: t, client-key: gone")),
    refused("key of base64", config(user="token: t, client-key-data: '!'"), "is not base64"),
    refused("certificate twice", config(user="client-certificate: me.crt, client-key: me.key,"
            "client-certificate-data: $CERT"), "-data are given; remove one"),
    refused("entry that nobody uses", config(users="{name: q, user: {token: 5}}"),
            "user 'q': token must be text"),
    taken("plugin and certificate", config(user="client-certificate: me.crt, client-key: me.key,"
          "exec: {apiVersion: client.authentication.k8s.io/v1, command: gone,"
          "interactiveMode: Never}"), "", certificate=True),
    refused("plugin of no version", config(user="token: t, exec: {command: gone}"),
            "exec must have command and apiVersion"),
]  # fmt: skip

IMPERSONATED = [
    taken("as", as_dev("as-uid: '7', as-groups: [a, null, b c]"), *DEV, "impersonate-uid: 7",
          "impersonate-group: a", "impersonate-group:", "impersonate-group: b c"),
    taken("as latin", config(user="token: t, as: josé, as-groups: [équipe]"), *USUAL,
          "impersonate-user: josé", "impersonate-group: équipe"),
    taken("as han", config(user="token: t, as: ' 用户😀\t'"), *USUAL, "impersonate-user: 用户😀"),
    taken("extras", as_dev('as-user-extra: {example.com/team: [a, b], "two words": [é], '
          '"ü%(:": [""], "a!#$$&*+-.^_`|~b": [c], 1: [d], true: [e], "": [f], q: null}'), *DEV,
          "impersonate-extra-example.com%2fteam: a", "impersonate-extra-example.com%2fteam: b",
          "impersonate-extra-two%20words: é", "impersonate-extra-%c3%bc%25%28%3a:",
          "impersonate-extra-a!#$&*+-.^_`|~b: c", "impersonate-extra-1: d",
          "impersonate-extra-true: e", "impersonate-extra-: f"),
    refused("as over lines", config(user='token: t, as: "a\\nb"'), "has a line break or control"),
    refused("as a number", config(user="token: t, as: 12"), "as must be text"),
    refused("groups alone", config(user="token: t, as-groups: [a]"), "set as too"),
    refused("uid alone", config(user="token: t, as-uid: a"), "set as too"),
    refused("extras alone", config(user="token: t, as-user-extra: {a: [b]}"), "set as too"),
    refused("groups as text", as_dev("as-groups: a"), "as-groups must be a list of texts"),
    refused("extra as text", as_dev("as-user-extra: {a: b}"), "a must be a list of texts"),
]  # fmt: skip

FORM = [
    taken("second document", config(after="---\na: b\n")),
    taken("second document broken", config(after="---\na: [b\n")),
    taken("trailing marker", config(after="---\n")),
    taken("end marker", config(after="...\n")),
    taken("leading marker", config(before="# a\n---\n")),
    taken("directive", config(before="%YAML 1.1\n---\n")),
    refused("empty first document", config(before="---\n---\n"), "first YAML document is empty"),
    taken("byte order mark", "\ufeff" + config()),
    taken("utf-16", config()),
    taken("crlf lines", config().replace("\n", "\r\n")),
    taken("json", '{"current-context":"x","users":[],\n\t"contexts":[{"name":"x","context":'
          '{"cluster":"c"}}],"clusters":[{"name":"c","cluster":{"server":"$PLAIN"}}]}', ""),
    taken("arn", config(context="cluster: 'arn:aws:eks:x:1:cluster/é', user: u",
          clusters=f"{{name: 'arn:aws:eks:x:1:cluster/é', cluster: {{server: $SERVER, {CA}}}}}, ")),
    refused("not utf-8", config(before="# \xe9\n"), "is not YAML"),
    refused("tab", config().replace("users: ", "users:\n\t"), ":7: the kubeconfig is not YAML"),
    refused("control character", config(after="a: \x7f\n"), "is not YAML"),
    refused("loop of anchors", config(after="a: &a [*a]\n"), "an anchor in the kubeconfig"),
    refused("aliases for ever", config(after="a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
            f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi"))),
            "aliases stand for too much"),
    refused("kind", config().replace("kind: Config", "kind: Secret"), "kind is 'Secret'"),
    refused("version", config().replace(": v1", ": v2"), "apiVersion is 'v2', not v1"),
    refused("a list", "[]", "must be a mapping, with clusters and contexts"),
    refused("nothing", "", "the kubeconfig is empty"),
    refused("current context empty", config().replace("text: x", "text: ''"), "no current-context"),
    refused("current context gone", config().replace("text: x", "text: z"), "no context 'z'"),
    refused("cluster gone", config(context="cluster: z"), "names the cluster 'z', which is not"),
    refused("two clusters", config(clusters="{name: c, cluster: {server: 'https://first'}}, "),
            "two clusters are named 'c'; remove or rename one"),
    refused("two users", config(users="{name: u, user: {token: t}}, {name: u}"),
            "two users are named 'u'"),
    refused("two contexts", config(contexts="{name: q}, {name: q}, "),
            "two contexts are named 'q'"),
]  # fmt: skip

ADDRESS = [
    taken("prefix", config(server="$SERVER/k8s/clusters/c-1"), path="/k8s/clusters/c-1/version"),
    taken("slash at the end", config(server="$SERVER/end/"), path="/end/version"),
    taken("prefix to escape", config(server="$SERVER/a b/é/..//%C3%BC?q=1"),
          path="/a%20b/%C3%BC/version"),
    taken("slashes", config(server="$SERVER//")),
    taken("upper case", config(server="HTTPS://LOCALHOST:$PORT")),
    taken("user in the URL", config(server="https://a%40b:c@$HOST"),
          "authorization: Basic YUBiOmM="),
    taken("no scheme", config("", server="$PLAIN_HOST", users=""), ""),
    taken("no scheme, so no TLS", config(f"{CA}", server="$PLAIN_HOST", users=""), ""),
    taken("no TLS, so no contradiction", config(f"{CA}, {SKIP}", server="$PLAIN", users=""), ""),
    refused("no scheme, a path", config("", server="$PLAIN_HOST/a"), "server is not a URL"),
    refused("blank before", config(server=" $SERVER"), "server is not a URL"),
    refused("no server", config(server=""), "has no server"),
    refused("ftp", config(server="ftp://$HOST"), "server is not a URL; expected https://HOST"),
    refused("port of words", config(server="https://localhost:https"), "server is not a URL"),
    refused("port too high", config(server="https://localhost:99999"), "server is not a URL"),
    refused("bad escape", config(server="$SERVER/%zz"), "server is not a URL"),
    refused("address of no server", config(server="https://[::1]:1"), "connection refused", 5),
    refused("empty label", config(server="https://a..b.example:6443"), "has an empty label"),
    refused("dot in front", config(server="https://.example"), "has an empty label"),
    refused("empty label beyond ASCII", config(server="https://é..x"), "has an empty label"),
    refused("long label", config(server=f"https://{'a' * 64}.example"), "of more than 63 char"),
    refused("long label beyond ASCII", config(server=f"https://{'é' * 64}"), "of more than 63 ch"),
    refused("long name", config(server=f"https://{'a.' * 140}example"), "has more than 253"),
    refused("proxy of no scheme", config(f"{CA}, proxy-url: 'localhost:1'"), "proxy-url: cannot"),
    refused("proxy ftp", config(f"{CA}, proxy-url: 'ftp://x'"), "cannot use a proxy with scheme"),
    refused("proxy with an empty label", config(f"{CA}, proxy-url: 'http://a..b:1'"),
            "proxy-url: cannot use the proxy: the name 'a..b' has an empty label"),
    refused("proxy that refuses", config(f"{CA}, proxy-url: 'http://127.0.0.1:1'"),
            "connection refused", 5),
    taken("no proxy", config(f"{CA}, proxy-url: ''")),
]  # fmt: skip


def several(
    name: str,
    first: str,
    *sent: str,
    said: str = "",
    second: Optional[str] = None,
    listed: str = "$DIR/first:$DIR/second",
) -> Row:
    files: dict[str, Union[str, bytes]] = {
        "first": first,
        "second": config() if second is None else second,
    }
    return Row(name, files, None if said else sent or USUAL, said, listed=listed)


FILES = [
    several("missing and empty entries", "", listed=":$DIR/gone::$DIR/second:"),
    several("empty and comments", "# a\n"),
    several("one twice", "", listed="$DIR/second:$DIR/second"),
    several("user of the first", "users: [{name: u, user: {token: a}}]", "authorization: Bearer a"),
    several("cluster of the first", "clusters: [{name: c, cluster: {server: $PLAIN}}]", "",
            second=config(users="")),
    several("user of the first, whole", "users: [{name: u, user: {as: dev}}]",
            "impersonate-user: dev", second=config("", server="$PLAIN")),
    several("context of the first",
            "current-context: y\ncontexts: [{name: 'y', context: {cluster: c, user: v}}]\n"
            "users: [{name: v, user: {token: v}}]", said="must be text"),
    several("current context of the first",
            "current-context: z\ncontexts: [{name: z, context: {cluster: c, user: v}}]\n"
            "users: [{name: v, user: {token: v}}]", "authorization: Bearer v"),
    several("one broken", "a: [", said="first:2: the kubeconfig is not YAML"),
    several("two of one name in the second", "", second=config(users="{name: q}, {name: q}"),
            said="two users are named 'q'"),
    several("folder in a list", "", listed="$DIR:$DIR/second", said="cannot read the kubeconfig"),
    several("home is the shell's", "", listed="~/second", said="names no file that exists"),
]  # fmt: skip

ROWS = [*TRUST, *WHO, *IMPERSONATED, *FORM, *ADDRESS, *FILES]
