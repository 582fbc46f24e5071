"""Completion values that are looked up: contexts, components, namespaces. From files only.

Whatever cannot be read is passed over: nobody wants an error in the middle of a word.
"""

from __future__ import annotations

import os
import stat
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from agentctl.cli.completion.candidates import Candidate, Completion, Directive, LookUp, Typed
from agentctl.cli.config.layers import Layers
from agentctl.cli.config.table import BY_KEY
from agentctl.cli.host.process import Process
from agentctl.errors import AgentctlError

MAX_BYTES = 1 << 20
"""Of a kubeconfig: a larger one takes longer to read than anybody waits for a word."""


class LookUps:
    """What can be looked up for one process."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def table(self) -> dict[str, LookUp]:
        """By flag, or by command and argument."""
        return {
            "--context": self.contexts,
            "--exclude-context": self.contexts,
            "--cluster": partial(self.entries, "clusters"),
            "--user": partial(self.entries, "users"),
            "--component": self.components,
            "--catalog": self.catalogs,
            "catalog files": self.catalogs,
            "status words": self.words,
            "diagnose words": self.words,
            "--namespace": self.namespaces,
            "config set value": self.config_value,
            "config unset key": self.config_keys,
        }

    def contexts(self, typed: Typed) -> Completion:
        """The kubeconfig's contexts, each with its cluster."""
        found: dict[str, str] = {}
        for config in self._kubeconfigs(typed):
            for name, entry in config.contexts.items():
                cluster = entry.values.get("cluster")
                found.setdefault(name, f"cluster {cluster}" if isinstance(cluster, str) else "")
        return Completion(tuple(Candidate(name, about) for name, about in found.items()))

    def entries(self, table: str, typed: Typed) -> Completion:
        """The kubeconfig's clusters or users."""
        names = [name for config in self._kubeconfigs(typed) for name in getattr(config, table)]
        return Completion(tuple(Candidate(name) for name in dict.fromkeys(names)))

    def catalogs(self, typed: Typed) -> Completion:
        """Those that ship; where none begins so, files."""
        from agentctl.catalog.files import SHIPPED

        if typed.get("action") == ["list"]:
            return Completion()  # it takes none
        return Completion(tuple(map(Candidate, SHIPPED)), Directive.FILES)

    def components(self, typed: Typed) -> Completion:
        """The names in the catalog that is asked for, or in the default one."""
        from agentctl.catalog.files import SHIPPED
        from agentctl.catalog.loader import load_chosen

        given = _last(typed, "catalog")
        path = self._expanded(given)
        if given and given not in SHIPPED and not _is_readable(path):
            return Completion()
        catalog = load_chosen(given if given in SHIPPED else path)
        names = (name for name in catalog.names if "*" not in name)  # a shell would expand it
        return Completion(tuple(map(Candidate, names)))

    def words(self, typed: Typed) -> Completion:
        """What may follow ``status``."""
        watch = Candidate("watch", "follow every change")
        found = self.components(typed)
        return found._replace(candidates=(watch, *found.candidates))

    def namespaces(self, typed: Typed) -> Completion:
        """Those that are named in the environment, the config file and the kubeconfig."""
        *found, default = (said.value for said in self._layers({}).said("namespace"))
        for config in self._kubeconfigs(typed):
            found += [entry.values.get("namespace") for entry in config.contexts.values()]
        names = [name for name in [*found, default] if name and isinstance(name, str)]
        return Completion(tuple(Candidate(name) for name in dict.fromkeys(names)))

    def config_value(self, typed: Typed) -> Completion:
        """What ``config set KEY`` takes."""
        key = _last(typed, "key")
        setting = BY_KEY.get(key)
        if setting is None or setting.is_file:
            return Completion(directive=Directive.FILES if setting else Directive.NO_FILES)
        if key in ("context", "namespace"):
            return self.contexts({}) if key == "context" else self.namespaces({})
        if key == "token":
            return Completion((Candidate("-", "read it from the standard input"),))
        return Completion(tuple(Candidate(choice) for choice in setting.choices))

    def config_keys(self, typed: Typed) -> Completion:
        """What ``config unset`` could take away."""
        present = self._layers({}).config
        return Completion(tuple(Candidate(key) for key in BY_KEY if key in present))

    def _layers(self, typed: Typed) -> Layers:
        flags = Namespace(kubeconfig=_last(typed, "kubeconfig"))
        with suppress(AgentctlError):
            return Layers.of(self._process, flags)
        return Layers(flags, self._process.environ, {})

    def _kubeconfigs(self, typed: Typed) -> Iterator[Any]:
        """Each file by itself: a bad one does not hide the others."""
        from agentctl.kube.kubeconfig import Kubeconfig

        for path in self._kubeconfig_paths(typed):
            with suppress(AgentctlError):
                if _is_readable(path):
                    yield Kubeconfig.load([path])

    def _kubeconfig_paths(self, typed: Typed) -> Iterable[str]:
        given = self._layers(typed).text("kubeconfig")
        if given:
            return [self._expanded(given)]
        listed = self._process.environ.get("KUBECONFIG", "").split(os.pathsep)
        return list(filter(None, listed)) or [os.path.join(self._process.home, ".kube", "config")]

    def _expanded(self, path: str) -> str:
        """A path as the shell would have made it: it has not got that far yet."""
        for home in ("~/", "$HOME/", "${HOME}/"):
            if path.startswith(home):
                return os.path.join(self._process.home, path[len(home) :])
        return path


def _last(typed: Typed, name: str) -> str:
    values = typed.get(name) or [""]
    return values[-1]


def _is_readable(path: str) -> bool:
    """A plain file of a size that is read at once: no pipe that nobody writes to."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size <= MAX_BYTES
