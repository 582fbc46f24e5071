"""Overrides of a kubeconfig: what flags say in place of its fields, by kubectl's rules."""

from __future__ import annotations

from typing import Any

from agentctl.kube.access import ClusterAccess
from agentctl.kube.kubeconfig_entry import KubeconfigEntry
from agentctl.lazy_dataclass import dataclass, field, replace


@dataclass(frozen=True)
class Overrides:
    """What counts before the files (``ConfigOverrides`` of client-go). Empty is "not given".

    What is given of impersonation replaces that field alone: ``as_user`` leaves the groups
    of the file, and the reverse.
    """

    context: str = ""
    """Which context to take; else the current one."""
    cluster: str = ""
    """In place of the context's; with it no context is needed."""
    user: str = ""
    as_user: str = ""
    as_uid: str = ""
    as_groups: tuple[str, ...] = ()
    token: str = field(default="", repr=False)
    """In place of the user's token and token file."""
    insecure_skip_tls_verify: bool = False
    """True sets the file's CA aside as well; False leaves all to the file."""
    tls_server_name: str = ""

    @property
    def needs_file(self) -> bool:
        """Whether it names what only a kubeconfig has."""
        return bool(self.context or self.cluster or self.user)

    def in_access(self, access: ClusterAccess) -> ClusterAccess:
        """``access`` of a pod with what is overridden. Raises ConfigError."""
        from agentctl.kube.impersonation import impersonation_headers

        impersonated = impersonation_headers(
            self.as_user, self.as_uid, self.as_groups, what=access.description
        )
        given: dict[str, Any] = {}
        if self.token:
            given.update(token=self.token, token_file="")
        if self.insecure_skip_tls_verify:
            given.update(insecure_skip_tls_verify=True, ca_file="")
        name = self.tls_server_name or access.tls_server_name
        return replace(access, impersonation=impersonated, tls_server_name=name, **given)

    def in_cluster(self, cluster: KubeconfigEntry) -> KubeconfigEntry:
        """``cluster`` with what is overridden."""
        given: dict[str, Any] = {}
        if self.insecure_skip_tls_verify:
            given["insecure-skip-tls-verify"] = True
            given["certificate-authority"] = given["certificate-authority-data"] = None
        if self.tls_server_name:
            given["tls-server-name"] = self.tls_server_name
        return _with(cluster, given)

    def in_user(self, user: KubeconfigEntry) -> KubeconfigEntry:
        """``user`` with what is overridden."""
        values = {"as": self.as_user, "as-uid": self.as_uid, "as-groups": list(self.as_groups)}
        given: dict[str, Any] = {key: value for key, value in values.items() if value}
        if self.token:
            given.update({"token": self.token, "tokenFile": None})
        return _with(user, given)


NO_OVERRIDES = Overrides()


def _with(entry: KubeconfigEntry, given: dict[str, Any]) -> KubeconfigEntry:
    return replace(entry, values={**entry.values, **given}) if given else entry
