"""Diagnose run: reasons added in front of a sink, and events looked up beside the engine."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from agentctl.cli.config.settings import Settings
from agentctl.cli.output.access_report import summary
from agentctl.cli.run.watched import Watched
from agentctl.clock import Clock
from agentctl.debug_log import DebugLog
from agentctl.diagnosis.events_lookup import EventsLookup
from agentctl.diagnosis.explain import Explainer
from agentctl.diagnosis.sink import Diagnosing, Diagnosis, Shell
from agentctl.engine.stream import Sink
from agentctl.errors import AgentctlError
from agentctl.kube.client import ApiClient
from agentctl.kube.locate import placed
from agentctl.kube.rbac import permissions
from agentctl.kube.reader import ApiReader
from agentctl.kube.resources import WatchSpec
from agentctl.kube.self_review import access

log = DebugLog(__name__)

JOIN_S = 1.0


def diagnosing(
    settings: Settings, found: Watched, sink: Sink, clock: Clock
) -> tuple[Sink, list[EventsLookup]]:
    """A sink before ``sink`` that adds reasons, and what it asks with: an engine's companions."""
    lookups, by_cluster = [], {}
    for one in found.clusters:
        lookup = EventsLookup(one.context.client, clock)
        shell = Shell(settings.kubeconfig or "", one.kube_context, overriding(settings.overrides))
        explainer = Explainer(found.components, one.evaluator, bool(settings.components))
        by_cluster[one.name] = Diagnosis(explainer, lookup, shell, clock, one.name)
        lookups.append(lookup)

    def begin() -> None:
        for diagnosis in by_cluster.values():
            diagnosis.begin()

    return Diagnosing(sink, lambda item: by_cluster[item.cluster](item), begin), lookups


def overriding(overrides: Mapping[str, Any]) -> tuple[str, ...]:
    """The flags of kubectl that override as these do."""
    given = [
        ("--cluster", overrides["cluster"]),
        ("--user", overrides["user"]),
        ("--as", overrides["as_user"]),
        ("--as-uid", overrides["as_uid"]),
        *(("--as-group", group) for group in overrides["as_groups"]),
    ]
    words = tuple(f"{flag}={value}" for flag, value in given if value)
    insecure = ("--insecure-skip-tls-verify",) if overrides["insecure_skip_tls_verify"] else ()
    return (*words, *insecure)


class AccessLog:
    """Logs once what we are not permitted to watch; the watch neither waits nor depends on it."""

    def __init__(self, client: ApiClient, specs: Sequence[WatchSpec], cluster: str = "") -> None:
        self._what = f"access to {cluster}" if cluster else "access"
        self._session = client.session()
        self._api = ApiReader(client, self._session)
        self._specs = specs
        self._stopped = False
        # Daemon: a thread stuck in a name lookup cannot be freed, and loses nothing.
        self._thread = threading.Thread(target=self._look, name="access-log", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._api.kill()

    def join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join(JOIN_S)

    def _look(self) -> None:
        try:
            with self._session:
                needed = permissions(placed(self._api, self._specs))
                log.debug("%s: %s", self._what, summary(access(self._api, needed)))
        except AgentctlError as error:
            if not self._stopped:
                log.debug("%s: cannot be reviewed: %s", self._what, error.message)
        except Exception:
            log.debug("%s: cannot be reviewed", self._what, exc_info=True)
