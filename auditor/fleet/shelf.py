"""What an audit keeps in its history of each tree it has read: between runs, and between the steps of one."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from auditor.config.load import load_rules
from auditor.fleet import wire
from auditor.fleet.extract import Extract
from auditor.fleet.trees import Read, Reading, Same, Wanted
from auditor.history.recording import Recording
from auditor.judge.governing import Governing
from auditor.model.audit import Target
from auditor.source.memory import Kept, contents
from auditor.world import World

_RULES: Final = 64
"""Rules that are remembered, parsed: most repositories of a fleet have those of some other."""


class Place(Struct, frozen=True):
    """A tree that was read: its commit, and what it wants to know."""

    commit: str | None
    wanted: Wanted


class _Known(Struct, frozen=True):
    """What is at hand of a tree while it is looked at: its commit, and what it wanted, as it is kept."""

    commit: str | None
    wanted: bytes


class Shelf:
    """What is kept of each tree, by the name of its target."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._looked: dict[str, _Known] = {}

    def reading(self, target: Target) -> Reading:
        """What is to be read, and what was read of it last, where all of that is still there."""
        keys = (f"{what}/{target.name}" for what in ("identity", "commit", "wanted", "extract"))
        identity, commit, wanted, found = self._recording.kept_under(*keys)
        if not identity or wanted is None or found is None:
            return Reading(target)
        known = _Known(_text(commit) or None, wanted)
        self._looked[target.name] = known
        return Reading(target, _text(identity), known.commit)

    def put(self, name: str, read: Same | Read) -> Place:
        """Write down what was read; or take what was read of the same tree before. Raises Garbled."""
        known = self._looked.pop(name, None)
        if isinstance(read, Read):
            self._recording.keep(f"extract/{name}", wire.write(read.extract))
            self._recording.keep(f"wanted/{name}", wire.write(read.wanted))
            self._recording.keep(f"identity/{name}", read.wanted.identity.encode("utf-8", "surrogatepass"))
            place = Place(read.extract.commit, read.wanted)
        else:
            wanted = known.wanted if known else self._kept(f"wanted/{name}")
            place = Place(read.commit, wire.read(wanted, Wanted))
        if known is None or place.commit != known.commit:
            self._recording.keep(f"commit/{name}", (place.commit or "").encode("ascii"))
        return place

    def forget(self, name: str) -> None:
        """Let the tree be read anew the next time."""
        self._recording.keep(f"identity/{name}", b"")

    def extract(self, name: str) -> Extract:
        """What the tree deploys. Raises Garbled."""
        found: Extract = wire.read(self._kept(f"extract/{name}"), Extract)
        return found

    def _kept(self, key: str) -> bytes:
        content = self._recording.kept(key)
        if content is None:
            raise wire.Garbled(f"what was kept as {key} is gone", help="run the audit again")
        return content


def _text(content: bytes | None) -> str:
    return (content or b"").decode("utf-8", "surrogatepass")


class RulesShelf:
    """Rules by the files that they are made of, with what is known of the names that they govern."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._loaded: dict[tuple[str | None, tuple[Kept, ...]], Governing] = {}

    def load(self, path: str | None, files: tuple[Kept, ...]) -> Governing:
        """The rules in the file at `path` (None: at the usual names), for one tree. Raises ConfigurationError."""
        found = self._loaded.get((path, files))
        if found is None:
            shared = self._world.shared_rules
            rules = load_rules(contents(files).get, path, today=self._world.today, fetch=shared.fetch)
            found = Governing(rules)
            if len(self._loaded) >= _RULES:
                self._loaded.pop(next(iter(self._loaded)))
            self._loaded[path, files] = found
        return found.afresh()
