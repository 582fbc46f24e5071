"""What a verdict says of why: the rule's words, the condition, the message beside a field."""

from __future__ import annotations

from typing import Any

import pytest

from agentctl.catalog.loader import load
from agentctl.catalog.rules import rules_of
from agentctl.errors import CatalogError
from agentctl.kube.checks.resource import ResourceCheck

READY = {"type": "Ready", "status": "False", "reason": "AuthFailed", "message": "no token"}
FINE = {"type": "Progressing", "status": "True"}


@pytest.mark.parametrize(
    ("of", "item", "why"),
    [
        (
            "services",
            {"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {}}},
            "the load balancer has no address yet",
        ),
        ("ingresses.networking.k8s.io", {"status": {}}, "no address yet"),
        ("persistentvolumeclaims", {"status": {"phase": "Pending"}}, "not bound to a volume yet"),
        ("jobs.batch", {"status": {}}, "it has not begun"),
        (
            "cronjobs.batch",
            {
                "status": {
                    "lastScheduleTime": "2026-01-02T00:00:00Z",
                    "lastSuccessfulTime": "2026-01-01T00:00:00Z",
                }
            },
            "its last run failed",
        ),
        (
            "apiservices.apiregistration.k8s.io",
            {"status": {"conditions": [{**READY, "type": "Available"}]}},
            "Available=False (AuthFailed): no token",
        ),
        (
            "gitrepositories.source.toolkit.fluxcd.io",
            {"status": {"conditions": [{"type": "Stalled", "status": "Unknown"}, FINE, READY]}},
            "Ready=False (AuthFailed): no token",
        ),
        (
            "applications.argoproj.io",
            {"status": {"health": {"status": "Degraded", "message": "shop is late"}}},
            ".status.health.status=Degraded: shop is late",
        ),
        (
            "clusters.postgresql.cnpg.io",
            {"status": {"phase": "Failing over", "phaseReason": "db-1 is gone"}},
            ".status.phase=Failing over: db-1 is gone",
        ),
    ],
)
def test_in_words_that_tell_what_is_wrong(of: str, item: dict[str, Any], why: str) -> None:
    assert rules_of(of).judge(item).why == why


def test_what_a_rule_says_has_the_objects_message_behind_it() -> None:
    lost = {"status": {"phase": "Lost", "message": "volume pv-1 is gone"}}
    assert rules_of("persistentvolumeclaims").judge(lost).why == (
        "its volume is lost: volume pv-1 is gone"
    )


@pytest.mark.parametrize(
    ("atom", "status"),
    [
        ("Ready=False", {"conditions": [READY]}),
        (".status.message", {"message": "no token"}),
        ("'.status.parts[*]:Ready=False'", {"parts": [{"conditions": [READY]}]}),
        ("'.status.parts[*]:.phase=Bad'", {"parts": [{}, {"phase": "Bad", "message": "no token"}]}),
    ],
)
def test_what_a_rule_says_has_the_message_of_what_it_found(
    atom: str, status: dict[str, Any]
) -> None:
    (component,) = load(_catalog(f"{{error: [{atom}], says: it is off}}"), "my.yaml").components
    (check,) = component.checks
    assert isinstance(check, ResourceCheck)
    assert check.cut.rules.judge({"status": status}).why == "it is off: no token"


@pytest.mark.parametrize("says", ["''", "[a]", "5", "'" + "x" * 81 + "'"])
def test_what_it_says_is_a_short_text(says: str) -> None:
    rule = f"{{degraded: [A=True], says: {says}}}"
    with pytest.raises(CatalogError, match="expected a text of 1 to 80 characters as 'says'"):
        load(_catalog(rule), "my.yaml")


def test_else_says_nothing_of_its_own() -> None:
    with pytest.raises(CatalogError, match="beside a rule's status"):
        load(_catalog("{else: unknown, says: x}"), "my.yaml")


def _catalog(rule: str) -> bytes:
    check = f"{{kind: resource, of: lamps.example.org, rules: [{rule}]}}"
    return f"components: [{{name: it, checks: [{check}]}}]".encode()
