"""Why a probe failed, and the next command to find out more."""

from __future__ import annotations

from typing import Any

from agentctl.kube.explain.finding import Finding, kubectl
from agentctl.probe.address import HostPort
from agentctl.probe.answer import Cause

_REMEDIES = {
    Cause.NAME: "{host} does not resolve from here: see whether its Service is there, and whether "
    "this host asks the cluster's DNS",
    Cause.ADDRESS: "the name leads to an address that is no dependency's: name it in the catalog "
    "if it is meant, and see who changed it if not",
    Cause.REFUSED: "nothing listens on {address}: see whether its pods run, and whether the port "
    "is right",
    Cause.UNREACHABLE: "no way leads to {address} from here: see routes and NetworkPolicies",
    Cause.TIMEOUT: "{address} does not answer: a NetworkPolicy or firewall drops what is sent, or "
    "it hangs",
    Cause.CUT: "{address} takes connections and ends them: see its log, and whether it wants TLS",
    Cause.PROTOCOL: "what listens on {address} does not speak {protocol}: is the port right, is "
    "tls: right in the catalog?",
    Cause.CERTIFICATE: "see its certificate, and who is to renew it",
    Cause.STATUS: "it answers, and says that it is not well: see its log",
    Cause.STARTING: "wait: it is starting; if it does not end, see its log",
    Cause.FULL: "it has no connection left: see who holds them, or raise its limit",
    Cause.SLOW: "it is slower than the catalog's slow: see its load",
    Cause.LOCAL: "the fault is on this side: see the message",
}


def explained(
    protocol: str, asked: HostPort, cause: Cause, failures: int, namespace: str
) -> Finding:
    """For a probe that failed, ``failures`` times in a row."""
    address, host = str(asked), asked.host
    remedy = _REMEDIES[cause].format(address=address, host=host, protocol=protocol)
    facts: dict[str, Any] = {
        "address": address,
        "protocol": protocol,
        "cause": cause.value,
        "failures": failures,
    }
    labels = host.split(".")
    looks = []
    if len(labels) >= 3 and labels[2] == "svc":
        service, where = labels[:2]
        slices = ("get", "endpointslices", "-l", f"kubernetes.io/service-name={service}")
        looks = [
            kubectl(where, "get", "service", service, "-o", "wide"),
            kubectl(where, *slices),
        ]
    return Finding(remedy, (), facts, (*looks, kubectl(namespace, "get", "networkpolicies")))
