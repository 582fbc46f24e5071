"""``dataclass``, ``field`` and ``replace`` of the standard library, without compiling.

The standard decorator compiles up to eight methods while a module is imported: a millisecond
a class, for a hundred classes of which a command makes instances of a third; and it imports
``inspect``. Here all classes share the same few, which go through the fields: to make an
instance takes half as long again.

What it takes is what is used here: ``frozen``, ``eq`` and ``repr`` of a class; ``default``,
``default_factory``, ``init``, ``repr`` and ``compare`` of a field; ``ClassVar``, inheritance and
``__post_init__``. Instances equal, hash, print, copy and pickle as the standard ones do, and
``dataclasses.fields``, ``asdict`` and ``replace`` work on them. Type checkers see the standard
decorator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["dataclass", "field", "field_names", "replace"]

if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace

    def field_names(value: object) -> tuple[str, ...]: ...
else:
    from operator import attrgetter

    from agentctl.lazy_namedtuple import completed

    _MISSING = object()
    _FIELDS = "__lazy_dataclass_fields__"
    _set = object.__setattr__

    class FieldSpec:
        """What is said of one attribute."""

        __slots__ = ("compare", "default", "default_factory", "init", "repr")

        def __init__(self, default, default_factory, init, repr, compare):
            self.default = default
            self.default_factory = default_factory
            self.init = init
            self.repr = repr
            self.compare = compare

        def arguments(self):
            """As keyword arguments of the standard ``field``."""
            given = {name: getattr(self, name) for name in self.__slots__}
            return {name: value for name, value in given.items() if value is not _MISSING}

    def field(*, default=_MISSING, default_factory=_MISSING, init=True, repr=True, compare=True):
        """One attribute of which more is said than a type and a default."""
        return FieldSpec(default, default_factory, init, repr, compare)

    def dataclass(cls=None, *, frozen=False, eq=True, repr=True):
        """Give a class ``__init__``, ``__repr__``, ``__eq__`` and ``__hash__`` by its fields."""

        def decorated(cls):
            return _dataclass(cls, frozen, eq, repr)

        return decorated if cls is None else decorated(cls)

    def replace(value, /, **changes):
        """A copy with some fields changed.

        Raises:
            TypeError: there is no such field.
            ValueError: it is none that ``__init__`` takes.
        """
        for name, of_name in getattr(value, _FIELDS).items():
            if of_name.init:
                if name not in changes:
                    changes[name] = getattr(value, name)
            elif name in changes:
                raise ValueError(f"field {name} is not taken by __init__: it cannot be replaced")
        return value.__class__(**changes)

    def field_names(value):
        """The names of an instance's fields; none for what is no dataclass of this module."""
        return tuple(getattr(value.__class__, _FIELDS, ()))

    def _dataclass(cls, frozen, eq, repr):
        fields = {}
        for base in cls.__mro__[:0:-1]:
            fields.update(base.__dict__.get(_FIELDS, ()))
        # Of a class without any, Python 3.9's attribute is its base's.
        own = cls.__dict__.get("__annotations__", {})  # noqa: RUF063
        for name, annotation in own.items():
            if not annotation.startswith("ClassVar"):
                fields[name] = _field_of(cls, name)
        setattr(cls, _FIELDS, fields)
        cls.__dataclass_fields__ = _StandardFields()
        cls.__replace__ = replace
        cls.__init__ = _init_of(cls, fields)
        cls.__init__.__qualname__ = f"{cls.__qualname__}.__init__"
        if repr and "__repr__" not in cls.__dict__:
            cls.__repr__ = _repr
        if eq:
            own_hash = cls.__dict__.get("__hash__")
            names = [name for name, of_name in fields.items() if of_name.compare]
            equal, hashed = _eq_and_hash_of(names)
            if "__eq__" not in cls.__dict__:
                cls.__eq__ = equal
            if own_hash is None:
                cls.__hash__ = hashed if frozen else None
        if frozen:
            _freeze(cls, fields)
        return cls

    def _field_of(cls, name):
        found = cls.__dict__.get(name, _MISSING)
        if not isinstance(found, FieldSpec):
            found = FieldSpec(found, _MISSING, True, True, True)
        elif found.default is _MISSING:
            delattr(cls, name)
        else:
            setattr(cls, name, found.default)
        if found.default.__class__.__hash__ is None:
            raise ValueError(f"the default of {name} can change: use default_factory")
        if not found.init and found.default_factory is not _MISSING:
            raise ValueError(f"{name} is not taken by __init__: make it in __post_init__")
        return found

    def _init_of(cls, fields):
        names = tuple(name for name, of_name in fields.items() if of_name.init)
        size, has_more = len(names), hasattr(cls, "__post_init__")
        defaults, factories = _given(fields, "default"), _given(fields, "default_factory")

        def __init__(self, *args, **kwargs):
            if kwargs or len(args) != size:
                args = completed(__init__, names, defaults, args, kwargs, factories)
            for name, value in zip(names, args):
                _set(self, name, value)
            if has_more:
                self.__post_init__()

        return __init__

    def _given(fields, what):
        each = ((name, getattr(of_name, what)) for name, of_name in fields.items())
        return {name: value for name, value in each if value is not _MISSING}

    def _repr(self):
        shown = (name for name, of_name in getattr(self, _FIELDS).items() if of_name.repr)
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{self.__class__.__qualname__}({values})"

    def _eq_and_hash_of(names):
        # Of several names it gives a tuple.
        compared = attrgetter(*names) if len(names) > 1 else _getter(names)

        def __eq__(self, other):
            same = other.__class__ is self.__class__
            return compared(self) == compared(other) if same else NotImplemented

        def __hash__(self):
            return hash(compared(self))

        return __eq__, __hash__

    def _getter(names):
        return lambda value: tuple([getattr(value, name) for name in names])

    def _freeze(cls, fields):
        def __setattr__(self, name, value):
            if type(self) is cls or name in fields:
                raise _frozen(f"cannot assign to field {name!r}")
            super(cls, self).__setattr__(name, value)

        def __delattr__(self, name):
            if type(self) is cls or name in fields:
                raise _frozen(f"cannot delete field {name!r}")
            super(cls, self).__delattr__(name)

        cls.__setattr__ = __setattr__
        cls.__delattr__ = __delattr__

    def _frozen(what):
        from dataclasses import FrozenInstanceError

        return FrozenInstanceError(what)

    class _StandardFields:
        """``__dataclass_fields__``, made when something of the standard library asks."""

        def __get__(self, instance, owner):
            import dataclasses

            fields = getattr(owner, _FIELDS).items()
            namespace = {name: dataclasses.field(**of_name.arguments()) for name, of_name in fields}
            namespace["__annotations__"] = dict.fromkeys(namespace, "object")
            namespace["__module__"] = owner.__module__
            twin = dataclasses.dataclass(init=False)(type(owner.__name__, (), namespace))
            owner.__dataclass_fields__ = twin.__dataclass_fields__
            return owner.__dataclass_fields__
