"""Settings: the one table of them, with each place where one can be said, and its check.

Flags and ``--help``, the resolver (``layers``), ``agentctl config``, completion, the manual
and the pages read this table, and name no flag, variable or key by themselves.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from agentctl.cli.config.parser import guess
from agentctl.errors import UsageError
from agentctl.lazy_namedtuple import NamedTuple

TRANSPORTS = ("kube", "grpc", "sse", "auto")

MAX_TEXT = 1024
"""Of a name or an address."""


def checked_namespace(name: str, what: str = "--namespace") -> str:
    """A namespace's name (RFC 1123 label); raises UsageError for anything else."""
    good = (
        name.isascii()
        and len(name) <= 63
        and all(c.isdigit() or c.islower() or c == "-" for c in name)
    )
    if not good or not name or name[0] == "-" or name[-1] == "-":
        expected = "lower-case letters, digits and '-', 63 at most"
        raise UsageError(f"{what} {name!r}: expected {expected}")
    return name


def _address(text: str, what: str) -> str:
    from agentctl.remote.access import ServerAddress

    ServerAddress.parse(text, 0, what)
    return text


def _token(text: str, what: str) -> str:
    from agentctl.net.token import checked_token

    return checked_token(text, what)


def _duration(text: str, what: str) -> str:
    from agentctl.duration import parse_duration

    try:
        parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{what}: {error}") from None
    return text


class Setting(NamedTuple):
    """One setting. Of several flags or variables the first one that is given is heard."""

    key: str
    """In the config file; ``tls.ca`` is ``ca`` of the object ``tls``."""
    help: str
    flags: tuple[str, ...]
    variables: tuple[str, ...] = ()
    metavar: str = "NAME"
    default: str = ""
    transports: tuple[str, ...] = TRANSPORTS
    """Those that use it."""
    choices: tuple[str, ...] = ()
    """All values that it can have, if they are few."""
    together: bool = False
    """Of a flag that is given more than once all values count, and not the last one."""
    check: Callable[[str, str], str] = lambda text, what: text
    """Text and who says it: the value, or an AgentctlError."""

    @property
    def is_file(self) -> bool:
        return self.metavar == "FILE"

    def flag_help(self, variables: bool = True) -> str:
        """The line of ``--help``; without ``variables`` where the environment has no say."""
        default = (f"default {self.default}",) if self.default else ()
        told = "; ".join((*default, *((", ".join(self.variables),) if variables else ())))
        return f"{self.help} ({told})" if told else self.help

    def checked(self, text: str, what: str) -> Any:
        """The value as the config file has it. Raises AgentctlError, which names ``what``."""
        if self.key == "token":
            return self.check(text, what)  # it is told of without being shown
        if not text or len(text) > MAX_TEXT or not text.isprintable():
            raise UsageError(
                f"{what}: expected text on one line, {MAX_TEXT} characters at most"
                + ("" if text else f"; to take it away: agentctl config unset {self.key}")
            )
        if self.choices and text not in self.choices:
            expected, hint = " or ".join(self.choices), guess(text, self.choices)
            raise UsageError(f"{what}: expected {expected}, got {text!r}{hint}")
        if self.choices == ("true", "false"):
            return text == "true"
        if not self.is_file or text[0] == "~":
            return self.check(text, what)
        try:  # where a relative path leads to depends on where one is
            return os.path.abspath(text)
        except OSError:
            gone = "is relative to a folder that is gone: give the whole path"
            raise UsageError(f"{what}: {text} {gone}") from None


_cluster = partial(Setting, transports=("kube", "auto"))
_server = partial(Setting, transports=("grpc", "sse", "auto"))

SETTINGS = (
    Setting(
        "mode",
        "where the state comes from; auto is the first of grpc, sse and kube that answers",
        ("--transport",),
        ("AGENTCTL_MODE",),
        metavar="|".join(TRANSPORTS),
        default="kube",
        choices=TRANSPORTS,
    ),
    Setting(
        "namespace",
        "where the control plane is",
        ("--namespace",),
        ("AGENTCTL_NAMESPACE",),
        default="agents",
        check=checked_namespace,
    ),
    _cluster(
        "kubeconfig",
        "kubeconfig to use, before KUBECONFIG, ~/.kube/config and the pod's own",
        ("--kubeconfig",),
        ("AGENTCTL_KUBECONFIG",),
        "FILE",
    ),
    _cluster("context", "kubeconfig context to use", ("--context",), ("AGENTCTL_CONTEXT",)),
    _cluster(
        "probes",
        "ask databases and other endpoints themselves, as the catalog's probes say",
        ("--probe-dependencies",),
        ("AGENTCTL_PROBE_DEPENDENCIES",),
        default="false",
        choices=("true", "false"),
    ),
    _cluster("cluster", "kubeconfig cluster, in place of the context's", ("--cluster",)),
    _cluster("user", "kubeconfig user, in place of the context's", ("--user",)),
    _cluster("as", "user to impersonate in the cluster", ("--as",)),
    _cluster("as_group", "group to impersonate, beside --as", ("--as-group",), together=True),
    _cluster("as_uid", "UID to impersonate, beside --as", ("--as-uid",), metavar="UID"),
    _cluster(
        "request_timeout",
        "how long to wait for an answer of the cluster, but for what a watch brings",
        ("--request-timeout",),
        metavar="D",
        check=_duration,
    ),
    _cluster(
        "insecure_skip_tls_verify",
        "take any certificate of the cluster: whoever is in between can read all",
        ("--insecure-skip-tls-verify",),
        default="false",
        choices=("true", "false"),
    ),
    _server(
        "address",
        "address of an agentctl server",
        ("--server", "--address"),
        ("AGENTCTL_SERVER", "AGENTCTL_ADDRESS", "AGENTS_GRPC_ADDRESS"),
        "ADDRESS",
        check=_address,
    ),
    _server(
        "token",
        "bearer token for the server",
        ("--token", "--token-file"),
        ("AGENTCTL_TOKEN", "AGENTS_GRPC_TOKEN"),
        "TOKEN",
        check=_token,
    ),
    _server(
        "tls",
        "use TLS to the server",
        ("--tls", "--no-tls"),
        ("AGENTCTL_TLS",),
        default="false",
        choices=("true", "false"),
    ),
    _server(
        "tls.ca", "certificate authority to trust", ("--tls-ca",), ("AGENTCTL_CA_CERT",), "FILE"
    ),
    _server("tls.cert", "client certificate", ("--tls-cert",), ("AGENTCTL_CLIENT_CERT",), "FILE"),
    _server("tls.key", "client key", ("--tls-key",), ("AGENTCTL_CLIENT_KEY",), "FILE"),
    _server(
        "tls.server_name",
        "the name that the server's certificate must have",
        ("--tls-server-name",),
    ),
)
BY_KEY = {one.key: one for one in SETTINGS}
TLS_PARTS = tuple(key for key in BY_KEY if key.startswith("tls."))

OTHER_VARIABLES = {
    "KUBECONFIG": "kubeconfig files to use, as kubectl does",
    "KUBERNETES_SERVICE_HOST": "in a pod: the cluster, where no kubeconfig is found",
    "HTTPS_PROXY": "proxy to the cluster and, over sse, to a server; HTTP_PROXY and NO_PROXY too, "
    "and in lower case",
    "grpc_proxy": "proxy to a server over grpc; https_proxy, http_proxy and no_proxy too",
    "XDG_CONFIG_HOME": "where agentctl/config.json is (default ~/.config)",
    "NO_COLOR": "set to anything: no colour with --color auto",
    "COLUMNS": "how wide timeline draws, where not the terminal says it",
    "LC_ALL": "blocks and not ASCII for timeline, if it names UTF-8; else LC_CTYPE, then LANG",
    "NOTIFY_SOCKET": "systemd's: where to say how it is; WATCHDOG_USEC, how often",
}
"""Those that are no setting of the config file; each is read where it is needed."""
