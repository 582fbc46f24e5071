"""NamedTuples that compile nothing behave as the standard ones."""

from __future__ import annotations

import copy
import pickle
import typing
from typing import Any, Callable, Optional

import pytest

from agentctl import lazy_namedtuple as lazy


def declared(kind: Any) -> dict[str, Any]:
    """The same classes with the standard base and with ours."""

    class Point(kind.NamedTuple):  # type: ignore[misc]
        """Two numbers and a word."""

        x: int
        y: int = 2
        note: str = ""

        @property
        def total(self) -> int:
            return int(self.x + self.y)

        @classmethod
        def at(cls, x: int) -> Any:
            return cls(x)

    class Named(kind.NamedTuple):  # type: ignore[misc]
        only: Optional[str]

        def __repr__(self) -> str:
            return "its own"

        def __bool__(self) -> bool:
            return False

    class Empty(kind.NamedTuple):  # type: ignore[misc]
        pass

    class Below(Point):
        def more(self) -> int:
            return int(self.x) + 1

    return {name: value for name, value in locals().items() if name != "kind"}


STANDARD, OURS = declared(typing), declared(lazy)

MADE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "by position": lambda k: k["Point"](1, 3, "a"),
    "by name": lambda k: k["Point"](note="b", x=1),
    "with defaults": lambda k: (k["Point"](1), k["Point"].at(4), k["Point"](2).total),
    "its own methods": lambda k: (k["Named"]("a"), bool(k["Named"]("a")), k["Named"]("a").only),
    "without fields": lambda k: (k["Empty"](), len(k["Empty"]())),
    "below": lambda k: (k["Below"](1, y=3), k["Below"](1).more()),
    "unpacked": lambda k: [*k["Point"](1)],
    "indexed": lambda k: (k["Point"](1)[0], k["Point"](1)[1:]),
    "equal to a tuple": lambda k: k["Point"](1) == (1, 2, "") and k["Point"](1) == (1, 2, ""),
    "ordered": lambda k: k["Point"](1, 3) < k["Point"](2),
    "hashed": lambda k: hash(k["Point"](1)) == hash((1, 2, "")),
    "replaced": lambda k: k["Point"](1)._replace(y=5),
    "below, replaced": lambda k: type(k["Below"](1)._replace(y=5)).__name__,
    "made": lambda k: k["Point"]._make([1, 2, "c"]),
    "as a dict": lambda k: k["Point"](1)._asdict(),
    "about": lambda k: (k["Point"]._fields, k["Point"]._field_defaults, k["Point"].__doc__),
    "copied": lambda k: (copy.copy(k["Point"](1)), copy.deepcopy(k["Below"](1))),
    "is a tuple": lambda k: isinstance(k["Point"](1), tuple),
    "annotated": lambda k: k["Point"].__annotations__.keys(),
}

REFUSED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "too few": lambda k: k["Point"](),
    "too many": lambda k: k["Named"]("a", "b"),
    "twice": lambda k: k["Point"](1, x=2),
    "unknown": lambda k: k["Point"](1, z=2),
    "made of too few": lambda k: k["Point"]._make([1]),
    "replaced, unknown": lambda k: k["Point"](1)._replace(z=2),
    "assigned": lambda k: setattr(k["Point"](1), "x", 2),
    "assigned, new": lambda k: setattr(k["Point"](1), "new", 2),
}


@pytest.mark.parametrize("what", MADE)
def test_as_the_standard_one(what: str) -> None:
    assert repr(MADE[what](OURS)) == repr(MADE[what](STANDARD))


@pytest.mark.parametrize("what", REFUSED)
def test_refuses_what_the_standard_one_refuses(what: str) -> None:
    for kind in (STANDARD, OURS):
        with pytest.raises((TypeError, ValueError, AttributeError)):
            REFUSED[what](kind)


class Kept(lazy.NamedTuple):
    """Where pickle finds it."""

    a: int
    b: str = ""


def test_pickled() -> None:
    found = pickle.loads(pickle.dumps(Kept(1, "x")))
    assert (found, type(found)) == (Kept(1, "x"), Kept)
