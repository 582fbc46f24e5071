"""One source against the API double over real sockets, its messages in a test's hands."""

from __future__ import annotations

import queue
import random
import time
from dataclasses import replace
from types import TracebackType
from typing import Any, Optional, TypeVar

from agentctl.apidouble.store import Store
from agentctl.catalog.loader import load_default
from agentctl.clock import Clock, SystemClock
from agentctl.demo import ControlPlane
from agentctl.engine.attempt import Attempt, Source
from agentctl.engine.messages import Ended, Message
from agentctl.kube.access import AccessProvider, ClusterAccess
from agentctl.kube.client import ApiClient
from agentctl.kube.context import KubeContext
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.listwatch import WatchSettings
from agentctl.kube.resources import WatchSpec
from agentctl.kube.source import KubeSource
from tests.apidouble.faulty import FaultyDouble

M = TypeVar("M")
PATIENCE_S = 20.0

SETTINGS = WatchSettings(term_s=(60, 60), short_watch_s=0.0)
"""As in use, but that a watch which closes soon may be opened again at once."""


def spec_of(name: str) -> WatchSpec:
    """The default catalog's watch of one resource."""
    specs = Evaluator(load_default().components, ["agents"], "agents").specs
    return next(spec for spec in specs if spec.name == name)


class Rig:
    """``with Rig("deployments") as rig``: a double with the control plane, and a source."""

    def __init__(
        self,
        name: str = "deployments",
        tokens: Optional[set[str]] = None,
        token: str = "",
        clock: Optional[Clock] = None,
        **settings: Any,
    ) -> None:
        self.clock = clock or SystemClock()
        self.double = FaultyDouble(store=Store(self.clock), tokens=tokens)
        self.plane = ControlPlane(self.double.store)
        self.plane.install()
        self.name = name
        self.token = token
        self.settings = replace(SETTINGS, **settings)
        self.inbox: queue.Queue[Any] = queue.Queue()
        self.attempt: Optional[Attempt] = None
        self.source: Source

    def __enter__(self) -> Rig:
        self.double.start()
        clock = self.clock
        provider = AccessProvider(
            lambda: ClusterAccess(server=self.double.url, token=self.token), clock
        )
        self.context = KubeContext(
            ApiClient(provider, clock), clock, self.settings, random.Random(1), 0.05
        )
        self.source = KubeSource(spec_of(self.name), self.context)
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if self.attempt is not None:
            self.attempt.stop()
            assert self.attempt.join(PATIENCE_S)
        self.double.stop()

    def start(self, version: str = "", source: Optional[Source] = None) -> Rig:
        if self.attempt is not None:
            self.attempt.stop()
            assert self.attempt.join(PATIENCE_S)
            while not self.inbox.empty():
                self.inbox.get()
        self.attempt = Attempt(source or self.source, 1, version, self.inbox)
        self.attempt.start()
        return self

    def next(self) -> Message:
        message: Message = self.inbox.get(timeout=PATIENCE_S)
        return message

    def until(self, kind: type[M]) -> M:
        """The next message of a kind; what comes before is dropped, but for an end."""
        while True:
            message = self.next()
            if isinstance(message, kind):
                return message
            assert not isinstance(message, Ended), message

    def quiet(self, seconds: float = 0.15) -> bool:
        """Whether nothing comes for a while."""
        try:
            message = self.inbox.get(timeout=seconds)
        except queue.Empty:
            return True
        raise AssertionError(f"not quiet: {message}")

    def requests(self, watch: Optional[bool] = None) -> list[dict[str, str]]:
        """The queries of what was asked of the resource, in order."""
        plural = self.name.partition("/")[0]
        return [
            request.query
            for request in list(self.double.requests)
            if request.path.endswith("/" + plural)
            and (watch is None or ("watch" in request.query) == watch)
        ]

    def streaming(self) -> None:
        """Wait until the watch is open on the server's side."""
        assert self.double.streams.wait_for(1, self.name.partition("/")[0])

    def touch(self, name: str = "agents", text: str = "x") -> str:
        """A change of one deployment that its watcher will see; returns its version."""

        def change(found: Any) -> None:
            found["metadata"].setdefault("annotations", {})["touched"] = text
            found["metadata"]["generation"] += 1

        self.double.store.update(self.name, "agents", name, change)
        return str(self.double.store.version)


def eventually(condition: Any, patience: float = PATIENCE_S) -> bool:
    """Wait for something that another thread brings about."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
