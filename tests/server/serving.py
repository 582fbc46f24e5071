"""A server's engine on an API double, put together as ``agentctl serve`` does, in a thread."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Optional

from agentctl.apidouble.double import ApiDouble
from agentctl.backoff import Backoff
from agentctl.cli.config.settings import Settings
from agentctl.cli.host.process import FdOutput, Process
from agentctl.cli.run.watched import watched
from agentctl.engine.policy import Outcome, StreamPolicy
from agentctl.errors import ExitCode
from agentctl.kube.access import ClusterAccess
from agentctl.server.app import ServerApp, Transport
from agentctl.server.auth import TokenGate
from agentctl.server.fanout.channels import channels_of
from agentctl.server.fanout.entry import Entry
from agentctl.server.fanout.history import StatusHistory
from agentctl.server.fanout.subscription import Subscription
from agentctl.server.limits import StreamCount, StreamLimits
from agentctl.server.metrics import Metrics
from agentctl.server.services import ServerInfo, Services

PATIENCE_S = 40.0
WORLD = Process(environ={}, stdout=FdOutput(1), stderr=io.StringIO())
SETTINGS = Settings(
    transport="kube",
    namespace="agents",
    kubeconfig=None,
    context=None,
    catalog="",
    components=(),
    insecure_plaintext_token=False,
    poll_interval_s=10.0,
)


def access_to(double: ApiDouble) -> Callable[[], ClusterAccess]:
    return lambda: ClusterAccess(server=double.url)


class Serving:
    """``with Serving(double) as serving``: its engine runs, and ``transports`` with it."""

    def __init__(
        self,
        double: ApiDouble,
        namespaces: Sequence[str] = ("agents",),
        transports: Callable[[Services], Iterable[Transport]] = lambda services: (),
        **policy: Any,
    ) -> None:
        found = watched(SETTINGS, list(namespaces), WORLD, access_to(double))
        self.broadcaster = channels_of(
            found.components,
            found.evaluator.specs,
            namespaces,
            found.catalog_hash,
            (),
            WORLD.clock,
        )
        self.broadcaster.history = StatusHistory(WORLD.clock, 86_400.0, namespaces)
        policy = {"heartbeat_s": 0.1, "backoff": Backoff(0.05, 0.2), **policy}
        engine = found.engine(self.broadcaster, StreamPolicy(**policy))
        self.services = Services(
            broadcaster=self.broadcaster,
            vitals=engine.vitals,
            gate=TokenGate(),
            count=StreamCount(StreamLimits()),
            metrics=Metrics(),
            clock=WORLD.clock,
            info=ServerInfo("0"),
        )
        self._news = threading.Condition()
        self.broadcaster.on_news(lambda channel: self._wake())
        self.app = ServerApp(engine, self.services, list(transports(self.services)))
        self.outcome: Optional[Outcome] = None
        self._thread = threading.Thread(target=self._main, name="engine")

    def _main(self) -> None:
        self.outcome = self.app.run()
        self._wake()

    def _wake(self) -> None:
        with self._news:
            self._news.notify_all()

    def __enter__(self) -> Serving:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.app.stop(ExitCode.TERMINATED)
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def until(self, true: Callable[[], Any]) -> None:
        """Wait until something is so; looked at with each news, and now and then."""
        deadline = time.monotonic() + PATIENCE_S
        with self._news:
            while not true():
                assert time.monotonic() < deadline, self.services.vitals()
                self._news.wait(0.05)

    def reader(
        self, namespace: str = "", since: Optional[str] = None, heartbeat_s: float = 1.0
    ) -> Follower:
        return Follower(self, namespace, since, heartbeat_s)


class Follower:
    """A reader in the test's hands; ``entries`` is all that it was given."""

    def __init__(
        self, serving: Serving, namespace: str, since: Optional[str], heartbeat_s: float
    ) -> None:
        self._serving = serving
        channel = serving.broadcaster.channel(namespace)
        self._subscription = Subscription(channel, time.monotonic(), since, heartbeat_s)
        self.entries: list[Entry] = []

    def take(self) -> list[Entry]:
        """Everything there is now."""
        while (entry := self._subscription.take(time.monotonic())) is not None:
            self.entries.append(entry)
        return self.entries

    def until(self, true: Callable[[Any], Any]) -> Any:
        """The first event, of those given so far or to come, for which something holds."""

        def found() -> list[Any]:
            return [entry.event for entry in self.take() if true(entry.event)]

        self._serving.until(found)
        return found()[0]
