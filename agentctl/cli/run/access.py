"""Access of the user: which of the permissions that the watches need each cluster grants."""

from __future__ import annotations

import threading

from agentctl.cli.run.watched import Watched, WatchedCluster
from agentctl.duration import format_duration
from agentctl.errors import AgentctlError, DisconnectedError, ServerError
from agentctl.kube.locate import placed
from agentctl.kube.rbac import permissions
from agentctl.kube.reader import reader
from agentctl.kube.self_review import Access, ClusterAccessReview, access
from agentctl.threads import refusal_of


def access_of(found: Watched) -> Access:
    """What the cluster grants us of what the watches need. Raises SourceError."""
    return _access(found.clusters[0])


def reviews_of(found: Watched, within_s: float) -> list[ClusterAccessReview]:
    """The same of each of several, all asked at once, and waited for so long at most."""
    clock = found.context.clock
    give_up_at = clock.monotonic() + within_s
    reviews: dict[str, ClusterAccessReview] = {}

    def ask(one: WatchedCluster) -> None:
        granted, failure = None, None
        try:
            granted = _access(one)
        except AgentctlError as error:
            failure = error
        except Exception as error:  # it must not be missing from the report
            failure = ServerError(f"internal error: {type(error).__name__}: {error}")
        reviews[one.name] = ClusterAccessReview(one.name, one.kube_context, granted, failure)

    threads = []
    for one in found.clusters:
        # Daemon: a plugin or a name lookup that hangs cannot be freed.
        thread = threading.Thread(target=ask, args=(one,), name=f"access-{one.name}", daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            failure = ServerError(refusal_of(error))
            reviews[one.name] = ClusterAccessReview(one.name, one.kube_context, None, failure)
        else:
            threads.append(thread)
    for thread in threads:
        thread.join(max(0.0, give_up_at - clock.monotonic()))
    late = DisconnectedError(f"no answer within {format_duration(round(within_s, 1))}")
    known = dict(reviews)
    return [
        known.get(one.name, ClusterAccessReview(one.name, one.kube_context, None, late))
        for one in found.clusters
    ]


def _access(one: WatchedCluster) -> Access:
    with reader(one.context.client) as api:
        return access(api, permissions(placed(api, one.evaluator.specs)))
