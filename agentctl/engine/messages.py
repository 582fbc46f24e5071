"""Messages that sources put on the queue, and the engine takes from it.

Each carries its source and the epoch of its attempt: the engine drops those of an
earlier epoch, so an attempt that could not be stopped in time can do no harm.
"""

from __future__ import annotations

from typing import Any, Optional, Union

from agentctl.errors import SourceError
from agentctl.lazy_dataclass import dataclass
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import ErrorCode, Event


class ObjectKey(NamedTuple):
    """What an object is known by inside one source."""

    namespace: str
    name: str


class Change(NamedTuple):
    """One object's new state: a value for each of the source's tables.

    A None means that the table has nothing to keep of it: it was deleted, or it is
    of no interest. A namesake with another uid simply takes its place.
    """

    key: ObjectKey
    values: tuple[Any, ...]


class Odd(NamedTuple):
    """Stands among a change's values for what cannot be read of the object."""

    why: str


@dataclass(frozen=True)
class Alive:
    """Proof of life without news: an answer's headers, a bookmark, a clean close."""

    source: str
    epoch: int
    resource_version: str = ""
    forgets: bool = False
    """The place to resume from is none any more."""
    consistent: bool = False
    """Whether the answer went through the server's storage, and no cache stood for it."""


@dataclass(frozen=True)
class Pending:
    """An answer of which nothing can be told yet, for this reason."""

    source: str
    epoch: int
    reason: str


@dataclass(frozen=True)
class Replaced:
    """A complete list: what is not in it is gone."""

    source: str
    epoch: int
    changes: tuple[Change, ...]
    resource_version: str
    consistent: bool = True
    """As ``Alive.consistent``: a list without a resourceVersion is."""
    unrenewed: bool = False
    """Its server began after the last renewal of what has ended: who renews it may not have
    come to that yet. Where all is read once, it will be read again."""


@dataclass(frozen=True)
class Changed:
    """What a watch reported, in order; all that one read brought is one message."""

    source: str
    epoch: int
    changes: tuple[Change, ...]
    resource_version: str


@dataclass(frozen=True)
class Received:
    """An event of a server that watches the cluster in our place."""

    source: str
    epoch: int
    event: Event
    resource_version: str
    """Where to go on from: the server's own cursor."""


@dataclass(frozen=True)
class Warned:
    """Something went wrong that the attempt survives (history lost, a resync)."""

    source: str
    epoch: int
    code: ErrorCode
    message: str
    restored: bool = False
    """What is read anew is an earlier state, put back: as old as anybody likes."""


@dataclass(frozen=True)
class Ended:
    """The attempt is over; ``failure`` is None when all was done that was asked."""

    source: str
    epoch: int
    failure: Optional[SourceError]


@dataclass(frozen=True)
class Stop:
    """Not from a source: somebody wants the run to end, with this exit code."""

    exit_code: int


News = Union[Replaced, Changed, Received]
"""What says something of the state."""

Message = Union[Alive, Pending, News, Warned, Ended]
