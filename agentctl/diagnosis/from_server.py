"""Diagnosis over a server that watches in our place: what it told of a component."""

from __future__ import annotations

from agentctl.diagnosis.explain import needs_diagnosis
from agentctl.diagnosis.sink import Shell
from agentctl.diagnosis.text import KEY
from agentctl.kube.explain.finding import Kubectl, kubectl
from agentctl.lenient_json import mappings, text
from agentctl.model import Item, JSONObject

REMEDY = (
    "this is all that the server tells; it keeps neither pods nor events. For the cause in full "
    "ask the cluster: agentctl diagnose --transport kube"
)


def second_hand(item: Item) -> list[JSONObject]:
    """One reason, made of the item itself: its details were redacted when they came."""
    if not needs_diagnosis(item):
        return []
    told = {key: value for key, value in item.details.items() if key != KEY}
    shell = Shell()
    return [
        {
            **told,
            "check": "server",
            "status": item.status.value,
            "message": item.message,
            "remedy": f"{REMEDY} -n {item.namespace} --component '{item.component}'",
            "commands": [shell.line(command) for command in _commands(item)],
        }
    ]


def _commands(item: Item) -> list[Kubectl]:
    """kubectl for what the details name, in the context that is current."""
    found = []
    if workload := text(item.details, "workload"):
        found.append(kubectl(item.namespace, "describe", workload))
    if lease := text(item.details, "lease"):
        found.append(kubectl(item.namespace, "get", "lease", lease, "-o", "yaml"))
    if item.details.get("missing_crds"):
        found.append(kubectl("", "get", "crds"))
    resource = text(item.details, "resource")
    for one in mappings(item.details, "worst")[:1] if resource else ():
        found.append(kubectl(text(one, "namespace"), "describe", resource, text(one, "name")))
    for one in mappings(item.details, "webhooks")[:1]:
        kinds = "validatingwebhookconfigurations,mutatingwebhookconfigurations"
        name = f"--field-selector=metadata.name={text(one, 'configuration')}"
        found.append(kubectl("", "get", kinds, name, "-o", "yaml"))
    return found
