"""Clusters of the demo: several control planes, the last of which goes down for a while."""

from __future__ import annotations

import threading

from agentctl.debug_log import DebugLog
from agentctl.demo import DemoControlPlane

log = DebugLog(__name__)

LAP_S, DOWN_AT_S, DOWN_FOR_S = 30.0, 10.0, 7.0
"""In each lap of the script; long enough to be told, short enough to be waited for."""

JOIN_S = 3.0


class DemoClusters:
    """So many, called ``cluster-1`` and on; with ``script`` the last goes down now and then."""

    def __init__(self, count: int, script: bool = True) -> None:
        self.planes = {
            f"cluster-{number}": DemoControlPlane(script=script and number == 1)
            for number in range(1, count + 1)
        }
        self._stop = threading.Event()
        # Daemon: nothing is lost with it.
        self._outage = threading.Thread(target=self._run, name="demo-outage", daemon=True)
        self._script = script

    def kubeconfig_text(self) -> str:
        """A kubeconfig (YAML) with a context for each."""
        clusters = [
            f"- {{name: {name}, cluster: {{server: '{plane.url}'}}}}"
            for name, plane in self.planes.items()
        ]
        contexts = [
            f"- {{name: {name}, context: {{cluster: {name}, user: demo, namespace: agents}}}}"
            for name in self.planes
        ]
        lines = ["apiVersion: v1", "kind: Config", "clusters:", *clusters, "contexts:", *contexts]
        lines += [f"current-context: {next(iter(self.planes))}", "users:", "- name: demo"]
        return "\n".join([*lines, "  user: {}", ""])

    def start(self) -> DemoClusters:
        """Install and listen. Raises OSError."""
        for plane in self.planes.values():
            plane.start()
        if self._script:
            self._outage.start()
        return self

    def stop(self) -> None:
        """End everything; once only."""
        self._stop.set()
        if self._outage.ident is not None:
            self._outage.join(JOIN_S)
        for plane in self.planes.values():
            plane.stop()

    def __enter__(self) -> DemoClusters:
        return self.start()

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def _run(self) -> None:
        name, plane = list(self.planes.items())[-1]
        wait = self._stop.wait
        while not wait(DOWN_AT_S):
            log.debug("demo: %s goes down", name)
            plane.double.stop()
            ended = wait(DOWN_FOR_S)
            log.debug("demo: %s is back", name)
            plane.double.start()
            if ended or wait(LAP_S - DOWN_AT_S - DOWN_FOR_S):
                return
