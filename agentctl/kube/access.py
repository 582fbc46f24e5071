"""Access to an API server: its address and credentials, and the holder that renews them."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Callable, Optional

from agentctl.clock import Clock
from agentctl.debug_log import DebugLog
from agentctl.errors import ConfigError, UnauthorizedError
from agentctl.lazy_dataclass import dataclass, field, replace
from agentctl.net.origin import Origin
from agentctl.net.proxies import environment_proxy
from agentctl.net.tls_settings import TlsSettings
from agentctl.net.token import fingerprint, read_token

log = DebugLog(__name__)

SERVICE_ACCOUNT_ROOT = "/var/run/secrets/kubernetes.io/serviceaccount"

TOKEN_FILE_PERIOD_S = 60.0
"""How long a token file's content is believed (client-go's period as well)."""

EXPIRY_MARGIN = timedelta(seconds=10)
"""Credentials with an end are replaced this long before it."""


@dataclass(frozen=True, repr=False)
class ClusterAccess(TlsSettings):
    """All that is needed to talk to one API server. Empty text means "not given".

    ``*_data`` is PEM text; ``description`` is ``context "dev" of /home/me/.kube/config``. A
    token, a password, a key or a proxy's user info is never part of the ``repr``.
    """

    server: str = ""
    context: str = ""
    namespace: str = ""
    token: str = ""
    token_file: str = ""
    """Where ``token`` is read again from; a failure keeps the token read before."""
    username: str = ""
    password: str = ""
    impersonation: tuple[tuple[str, str], ...] = ()
    """``Impersonate-*`` headers (``as`` and its kin in a kubeconfig)."""
    proxy_url: str = ""
    expires_at: Optional[datetime] = None
    """When the credentials end, where their giver (an exec plugin) said so."""
    kubeconfigs: tuple[str, ...] = field(default=(), compare=False)
    """The files that it came from."""

    @property
    def files(self) -> tuple[str, ...]:
        """Every file with something of it: a change of one may change what is refused."""
        named = (self.token_file, self.client_cert_file, self.client_key_file, self.ca_file)
        return (*self.kubeconfigs, *(path for path in named if path))

    @property
    def authentication(self) -> str:
        """What it authenticates with, in words that show no secret."""
        kinds = {
            "client certificate": self.client_cert_file or self.client_cert_data,
            "token file": self.token_file,
            "token": self.token and not self.token_file,
            "password": self.username,
            "impersonation": self.impersonation,
        }
        return ", ".join(kind for kind, given in kinds.items() if given) or "none"

    def __repr__(self) -> str:
        return (
            f"ClusterAccess(server={self.server!r}, description={self.description!r}, "
            f"namespace={self.namespace!r}, authentication={self.authentication!r})"
        )

    @classmethod
    def from_service_account(
        cls, environ: Mapping[str, str], root: str = SERVICE_ACCOUNT_ROOT
    ) -> ClusterAccess:
        """From what Kubernetes puts into every pod. Raises ConfigError outside of one."""
        host = environ.get("KUBERNETES_SERVICE_HOST", "")
        port = environ.get("KUBERNETES_SERVICE_PORT", "")
        if not host or not port:
            raise ConfigError(
                "not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set"
            )
        server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        try:
            origin = Origin.of(server)
        except ValueError as error:
            raise ConfigError(
                f"KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are no address: {error}"
            ) from None
        token_file = os.path.join(root, "token")
        ca_file = os.path.join(root, "ca.crt")
        if not os.path.isfile(ca_file):
            raise ConfigError(f"{ca_file}: missing; is the service account's token mounted?")
        try:
            with open(os.path.join(root, "namespace"), encoding="utf-8") as file:
                namespace = file.read().strip()
        except OSError:
            namespace = ""
        return cls(
            server=server,
            description="the pod's service account",
            namespace=namespace,
            ca_file=ca_file,
            token=read_token(token_file),
            token_file=token_file,
            proxy_url=environment_proxy(origin, environ),
        )


class AccessProvider:
    """The current access, shared by all threads; reads it again when that may help.

    A generation is a number for one state of the credentials. Lock order: ``_loading``
    (held while files are read and plugins run), then ``_lock`` (held for a moment).
    """

    def __init__(
        self,
        load: Callable[[], ClusterAccess],
        clock: Clock,
        files: Optional[Sequence[str]] = None,
    ) -> None:
        """Reads the credentials once, so it raises what ``load`` raises (ConfigError).

        With ``files``, those that they are in, nothing is read before somebody asks.
        """
        self._load = load
        self._clock = clock
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        later = files is not None
        self._access = ClusterAccess(kubeconfigs=tuple(files or ())) if later else load()
        self._generation = 0 if later else 1
        self._rounds = 0
        self._failure: Optional[ConfigError] = None
        self._token_read_at = clock.monotonic()
        self._stamp = fingerprint(self._access.files)
        self._changed = False

    @property
    def waits(self) -> bool:
        """Nothing has been read yet."""
        return not self._generation

    def fingerprint(self) -> object:
        """What can be compared of the files; once it differs they are read again."""
        with self._lock:
            files, before = self._access.files, self._stamp
        now = fingerprint(files)
        if now != before:
            with self._lock:
                self._stamp, self._changed = now, True
        return now

    def current(self) -> tuple[ClusterAccess, int]:
        """The access and its generation.

        Reads a token file again after a minute, and credentials that say when they
        end before they do. Raises UnauthorizedError if there are none to replace them.
        """
        with self._lock:
            access, generation = self._access, self._generation
            changed, self._changed = self._changed, False
            now = self._clock.monotonic()
            token_due = bool(access.token_file) and (
                now - self._token_read_at >= TOKEN_FILE_PERIOD_S
            )
            if token_due:
                self._token_read_at = now
        if changed or not generation:
            return self.refresh(generation)
        if token_due:
            return self._with_token_of(access)
        if access.expires_at and self._clock.now() + EXPIRY_MARGIN >= access.expires_at:
            return self.refresh(generation)
        return access, generation

    def refresh(self, generation: int) -> tuple[ClusterAccess, int]:
        """Read everything again because ``generation`` was refused.

        Happens once, however many threads ask: those that come late, or while it is
        being done, get its outcome. Raises UnauthorizedError if the reading fails.
        """
        with self._lock:
            rounds = self._rounds
        with self._loading:
            with self._lock:
                if self._generation != generation:
                    return self._access, self._generation
                if self._rounds != rounds and self._failure is not None:
                    raise UnauthorizedError(self._failure.message)
            failure: Optional[ConfigError] = None
            fresh: Optional[ClusterAccess] = None
            try:
                fresh = self._load()
            except ConfigError as error:
                failure = error
            with self._lock:
                self._rounds += 1
                self._failure = failure
                if fresh is not None:
                    self._replace(fresh)
                    self._token_read_at = self._clock.monotonic()
                    return self._access, self._generation
        assert failure is not None
        raise UnauthorizedError(failure.message) from failure

    def _with_token_of(self, access: ClusterAccess) -> tuple[ClusterAccess, int]:
        token = access.token
        try:
            token = read_token(access.token_file)
        except ConfigError as error:
            log.debug("keeping the token read before: %s", error)
        with self._lock:
            if self._access is access and token != access.token:
                self._replace(replace(access, token=token))
            return self._access, self._generation

    def _replace(self, access: ClusterAccess) -> None:
        self._access = access
        self._generation += 1
