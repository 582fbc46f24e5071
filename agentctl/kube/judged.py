"""Judged component: the verdict on it, by those of its checks that hold.

Each is asked again when what it has read is another, or it is due (``Memo``).
"""

from __future__ import annotations

from functools import partial
from math import inf
from typing import Any, Callable, Generic, Optional, TypeVar, Union

from agentctl.debug_log import DebugLog
from agentctl.kube.check import Check, Context, Result, blind, worst
from agentctl.kube.components import NOT_INSTALLED, Component
from agentctl.kube.conditions import Condition, held
from agentctl.kube.source_view import OddObjectError, Read
from agentctl.kube.view import View
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import Item, Status

log = DebugLog(__name__)

T = TypeVar("T")
Part = Union[Check, Condition]
Ask = Callable[[Context], Result]


class Memo(Generic[T]):
    """What a check or condition said last, for as long as what it has read stays the same.

    Each of ``tells`` is called once when that is over, until it is asked again.
    """

    def __init__(self, ask: Callable[[Context], T], view: View) -> None:
        self.tells: dict[object, Callable[[], None]] = {}
        """By whose they are."""
        self._ask = ask
        self._view = view
        self._read: set[Read] = set()
        self._due_at = -inf
        """When (monotonic) to ask, if not told before that what it has read is another."""
        self._told = False
        self._said: T

    def __call__(self, context: Context) -> T:
        if context.now >= self._due_at:
            self._said, read = self._view.recorded(self._ask, context)
            if read != self._read:
                self._follow(read)
            recheck_at = getattr(self._said, "recheck_at", None)
            self._due_at = inf if recheck_at is None else recheck_at
            self._told = False
        return self._said

    def outdate(self, quietly: bool) -> None:
        """Something that it has read is another now."""
        self._due_at = -inf
        if not (quietly or self._told):
            self._told = True
            for tell in self.tells.values():
                tell()

    def drop(self, owner: object) -> bool:
        """It is of no more use to one of ``tells``; True if it is of none to anybody."""
        del self.tells[owner]
        if not self.tells:
            self._follow(set())
        return not self.tells

    def _follow(self, read: set[Read]) -> None:
        self._view.follow(self, self._read, read)
        self._read = read


class Memos:
    """The memos of the checks and conditions in one namespace: one for all equal ones."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._known: dict[object, Memo[Any]] = {}

    def of(
        self,
        part: Part,
        ask: Callable[[Context], T],
        owner: object,
        tell: Callable[[], None],
    ) -> Memo[T]:
        """What ``ask`` says of a part; ``tell`` is called when it may say something else.

        It is good until the owner drops it.
        """
        key = _key(part)
        memo = self._known.get(key)
        if memo is None:
            memo = self._known[key] = Memo(ask, self._view)
        memo.tells[owner] = tell
        return memo

    def drop(self, part: Part, owner: object) -> None:
        key = _key(part)
        memo = self._known.get(key)
        if memo is not None and owner in memo.tells and memo.drop(owner):
            del self._known[key]


def _key(part: Part) -> object:
    try:
        hash(part)
    except TypeError:  # it holds a list: then it is one of its own
        return id(part)
    return part


class _Gate(NamedTuple):
    """What the conditions say, until one of them says something else."""

    scoped: bool
    there: Optional[bool]
    silent: bool
    """Whether nothing is told of it, unless something was."""
    active: tuple[Ask, ...]


class JudgedComponent:
    """The verdict on one component in one namespace. ``tell`` is called when there is to be
    another."""

    def __init__(self, component: Component, memos: Memos, tell: Callable[[], None]) -> None:
        self.component = component
        self.result: Optional[Result] = None
        """The last verdict."""
        self.item: Optional[Item] = None
        """What is shown of it; None for nothing."""
        self._tell = tell
        self._memos = memos
        self._conditions = {
            id(one): memos.of(one, partial(held, one), self, self._reopen)
            for one in component.all_conditions
        }
        self._asks = [self._asked(check) for check in component.checks]
        self._gate: Optional[_Gate] = None

    def judge(self, context: Context) -> tuple[Result, bool]:
        """The verdict now, and whether it is one to be shown."""
        if self._gate is None:
            self._gate = self._opened(context)
        scoped, there, silent, active = self._gate
        component = self.component
        if silent and component.is_silent(scoped, there, self.item is not None):
            return Result(Status.CONFIGURED, "not there"), False
        results: list[Result] = []
        apart = False
        for ask in active:
            one = ask(context)
            results.append(one)
            apart = apart or one.asked or one.early or one.nothing
        if apart:
            results = _that_count(results)
        result = worst(results)
        if there is None and result.status.severity > Status.UNKNOWN.severity:
            for need in component.unseen_presence(context, results):
                reason = context.view.blind(need.resource, need.namespace)
                result = blind(f"whether it is installed cannot be seen: {reason}")
        if not active:
            absent = there is False and (component.told or component.speaks)
            why = NOT_INSTALLED if absent else "none of its checks holds"
            result = Result(Status.CONFIGURED, why)
        shown = component.shown and (not component.only or result.status in component.only)
        return result, shown and not (apart and any(one.early for one in results))

    def drop(self) -> None:
        """There is no such component any more."""
        parts: tuple[Part, ...] = (*self.component.checks, *self.component.all_conditions)
        for part in parts:
            self._memos.drop(part, self)

    def _asked(self, check: Check) -> Ask:
        ask = partial(verdict, check)
        # What it follows is judged right before it, and costs it nothing to read.
        return ask if check.follows() else self._memos.of(check, ask, self, self._tell)

    def _reopen(self) -> None:
        self._gate = None
        self._tell()

    def _opened(self, context: Context) -> _Gate:
        def holds(condition: Condition) -> Optional[bool]:
            return self._conditions[id(condition)](context)

        component = self.component
        scoped = component.in_scope(holds)
        there = component.is_there(holds) if scoped else False
        absent = there is False and (component.told or component.speaks)
        active = () if absent else component.active(holds)
        silent = component.is_silent(scoped, there, was_told=False)
        return _Gate(scoped, there, silent, tuple(self._asks[place] for place in active))


def _that_count(results: list[Result]) -> list[Result]:
    """Without those that say nothing beside others; what was asked itself comes first."""
    if any(one.asked for one in results):
        told = [one for one in results if one.status is not Status.CONFIGURED]
        results = sorted(told, key=lambda one: not one.asked)
    return [one for one in results if not one.nothing] or results


def verdict(check: Check, context: Context) -> Result:
    try:
        return check.evaluate(context)
    except OddObjectError as error:
        return blind(str(error))
    except Exception as error:  # a broken check must not end the stream
        log.debug("check %r failed", check, exc_info=True)
        return Result(Status.UNKNOWN, f"internal error: {type(error).__name__}: {error}")
