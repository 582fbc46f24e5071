"""Cut of webhook configurations: whom each webhook calls, and whether it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from agentctl.kube.resources import Seen
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lenient_json import mapping, mappings, text

MAX_WEBHOOKS = 100
MAX_NAME = 253
BLANK = ("", "Cg==", "IA==", "DQo=")
"""Bundles without a certificate: none, and a line's end or a space in base64, as manifests have
them for whoever fills them in."""

INJECTED_FROM = "cert-manager.io/inject-ca-from"


class Webhook(NamedTuple):
    """One webhook of a configuration."""

    name: str
    namespace: str
    service: str
    """Empty for one that is called by its URL."""
    trusted: bool
    """Who answers can be told by a CA bundle, or need not be."""
    required: bool
    """What it cannot be asked about is refused (``failurePolicy: Fail``, the default)."""
    injected_from: str = ""
    """The Certificate (``namespace/name``) that cert-manager is to take the bundle from."""


class Webhooks(NamedTuple):
    """One configuration."""

    name: str
    webhooks: tuple[Webhook, ...]


def cut_webhooks(item: Mapping[str, Any], seen: Seen) -> Optional[Webhooks]:
    """Of a Validating- or MutatingWebhookConfiguration; the bundle itself is not kept."""
    metadata = mapping(item, "metadata")
    injected_from = text(mapping(metadata, "annotations"), INJECTED_FROM)[: 2 * MAX_NAME]
    found = []
    for one in mappings(item, "webhooks")[:MAX_WEBHOOKS]:
        client = mapping(one, "clientConfig")
        service = mapping(client, "service")
        name = text(service, "name")[:MAX_NAME]
        found.append(
            Webhook(
                text(one, "name")[:MAX_NAME],
                text(service, "namespace")[:MAX_NAME],
                name,
                text(client, "caBundle") not in BLANK or not name,
                text(one, "failurePolicy") != "Ignore",
                injected_from,
            )
        )
    return Webhooks(text(metadata, "name"), tuple(found))
