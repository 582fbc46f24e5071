"""Settings of a run: from flags, environment, config file and defaults, in that order."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from agentctl.backoff import Backoff
from agentctl.cli.config.layers import Layers
from agentctl.cli.config.table import BY_KEY, checked_namespace
from agentctl.cli.host.process import Process
from agentctl.cli.host.time_limit import ONE_SHOT_S, TimeLimit
from agentctl.duration import parse_duration
from agentctl.engine.policy import Goal, StreamPolicy
from agentctl.errors import UsageError
from agentctl.lazy_dataclass import dataclass, field
from agentctl.model import Status

if TYPE_CHECKING:
    from agentctl.catalog.files import CatalogText


@dataclass(frozen=True)
class Settings:
    """Where to look and what for, complete."""

    transport: str
    namespace: str
    kubeconfig: Optional[str]
    context: Optional[str]
    catalog: Union[str, CatalogText]
    """As it was given; empty for the default."""
    components: tuple[str, ...]
    insecure_plaintext_token: bool
    poll_interval_s: float
    diagnose: bool = False
    """Look closer: tell of what is not well why."""
    probe_dependencies: bool = False
    """Ask what the catalog's probes name, itself."""
    probed_at: Mapping[str, str] = field(default_factory=dict)
    """By component ``HOST:PORT`` to be asked in place of what the catalog says (the demo's)."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """What counts before a kubeconfig's fields, as ``kube.overrides.Overrides`` takes it."""
    request_timeout_s: Optional[float] = None
    namespaces: tuple[str, ...] = ()
    """All of them, where there are several."""
    contexts: tuple[str, ...] = ()
    """As they were given: names, globs, ``NAME=CONTEXT``."""
    exclude_contexts: tuple[str, ...] = ()
    all_namespaces: bool = False
    """Every namespace that holds a workload that the catalog names."""

    @property
    def places(self) -> tuple[str, ...]:
        """The namespaces that are watched."""
        return self.namespaces or (self.namespace,)

    @property
    def title(self) -> str:
        """Where the control plane is: the namespaces, with commas between them."""
        return "all namespaces" if self.all_namespaces else ",".join(self.places)

    @classmethod
    def of(
        cls, layers: Layers, namespace: str, transport: str = "kube", others: Sequence[str] = ()
    ) -> Settings:
        """Those of a command that may lack some of the flags; ``others``: more namespaces."""
        args = layers.args
        context = layers.text("context")
        given = getattr(args, "context", None) or [context]
        return cls(
            transport=transport,
            namespace=namespace,
            kubeconfig=layers.path("kubeconfig") or None,
            context=context or None,
            catalog=layers.catalog,
            components=tuple(args.component),
            insecure_plaintext_token=getattr(args, "insecure_plaintext_token", False),
            poll_interval_s=getattr(args, "poll_interval", None) or 10.0,
            diagnose=getattr(args, "diagnose", False),
            probe_dependencies=layers.checked("probes") is True,
            namespaces=(namespace, *others) if others else (),
            contexts=tuple(dict.fromkeys(one for one in given if one)),
            all_namespaces=bool(getattr(args, "all_namespaces", False)),
            exclude_contexts=tuple(getattr(args, "exclude_context", None) or ()),
            overrides=_overrides(layers),
            request_timeout_s=_request_timeout(layers),
        )


def _overrides(layers: Layers) -> dict[str, Any]:
    group = layers.text("as_group")
    return {
        "cluster": layers.text("cluster"),
        "user": layers.text("user"),
        "as_user": layers.text("as"),
        "as_groups": tuple(getattr(layers.args, "as_group", None) or ([group] if group else ())),
        "as_uid": layers.text("as_uid"),
        "insecure_skip_tls_verify": layers.checked("insecure_skip_tls_verify"),
    }


def _request_timeout(layers: Layers) -> Optional[float]:
    """In seconds; None for what is usual."""
    if not layers.text("request_timeout"):
        return None
    return parse_duration(layers.checked("request_timeout")) or None


def resolve(args: Namespace, process: Process) -> Settings:
    """The settings of one run. Raises UsageError and ConfigError."""
    layers = Layers.of(process, args)
    first, *others = namespaces(layers)
    return Settings.of(layers, first, layers.checked("mode"), others)


def namespaces(layers: Layers) -> list[str]:
    """Those that are asked for, each once: ``a,b``, or given again. Raises UsageError."""
    place = layers.place("namespace")
    given = layers.args.namespace or [_usual_namespace(layers)]
    names = [name for text in given for name in text.split(",") if name or "," not in text]
    if not names:
        raise UsageError(f"{place}: expected names of namespaces, got {given[0]!r}")
    if len(names) == 1:
        BY_KEY["namespace"].checked(names[0], place)
    return list(dict.fromkeys(checked_namespace(name, place) for name in names))


def _usual_namespace(layers: Layers) -> str:
    """What the settings say, or else the catalog that is asked for, or else the default."""
    said = layers.first("namespace")
    if not said.is_default or not layers.catalog:
        return said.value
    from agentctl.catalog.loader import load_chosen

    return load_chosen(layers.catalog).namespace or said.value


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
