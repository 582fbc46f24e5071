"""``dataclass``, ``field`` and ``replace`` of the standard library, compiled late.

The standard decorator compiles up to eight methods while a module is imported: a millisecond
a class, for a hundred classes of which a command makes instances of a third; and it imports
``inspect``. This one compiles a method once it has been called some times, and few ever are.

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
    _MISSING = object()
    _FIELDS = "__lazy_dataclass_fields__"
    _ENOUGH = 16
    """Calls after which it has paid to compile: that takes 100 to 300 us, a call without 5."""

    _GLOBALS = {"_set": object.__setattr__, "_MISSING": _MISSING}
    """Of all that is compiled: less memory to look at than one for each class."""

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
        _compile_late(cls, "__init__", _plain_init(cls, fields, frozen), _init_source, frozen)
        if repr and "__repr__" not in cls.__dict__:
            cls.__repr__ = _repr
        own_hash = cls.__dict__.get("__hash__")
        if eq and "__eq__" not in cls.__dict__:
            _compile_late(cls, "__eq__", _plain_eq, _eq_source, frozen)
        if eq and own_hash is None:
            if frozen:
                _compile_late(cls, "__hash__", _plain_hash, _hash_source, frozen)
            else:
                cls.__hash__ = None
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
        return found

    def _compile_late(cls, name, plain, source, frozen):
        """Give ``cls`` the method ``name``: ``plain``, after some calls what ``source`` writes."""
        calls = 0

        def method(self, *args, **kwargs):
            nonlocal calls
            calls += 1
            if calls <= _ENOUGH:
                return plain(self, *args, **kwargs)
            # Two threads may both do this: they make the same.
            setattr(cls, name, _compiled(cls, name, source, frozen))
            return getattr(cls, name)(self, *args, **kwargs)

        method.__name__ = name
        method.__qualname__ = f"{cls.__qualname__}.{name}"
        setattr(cls, name, method)

    def _compiled(cls, name, source, frozen):
        names = {}
        exec(source(cls, getattr(cls, _FIELDS), frozen, names), _GLOBALS, names)
        names[name].__qualname__ = f"{cls.__qualname__}.{name}"
        names[name].__module__ = cls.__module__
        return names[name]

    def _plain_init(cls, fields, frozen):
        def init(self, *args, **kwargs):
            values = _values(fields, args, kwargs)
            if values is None:  # the compiled one tells what is wrong with the arguments
                return _compiled(cls, "__init__", _init_source, frozen)(self, *args, **kwargs)
            for name, value in values.items():
                object.__setattr__(self, name, value)
            if hasattr(cls, "__post_init__"):
                self.__post_init__()
            return None

        return init

    def _values(fields, args, kwargs):
        """What an instance is made of; None where the arguments do not fit."""
        taken = [name for name, of_name in fields.items() if of_name.init]
        given = {**kwargs, **dict(zip(taken, args))}
        if len(given) < len(args) + len(kwargs) or not given.keys() <= set(taken):
            return None
        values = {}
        for name, of_name in fields.items():
            if name in given:
                values[name] = given[name]
            elif of_name.default_factory is not _MISSING:
                values[name] = of_name.default_factory()
            elif of_name.init:
                if of_name.default is _MISSING:
                    return None
                values[name] = of_name.default
        return values

    def _init_source(cls, fields, frozen, names):
        parameters, body = ["self"], []
        for name, of_name in fields.items():
            value = name
            names[f"_default_{name}"] = of_name.default
            made = of_name.default_factory is not _MISSING
            make = f"_make_{id(of_name.default_factory)}"
            _GLOBALS[make] = of_name.default_factory
            if not of_name.init:
                if not made:
                    continue  # a default is the class's attribute, others __post_init__ sets
                value = f"{make}()"
            elif made:
                parameters.append(f"{name}=_MISSING")
                value = f"{make}() if {name} is _MISSING else {name}"
            elif of_name.default is not _MISSING:
                parameters.append(f"{name}=_default_{name}")
            else:
                parameters.append(name)
            body.append(f"_set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
        if hasattr(cls, "__post_init__"):
            body.append("self.__post_init__()")
        lines = "\n ".join(body or ["pass"])
        return f"def __init__({', '.join(parameters)}):\n {lines}"

    def _repr(self):
        shown = (name for name, of_name in getattr(self, _FIELDS).items() if of_name.repr)
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{self.__class__.__qualname__}({values})"

    def _compared(value):
        fields = getattr(value, _FIELDS).items()
        return tuple(getattr(value, name) for name, of_name in fields if of_name.compare)

    def _plain_eq(self, other):
        same = other.__class__ is self.__class__
        return _compared(self) == _compared(other) if same else NotImplemented

    def _eq_source(cls, fields, frozen, names):
        return (
            "def __eq__(self, other):\n"
            " if other.__class__ is self.__class__:\n"
            f"  return {_tuple_source('self', fields)} == {_tuple_source('other', fields)}\n"
            " return NotImplemented"
        )

    def _plain_hash(self):
        return hash(_compared(self))

    def _hash_source(cls, fields, frozen, names):
        return f"def __hash__(self): return hash({_tuple_source('self', fields)})"

    def _tuple_source(value, fields):
        compared = (name for name, of_name in fields.items() if of_name.compare)
        return f"({''.join(f'{value}.{name},' for name in compared)})"

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
