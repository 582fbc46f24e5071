"""Resources that checks need, how to cut their objects, and the watches for all of them.

A check says what it needs as ``Need`` values. ``plan`` folds all needs into one
``WatchSpec`` for each (resource, namespace): one watch, one producer thread, one
row of RBAC. Each distinct cut of a resource becomes one table of its watch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Callable, ClassVar, Optional

from agentctl.engine.messages import Change, ObjectKey
from agentctl.kube.selectors import LabelSelector
from agentctl.lazy_dataclass import dataclass
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lazy_regex import regex
from agentctl.lenient_json import mapping, text


class Seen(NamedTuple):
    """When an object was read, on this host's monotonic clock and on the server's."""

    monotonic: float
    server_time: float
    """Seconds since the epoch by the API server's ``Date``, carried on monotonically,
    so that a jump of this host's wall clock changes nothing."""


Cut = Callable[[Mapping[str, Any], Seen], Optional[Any]]
"""From a whole object to the little that a check needs; None to keep nothing.
A cut is a module-level function: its identity names the table."""


@dataclass(frozen=True)
class Resource:
    """A resource of the API, as RBAC and URLs name it."""

    group: str
    version: str
    """Empty for what discovery has to tell, with the scope (see ``kube.locate``)."""
    plural: str
    namespaced: bool = True
    metadata_only: bool = False
    """Ask for PartialObjectMetadata: the bodies are large and of no use here."""

    @property
    def is_api(self) -> bool:
        """Whether it is listed and watched at the API: discovery is not, nor a probe's readings."""
        return self is not SERVED

    def __hash__(self) -> int:
        # Looked up for every check of every change: a text keeps its hash, a tuple does not.
        return hash(self.plural)

    @property
    def full_name(self) -> str:
        """``plural.group``, or the plural alone in the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def noun(self) -> str:
        """What its watch is called: the plural, where no other resource may be meant."""
        return self.plural if self.version else self.full_name

    def path(self, namespace: str) -> str:
        """The collection's URL path; that of all namespaces for an empty one."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        where = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{where}/{self.plural}"


NAMESPACES = Resource("", "v1", "namespaces", namespaced=False)
PODS = Resource("", "v1", "pods")
DEPLOYMENTS = Resource("apps", "v1", "deployments")
STATEFULSETS = Resource("apps", "v1", "statefulsets")
DAEMONSETS = Resource("apps", "v1", "daemonsets")
REPLICASETS = Resource("apps", "v1", "replicasets")
JOBS = Resource("batch", "v1", "jobs")
CRONJOBS = Resource("batch", "v1", "cronjobs")
SERVICES = Resource("", "v1", "services")
CLAIMS = Resource("", "v1", "persistentvolumeclaims")
WORKLOADS = {"Deployment": DEPLOYMENTS, "StatefulSet": STATEFULSETS, "DaemonSet": DAEMONSETS}
"""What runs pods for good, by kind."""

LEASES = Resource("coordination.k8s.io", "v1", "leases")
ENDPOINTSLICES = Resource("discovery.k8s.io", "v1", "endpointslices")
CRDS = Resource(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    namespaced=False,
    metadata_only=True,
)
VALIDATING_WEBHOOKS = Resource(
    "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", namespaced=False
)
MUTATING_WEBHOOKS = Resource(
    "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", namespaced=False
)
SERVED = Resource("", "", "apis", namespaced=False)
"""Not a resource but discovery: which custom resources are served, by full name."""

_KNOWN = (
    *(NAMESPACES, PODS, DEPLOYMENTS, STATEFULSETS, DAEMONSETS, LEASES, ENDPOINTSLICES),
    *(VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS, REPLICASETS, JOBS, CRONJOBS),
)
_CORE_CLUSTER = ("nodes", "namespaces", "persistentvolumes", "componentstatuses")
_CLUSTER = (
    "apiservices.apiregistration.k8s.io",
    "clusterissuers.cert-manager.io",
    "clusterexternalsecrets.external-secrets.io",
    "clusterpushsecrets.external-secrets.io",
    "clustersecretstores.external-secrets.io",
    "clustertriggerauthentications.keda.sh",
    "compositeresourcedefinitions.apiextensions.crossplane.io",
    "compositionrevisions.apiextensions.crossplane.io",
    "compositions.apiextensions.crossplane.io",
    "configurationrevisions.pkg.crossplane.io",
    "configurations.pkg.crossplane.io",
    "customresourcedefinitions.apiextensions.k8s.io",
    "deploymentruntimeconfigs.pkg.crossplane.io",
    "functionrevisions.pkg.crossplane.io",
    "functions.pkg.crossplane.io",
    "gatewayclasses.gateway.networking.k8s.io",
    "ingressclasses.networking.k8s.io",
    "providerrevisions.pkg.crossplane.io",
    "providers.pkg.crossplane.io",
    "storageclasses.storage.k8s.io",
    "volumeattachments.storage.k8s.io",
)
"""What is known to be in no namespace where nobody can be asked (see ``kube.locate.placed``)."""


_FULL_NAME = regex(r"[a-z0-9]+(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")


def is_full_name(text: str) -> bool:
    """Whether a resource may be called so: ``plural.group``, or a plural."""
    return bool(_FULL_NAME.match(text))


def resource_of(full_name: str) -> Resource:
    """A resource by ``plural.group``, in the core group by its plural."""
    plural, _, group = full_name.partition(".")
    for one in _KNOWN:
        if (one.plural, one.group) == (plural, group):
            return one
    if not group:
        return Resource("", "v1", plural, namespaced=plural not in _CORE_CLUSTER)
    return Resource(group, "", plural, namespaced=full_name not in _CLUSTER)


NOT_SERVED = ObjectKey("", "")
"""Stands in a table, as key and as value, for a resource that the server does not serve."""


@dataclass(frozen=True)
class Need:
    """One check's wish: these objects of this resource, cut like this.

    ``names`` and ``labels`` narrow it (both hold); None asks for all.
    """

    resource: Resource
    namespace: str
    """Empty for what is cluster-scoped, and for all namespaces."""
    cut: Cut
    names: Optional[frozenset[str]] = None
    labels: Optional[LabelSelector] = None

    def matches(self, metadata: Mapping[str, Any]) -> bool:
        if self.names is not None and text(metadata, "name") not in self.names:
            return False
        if self.labels is None:
            return True
        labels = metadata.get("labels")
        return self.labels.matches(labels if isinstance(labels, dict) else {})


class NeedIndex:
    """Needs by the name or the label that an object must have: of a thousand few are looked at.

    Each comes with the place of its table.
    """

    def __init__(self, needs: Iterable[tuple[int, Need]]) -> None:
        self._by_name: dict[str, list[tuple[int, Need]]] = {}
        self._by_label: dict[str, dict[str, list[tuple[int, Need]]]] = {}
        self._others: list[tuple[int, Need]] = []
        for one in needs:
            for those in self._lists(one[1]):
                those.append(one)

    def of(self, metadata: Mapping[str, Any]) -> list[tuple[int, Need]]:
        """Those that may mean this object: certainly, where it is by name alone."""
        found = [*self._by_name.get(text(metadata, "name"), ()), *self._others]
        if self._by_label:
            labels = mapping(metadata, "labels")
            for label, by_value in self._by_label.items():
                found += by_value.get(text(labels, label), ())
        return found

    def _lists(self, need: Need) -> Iterator[list[tuple[int, Need]]]:
        """Where it is to stand."""
        if need.names is not None:
            for name in need.names:
                yield self._by_name.setdefault(name, [])
            return
        terms = need.labels.requirements if need.labels is not None else ()
        for term in terms:
            if term.operator == "In" and "" not in term.values:
                by_value = self._by_label.setdefault(term.key, {})
                for value in term.values:
                    yield by_value.setdefault(value, [])
                return
        yield self._others


@dataclass(frozen=True)
class WatchSpec:
    """One watch: what to ask the API for and what to keep of the answers.

    An empty ``namespace`` is all of them, or none for what is in none.
    """

    name: str
    resource: Resource
    namespace: str
    needs: tuple[Need, ...]
    tables: tuple[Cut, ...]

    wide: ClassVar[bool] = False
    """Whether narrower watches stand in where it is not permitted."""

    @property
    def field_selector(self) -> str:
        """Narrow to one object where that is all that is needed, so that RBAC can too."""
        names = [need.names for need in self.needs]
        if self.resource is SERVED or any(known is None for known in names):
            return ""
        union = frozenset[str]().union(*(known for known in names if known is not None))
        return f"metadata.name={next(iter(union))}" if len(union) == 1 else ""

    @property
    def label_selector(self) -> str:
        """Narrow by labels where one selector says what every need wants."""
        union: Optional[LabelSelector] = None
        for need in self.needs:
            if need.labels is None:
                return ""
            union = need.labels if union is None else union.union(need.labels)
            if union is None:
                return ""
        return "" if union is None else str(union)

    def change(self, item: Mapping[str, Any], seen: Seen) -> Change:
        """Cut one object for each table; of what a cut cannot read it has an ``Odd``."""
        try:
            metadata = item["metadata"]
            needs = self.needs
            if len(needs) == 1:
                need = needs[0]
                return Change(
                    self.key(metadata), (need.cut(item, seen) if need.matches(metadata) else None,)
                )
            values: list[Any] = [None] * len(self.tables)
            for place, need in self._index.of(metadata):
                if values[place] is None and (need.labels is None or need.matches(metadata)):
                    values[place] = need.cut(item, seen)
            return Change(self.key(metadata), tuple(values))
        except Exception:  # a cut that fails at one object must not take the others away
            from agentctl.kube.odd_object import change_of

            wishes = [(self.tables.index(need.cut), need.matches, need.cut) for need in self.needs]
            return change_of(item, seen, wishes, len(self.tables))

    @cached_property
    def _index(self) -> NeedIndex:
        place = {cut: place for place, cut in enumerate(self.tables)}
        return NeedIndex((place[need.cut], need) for need in self.needs)

    def absence(self) -> tuple[Change, ...]:
        """A list of nothing but the word that the resource is not served."""
        return (Change(NOT_SERVED, (NOT_SERVED,) * len(self.tables)),)

    def deletion(self, item: Mapping[str, Any]) -> Change:
        """The change that a DELETED event makes."""
        return Change(self.key(mapping(item, "metadata")), (None,) * len(self.tables))

    @staticmethod
    def key(metadata: Mapping[str, Any]) -> ObjectKey:
        return ObjectKey(text(metadata, "namespace"), text(metadata, "name"))


def plan(needs: Iterable[Need], home: str, cluster: str = "") -> tuple[WatchSpec, ...]:
    """The union of all needs, one spec for each resource and namespace, in first-need order.

    ``home`` is the namespace whose sources go by the plural alone; others are named
    ``plural/namespace``. An empty ``home`` (several namespaces) names them all in full.
    Of several clusters each name begins with ``CLUSTER:``.
    """
    prefix = f"{cluster}:" if cluster else ""
    grouped: dict[tuple[Resource, str], list[Need]] = {}
    for need in needs:
        group = grouped.setdefault((need.resource, need.namespace), [])
        if need not in group:
            group.append(need)
    specs = []
    for (resource, namespace), group in grouped.items():
        plain = not resource.namespaced or (namespace == home and namespace != "")
        name = resource.noun if plain else f"{resource.noun}/{namespace or '*'}"
        tables = tuple(dict.fromkeys(need.cut for need in group))
        specs.append(WatchSpec(prefix + name, resource, namespace, tuple(group), tables))
    return tuple(specs)
