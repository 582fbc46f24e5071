"""What the server counts, for Prometheus."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable


class Metrics:
    """Counts of what happened to streams. Thread-safe and cheap: it is on the hot path."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._errors: Counter[str] = Counter()

    def stream_error(self, kind: str) -> None:
        """A stream or a request that did not end as its reader wished."""
        with self._lock:
            self._errors[kind] += 1

    def handed_over(self, seconds: Iterable[float]) -> None:
        """How long deltas took from their making until the kernel or grpc took their bytes."""
