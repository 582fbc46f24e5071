"""Demo: an embedded control plane with scripted events, on the Kubernetes API double.

For users without a cluster and for tests. It speaks HTTP as a kube-apiserver does (list,
watch, paging, bookmarks, expiry, discovery, tables, writes), serves only 127.0.0.1, and
needs nothing but the standard library.

>>> with DemoControlPlane(script=False) as demo:
...     demo.url.startswith("http://127.0.0.1:")
True
"""

from __future__ import annotations

from collections.abc import Mapping

from agentctl.apidouble.double import ApiDouble
from agentctl.demo.controlplane import ControlPlane
from agentctl.demo.dependencies import Dependencies
from agentctl.demo.script import LEASE_DURATION_S, Script

OTHER_CONNECTIONS = 4
"""Beside one for each watch, each with a thread: those that come and go."""

__all__ = ["ControlPlane", "DemoControlPlane", "Script"]


class DemoControlPlane:
    """The agents install on an API double, with the scripted events if ``script``.

    Without the script nothing happens, and nobody renews the lease: it is then held
    for a day. With ``dependencies`` there are a database, a Temporal and a gRPC endpoint to be
    asked, on ports of their own.
    """

    def __init__(self, port: int = 0, script: bool = True, dependencies: bool = False) -> None:
        self.double = ApiDouble(port)
        duration = LEASE_DURATION_S if script else 24 * 3600
        self.plane = ControlPlane(self.double.store, lease_duration_s=duration)
        self._dependencies = Dependencies() if dependencies else None
        self._script = Script(self.plane, dependencies=self._dependencies) if script else None

    @property
    def url(self) -> str:
        return self.double.url

    def kubeconfig_text(self) -> str:
        """A kubeconfig (YAML) that leads here."""
        return self.double.kubeconfig(namespace=self.plane.namespace)

    def start(self) -> DemoControlPlane:
        """Install, listen, and begin the script; once only.

        Raises OSError if the port is taken.
        """
        self.plane.install()
        self.double.start()
        if self._dependencies is not None:
            self._dependencies.start()
        if self._script is not None:
            self._script.start()
        return self

    def stop(self) -> None:
        """End everything, within a second or two; once only."""
        if self._script is not None:
            self._script.stop()
        self.double.stop()
        if self._dependencies is not None:
            self._dependencies.stop()

    @property
    def dependencies(self) -> Mapping[str, str]:
        """Where they are asked, ``HOST:PORT`` by component; none unless there are any."""
        return self._dependencies.addresses() if self._dependencies is not None else {}

    def __enter__(self) -> DemoControlPlane:
        return self.start()

    def __exit__(self, *raised: object) -> None:
        self.stop()
