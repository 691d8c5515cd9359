"""The file whose rules judge a run, and what a change does to it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from auditor.config.files import Read
from auditor.config.load import load_rules
from auditor.config.rules import Rules
from auditor.errors import ConfigurationError, SourceError
from auditor.judge.findings.settings import rule_changes
from auditor.model.finding import Finding
from auditor.source.links import read_file
from auditor.source.memory import Kept
from auditor.source.tree import Tree, Unreadable

if TYPE_CHECKING:
    from auditor.extending import SharedRules


def read_rules(tree: Tree, path: str) -> bytes | None:
    """A file that the rules name, out of the tree that holds them; None where it has none of that name.

    Raises SourceError for one that cannot be read: rules are whole or they are none.
    """
    try:
        return read_file(tree, path)
    except Unreadable as error:
        raise SourceError(
            f"cannot read the rules: {error}", help="make it a plain file inside the repository that can be read"
        ) from error


class Loaded(Struct, frozen=True):
    """Rules, and the files that they are made of, by path: enough to load them again elsewhere."""

    rules: Rules
    files: tuple[Kept, ...]


class RulesFile(Struct, frozen=True):
    """Where the rules are read from: by `read`, at `path` (None: at the usual names).

    `head` reads the same files as the change would leave them, to tell what it changes in them; None where nothing can.
    `old` read them as they were when the change began: what is as it was there, a merge leaves as it is in base.
    """

    read: Read
    path: str | None = None
    head: Read | None = None
    old: tuple[Read, ...] = ()

    def load(self, today: date, shared: SharedRules | None = None) -> Rules:
        """The rules that judge this run. `shared` fetches what they extend by address. Raises ConfigurationError."""
        return load_rules(self.read, self.path, today=today, fetch=shared.fetch if shared else None)

    def recorded(self, today: date, shared: SharedRules | None = None) -> Loaded:
        """The same, with every file that was read for it."""
        seen: dict[str, bytes] = {}

        def read(path: str) -> bytes | None:
            content = self.read(path)
            if content is not None:
                seen[path] = content
            return content

        rules = replace(self, read=read).load(today, shared)
        return Loaded(rules, tuple(Kept(path, content) for path, content in sorted(seen.items())))

    def changes(
        self, rules: Rules, touched: frozenset[str], today: date, shared: SharedRules | None = None
    ) -> tuple[Finding, ...]:
        """What the change does to the rules that judge it. No address is asked because the change names it."""
        if self.head is None:
            return ()
        try:
            kept = shared.kept if shared else None
            after: Rules | str = load_rules(self.head, self.path, today=today, fetch=kept)
        except ConfigurationError as error:
            after = "; ".join(str(problem) for problem in error.problems[:3])
        except SourceError as error:
            after = error.message
        found = rule_changes(rules, after, touched)
        if isinstance(after, str):
            return found
        return tuple(each for each in found if each.place is None or self._is_changed(each.place.file))

    def _is_changed(self, path: str) -> bool:
        """Whether the change, and not base since it began, made this file what it is."""
        try:
            return self.head is None or not self.old or any(old(path) != self.head(path) for old in self.old)
        except SourceError:
            return True
