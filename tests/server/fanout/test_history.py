"""The history of a server with a real engine: what an outage of its cluster leaves in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.apidouble.double import ApiDouble
from agentctl.demo import ControlPlane
from agentctl.model import Item, ItemKey, Status
from agentctl.server.fanout import selection
from agentctl.server.fanout.history import StatusHistory
from agentctl.server.fanout.selection import GlobSelection
from tests.fakes import FakeClock
from tests.ports import free_port
from tests.server.serving import Serving

NAMESPACE = ItemKey("agents", "namespace")
"""A component that is well whenever it can be seen."""


@pytest.fixture
def double() -> Iterator[ApiDouble]:
    with ApiDouble(free_port()) as double:
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


def test_what_globs_mean_is_worked_out_while_the_engine_may_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history = StatusHistory(FakeClock(), 3600.0, ["agents"])
    history.begin([Item(name, "agents", Status.HEALTHY) for name in ("grpc", "crds:a", "crds:b")])
    plain, held = GlobSelection.means, []

    def means(selection: GlobSelection, component: str) -> bool:
        held.append(history._lock.locked())
        return plain(selection, component)

    monkeypatch.setattr(GlobSelection, "means", means)
    window = history.window(None, "agents", ["crds:[ab]", "gone", "*c"])
    assert window is not None
    assert [one.key.component for one in window.rows] == ["grpc", "crds:a", "crds:b"]
    assert held == [False] * 3


def test_a_range_that_older_pythons_raise_for_means_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    older = {"[b-a]*": "(?s:[b-a].*)\\Z", "c*": "(?s:c.*)\\Z"}
    monkeypatch.setattr(selection, "translate", older.__getitem__)
    assert not GlobSelection(["[b-a]*"]).means("a")
    several = GlobSelection(["[b-a]*", "c*", "d"])
    assert [several.means(name) for name in "abcd"] == [False, False, True, True]


@given(st.lists(st.text("ab[]!*?-\n", max_size=5), max_size=8), st.text("ab[]!*?-\n", max_size=5))
def test_a_selection_means_what_fnmatchcase_does(globs: list[str], name: str) -> None:
    def fits(glob: str) -> bool:
        try:
            return fnmatchcase(name, glob)
        except re.error:  # before Python 3.10.5
            return False

    assert GlobSelection(globs).means(name) == any(map(fits, globs))
