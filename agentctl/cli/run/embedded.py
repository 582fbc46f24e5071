"""Embedded control planes: those of the demo, as clusters that can be watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Optional

from agentctl.cli.run.contexts import ClusterPlace, places_of
from agentctl.kube.access import ClusterAccess
from agentctl.lazy_namedtuple import NamedTuple

if TYPE_CHECKING:
    from agentctl.demo.clusters import DemoClusters


class EmbeddedDemo(NamedTuple):
    """How to get to what is embedded: by ``load``, or by ``places`` where there are several.

    ``probed_at`` is where its dependencies are, those that there are.
    """

    load: Optional[Callable[[], ClusterAccess]]
    places: tuple[ClusterPlace, ...] = ()
    probed_at: Mapping[str, str] = {}


@contextmanager
def embedded(clusters: Optional[int], dependencies: bool) -> Iterator[EmbeddedDemo]:
    """A control plane of our own, or one in each of so many clusters, while it is watched.

    One alone may have ``dependencies`` of its own, to be asked.
    """
    if clusters is not None:
        from agentctl.demo.clusters import DemoClusters

        with DemoClusters(clusters) as several:
            yield EmbeddedDemo(None, embedded_places(several))
        return
    from agentctl.demo import DemoControlPlane

    with DemoControlPlane(dependencies=dependencies) as demo:
        access = ClusterAccess(server=demo.url, description="the embedded control plane")
        yield EmbeddedDemo(lambda: access, probed_at=demo.dependencies)


def embedded_places(several: DemoClusters) -> tuple[ClusterPlace, ...]:
    """Those of several clusters of the demo."""
    return places_of(
        [
            (name, ClusterAccess(server=plane.url, description=f"the embedded {name}"))
            for name, plane in several.planes.items()
        ]
    )
