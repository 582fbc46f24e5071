"""A cluster to try agentctl on: a real one, or the embedded double over its REST writes."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Optional

import urllib3
import yaml

from agentctl.apidouble.double import ApiDouble
from agentctl.kube.access import ClusterAccess
from agentctl.net.failures import http_date
from agentctl.net.tls import server_context
from tests.net.certs import Authority

Object = dict[str, Any]

LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"
SERVICES = "/api/v1/namespaces/{}/services"
ACCOUNTS = "/api/v1/namespaces/{}/serviceaccounts"
ROLES = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings"
NAMESPACES = "/api/v1/namespaces"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
MINE = (LEASES, SLICES, DEPLOYMENTS, SERVICES, BINDINGS, ROLES)
"""What tests make in a namespace; nobody else is to remove it on a bare API server."""

MERGE = "application/merge-patch+json"


class Refused(Exception):
    """The API's answer was not what a write or a read ends with."""

    def __init__(self, status: int, what: str, text: str) -> None:
        super().__init__(f"{what}: HTTP {status}: {text}")
        self.status = status


class Rest:
    """Reads and writes of one API server, with the credentials of a kubeconfig."""

    def __init__(self, access: ClusterAccess) -> None:
        context = server_context(access) if access.server.startswith("https") else None
        name = {"server_hostname": access.tls_server_name} if access.tls_server_name else {}
        self._pool = urllib3.PoolManager(ssl_context=context, timeout=30.0, retries=False, **name)
        self._server = access.server.rstrip("/")
        self._headers = dict(access.impersonation)
        if access.token:
            self._headers["Authorization"] = f"Bearer {access.token}"
        elif access.username:
            pair = f"{access.username}:{access.password}"
            self._headers.update(urllib3.make_headers(basic_auth=pair))

    def close(self) -> None:
        self._pool.clear()

    def send(
        self, method: str, path: str, body: Optional[Object] = None, form: str = "application/json"
    ) -> Object:
        """The answer's object. Raises Refused."""
        headers = {**self._headers, "Accept": "application/json", "Content-Type": form}
        data = None if body is None else json.dumps(body).encode()
        answer = self._pool.request(method, self._server + path, body=data, headers=headers)
        text = answer.data.decode()
        if answer.status >= 300:
            raise Refused(answer.status, f"{method} {path}", text[:300])
        found = json.loads(text)
        assert isinstance(found, dict)
        return found

    def attempt(self, method: str, path: str, body: Optional[Object] = None) -> Optional[Object]:
        """The same, or None where it is not there."""
        try:
            return self.send(method, path, body)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def now(self) -> datetime:
        """The API server's clock, to the second."""
        answer = self._pool.request("GET", f"{self._server}/version", headers=self._headers)
        moment = http_date(answer.headers.get("Date", ""))
        assert moment is not None
        return moment


class Cluster:
    """One namespace of one cluster, of a test's own.

    ``double`` is None for a real cluster. ``patience_s`` is how long anything may take.
    """

    def __init__(
        self,
        access: ClusterAccess,
        folder: Path,
        kubeconfig: Path,
        context: str = "",
        double: Optional[ApiDouble] = None,
    ) -> None:
        self.kubeconfig, self.context, self.double = kubeconfig, context, double
        self.folder = folder
        self.suffix = "".join(random.SystemRandom().choices(string.ascii_lowercase, k=8))
        self.namespace = f"agentctl-e2e-{self.suffix}"
        self.group = f"{self.suffix}.agentctl-e2e.example.com"
        self.crd = f"gadgets.{self.group}"
        self.patience_s = 60.0 if double is None else 20.0
        self.quiet_s = 5.0 if double is None else 1.5
        """Long enough for a first answer, and for what must not come to have come."""
        self.lease_s = 10 if double is None else 4
        """Long enough for a lease to be seen and renewed before it expires."""
        self.rest = Rest(access)
        self._access = access
        self._namespaces: list[str] = []

    def create_namespace(self, name: str) -> None:
        self._namespaces.append(name)
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self.rest.send("POST", NAMESPACES, body)

    def delete_namespace(self, name: str) -> None:
        """With all that tests made in it, also where no controller does it."""
        for collection in MINE:
            for item in (self.rest.attempt("GET", collection.format(name)) or {}).get("items", ()):
                self._delete(f"{collection.format(name)}/{item['metadata']['name']}")
        bare = self.rest.attempt("GET", f"{ACCOUNTS.format(name)}/default") is None
        self._delete(f"{NAMESPACES}/{name}")
        left = self.rest.attempt("GET", f"{NAMESPACES}/{name}") if bare else None
        if left is not None:
            left["spec"] = {"finalizers": []}
            self.rest.attempt("PUT", f"{NAMESPACES}/{name}/finalize", left)

    def create_lease(self, name: str, duration_s: int, renewed: datetime) -> None:
        spec = {
            "holderIdentity": "e2e",
            "leaseDurationSeconds": duration_s,
            "renewTime": _micro(renewed),
        }
        self._create(LEASES, "coordination.k8s.io/v1", "Lease", name, spec=spec)

    def renew_lease(self, name: str, renewed: datetime) -> None:
        patch = {"spec": {"renewTime": _micro(renewed)}}
        self.rest.send("PATCH", f"{LEASES.format(self.namespace)}/{name}", patch, MERGE)

    def create_endpoints(self, service: str, ready: Sequence[bool]) -> None:
        """A headless Service that selects nothing, and one slice of it."""
        spec = {"clusterIP": "None", "ports": [{"port": 8080}]}
        self._create(SERVICES, "v1", "Service", service, spec=spec)
        labels = {
            "kubernetes.io/service-name": service,
            "endpointslice.kubernetes.io/managed-by": "agentctl-e2e",
        }
        self._create(
            SLICES,
            "discovery.k8s.io/v1",
            "EndpointSlice",
            f"{service}-slice",
            labels=labels,
            addressType="IPv4",
            ports=[{"name": "http", "port": 8080, "protocol": "TCP"}],
            endpoints=_endpoints(ready),
        )

    def set_endpoints(self, service: str, ready: Sequence[bool]) -> None:
        """By PUT, as a controller does it."""
        path = f"{SLICES.format(self.namespace)}/{service}-slice"
        self.rest.send("PUT", path, {**self.rest.send("GET", path), "endpoints": _endpoints(ready)})

    def delete_endpoints(self, service: str) -> None:
        self._delete(f"{SLICES.format(self.namespace)}/{service}-slice")

    def create_deployment(self, name: str) -> None:
        """Scaled to 0, so that no node is needed."""
        labels = {"app": name}
        template = {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "main", "image": "none.invalid/none"}]},
        }
        spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
        self._create(DEPLOYMENTS, "apps/v1", "Deployment", name, spec=spec)

    def observe_deployment(self, name: str) -> None:
        """What the controller says of it, where there is none to say so."""
        path = f"{DEPLOYMENTS.format(self.namespace)}/{name}"
        generation = self.rest.send("GET", path)["metadata"]["generation"]
        patch = {"status": {"observedGeneration": generation}}
        self.rest.send("PATCH", f"{path}/status", patch, MERGE)

    def delete_deployment(self, name: str) -> None:
        self._delete(f"{DEPLOYMENTS.format(self.namespace)}/{name}")

    def create_crd(self) -> None:
        version = {
            "name": "v1",
            "served": True,
            "storage": True,
            "schema": {"openAPIV3Schema": {"type": "object"}},
        }
        body = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": self.crd},
            "spec": {
                "group": self.group,
                "scope": "Namespaced",
                "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget"},
                "versions": [version],
            },
        }
        self.rest.send("POST", CRDS, body)

    def delete_crd(self) -> None:
        self._delete(f"{CRDS}/{self.crd}")

    def leftovers(self) -> list[str]:
        """What tests made and nobody is removing."""
        found = []
        for collection in MINE:
            path = collection.format(self.namespace)
            items = (self.rest.attempt("GET", path) or {}).get("items", ())
            found += [f"{path}/{item['metadata']['name']}" for item in items]
        for path in (f"{NAMESPACES}/{self.namespace}", f"{CRDS}/{self.crd}"):
            item = self.rest.attempt("GET", path)
            if item is not None and "deletionTimestamp" not in item["metadata"]:
                found.append(path)
        return found

    def restricted_kubeconfig(self) -> Optional[Path]:
        """For a user who may not read EndpointSlices; None where nobody is refused anything."""
        if self.double is not None:
            self.double.denied = {("*", "discovery.k8s.io", "endpointslices")}
            return self.kubeconfig
        if self.rest.attempt("GET", ROLES.format(self.namespace)) is None:
            return None
        token = self._restricted_token()
        access = replace(
            self._access,
            token=token,
            token_file="",
            client_cert_file="",
            client_cert_data="",
            client_key_file="",
            client_key_data="",
            username="",
            password="",
            impersonation=(),
        )
        rest = Rest(access)
        try:
            asked = {
                "namespace": self.namespace,
                "group": "discovery.k8s.io",
                "resource": "endpointslices",
                "verb": "list",
            }
            review = {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": asked},
            }
            if rest.send("POST", REVIEWS, review)["status"]["allowed"]:
                return None
        except Refused as refused:
            if refused.status in (401, 403):  # nobody checks tokens of service accounts here
                return None
            raise
        finally:
            rest.close()
        return self._write_kubeconfig(access)

    def clean_up(self) -> None:
        """Remove all that tests may have made; goes on after a failure."""
        failures = []
        for step, name in [(self.delete_namespace, name) for name in self._namespaces]:
            try:
                step(name)
            except Exception as error:
                failures.append(error)
        try:
            self.delete_crd()
        finally:
            self.rest.close()
        assert not failures, failures

    def _restricted_token(self) -> str:
        name = "e2e-restricted"
        self._create(ACCOUNTS, "v1", "ServiceAccount", name)
        rules = [
            {
                "apiGroups": ["coordination.k8s.io"],
                "resources": ["leases"],
                "verbs": ["list", "watch"],
            }
        ]
        rbac = "rbac.authorization.k8s.io"
        self._create(ROLES, f"{rbac}/v1", "Role", name, rules=rules)
        self._create(
            BINDINGS,
            f"{rbac}/v1",
            "RoleBinding",
            name,
            roleRef={"apiGroup": rbac, "kind": "Role", "name": name},
            subjects=[{"kind": "ServiceAccount", "name": name, "namespace": self.namespace}],
        )
        path = f"{ACCOUNTS.format(self.namespace)}/{name}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        return str(self.rest.send("POST", path, body)["status"]["token"])

    def _write_kubeconfig(self, access: ClusterAccess) -> Path:
        cluster: Object = {"server": access.server}
        for key, value in (
            ("certificate-authority", access.ca_file and str(Path(access.ca_file).absolute())),
            ("insecure-skip-tls-verify", access.insecure_skip_tls_verify),
            ("tls-server-name", access.tls_server_name),
            ("proxy-url", access.proxy_url),
        ):
            if value:
                cluster[key] = value
        if access.ca_data:
            ca = self.folder / "ca.crt"
            ca.write_text(access.ca_data, encoding="utf-8")
            cluster["certificate-authority"] = str(ca)
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "e2e", "cluster": cluster}],
            "users": [{"name": "e2e", "user": {"token": access.token}}],
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "e2e"}}],
            "current-context": "e2e",
        }
        path = self.folder / "restricted.kubeconfig"
        path.touch(0o600)
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        return path

    def _create(
        self, collection: str, version: str, kind: str, name: str, **more: Any
    ) -> Mapping[str, Any]:
        metadata: Object = {"name": name, "namespace": self.namespace}
        if "labels" in more:
            metadata["labels"] = more.pop("labels")
        body = {"apiVersion": version, "kind": kind, "metadata": metadata, **more}
        return self.rest.send("POST", collection.format(self.namespace), body)

    def _delete(self, path: str) -> None:
        self.rest.attempt("DELETE", path)


@contextmanager
def double_cluster(folder: Path) -> Iterator[Cluster]:
    """On an API double of its own, over TLS as a real one."""
    authority = Authority()
    with ApiDouble(tls=authority.server_context()) as double:
        path, ca_file = folder / "double.kubeconfig", folder / "double-ca.pem"
        ca_file.write_text(authority.pem)
        double.kubeconfig(path, ca_file=str(ca_file))
        access = ClusterAccess(server=double.url, ca_file=str(ca_file))
        cluster = Cluster(access, folder, path, double=double)
        with _used(cluster):
            yield cluster


@contextmanager
def real_cluster(
    access: ClusterAccess, folder: Path, path: Path, context: str
) -> Iterator[Cluster]:
    """On a cluster that is there."""
    cluster = Cluster(access, folder, path, context)
    with _used(cluster):
        yield cluster


@contextmanager
def _used(cluster: Cluster) -> Iterator[None]:
    try:
        cluster.create_namespace(cluster.namespace)
        yield
    finally:
        if cluster.double is not None:
            cluster.double.denied = None
        cluster.clean_up()


def _micro(moment: datetime) -> str:
    """A MicroTime."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def before(moment: datetime, seconds: float) -> datetime:
    return moment - timedelta(seconds=seconds)


def _endpoints(ready: Sequence[bool]) -> list[Object]:
    return [
        {"addresses": [f"10.99.0.{index}"], "conditions": {"ready": is_ready}}
        for index, is_ready in enumerate(ready, 1)
    ]
