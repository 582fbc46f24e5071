"""Contexts of a kubeconfig that are watched together: by name, by glob, under short names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Optional

from agentctl.errors import ConfigError, UsageError
from agentctl.globs import fault
from agentctl.kube.kubeconfig import Kubeconfig
from agentctl.kube.overrides import Overrides
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.net.token import fingerprint

MAX_NAME = 253
"""Of a short name: as long as names in Kubernetes are."""

LISTED = 12
"""Contexts that an error names: a kubeconfig may have hundreds."""


class NamedContext(NamedTuple):
    """One context, and what its cluster is called in all that is told."""

    name: str
    context: str


def is_pattern(text: str) -> bool:
    """Whether it may mean more than the one context of that name."""
    return any(char in text for char in "*?[=")


def select(
    config: Kubeconfig, wanted: Iterable[str], without: Iterable[str] = ()
) -> list[NamedContext]:
    """The contexts that names, globs and ``NAME=CONTEXT`` mean, each once, in their order.

    ``without`` are names and globs of those to leave out. Raises ConfigError for a name that
    is not there and a glob that matches nothing, UsageError for two clusters of one name.
    """
    found: dict[str, str] = {}
    for text in wanted:
        for name, context in _meant(config, text):
            if found.get(context, context) == context:  # a short name is not taken back
                found[context] = name
    left_out = [glob for text in without for glob in _known(config, text)]
    chosen = [
        NamedContext(name, context)
        for context, name in found.items()
        if not any(_fits(context, glob) for glob in left_out)
    ]
    if not chosen:
        raise ConfigError(
            f"{config.where}: --exclude-context leaves out all that --context matches "
            f"({_listed(found)})"
        )
    _check_names(chosen)
    return chosen


def same_servers(config: Kubeconfig, chosen: Iterable[NamedContext]) -> list[tuple[str, ...]]:
    """The names of those that lead to one API server, where several do."""
    by_server: dict[str, list[str]] = {}
    for name, context in chosen:
        cluster = config.clusters.get(config.contexts[context].text("cluster"))
        server = cluster.text("server").strip().rstrip("/").lower() if cluster else ""
        by_server.setdefault(server, []).append(name)
    return [tuple(names) for server, names in by_server.items() if server and len(names) > 1]


class SharedKubeconfig:
    """Kubeconfig files read once for all of their contexts, and again once they change."""

    def __init__(self, paths: Sequence[str]) -> None:
        """Raises ConfigError."""
        self.paths = tuple(paths)
        self._read: Optional[tuple[object, Kubeconfig]] = None
        self.load()

    def load(self, paths: Sequence[str] = ()) -> Kubeconfig:
        """What is in them at this moment; ``paths`` are always the same. Raises ConfigError."""
        seen, read = fingerprint(self.paths), self._read
        if read is None or read[0] != seen:
            read = self._read = seen, Kubeconfig.load(self.paths)
        return read[1]


def _meant(config: Kubeconfig, text: str) -> list[tuple[str, str]]:
    """Name and context of each that one argument of ``--context`` means."""
    if text in config.contexts:
        return [(text, text)]
    if "=" in text:
        name, _, context = text.partition("=")
        if not name or len(name) > MAX_NAME or not name.isprintable():
            expected = f"NAME=CONTEXT with a name of at most {MAX_NAME} characters"
            raise UsageError(f"--context {text!r}: expected {expected}")
        return [(name, config.context(Overrides(context=context))[0])]
    if is_pattern(text):
        found = [(name, name) for name in config.contexts if _fits(name, text)]
        if not found:
            raise ConfigError(
                f"{config.where}: --context {text!r} matches no context "
                f"(there are: {_listed(config.contexts)})"
            )
        return found
    return [(text, config.context(Overrides(context=text))[0])]


def _fits(context: str, glob: str) -> bool:
    return context == glob or (not fault(glob) and fnmatchcase(context, glob))


def _known(config: Kubeconfig, text: str) -> list[str]:
    if any(_fits(name, text) for name in config.contexts):
        return [text]
    what = "matches no context" if is_pattern(text) else "no such context"
    raise ConfigError(
        f"{config.where}: --exclude-context {text!r}: {what} "
        f"(there are: {_listed(config.contexts)})"
    )


def _check_names(chosen: Iterable[NamedContext]) -> None:
    contexts: dict[str, str] = {}
    for name, context in chosen:
        other = contexts.setdefault(name, context)
        if other != context:
            raise UsageError(
                f"--context: {other!r} and {context!r} would both be called {name!r}; "
                "give one of them another name with NAME=CONTEXT"
            )


def _listed(names: Iterable[str]) -> str:
    known = sorted(names)
    more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    return ", ".join(known[:LISTED]) + more if known else "none"
