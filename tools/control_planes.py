"""Writes the tables of docs/control-planes.md from the catalogs that ship.

Run it as python tools/control_planes.py; with --check it only tells whether they are current.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # this checkout, whatever is installed

from agentctl.catalog.content import Catalog
from agentctl.catalog.files import SHIPPED
from agentctl.catalog.loader import load_chosen
from agentctl.kube.components import Component
from agentctl.kube.resources import Need
from tools.readme import filled

PAGE = Path(__file__).parent.parent / "docs" / "control-planes.md"
NAMED = tuple(name for name in SHIPPED if name != "auto")

VIEW = frozenset(
    (
        *("namespaces", "pods", "services", "endpointslices.discovery.k8s.io"),
        *("deployments.apps", "statefulsets.apps", "daemonsets.apps"),
        *("jobs.batch", "cronjobs.batch"),
    )
)
"""What Kubernetes' own ClusterRole ``view`` lets list and watch, of what catalogs look at."""

AGGREGATED = (
    *("serving.knative.dev", "keda.sh", "source.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io"),
    *("kustomize.toolkit.fluxcd.io", "external-secrets.io"),
)
"""Groups that their projects add to ``view`` whole."""

AGGREGATED_PARTS = (
    *("certificates.cert-manager.io", "issuers.cert-manager.io", "cronworkflows.argoproj.io"),
)


def catalogs() -> str:
    """One row a catalog."""
    rows = ["| catalog | namespace | sees | of what users make |", "|---|---|---|---|"]
    for name in NAMED:
        one = load_chosen(name)
        own, made = _parts(one)
        rows.append(f"| `{name}` | `{one.namespace or 'agents'}` | {own} | {made or '-'} |")
    return "\n".join(rows)


def _parts(catalog: Catalog) -> tuple[str, str]:
    """The control plane's own components, and those of what users make."""
    own = [
        _named(one) + (" (optional)" if one.presence else "")
        for one in catalog.components
        if not is_of_users(one)
    ]
    return ", ".join(own), ", ".join(_named(one) for one in catalog.components if is_of_users(one))


def is_of_users(component: Component) -> bool:
    """Whether it is about all objects of custom resources, and so about what users make."""
    if component.each is not None:
        return False
    kinds = [check["kind"] for check in component.declared["checks"]]
    return set(kinds) == {"resource"} and all(
        "names" not in check and "." in check["of"] and not check["of"].endswith(".k8s.io")
        for check in component.declared["checks"]
    )


def rights() -> str:
    """One row a component: what it lists and watches, and what of that ``view`` does not grant."""
    rows = ["| catalog | component | lists and watches | not in `view` |", "|---|---|---|---|"]
    for name in NAMED:
        for one in load_chosen(name).components:
            needed = reads(one)
            if not needed:
                continue
            missing = [noun for noun in judged_by(one) if not viewed(noun)]
            cells = (f"`{name}`", _named(one), _listed(needed), _listed(missing) or "-")
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def reads(component: Component) -> list[str]:
    """The resources that it needs, by full name."""
    return _nouns(component.needs("any"))


def judged_by(component: Component) -> list[str]:
    """Those without which it is unknown: where it cannot be seen whether it is installed, its
    checks say how it is."""
    if component.each is not None:
        return reads(component)
    return _nouns(need for check in component.checks for need in check.needs("any"))


def _nouns(needs: Iterable[Need]) -> list[str]:
    found = {need.resource for need in needs if need.resource.is_api}
    return sorted(one.full_name for one in found)


def viewed(noun: str) -> bool:
    """Whether ``view`` lets list and watch it."""
    group = noun.partition(".")[2]
    return noun in VIEW or noun in AGGREGATED_PARTS or (group in AGGREGATED)


def _listed(nouns: Iterable[str]) -> str:
    return ", ".join(f"`{_short(noun)}`" for noun in nouns)


def _named(component: Component) -> str:
    return component.name.replace("*", "\\*")


def _short(noun: str) -> str:
    """Without the group of what every cluster has."""
    plural, _, group = noun.partition(".")
    return plural if group.endswith(("apps", "batch", ".k8s.io")) else noun


def main(check: bool) -> str:
    """Do it; returns what is wrong, if anything."""
    before = PAGE.read_text(encoding="utf-8")
    after = filled(PAGE.name, before, {"catalogs": catalogs, "rights": rights})
    if not check:
        PAGE.write_text(after, encoding="utf-8")
    elif before != after:
        return f"{PAGE.name} is not current: run python tools/control_planes.py"
    return ""


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv) or 0)
