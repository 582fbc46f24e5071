"""The history of a server with a real engine: what an outage of its cluster leaves in it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import pytest

from agentctl.apidouble.double import ApiDouble
from agentctl.demo import ControlPlane
from agentctl.model import ItemKey, Status
from tests.server.serving import Serving

NAMESPACE = ItemKey("agents", "namespace")
"""A component that is well whenever it can be seen."""


@pytest.fixture
def double() -> Iterator[ApiDouble]:
    with ApiDouble() as double:
        ControlPlane(double.store, lease_duration_s=24 * 3600).install()
        yield double


def shown(serving: Serving, key: ItemKey = NAMESPACE) -> list[str]:
    history = serving.broadcaster.history
    assert history is not None
    window = history.window(None)
    if window is None:
        return []
    (row,) = (one for one in window.rows if one.key == key)
    return [state.value for state, _ in groupby(span.state for span in window.row(row).spans)]


def test_an_outage_is_unseen_then_stale_and_over(double: ApiDouble) -> None:
    with Serving(double, max_staleness_s=1.0) as serving:
        serving.until(lambda: shown(serving) == ["healthy"])
        double.stop()
        serving.until(lambda: shown(serving)[-1] == "unseen")
        serving.until(lambda: shown(serving)[-1] == "stale")
        (item,) = (one for one in serving.broadcaster.items if one.key == NAMESPACE)
        assert item.status is Status.UNKNOWN
        double.restart()
        serving.until(lambda: shown(serving)[-1] == "healthy")
        assert shown(serving) == ["healthy", "unseen", "stale", "healthy"]
        history = serving.broadcaster.history
        assert history is not None
        window = history.window(None)
        assert window is not None
        (gap,) = {one.reason.partition(":")[0] for one in window.frame.gaps}
        assert gap == "disconnected"


def test_storage_that_hangs_makes_what_was_known_stale(double: ApiDouble) -> None:
    with Serving(double, max_staleness_s=1.0) as serving:
        serving.until(lambda: shown(serving) == ["healthy"])
        double.freeze()
        serving.until(lambda: shown(serving)[-1] == "stale")
        double.thaw()
        serving.until(lambda: shown(serving)[-1] == "healthy")
        assert "unknown" not in shown(serving)
