"""How much is done: what the figures rest on, or just enough to see that it works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Counts of one call."""

    startup_runs: int = 15
    warm_up: bool = True
    schemes: tuple[str, ...] = ("http", "https")
    round_trips_ms: tuple[int, ...] = (0, 20, 100)
    connection_runs: int = 15
    stream_runs: int = 3
    stream_pods: int = 1000
    stream_changes: int = 50_000
    peer_changes: int = 5000
    """The peer reads only so much of the stream: a rate is a rate."""

    components: tuple[int, int] = (10, 1000)
    """Few and many, of which one changes."""
    components_runs: int = 3
    components_changes: int = 300
    components_interval_s: float = 0.02

    latency_runs: int = 3
    latency_changes: int = 200
    latency_interval_s: float = 0.02
    page_changes: int = 9
    settle_s: float = 0.5
    """How long a watch may take to open before the first change."""

    memory_pods: int = 10_000
    memory_changes: int = 10_000
    memory_crds: int = 200

    resources: int = 10_000
    resource_runs: int = 3

    workloads: int = 300
    workload_runs: int = 5

    clusters: int = 20
    clusters_runs: int = 5
    clusters_idle_s: float = 15.0

    history_components: int = 1000
    history_minutes: int = 24 * 60

    fanout_readers: tuple[int, int] = (1000, 5000)
    """Many, also of those with gRPC, and as many as there may be."""
    fanout_runs: int = 3
    """Where one takes a few seconds; else one."""
    fanout_events: int = 200
    fanout_peer_events: int = 50
    fanout_interval_s: float = 0.02
    """With one reader; more readers are given more time."""
    fanout_items: int = 1000
    """Against ten: so many that do not change."""
    fanout_stalled: int = 10
    fanout_stall_s: float = 18.0
    fanout_stall_size: int = 2000
    """Characters in an event, so that the buffers of who never reads are full soon."""

    blast_runs: int = 3
    blast_events: int = 50_000
    blast_items: int = 20
    decoder_mb: float = 10.0


QUICK = Scale(
    startup_runs=1,
    warm_up=False,
    schemes=("http",),
    round_trips_ms=(1,),
    connection_runs=1,
    stream_runs=1,
    stream_pods=20,
    stream_changes=300,
    peer_changes=50,
    components=(3, 12),
    components_runs=1,
    components_changes=10,
    components_interval_s=0.005,
    latency_runs=1,
    latency_changes=10,
    latency_interval_s=0.005,
    page_changes=2,
    settle_s=0.2,
    memory_pods=50,
    memory_changes=100,
    memory_crds=4,
    resources=50,
    resource_runs=1,
    workloads=12,
    workload_runs=1,
    history_components=10,
    history_minutes=12,
    clusters=3,
    clusters_runs=1,
    clusters_idle_s=0.5,
    fanout_readers=(4, 8),
    fanout_runs=1,
    fanout_events=6,
    fanout_peer_events=4,
    fanout_interval_s=0.005,
    fanout_items=20,
    fanout_stalled=2,
    fanout_stall_s=0.1,
    blast_runs=1,
    blast_events=500,
    decoder_mb=0.1,
)
