"""Access of the user: which of the permissions that the watches need the cluster grants."""

from __future__ import annotations

from agentctl.cli.run.watched import Watched
from agentctl.kube.rbac import permissions
from agentctl.kube.reader import reader
from agentctl.kube.self_review import Access, access


def access_of(found: Watched) -> Access:
    """What the cluster grants us of what the watches need. Raises SourceError."""
    one = found.clusters[0]
    with reader(one.context.client) as api:
        return access(api, permissions(one.evaluator.specs))
