"""Choice of the channel that a request reads, by its namespace and components; or a refusal."""

from __future__ import annotations

from typing import Optional, TypeVar, Union

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.server.fanout.broadcaster import Broadcaster
from agentctl.server.fanout.channel import Channel
from agentctl.server.fanout.narrowing import MAX_NARROWED, MAX_NARROWED_ITEMS, NarrowedChannel
from agentctl.server.http.answer import HttpAnswer, refusal_answer, retry_after
from agentctl.server.http.request import (
    CLUSTERS,
    Refusal,
    StatusRequest,
    StreamRequest,
    TimelineRequest,
)

Wanted = TypeVar("Wanted", StatusRequest, StreamRequest, TimelineRequest)

_HOW = f"{CLUSTERS}=1"
"""What readers of several clusters ask with."""

_TOO_MANY = (
    f"readers of this server ask for as many different parts of it as it can keep ({MAX_NARROWED}, "
    f"or {MAX_NARROWED_ITEMS} components in all): ask for one of those, or without component= and "
    "choose from what comes"
)


class ChosenChannel(NamedTuple):
    """``narrowed`` is None for all components; ``unmatched`` are globs that nothing matches."""

    channel: Channel
    narrowed: Optional[NarrowedChannel] = None
    unmatched: tuple[str, ...] = ()


def admitted(wanted: Union[Wanted, Refusal], broadcaster: Broadcaster) -> Union[Wanted, HttpAnswer]:
    """A request that is well, and whose reader would not take two clusters for one; or why not."""
    if isinstance(wanted, Refusal):
        return refusal_answer(wanted)
    unknowing = broadcaster.refusal(wanted.clusters, _HOW)
    if not unknowing:
        return wanted
    # Tells a client that does know of clusters to ask so: older servers are not asked with it.
    return refusal_answer(Refusal(400, unknowing), (("Agentctl-Ask", _HOW),))


def chosen(
    wanted: Union[StatusRequest, StreamRequest],
    broadcaster: Broadcaster,
    no_more: Optional[str] = None,
) -> Union[ChosenChannel, HttpAnswer]:
    """What an admitted request reads; a refusal where too many others read other parts.

    ``no_more`` is why no further selection is made for this reader; None where one may be."""
    if not wanted.components:
        return ChosenChannel(broadcaster.channel(wanted.namespace))
    narrowed = broadcaster.narrowed.of(wanted.namespace, wanted.components, not no_more)
    if narrowed is None:
        return refusal_answer(Refusal(429, no_more or _TOO_MANY), retry_after(30))
    return ChosenChannel(narrowed.channel, narrowed, wanted.components if narrowed.empty else ())
