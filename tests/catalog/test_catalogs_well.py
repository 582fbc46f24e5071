"""Each catalog that ships, over a cluster that has all it names, and well: no alarm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from agentctl.catalog.loader import SHIPPED, load_chosen
from agentctl.kube.check import place
from agentctl.kube.checks.crds import CrdsCheck
from agentctl.kube.checks.endpoints import EndpointsCheck
from agentctl.kube.checks.lease import LeaseCheck
from agentctl.kube.checks.resource import ResourceCheck
from agentctl.kube.checks.webhook import KINDS as WEBHOOKS
from agentctl.kube.checks.webhook import WebhookCheck
from agentctl.kube.checks.workload import KINDS, WorkloadCheck
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.resources import CRDS, ENDPOINTSLICES, LEASES, SERVED, Resource
from agentctl.model import Status
from tests.kube.judged import EPOCH, SEEN, Object, deployment, named
from tests.kube.test_checks_resource import at
from tests.kube.test_checks_webhook import configuration, slice_of

CATALOGS = [name for name in SHIPPED if name not in ("agents", "auto")]
WELL = {
    "conditions": [{"type": one, "status": "True"} for one in ("Available", "Ready", "Complete")],
    "loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]},
}
Found = Iterator[tuple[Resource, str, Object]]


def objects(check: Any, home: str) -> Found:
    """What one check names, and well, each with where its watch looks."""
    where = place(getattr(check, "namespace", ""), home)
    if isinstance(check, WorkloadCheck):
        yield KINDS[check.kinds[0]], where, workload(check, where)
    elif isinstance(check, LeaseCheck):
        for name in check.globs or (check.name,):
            spec = {"holderIdentity": "p-0_x", "leaseDurationSeconds": 60, "renewTime": at(EPOCH)}
            yield LEASES, where, named(name.replace("*", "x"), where, spec=spec)
    elif isinstance(check, EndpointsCheck):
        labels = {} if check.labels is None else labels_of(check.labels)
        yield ENDPOINTSLICES, where, moved(slice_of(check.service or "any", **labels), where)
    elif isinstance(check, WebhookCheck):
        yield ENDPOINTSLICES, where, moved(slice_of("hook"), where)
        for kind in check.kinds:
            for name in check.names:
                yield WEBHOOKS[kind], "", configuration(name.replace("*", "x"), namespace=where)
    elif isinstance(check, CrdsCheck):
        for name in check.names:
            yield CRDS, "", named(name, "")
            yield SERVED, "", named(name, "")
    elif isinstance(check, ResourceCheck):
        for name in check.exact:
            for one in check.places(home):
                yield check.resource, one, named(name, one, status=WELL)


def workload(check: WorkloadCheck, where: str) -> Object:
    labels = {} if check.labels is None else labels_of(check.labels)
    found = moved(deployment((check.names or ("any",))[0], desired=1, labels=labels), where)
    counts = ("currentNumberScheduled", "desiredNumberScheduled", "numberReady")
    found["status"].update(dict.fromkeys((*counts, "updatedNumberScheduled", "numberAvailable"), 1))
    return found


def labels_of(selector: Any) -> dict[str, str]:
    return {one.key: next(iter(one.values), "") for one in selector.requirements}


def moved(item: Object, where: str) -> Object:
    item["metadata"]["namespace"] = where
    return item


@pytest.mark.parametrize("name", CATALOGS)
def test_all_is_well_and_no_alarm_is_raised(name: str) -> None:
    catalog = load_chosen(name, probes=False)
    home = catalog.namespace or "shop"
    evaluator = Evaluator(catalog.components, (home,), home)
    there: dict[str, dict[str, Object]] = defaultdict(dict)
    for component in catalog.components:
        for check in component.checks if component.each is None else ():
            for resource, where, item in objects(check, home):
                source = evaluator.view.source_of(resource, where).spec.name
                there[source][item["metadata"]["name"]] = item
    for source, view in evaluator.view.sources.items():
        changes = [view.spec.change(one, SEEN) for one in there[source].values()]
        evaluator.view.replace(source, changes)
    evaluator.evaluate(None, SEEN.monotonic)
    alarms = [
        (item.component, item.status.value, item.message)
        for item in evaluator.items()
        if item.status not in (Status.HEALTHY, Status.CONFIGURED)
    ]
    assert alarms == []
    parts = [item for item in evaluator.items() if item.status is Status.HEALTHY]
    workloads = any(
        isinstance(check, WorkloadCheck)
        for one in catalog.components
        for check in one.checks
        if one.each is None
    )
    assert parts or not workloads
