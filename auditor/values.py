"""`dataclass` for what never changes, made cheaply: making such classes was a third of what a short run costs.

The library's writes six methods of each class as source text and compiles each; only `__init__` needs that. Here the others
are closures over the names of the fields that do the same. Type checkers see the library's, and so do `fields`, `replace` and
`match`; a class that is not plainly frozen is left to the library (https://docs.python.org/3/library/dataclasses.html).
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Final, NoReturn

_MISSING: Final = dataclasses.MISSING
_set_attribute: Final = object.__setattr__

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - handed on
else:

    def dataclass(cls: type | None = None, /, *, frozen: bool = False, slots: bool = False, **options: bool) -> Any:
        """`dataclasses.dataclass`: by the cheap way where a class is frozen and nothing else is asked for."""

        def decorate(plain: type) -> type:
            if not frozen or options:
                return dataclasses.dataclass(frozen=frozen, slots=slots, **options)(plain)
            return _frozen(plain, slots=slots)

        return decorate if cls is None else decorate(cls)


def _frozen(plain: type, *, slots: bool) -> type:
    """The class with all methods of a frozen dataclass; those that it has itself stay. Forbids writing as the library does."""
    own = {name for name, value in vars(plain).items() if not (name == "__hash__" and value is None)}
    cls: type = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(plain)
    fields = dataclasses.fields(cls)
    methods = {
        **_comparing(fields),
        **(_copying(tuple(field.name for field in fields)) if slots else {}),
        "__repr__": _repr(tuple(field.name for field in fields if field.repr)),
        "__init__": _init(cls, fields),
    }
    for name, method in methods.items():
        if name not in own:
            setattr(cls, name, method)
    for name, method in (("__setattr__", _refuse_set), ("__delattr__", _refuse_delete)):
        if name in own:
            raise TypeError(f"{plain.__qualname__} is frozen and has a {name} of its own")
        setattr(cls, name, method)
    return cls


def _refuse_set(_self: object, name: str, _value: object) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(_self: object, name: str) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _values(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """The values of these fields. Always a tuple, whose comparison takes what is identical as equal."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)


def _comparing(fields: Sequence[dataclasses.Field[Any]]) -> dict[str, object]:
    compared = _values([field.name for field in fields if field.compare])
    hashed = _values([field.name for field in fields if (field.compare if field.hash is None else field.hash)])

    def equal(self: object, other: object) -> bool:
        return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

    return {"__eq__": equal, "__hash__": lambda self: hash(hashed(self))}


def _copying(names: Sequence[str]) -> dict[str, object]:
    """What `copy` and `pickle` need: there is no `__dict__`, and nothing may be set."""

    def restore(self: object, state: Sequence[object]) -> None:
        for name, value in zip(names, state, strict=True):
            _set_attribute(self, name, value)

    return {"__getstate__": lambda self: [getattr(self, name) for name in names], "__setstate__": restore}


def _repr(names: Sequence[str]) -> Callable[[object], str]:
    @recursive_repr()
    def shown(self: object) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return shown


def _init(cls: type, fields: Sequence[dataclasses.Field[Any]]) -> Callable[..., None]:
    """`__init__`, compiled: it is called for everything that there is, and its arguments have names.

    What is compiled holds names of fields and nothing else that anybody chose.
    """
    given: dict[str, object] = {"_set": _set_attribute, "_missing": _MISSING}
    positional: list[str] = []
    keyword: list[str] = []
    body: list[str] = []
    for field in fields:
        name, value, default = field.name, field.name, ""
        if field.default_factory is not _MISSING:
            given[f"_make_{name}"] = field.default_factory
            default = "=_missing"
            value = f"_make_{name}() if {name} is _missing else {name}" if field.init else f"_make_{name}()"
        elif field.default is not _MISSING:
            given[f"_default_{name}"] = field.default
            default = f"=_default_{name}"
            value = name if field.init else f"_default_{name}"
        if field.init:
            (keyword if field.kw_only else positional).append(name + default)
        if field.init or default:
            body.append(f"_set(self, {name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    arguments = ", ".join(("self", *positional, *(("*", *keyword) if keyword else ())))
    text = (
        f"def make({', '.join(given)}):\n def __init__({arguments}):\n  {'; '.join(body) or 'pass'}\n return __init__"
    )
    made: dict[str, Any] = {}
    exec(text, vars(sys.modules[cls.__module__]), made)  # noqa: S102 - as the library does
    init: Callable[..., None] = made["make"](**given)
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = {field.name: field.type for field in fields if field.init} | {"return": None}
    return init
