"""Catalog files: those in the package by name, and users' own by path."""

from __future__ import annotations

from agentctl import package
from agentctl.catalog.document import MAX_BYTES, short
from agentctl.catalog.wording import guess
from agentctl.errors import CatalogError
from agentctl.lazy_namedtuple import NamedTuple

SHIPPED = (
    *("agents", "argo-workflows", "argocd", "auto", "cert-manager", "cloudnative-pg"),
    *("crossplane", "external-secrets", "flux", "ingress-nginx", "istio", "keda"),
    *("knative-serving", "kubernetes", "linkerd", "metrics-server", "prometheus-operator"),
    *("tekton", "temporal"),
)
"""The catalogs in the package by name, as ``--catalog`` takes them."""


class CatalogText(NamedTuple):
    """A catalog that was read already, as from a pipe; ``source`` is what errors call it."""

    source: str
    data: bytes


def shipped_text(name: str) -> CatalogText:
    """One of SHIPPED."""
    return CatalogText(f"{name}.yaml", package.data("agentctl.catalog", f"{name}.yaml"))


def file_text(path: str) -> CatalogText:
    """A user's. Raises CatalogError."""
    try:
        with open(path, "rb") as file:
            return CatalogText(path, file.read(MAX_BYTES + 1))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        name = path.removesuffix(".yaml")
        ships = f" ({name!r} without .yaml is one that ships)" if name in SHIPPED else ""
        raise CatalogError(f"{path}: cannot read the catalog: {reason}{ships}") from None


def near(given: str) -> str:
    """A name that is none, and which it may have been: those with it inside, or one like it."""
    bare = given.lower().replace("_", "-")
    inside = [one for one in SHIPPED if len(bare) > 2 and (bare in one or one in bare)]
    if not inside:
        return guess(bare, SHIPPED).replace(repr(bare), repr(short(given)), 1)
    return f"{short(given)!r} (did you mean {' or '.join(map(repr, inside))}?)"
