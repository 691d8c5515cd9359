"""One audit over several machines without an engine: which of them does what."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from auditor.errors import UsageError
from auditor.model.audit import Audited, Shard, Target

_SHARD: Final = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})")


class Targets(Struct, frozen=True):
    """What an audit was asked for. `failed` are those of which it is known already that nothing comes."""

    found: tuple[Target, ...] = ()
    failed: tuple[Audited, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[Target, ...]:
        """Every target."""
        return (*self.found, *(each.target for each in self.failed))

    @property
    def id(self) -> str:
        """SHA-256 over everything that names the targets, in hexadecimal."""
        told = sorted((each.name, each.address, each.ref or "", each.path) for each in self.all)
        return hashlib.sha256(repr(told).encode("utf-8", "surrogatepass")).hexdigest()

    def part(self, shard: Shard | None) -> Targets:
        """What one shard does. A repository stays in its shard when others come and go: its history is there."""
        if shard is None:
            return self
        return Targets(
            tuple(each for each in self.found if falls(each, shard)),
            tuple(each for each in self.failed if falls(each.target, shard)),
            self.notes,
        )


def falls(target: Target, shard: Shard) -> bool:
    """Whether a target is of this part."""
    digest = hashlib.sha256(target.name.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % shard.count == shard.index - 1


def read_shard(text: str) -> Shard:
    """`2/4` → the second of four. Raises UsageError."""
    match = _SHARD.fullmatch(text)
    if match is None or int(match[1]) > int(match[2]):
        raise UsageError(f"--shard {text[:20]}: no part of a whole", help="write I/N, from 1/N to N/N")
    return Shard(int(match[1]), int(match[2]))


def missing(shards: Iterable[Shard], count: int) -> tuple[Shard, ...]:
    """The shards that nobody has brought."""
    there = {each.index for each in shards}
    return tuple(Shard(index, count) for index in range(1, count + 1) if index not in there)
