"""What a change newly deploys: the uses of base against the uses of head.

A use is new when base has no use of the same reference in the same root, governed by the same entry; a loose manifest has
its workload in its directory for a root, and may move to another directory, but not be copied there. So taking an image from
staging to production is new, and so is a file that moves from under a lenient entry to a strict one.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct, field

from auditor.model.reference import InvalidReference, Reference
from auditor.model.use import Use


class Comparison(Struct, frozen=True):
    """Head's uses that base lacks (`added`) and has (`kept`), base's that head lacks (`removed`).

    `previous` maps an added use to the removed use whose place it takes. `whole` is True without a base: everything is
    in `added`, and nothing is a change.
    """

    added: tuple[Use, ...]
    kept: tuple[Use, ...] = ()
    removed: tuple[Use, ...] = ()
    previous: Mapping[Use, Use] = field(default_factory=dict)
    whole: bool = False


def _no_entry(_use: Use) -> str | None:
    return None


def compare(
    before: tuple[Use, ...] | None, after: tuple[Use, ...], entry: Callable[[Use], str | None] = _no_entry
) -> Comparison:
    """Compare base's uses (None: no base) with head's. Only what is deployed counts. Linear in the number of uses.

    `entry` names the rule entry that governs a use (`Governing.label`).
    """
    head = tuple((use, _identity(use, entry(use))) for use in after if use.deployed)
    if before is None:
        return Comparison(added=tuple(use for use, _ in head), whole=True)
    base = tuple((use, _identity(use, entry(use))) for use in before if use.deployed)
    in_base = {identity for _, identity in base}
    in_head = {identity for _, identity in head}
    left, arrived = _moves((identity for _, identity in base), (identity for _, identity in head))
    in_base, in_head = in_base | arrived, in_head | left
    added = tuple(use for use, identity in head if identity not in in_base)
    kept = tuple(use for use, identity in head if identity in in_base)
    removed = tuple(use for use, identity in base if identity not in in_head)
    return Comparison(added, kept, removed, _previous(added, removed))


def surviving(
    before: tuple[Use, ...], tip: tuple[Use, ...], after: tuple[Use, ...], touched: frozenset[str]
) -> tuple[Use, ...]:
    """The merge base's uses without those that base's tip has taken out since and that the change brings back.

    A revoked image that is removed on one side and added in another file on the other is there after the merge, so it is
    not old. `after` are head's uses, `touched` the paths that the change touches: what it leaves alone, the merge removes.
    """
    known = {_identity(use, None) for use in tip if use.deployed}
    back = {_identity(use, None).anywhere for use in after if use.deployed and _is_touched(use, touched)}
    return tuple(use for use in before if (identity := _identity(use, None)) in known or identity.anywhere not in back)


def _is_touched(use: Use, touched: frozenset[str]) -> bool:
    """Whether the change touches the file of a use, or anything below its root."""
    if use.place.file in touched:
        return True
    below = "" if use.root == "." else f"{use.root}/"
    return use.root is not None and any(file.startswith(below) for file in touched)


class _Identity(NamedTuple):
    """What makes two uses the same one. `directory` is that of a loose manifest, None for what a root deploys."""

    reference: str
    home: Hashable
    directory: str | None
    entry: str | None

    @property
    def anywhere(self) -> _Identity:
        """The same in whatever directory."""
        return self._replace(directory=None)


def _identity(use: Use, entry: str | None) -> _Identity:
    loose = use.root is None and use.workload is not None
    return _Identity(use.reference, _home(use), posixpath.dirname(use.place.file) if loose else None, entry)


def _moves(base: Iterable[_Identity], head: Iterable[_Identity]) -> tuple[set[_Identity], set[_Identity]]:
    """Loose manifests that went from one directory to another: what they were in base, and what they are in head.

    One that stays where it was has not moved: then what stands elsewhere too is a copy, and new.
    """
    old, new = dict.fromkeys(base), dict.fromkeys(head)
    waiting: dict[_Identity, list[_Identity]] = {}
    for identity in old:
        if identity.directory is not None and identity not in new:
            waiting.setdefault(identity.anywhere, []).append(identity)
    left: set[_Identity] = set()
    arrived: set[_Identity] = set()
    for identity in new:
        places = waiting.get(identity.anywhere) if identity.directory is not None else None
        if places and identity not in old:
            left.add(places.pop())
            arrived.add(identity)
    return left, arrived


def _home(use: Use) -> Hashable:
    """What deploys a use: its root; of a loose manifest its workload, else its file."""
    if use.root is not None:
        return ("root", use.root)
    return ("workload", str(use.workload)) if use.workload else ("file", use.place.file)


def _previous(added: Iterable[Use], removed: tuple[Use, ...]) -> Mapping[Use, Use]:
    """The removed use that each added one takes the place of: the nearest relation that has one."""
    tables: list[tuple[Callable[[Use], Hashable], dict[Hashable, Use]]] = [
        (relation, {}) for relation in (_same_container, _same_repository, _same_path)
    ]
    for relation, table in tables:
        for use in removed:
            key = relation(use)
            if key is not None:
                table.setdefault(key, use)
    return {use: old for use in added if (old := _first(use, tables)) is not None}


def _first(use: Use, tables: Iterable[tuple[Callable[[Use], Hashable], Mapping[Hashable, Use]]]) -> Use | None:
    for relation, table in tables:
        key = relation(use)
        if key is not None and key in table:
            return table[key]
    return None


def _same_container(use: Use) -> Hashable:
    if use.workload is None or use.container is None:
        return None
    return (_home(use), str(use.workload), use.container)


def _same_repository(use: Use) -> Hashable:
    reference = _parsed(use)
    return None if reference is None else (_home(use), reference.name)


def _same_path(use: Use) -> Hashable:
    """The same repository on another host: a registry that moved."""
    reference = _parsed(use)
    return None if reference is None else (_home(use), reference.path)


def _parsed(use: Use) -> Reference | None:
    try:
        return Reference.parse(use.reference)
    except InvalidReference:
        return None


def common(bases: Iterable[tuple[Use, ...]]) -> tuple[Use, ...]:
    """The uses of the first merge base that every other one has too: after a criss-cross merge only those are old."""
    first, *others = bases
    known = [{_identity(use, None) for use in other if use.deployed} for other in others]
    return tuple(use for use in first if all(_identity(use, None) in uses for uses in known))
