"""Order of items that came after a snapshot: beside those of their kind, by name.

A delta does not say where a new item stands. One that was found is called ``kind/name``, and its
place is among those of its kind; of any other the catalog alone knows, and it comes last.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Placed(Protocol):
    """What an item is known by."""

    @property
    def namespace(self) -> str: ...
    @property
    def component(self) -> str: ...
    @property
    def cluster(self) -> str: ...


K = TypeVar("K", bound=Placed)
V = TypeVar("V")

_Kind = tuple[str, str, str]


def beside_its_kind(state: dict[K, V], new: Iterable[K]) -> dict[K, V]:
    """A state whose last items are ``new``, each of those in its place; itself where none has one.

    Takes time linear in the state.
    """
    coming: dict[_Kind, list[K]] = {}
    for key in new:
        if "/" in key.component:
            coming.setdefault(_kind(key), []).append(key)
    if not coming:
        return state
    moved = {key for keys in coming.values() for key in keys}
    for keys in coming.values():
        keys.sort(key=lambda key: key.component, reverse=True)
    there = [key for key in state if key not in moved]
    last = {_kind(key): key for key in there}
    last_at = {(key.cluster, key.namespace): key for key in there}
    order: list[K] = []
    for key in there:
        kind = _kind(key)
        keys = coming.get(kind, [])
        while keys and keys[-1].component < key.component:
            order.append(keys.pop())
        order.append(key)
        if keys and last[kind] is key:
            order += reversed(coming.pop(kind))
        if last_at[kind[:2]] is key:
            for other in [one for one in coming if one[:2] == kind[:2] and one not in last]:
                order += reversed(coming.pop(other))
    for keys in coming.values():
        order += reversed(keys)
    return {key: state[key] for key in order}


def _kind(key: Placed) -> _Kind:
    return key.cluster, key.namespace, key.component.rpartition("/")[0]
