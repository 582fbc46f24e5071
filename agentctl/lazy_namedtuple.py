"""``NamedTuple`` of the standard library, whose ``__new__`` is compiled late.

To define the standard one costs 0.15 to 0.4 ms, for fifty classes of which a command makes
instances of a third. Instances are the same: tuples with names, ``_replace`` and the rest.
Type checkers see the standard class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["NamedTuple"]

if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from collections import _tuplegetter

    _ENOUGH = 16
    """Instances after which it has paid to compile."""

    _GLOBALS = {"_new": tuple.__new__}
    """Of all that is compiled: less memory to look at than one for each class."""

    class _NamedTupleMeta(type):
        """Makes a subclass of tuple out of a class body."""

        def __new__(cls, name, bases, namespace):
            if not bases:
                return super().__new__(cls, name, bases, namespace)
            fields = tuple(namespace.get("__annotations__", ()))
            defaults = {one: namespace.pop(one) for one in fields if one in namespace}
            getters = {one: _tuplegetter(index, "") for index, one in enumerate(fields)}
            about = {
                "__slots__": (),
                "__match_args__": fields,
                "_fields": fields,
                "_field_defaults": defaults,
            }
            made = type(name, (tuple,), {**_METHODS, **namespace, **getters, **about})
            made.__new__ = staticmethod(_late_new(made, fields, defaults))
            return made

    class NamedTuple(metaclass=_NamedTupleMeta):
        """Base of a class whose fields are its annotations."""

    def _late_new(made, fields, defaults):
        count = 0

        def __new__(cls, *args, **kwargs):
            nonlocal count
            count += 1
            if count <= _ENOUGH and len(args) <= len(fields):
                given = {**defaults, **dict(zip(fields, args)), **kwargs}
                named_twice = not kwargs.keys().isdisjoint(fields[: len(args)])
                if given.keys() == set(fields) and not named_twice:
                    return tuple.__new__(cls, [given[one] for one in fields])
            # Also for arguments that do not fit: it tells what is wrong with them.
            compiled = _compiled_new(made, fields, defaults)
            made.__new__ = staticmethod(compiled)
            return compiled(cls, *args, **kwargs)

        return __new__

    def _compiled_new(made, fields, defaults):
        names = "".join(f"{one}, " for one in fields)
        new = eval(f"lambda _cls, {names}: _new(_cls, ({names}))", _GLOBALS)
        new.__defaults__ = tuple(defaults.values())
        new.__name__ = "__new__"
        new.__qualname__ = f"{made.__qualname__}.__new__"
        return new

    def _make(cls, values):
        """An instance of what ``values`` has, in the order of the fields."""
        made = tuple.__new__(cls, values)
        if len(made) != len(cls._fields):
            raise TypeError(f"expected {len(cls._fields)} values, got {len(made)}")
        return made

    def _replace(self, /, **changes):
        """The same with some fields changed."""
        made = self._make(map(changes.pop, self._fields, self))
        if changes:
            raise ValueError(f"there are no fields {', '.join(changes)}")
        return made

    def _asdict(self):
        """The fields by their names."""
        return dict(zip(self._fields, self))

    def _repr(self):
        values = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self))
        return f"{self.__class__.__name__}({values})"

    def _getnewargs(self):
        return tuple(self)

    _METHODS = {
        "_make": classmethod(_make),
        "_replace": _replace,
        "__replace__": _replace,
        "_asdict": _asdict,
        "__repr__": _repr,
        "__getnewargs__": _getnewargs,
    }
