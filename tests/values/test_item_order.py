"""Where items stand that come after a snapshot."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentctl.item_order import beside_its_kind
from agentctl.model import ItemKey


def state(*names: str) -> dict[ItemKey, int]:
    return {key(name): at for at, name in enumerate(names)}


def key(name: str) -> ItemKey:
    namespace, _, component = name.rpartition(":")
    return ItemKey(namespace, component)


def after(before: str, *new: str) -> str:
    keys = [key(name) for name in new]
    grown = {**state(*before.split()), **dict.fromkeys(keys, -1)}
    found = beside_its_kind(grown, keys)
    return " ".join(f"{one.namespace}:{one.component}" for one in found)


BEFORE = "a:ns a:deploy/b a:deploy/d a:svc/b b:ns b:deploy/x"


def test_it_stands_among_its_kind_by_name() -> None:
    assert (
        after(BEFORE, "a:deploy/c")
        == "a:ns a:deploy/b a:deploy/c a:deploy/d a:svc/b b:ns b:deploy/x"
    )
    assert after(BEFORE, "a:deploy/a", "a:deploy/e") == (
        "a:ns a:deploy/a a:deploy/b a:deploy/d a:deploy/e a:svc/b b:ns b:deploy/x"
    )


def test_the_first_of_its_kind_stands_last_in_its_namespace() -> None:
    assert after(BEFORE, "a:job/y", "a:job/x") == (
        "a:ns a:deploy/b a:deploy/d a:svc/b a:job/x a:job/y b:ns b:deploy/x"
    )
    assert after(BEFORE, "c:job/x").endswith("b:deploy/x c:job/x")


def test_one_that_no_kind_begins_comes_last() -> None:
    assert after(BEFORE, "a:new") == f"{BEFORE} a:new"


NAMES = st.lists(
    st.builds(
        "{}:{}/{}".format, st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from("1234")
    ),
    unique=True,
    max_size=12,
)


@given(NAMES, st.integers(0, 12))
def test_one_by_one_or_together_it_is_the_same(names: list[str], cut: int) -> None:
    kinds = sorted(names, key=lambda name: name.split("/")[0])
    before = {key(name): 0 for name in sorted(names[:cut])}
    new = [key(name) for name in kinds if key(name) not in before]
    together = beside_its_kind({**before, **dict.fromkeys(new, 0)}, new)
    single = before
    for one in new:
        single = beside_its_kind({**single, one: 0}, [one])
    assert list(single) == list(together)
    assert single.keys() == {key(name) for name in names}
    for kind in {(one.namespace, one.component[0]) for one in together}:
        mine = [one.component for one in together if (one.namespace, one.component[0]) == kind]
        assert mine == sorted(mine)
