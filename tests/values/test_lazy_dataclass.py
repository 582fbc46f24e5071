"""Dataclasses that compile nothing behave as the standard ones."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from types import ModuleType
from typing import Any, Callable, ClassVar

import pytest

from agentctl import lazy_dataclass as lazy


def declared(kind: ModuleType) -> dict[str, Any]:
    """The same classes with the standard decorator and with ours."""

    @kind.dataclass(frozen=True)
    class Point:
        """Two numbers and more."""

        kind_of: ClassVar[str] = "point"
        x: int
        y: int = 2
        tags: dict[str, int] = kind.field(default_factory=dict)
        note: str = kind.field(default="", compare=False, repr=False)
        total: int = kind.field(init=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "total", self.x + self.y)

    @kind.dataclass(frozen=True)
    class Named(Point):
        name: str = "n"
        y: int = 7

    class Plain(Point):
        """Not decorated: equal, hashed and made as its base."""

    @kind.dataclass
    class Open:
        a: int
        b: tuple[int, ...] = ()

    @kind.dataclass(frozen=True, eq=False)
    class Alone:
        a: int = 0

    @kind.dataclass(frozen=True, repr=False)
    class Silent:  # noqa: PLW1641
        a: int = 0

        def __eq__(self, other: object) -> bool:
            return True

        def __repr__(self) -> str:
            return "silent"

    @kind.dataclass(frozen=True)
    class Empty:
        pass

    return {name: value for name, value in locals().items() if name != "kind"}


STANDARD, OURS = declared(dataclasses), declared(lazy)


def told(do: Callable[[], Any]) -> Any:
    """What comes of it: text for values whose classes differ, or the error."""
    try:
        return repr(do())
    except (TypeError, ValueError, AttributeError) as error:
        return type(error), str(error)


MADE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "by position": lambda k: k["Point"](1, 3, {"hot": 1}, "note"),
    "by name": lambda k: k["Point"](x=1, note="a"),
    "inherited": lambda k: k["Named"](1, name="b"),
    "not decorated": lambda k: k["Plain"](1, y=5),
    "not frozen": lambda k: k["Open"](1),
    "without eq": lambda k: repr(k["Alone"](2)),
    "with its own": lambda k: (k["Silent"](1), k["Silent"](1) == k["Silent"](2)),
    "without fields": lambda k: (k["Empty"](), k["Empty"]() == k["Empty"]()),
    "too few": lambda k: k["Point"](),
    "too many": lambda k: k["Open"](1, (), 3),
    "twice": lambda k: k["Open"](1, a=2),
    "unknown": lambda k: k["Open"](a=1, c=2),
    "not by init": lambda k: k["Point"](1, total=2),
    "attributes": lambda k: (vars(k["Point"](1)), vars(k["Named"](1)), vars(k["Plain"](1))),
    "on the class": lambda k: (k["Point"].y, k["Point"].note, hasattr(k["Point"], "tags")),
    "equal": lambda k: k["Point"](1, note="a") == k["Point"](1, note="b"),
    "other": lambda k: k["Point"](1) == k["Point"](2),
    "of a subclass": lambda k: k["Point"](1, 7) == k["Named"](1),
    "of another kind": lambda k: k["Point"](1) == 5 or k["Open"](1) == "x",
    "hashed": lambda k: hash(k["Named"](1, tags=())) == hash((1, 7, (), 8, "n")),
    "unhashable field": lambda k: hash(k["Point"](1)),
    "unhashable": lambda k: hash(k["Open"](1)),
    "by identity": lambda k: (k["Alone"]() == k["Alone"](), hash(k["Alone"]()) != hash(0)),
    "hashed despite its own eq": lambda k: hash(k["Silent"](3)) == hash((3,)),
    "assigned": lambda k: setattr(k["Point"](1), "x", 2),
    "assigned, new": lambda k: setattr(k["Point"](1), "new", 2),
    "assigned, subclass": lambda k: setattr(k["Plain"](1), "x", 2),
    "assigned, subclass, new": lambda k: setattr(k["Plain"](1), "new", 2),
    "deleted": lambda k: delattr(k["Point"](1), "x"),
    "standard replace": lambda k: dataclasses.replace(k["Named"](1), x=4, name="c"),
    "standard asdict": lambda k: dataclasses.asdict(k["Named"](1)),
    "standard fields": lambda k: [
        (f.name, f.init, f.repr, f.compare) for f in dataclasses.fields(k["Named"])
    ],
    "is one": lambda k: dataclasses.is_dataclass(k["Point"]),
    "copied": lambda k: (copy.copy(k["Named"](1)), copy.deepcopy(k["Named"](1, 2, {"a": 1}))),
}


@pytest.mark.parametrize("what", MADE)
def test_as_the_standard_one(what: str) -> None:
    assert told(lambda: MADE[what](OURS)) == told(lambda: MADE[what](STANDARD))


REPLACED: dict[str, Callable[[ModuleType, dict[str, Any]], Any]] = {
    "one": lambda m, k: m.replace(k["Named"](1, 2, note="n"), x=4),
    "none": lambda m, k: m.replace(k["Open"](1)) == k["Open"](1),
    "unknown": lambda m, k: m.replace(k["Open"](1), c=2),
}


@pytest.mark.parametrize("what", REPLACED)
def test_replaces_as_the_standard_one(what: str) -> None:
    expected = told(lambda: REPLACED[what](dataclasses, STANDARD))
    assert told(lambda: REPLACED[what](lazy, OURS)) == expected


def test_what_init_does_not_take_is_not_replaced() -> None:
    with pytest.raises(ValueError, match="total"):
        lazy.replace(OURS["Point"](1), total=3)


def test_a_default_that_can_change_is_refused() -> None:
    with pytest.raises(ValueError, match="default_factory"):

        @lazy.dataclass
        class Wrong:
            a: list[int] = []  # noqa: RUF012


def test_what_init_does_not_take_is_made_after_it() -> None:
    with pytest.raises(ValueError, match="__post_init__"):

        @lazy.dataclass
        class Wrong:
            a: list[int] = lazy.field(init=False, default_factory=list)


@lazy.dataclass(frozen=True)
class Kept:
    """Where pickle finds it."""

    a: int
    b: tuple[int, ...] = ()


def test_pickled() -> None:
    assert pickle.loads(pickle.dumps(Kept(1, (2,)))) == Kept(1, (2,))


def test_imports_no_inspect_and_compiles_nothing() -> None:
    code = """
import sys
from agentctl.lazy_dataclass import dataclass, field, replace
sys.addaudithook(lambda event, args: event == "exec" and found.append(args))
found = []
@dataclass(frozen=True)
class Value:
    a: int
    b: list = field(default_factory=list)
for n in range(100):
    assert replace(Value(1), a=n) == Value(a=n, b=[])
assert found == [], found
assert not {"dataclasses", "inspect"} & set(sys.modules)
"""
    code = f"from __future__ import annotations{code}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
