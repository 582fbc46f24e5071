"""ClusterSelection of clusters: from ``--context`` to those that are watched together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from agentctl.cli.config.settings import Settings
from agentctl.cli.host.process import Process
from agentctl.errors import UsageError
from agentctl.kube.access import ClusterAccess
from agentctl.lazy_dataclass import replace
from agentctl.lazy_namedtuple import NamedTuple

CONNECTIONS = 16
"""Of one cluster: one for each watch, and those that come and go."""


class ClusterPlace(NamedTuple):
    """One of several clusters: what it is called, its context, and how to get there.

    ``load`` reads the credentials, from ``files``, when they are asked for.
    """

    name: str
    context: str
    load: Callable[[], ClusterAccess]
    files: tuple[str, ...] = ()


class ClusterSelection(NamedTuple):
    """What is watched. ``places`` are several clusters, none where it is one."""

    settings: Settings
    places: tuple[ClusterPlace, ...] = ()
    greeting: str = ""
    """What is to be said on stderr at the start."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(place.name for place in self.places)


def selection(settings: Settings, process: Process) -> ClusterSelection:
    """The clusters that the settings mean; reads the kubeconfig where that has to be known.

    Raises ConfigError and UsageError for names that are not there, globs that match nothing
    and clusters of one name.
    """
    given, without = settings.contexts, settings.exclude_contexts
    if not given and without:
        raise UsageError("--exclude-context leaves out of what --context matches: give that too")
    if len(given) < 2 and not without and not any(char in "".join(given) for char in "*?[="):
        return ClusterSelection(settings)
    from agentctl.kube.contexts import SharedKubeconfig, same_servers, select
    from agentctl.kube.find_access import kubeconfig_paths

    shared = SharedKubeconfig(kubeconfig_paths(settings.kubeconfig, process.environ, process.home))
    config = shared.load()
    chosen = select(config, given, without)
    told = ", ".join(
        name if name == context else f"{name} (context {context})" for name, context in chosen
    )
    count = "1 cluster" if len(chosen) == 1 else f"{len(chosen)} clusters"
    lines = [f"watching {count}: {told}"]
    lines += [
        f"{' and '.join(names)} lead to one API server: it is watched {_times(len(names))}"
        for names in same_servers(config, chosen)
    ]
    greeting = "\n".join(lines)
    if len(chosen) == 1:
        only = replace(settings, context=chosen[0].context)
        plain = [only.context] == list(given)  # a name that looks like a glob
        return ClusterSelection(only, (), "" if plain else greeting)
    if settings.overrides.get("cluster"):
        raise UsageError("--cluster is one cluster, and --context several: give one of them")
    from agentctl.cli.host.rlimit import room_for

    room_for(CONNECTIONS * len(chosen))
    from agentctl.kube.kubeconfig import access_from
    from agentctl.kube.overrides import Overrides

    places = tuple(
        ClusterPlace(
            name,
            context,
            # Nobody is asked anything: plugins of several clusters would all ask at once.
            partial(
                access_from,
                shared.paths,
                process.environ,
                Overrides(context=context, **settings.overrides),
                load=shared.load,
            ),
            shared.paths,
        )
        for name, context in chosen
    )
    return ClusterSelection(settings, places, greeting)


def _times(count: int) -> str:
    return "twice" if count == 2 else f"{count} times"


def places_of(accesses: Sequence[tuple[str, ClusterAccess]]) -> tuple[ClusterPlace, ...]:
    """Those of clusters whose access is known."""

    def place(name: str, access: ClusterAccess) -> ClusterPlace:
        return ClusterPlace(name, access.context, lambda: access)

    return tuple(place(name, access) for name, access in accesses)
