"""Settings of a run: from flags, environment, config file and defaults, in that order."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from typing import Optional

from agentctl.backoff import Backoff
from agentctl.cli.config.layers import Layers
from agentctl.cli.config.table import checked_namespace
from agentctl.cli.host.process import Process
from agentctl.cli.host.time_limit import ONE_SHOT_S, TimeLimit
from agentctl.engine.policy import Goal, StreamPolicy
from agentctl.errors import UsageError
from agentctl.model import Status


@dataclass(frozen=True)
class Settings:
    """Where to look and what for, complete."""

    transport: str
    namespace: str
    kubeconfig: Optional[str]
    context: Optional[str]
    catalog: Optional[str]
    components: tuple[str, ...]
    insecure_plaintext_token: bool
    poll_interval_s: float
    diagnose: bool = False
    """Look closer: tell of what is not well why."""

    @classmethod
    def of(cls, layers: Layers, namespace: str, transport: str = "kube") -> Settings:
        """Those of a command that may lack some of the flags."""
        args = layers.args
        return cls(
            transport=transport,
            namespace=namespace,
            kubeconfig=layers.path("kubeconfig") or None,
            context=layers.text("context") or None,
            catalog=args.catalog,
            components=tuple(args.component),
            insecure_plaintext_token=getattr(args, "insecure_plaintext_token", False),
            poll_interval_s=getattr(args, "poll_interval", None) or 10.0,
            diagnose=getattr(args, "diagnose", False),
        )


def resolve(args: Namespace, process: Process) -> Settings:
    """The settings of one run. Raises UsageError and ConfigError."""
    layers = Layers.of(process, args)
    return Settings.of(layers, layers.checked("namespace"), layers.checked("mode"))


def namespaces(layers: Layers) -> list[str]:
    """Those of a command that takes several, each once. Raises UsageError."""
    given = list(dict.fromkeys(map(checked_namespace, layers.args.namespace or [])))
    return given or [layers.checked("namespace")]


def policy(args: Namespace, limit: TimeLimit) -> StreamPolicy:
    """How the stream behaves, from the flags."""
    once = limit.once

    def given(name: str, default: float) -> Optional[float]:
        """A duration; 0 means never."""
        value = getattr(args, name)
        return (default if value is None else value) or None

    if args.stable_for is not None and args.until is None:
        raise UsageError("--stable-for says how long --until has to hold: give --until too")
    goal = Goal(
        until=Status(args.until) if args.until else None,
        stable_for_s=args.stable_for or 0.0,
        fail_on=Status(args.fail_on) if args.fail_on else None,
        components=tuple(args.component),
    )
    return StreamPolicy(
        goal=goal,
        heartbeat_s=given("heartbeat", 30.0),
        retry=args.retry is not False,
        backoff=Backoff(base=args.retry_backoff) if args.retry_backoff else Backoff(),
        fallback_poll=bool(args.fallback_poll),
        timeout_s=None if once else limit.seconds,
        first_answer_s=limit.seconds or ONE_SHOT_S if once else StreamPolicy.first_answer_s,
        began_at=None if limit.seconds is None else limit.began_at,
        max_staleness_s=given("max_staleness", 120.0),
        follow_only=bool(args.follow_only),
        since=args.since,
        once=once,
    )
