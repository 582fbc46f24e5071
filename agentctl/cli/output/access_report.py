"""Access report: permissions granted and missing, as text and as plain data."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence

from agentctl.errors import ExitCode
from agentctl.kube.rbac import Permission, grants
from agentctl.kube.self_review import Access, ClusterAccessReview, Grant
from agentctl.model import JSONObject
from agentctl.redact import redact

COLUMNS = ("RESOURCE", "NAMESPACE", "NAME", "NEEDED", "MISSING")


def render(access: Access, form: str) -> str:
    """``table``, ``json``, or ``yaml``, which is what has to be applied and nothing else."""
    if form == "json":
        return json.dumps(to_json(access), indent=2, ensure_ascii=False) + "\n"
    manifests = to_apply(access)
    if form == "yaml":
        return yaml_of(manifests)
    lines = [*table(access), ""]
    if manifests:
        lines += ["An administrator grants what is missing with kubectl apply -f and this:", ""]
    else:
        lines.append(summary(access))
    return "\n".join(lines) + "\n" + yaml_of(manifests)


def summary(access: Access) -> str:
    """One line: for whom, and how much is missing."""
    who = redact(access.subject) or "you"
    if not access.missing:
        return f"{who} may watch all that the catalog needs"
    what = ", ".join(described(one) for one in access.missing)
    return f"{who} may not watch all that the catalog needs: missing {what}"


def described(permission: Permission) -> str:
    """``list,watch pods in agents``."""
    where = f" in {permission.namespace}" if permission.namespace else ""
    return f"{','.join(permission.verbs)} {permission.noun}{where}"


def table(access: Access) -> list[str]:
    rows = [COLUMNS, *(_row(grant) for grant in access.grants)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in rows]


def _row(grant: Grant) -> tuple[str, ...]:
    permission = grant.permission
    return (
        permission.noun,
        permission.namespace or "-",
        ",".join(permission.names) or "-",
        ",".join(permission.verbs),
        ",".join(grant.missing) or "-",
    )


def to_json(access: Access) -> JSONObject:
    return {
        "allowed": not access.missing,
        "user": redact(access.subject),
        "permissions": [
            {
                "resource": grant.permission.noun,
                "namespace": grant.permission.namespace,
                "names": list(grant.permission.names),
                "needed": list(grant.permission.verbs),
                "missing": list(grant.missing),
            }
            for grant in access.grants
        ],
        "apply": to_apply(access),
    }


def to_apply(access: Access) -> list[JSONObject]:
    """The roles that are missing, and their bindings where it is known to whom."""
    return grants(access.missing, access.subject) if access.missing else []


def yaml_of(manifests: Sequence[JSONObject]) -> str:
    """One YAML document each; nothing for nothing."""
    if not manifests:
        return ""
    from agentctl.renderers.yaml import document

    return "---\n".join(map(document, manifests))


def render_several(reviews: Sequence[ClusterAccessReview], form: str) -> str:
    """``table`` or ``json`` of several clusters; what is missing stands with each of them."""
    if form == "json":
        told = {"allowed": all(one.access and not one.access.missing for one in reviews)}
        clusters = [
            {"cluster": one.cluster, **to_json(one.access)}
            if one.access is not None
            else {"cluster": one.cluster, "error": _failure(one)}
            for one in reviews
        ]
        return json.dumps({**told, "clusters": clusters}, indent=2, ensure_ascii=False) + "\n"
    parts = []
    for one in reviews:
        if one.access is None:
            parts.append(f"cluster {one.cluster} cannot be asked: {_failure(one)}\n")
            continue
        lines = [f"cluster {one.cluster}", *table(one.access), ""]
        manifests = to_apply(one.access)
        if manifests:
            apply = f"kubectl --context {shlex.quote(one.kube_context)} apply -f"
            lines += [f"An administrator grants what is missing with {apply} and this:", ""]
        else:
            lines.append(summary(one.access))
        parts.append("\n".join(lines) + "\n" + yaml_of(manifests))
    return "\n".join(parts)


def summary_of_several(reviews: Sequence[ClusterAccessReview]) -> str:
    """What is missing, or not known, in each cluster where something is."""
    return "; ".join(
        f"{one.cluster}: {summary(one.access) if one.access is not None else _failure(one)}"
        for one in reviews
        if one.access is None or one.access.missing
    )


def code_of(reviews: Iterable[ClusterAccessReview]) -> int:
    """3 where something is missing, else that of the first that cannot be asked, else 0."""
    reviews = list(reviews)
    if any(one.access is not None and one.access.missing for one in reviews):
        return ExitCode.REFUSED
    codes = [int(one.failure.exit_code) for one in reviews if one.failure is not None]
    return max(codes, default=int(ExitCode.OK))


def _failure(one: ClusterAccessReview) -> str:
    return redact(one.failure.message) if one.failure is not None else "not known"


def bind_hint(access: Access) -> Iterable[str]:
    """What is left to do where the API does not tell who we are."""
    if access.missing and not access.subject:
        yield (
            "the API does not tell who you are: bind the roles with "
            "kubectl create rolebinding or clusterrolebinding"
        )
