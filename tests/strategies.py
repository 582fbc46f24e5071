"""Items, states and events for hypothesis."""

from __future__ import annotations

from datetime import datetime, timezone

from hypothesis import strategies as st

from agentctl.model import (
    Delta,
    ErrorCode,
    Event,
    Heartbeat,
    Item,
    ItemKey,
    Snapshot,
    Status,
    StreamError,
)

NAMES = st.sampled_from("abcdefgh") | st.text(max_size=8)
CLUSTERS = st.sampled_from(["", "", "prod-eu", "prod-us"])
KEYS = st.builds(ItemKey, st.sampled_from(["agents", "default", ""]), NAMES, CLUSTERS)
# Integers only: 1, 1.0 and True are equal to Python and different to a reader of JSON.
SCALARS = st.none() | st.integers(-(2**53), 2**53) | st.text(max_size=6)
DETAILS = st.dictionaries(
    st.text(max_size=6),
    st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        ),
        max_leaves=6,
    ),
    max_size=3,
)
MESSAGES = st.sampled_from(["", "1/2 ready"]) | st.text(max_size=12)


def item_for(key: ItemKey) -> st.SearchStrategy[Item]:
    return st.builds(
        Item,
        st.just(key.component),
        st.just(key.namespace),
        st.sampled_from(Status),
        MESSAGES,
        st.just({}) | DETAILS,
        st.just(key.cluster),
    )


ITEMS = KEYS.flatmap(item_for)
STATES = st.lists(ITEMS, max_size=5, unique_by=lambda item: item.key).map(
    lambda items: {item.key: item for item in items}
)
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(timezone.utc))
TIMES_S = TIMES.map(lambda moment: moment.replace(microsecond=0))
CURSORS = st.text("abcXYZ019-_", max_size=20)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Snapshot, TIMES_S, STATES.map(lambda state: tuple(state.values())), CURSORS),
    st.builds(
        Delta,
        TIMES_S,
        STATES.map(lambda state: tuple(state.values())),
        st.lists(KEYS, max_size=3).map(tuple),
        CURSORS,
    ),
    st.builds(Heartbeat, TIMES_S, CURSORS),
    st.builds(
        StreamError,
        TIMES_S,
        st.text(max_size=12),
        st.sampled_from(ErrorCode),
        st.sampled_from(["", "deployments"]),
        st.none() | st.integers(0, 36000).map(lambda tenths: tenths / 10),
        CURSORS,
        cluster=CLUSTERS,
    ),
)
