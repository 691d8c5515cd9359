"""Cheap frozen dataclasses behave as the library's."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from dataclasses import field, fields, replace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.values import dataclass


def pair(plain: Callable[[], type], *, slots: bool) -> tuple[Any, Any]:
    """The same class made by both: ours, and the library's."""
    ours: Any = dataclass
    theirs: Any = dataclasses.dataclass
    return ours(frozen=True, slots=slots)(plain()), theirs(frozen=True, slots=slots)(plain())


def thing() -> type:
    class Thing:
        """A thing."""

        kind: ClassVar[str] = "thing"
        a: int
        b: object = None
        c: list[int] = field(default_factory=list, hash=False)
        hidden: object = field(default=0, repr=False, compare=False)
        later: str = field(default="x", init=False)
        only: int = field(default=7, kw_only=True)

    return Thing


SLOTS = pytest.mark.parametrize("slots", [True, False])
VALUES = st.none() | st.integers(0, 2) | st.text(max_size=2) | st.just(float("nan"))


@SLOTS
@given(one=st.tuples(VALUES, VALUES), two=st.tuples(VALUES, VALUES))
def test_equality_hashes_and_texts_are_the_librarys(slots: bool, one: Any, two: Any) -> None:
    ours, theirs = pair(thing, slots=slots)
    assert (ours(*one) == ours(*two)) == (theirs(*one) == theirs(*two))
    assert (ours(*one) != ours(*two)) == (theirs(*one) != theirs(*two))
    assert hash(ours(*one)) == hash(theirs(*one))
    assert repr(ours(*one)) == repr(theirs(*one))
    assert ours(*one) != theirs(*one)


@SLOTS
def test_what_takes_no_part_in_comparing_takes_none(slots: bool) -> None:
    ours, _ = pair(thing, slots=slots)
    assert ours(1, hidden=1) == ours(1, hidden=2)
    assert ours(1, c=[1]) != ours(1, c=[2])
    assert hash(ours(1, c=[1])) == hash(ours(1, c=[2]))


@SLOTS
def test_nothing_can_be_written_or_deleted(slots: bool) -> None:
    ours, _ = pair(thing, slots=slots)
    made = ours(1)
    for name in ("a", "later", "unknown"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, name, 2)
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(made, name)
    assert made.a == 1
    assert hasattr(made, "__dict__") is not slots


@SLOTS
def test_it_is_called_as_the_librarys(slots: bool) -> None:
    ours, theirs = pair(thing, slots=slots)
    mine, other = inspect.signature(ours).parameters, inspect.signature(theirs).parameters
    assert [(each.name, each.kind) for each in mine.values()] == [(each.name, each.kind) for each in other.values()]
    assert ours.__match_args__ == theirs.__match_args__
    assert [each.name for each in fields(ours)] == [each.name for each in fields(theirs)]
    for arguments in ((), (1, 2, 3, 4, 5)):
        with pytest.raises(TypeError):
            ours(*arguments)
    assert ours(1).c is not ours(1).c, "a default of its own for each"
    assert replace(ours(1), a=2, only=3) == ours(2, only=3)


@SLOTS
def test_copies_are_equal(slots: bool) -> None:
    ours, _ = pair(thing, slots=slots)
    made = ours(1, [2])
    assert copy.copy(made) == made
    assert copy.deepcopy(made) == made
    assert copy.deepcopy(made).b is not made.b


@dataclass(frozen=True, slots=True)
class Stored:
    """At the top of a module, where pickle finds it."""

    a: int


def test_what_is_pickled_comes_back() -> None:
    assert pickle.loads(pickle.dumps(Stored(1))) == Stored(1)  # noqa: S301 - our own bytes


def own() -> type:
    class Own:  # noqa: PLW1641 - the hash is what is made
        """Has its own ways."""

        a: int
        b: int = 0

        def __post_init__(self) -> None:
            object.__setattr__(self, "b", self.a + 1)

        def __eq__(self, other: object) -> bool:
            return isinstance(other, type(self))

        def __repr__(self) -> str:
            return "mine"

    return Own


@SLOTS
def test_methods_of_the_class_itself_stay(slots: bool) -> None:
    for each in pair(own, slots=slots):
        assert each(1) == each(2)
        assert repr(each(1)) == "mine"
        assert each(1).b == 2
        assert hash(each(1)) == hash((1, 2)), "the library makes a hash beside an __eq__ of the class"


@dataclass(frozen=True, slots=True)
class Above:
    """Above."""

    a: int


@dataclass(frozen=True, slots=True)
class Below(Above):
    """Below."""

    b: int


def test_inherited_fields_come_first() -> None:
    made = Below(1, 2)
    assert (made.a, made.b) == (1, 2)
    assert made != Above(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, "a", 3)  # noqa: B010 - what mypy forbids is what is tried


def test_a_frozen_class_has_no_way_of_its_own_to_write() -> None:
    def writes() -> type:
        class Writes:
            """Writes."""

            a: int

            def __setattr__(self, name: str, value: object) -> None: ...

        return Writes

    for make in (dataclass, dataclasses.dataclass):
        chosen: Any = make
        with pytest.raises(TypeError):
            chosen(frozen=True)(writes())


def test_what_is_not_plainly_frozen_is_the_librarys() -> None:
    @dataclass(slots=True, order=True)
    class Open:
        """Open."""

        a: int

    made = Open(1)
    made.a = 2
    assert made < Open(3)
