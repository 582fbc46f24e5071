"""Explanation of webhooks that cannot be asked: whose CA bundle, which Service, what it stops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentctl.kube.explain.finding import Finding, Ref, kubectl
from agentctl.model import Status


def absent(names: Sequence[str], plurals: Sequence[str]) -> Finding:
    """Where no configuration has one of the names."""
    return Finding(
        f"install webhook configuration {' or '.join(names)} again: without it nothing that is "
        "written is checked",
        (),
        {},
        (kubectl("", "get", ",".join(plurals)),),
    )


def cannot_ask(trouble: Any, plural: str, facts: Mapping[str, Any]) -> Finding:
    """For the worst ``Trouble`` of a webhook check; ``plural`` is its configuration's resource."""
    webhook, name = trouble.webhook, trouble.configuration
    about = [Ref(f"{trouble.kind}WebhookConfiguration", name)]
    look = kubectl("", "get", plural, name, "-o", "yaml")
    if not webhook.trusted:
        if webhook.injected_from:
            where, _, certificate = webhook.injected_from.rpartition("/")
            about.append(Ref("Certificate", certificate, where))
            return Finding(
                f"cert-manager's cainjector is to fill in the CA bundle of {name} from Certificate "
                f"{certificate}: see whether that is Ready, and whether cainjector runs",
                tuple(about),
                facts,
                (kubectl(where, "describe", "certificate", certificate), look),
            )
        serves = f"pods of Service {webhook.service} in namespace {webhook.namespace}"
        return Finding(
            f"whoever injects its CA bundle has not: mostly the {serves} do it for {name}, or a "
            "job at the install; see their log",
            tuple(about),
            facts,
            (look, kubectl(webhook.namespace, "get", "pods,jobs")),
        )
    service, namespace = webhook.service, webhook.namespace
    about.append(Ref("Service", service, namespace))
    slices = ("get", "endpointslices", "-l", f"kubernetes.io/service-name={service}")
    remedy = f"see why no pod behind Service {service} in namespace {namespace} is ready"
    if trouble.status is Status.UNKNOWN:
        remedy = f"say in the catalog where its Service is: namespace: {namespace}"
    pods = kubectl(namespace, "get", "pods", "-o", "wide")
    return Finding(remedy, tuple(about), facts, (kubectl(namespace, *slices), pods, look))
