"""Exec plugins: run one as client-go does (KEP-541), and read the credentials it prints.

What it writes leaves here redacted only, and its stdout not at all. Nothing that it does
keeps us for ever or takes more memory than is said below.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from datetime import datetime
from typing import Any, Optional

from agentctl.duration import format_duration
from agentctl.errors import ConfigError
from agentctl.kube.console import Console
from agentctl.kube.kubeconfig_entry import KubeconfigEntry
from agentctl.kube.plugin_output import Overflow, PluginOutput
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import parse_time
from agentctl.net.token import checked_token

GROUP = "client.authentication.k8s.io"
MODES = {f"{GROUP}/v1": "", f"{GROUP}/v1beta1": "IfAvailable"}
"""The versions, and the ``interactiveMode`` where none is given; v1 has none."""

LIMIT_S = 60.0
"""For a plugin that nobody can answer."""

USER_LIMIT_S = 600.0
"""Where somebody is there: to log in with a browser takes its time."""

MAX_CA_BYTES = 1 << 20


class ExecPlugin(NamedTuple):
    """The ``exec`` of a user, checked."""

    what: str
    command: str
    program: str
    """Where ``command`` was found."""
    arguments: tuple[str, ...]
    added: Mapping[str, str]
    """Environment variables."""
    version: str
    interactive: bool
    cluster: Optional[Mapping[str, Any]]
    """For ``spec.cluster``, where the plugin wants to know it."""

    @classmethod
    def of(
        cls,
        cluster: KubeconfigEntry,
        user: KubeconfigEntry,
        environ: Mapping[str, str],
        console: Console,
    ) -> ExecPlugin:
        """Raises ConfigError, for a plugin that is not installed as well."""
        entry, what = checked_exec(user)
        command, version = entry.text("command"), entry.text("apiVersion")
        return cls(
            what,
            command,
            _found(command, entry, what, environ),
            tuple(_text(entry, "args", one) for one in _listed(entry, "args")),
            _environment(entry),
            version,
            _is_interactive(_mode(entry), what, console),
            _cluster_info(cluster) if entry.flag("provideClusterInfo") else None,
        )

    def run(self, environ: Mapping[str, str], console: Console) -> dict[str, Any]:
        """The fields of a ``ClusterAccess`` that it gives. Raises ConfigError."""
        with console.lent() if self.interactive else nullcontext():
            return self._run(environ, console)

    def _run(self, environ: Mapping[str, str], console: Console) -> dict[str, Any]:
        limit_s = USER_LIMIT_S if console.has_user else LIMIT_S
        try:
            process = subprocess.Popen(
                [self.command, *self.arguments],
                executable=self.program,
                env={**environ, **self.added, "KUBERNETES_EXEC_INFO": self._info()},
                stdin=None if self.interactive else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # Only the terminal's foreground group may ask there; a group of its own
                # is what can be ended with all that the plugin has started.
                start_new_session=not self.interactive,
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(f"{self.what} cannot be run: {why}") from error
        output = PluginOutput(process, console.tell, self.interactive)
        try:
            code = output.read_until_end(limit_s)
        except (TimeoutError, subprocess.TimeoutExpired):
            late = f"{self.what} had not ended after {format_duration(limit_s)}"
            raise ConfigError(late + output.last_words()) from None
        except Overflow as error:
            raise ConfigError(f"{self.what} {error}") from None
        finally:
            if process.returncode is None:
                self._kill(process)
            output.close()
        if code:
            raise ConfigError(f"{self.what} failed with {_ending(code)}{output.last_words()}")
        return self._values(output.stdout)

    def _info(self) -> str:
        spec: dict[str, Any] = {"interactive": self.interactive}
        if self.cluster is not None:
            spec["cluster"] = self.cluster
        info = {"apiVersion": self.version, "kind": "ExecCredential", "spec": spec}
        return json.dumps(info, default=str)  # YAML knows dates

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        with suppress(OSError):
            if self.interactive:
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _values(self, stdout: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(stdout.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            said = "what is no JSON" if stdout.strip() else "nothing"
            raise ConfigError(f"{self.what} printed {said}; expected an ExecCredential") from None
        if not isinstance(answer, dict) or answer.get("kind") != "ExecCredential":
            raise ConfigError(f"{self.what} printed JSON that is no ExecCredential")
        if answer.get("apiVersion") != self.version:
            raise ConfigError(
                f"{self.what} answered in another apiVersion than {self.version}, "
                "which the kubeconfig asks for"
            )
        status = answer.get("status")
        if not isinstance(status, dict):
            raise ConfigError(f"{self.what} answered without a status")
        return _credentials(KubeconfigEntry(self.what, "", status))


def checked_exec(user: KubeconfigEntry) -> tuple[KubeconfigEntry, str]:
    """The ``exec`` of a user, and what to call it. Raises ConfigError for what is no plugin."""
    entry = KubeconfigEntry(f"{user.what}: exec", user.path, user.mapping("exec"))
    command, version = entry.text("command"), entry.text("apiVersion")
    if not command or not version:
        raise ConfigError(f"{user.what}: exec must have command and apiVersion")
    what = f"{user.what}: the exec plugin {command!r}"
    if version not in MODES:
        raise ConfigError(f"{what} has apiVersion {version!r}; known are {', '.join(MODES)}")
    mode = _mode(entry)
    if mode not in ("Never", "IfAvailable", "Always"):
        said = f"the interactiveMode {mode!r}" if mode else "no interactiveMode"
        raise ConfigError(f"{what} has {said}; set Never, IfAvailable or Always")
    _environment(entry)
    return entry, what


def _mode(entry: KubeconfigEntry) -> str:
    return entry.text("interactiveMode") or MODES[entry.text("apiVersion")]


def _credentials(status: KubeconfigEntry) -> dict[str, Any]:
    values: dict[str, Any] = {}
    token = status.text("token")
    cert, key = status.text("clientCertificateData"), status.text("clientKeyData")
    if token:
        values["token"] = checked_token(token, f"{status.what}: token")
    if bool(cert) != bool(key):
        raise ConfigError(
            f"{status.what} gave a client certificate without its key, or the reverse"
        )
    if cert:
        values.update(client_cert_data=cert, client_key_data=key)
        values.update(client_cert_file="", client_key_file="")
    if not values:
        raise ConfigError(f"{status.what} gave neither a token nor a client certificate")
    values["expires_at"] = _moment(status.text("expirationTimestamp"), status.what)
    return values


def _moment(text: str, what: str) -> Optional[datetime]:
    if not text:
        return None
    try:
        return parse_time(text)
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"{what} gave an expirationTimestamp that is no time") from error


def _found(command: str, entry: KubeconfigEntry, what: str, environ: Mapping[str, str]) -> str:
    """The program: of the kubeconfig's folder where there is a separator, else of PATH."""
    named = command
    if os.sep in command:
        named = os.path.join(os.path.dirname(os.path.abspath(entry.path)), command)
    program = shutil.which(named, path=environ.get("PATH", os.defpath))
    if program:
        return program
    if os.sep in command and os.path.exists(named):
        raise ConfigError(f"{what} is no program that we may run; try 'chmod +x'")
    hint = " ".join(entry.text("installHint").split())
    raise ConfigError(f"{what} is not installed; {hint or 'install it and put it on PATH'}")


def _is_interactive(mode: str, what: str, console: Console) -> bool:
    if mode == "Always" and not console.has_user:
        raise ConfigError(
            f"{what} must ask its user (interactiveMode: Always), and stdin is no terminal"
        )
    return mode != "Never" and console.has_user


def _listed(entry: KubeconfigEntry, key: str) -> list[Any]:
    value = entry.values.get(key)
    if value is not None and not isinstance(value, list):
        raise ConfigError(f"{entry.what}: {key} must be a list")
    return value or []


def _environment(entry: KubeconfigEntry) -> dict[str, str]:
    added = {}
    for variable in _listed(entry, "env"):
        name = variable.get("name") if isinstance(variable, dict) else None
        if not isinstance(name, str) or not name:
            raise ConfigError(f"{entry.what}: an entry of env has no name")
        value = variable.get("value")
        added[name] = "" if value is None else _text(entry, f"env {name}", value)
    return added


def _text(entry: KubeconfigEntry, key: str, value: Any) -> str:
    """Numbers are often written without quotes, and are what they look like."""
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise ConfigError(f"{entry.what}: {key} must be text; put it in quotes")
    return str(value)


def _cluster_info(cluster: KubeconfigEntry) -> dict[str, Any]:
    """``spec.cluster`` of an ExecCredential: what of it is not empty."""
    ca_data = "".join(cluster.text("certificate-authority-data").split())
    ca_file = "" if ca_data else cluster.file("certificate-authority")
    if ca_file:
        with open(ca_file, "rb") as file:
            ca_data = base64.b64encode(file.read(MAX_CA_BYTES)).decode()
    texts = {key: cluster.text(key) for key in ("server", "tls-server-name", "proxy-url")}
    info: dict[str, Any] = {
        **texts,
        "insecure-skip-tls-verify": cluster.flag("insecure-skip-tls-verify"),
        "disable-compression": cluster.flag("disable-compression"),
        "certificate-authority-data": ca_data,
    }
    for extension in _listed(cluster, "extensions"):
        if isinstance(extension, dict) and extension.get("name") == f"{GROUP}/exec":
            info["config"] = extension.get("extension")
    return {key: value for key, value in info.items() if value or key in ("server", "config")}


def _ending(code: int) -> str:
    if code > 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"
