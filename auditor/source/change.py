"""What a run looks at: a change between two revisions, or one tree as it is."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec import Struct

from auditor.errors import SourceError, UsageError
from auditor.limits import DEFAULT, Limits
from auditor.source.commands import GitMissing
from auditor.source.folder import FolderTree
from auditor.source.git import NotARepository, Repository, open_repository
from auditor.source.tree import Tree


class Change(Struct, frozen=True):
    """The trees of one run. Close it, or use it as a context manager.

    `base` is the tip of the target branch: the rules are read from it. `merge_bases` are what uses are compared with: a use
    is old only if it is in *every* one of them (there are several after criss-cross merges, and a real merge could take
    either side). Both are empty without a base: then everything counts as new, and the rules come from `head`. `scope` is
    the path below the top of the tree that was asked for, "" for all of it.
    """

    head: Tree
    base: Tree | None = None
    merge_bases: tuple[Tree, ...] = ()
    scope: str = ""
    head_commit: str | None = None
    """None where head is a folder or the working tree."""
    base_commit: str | None = None
    merge_base_commit: str | None = None
    notes: tuple[str, ...] = ()
    repository: Repository | None = None

    @property
    def merge_base(self) -> Tree | None:
        """The first of `merge_bases`; for more than showing it, use all of them."""
        return self.merge_bases[0] if self.merge_bases else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the git process that reads blobs, where there is one."""
        if self.repository is not None:
            self.repository.close()


def open_change(path: Path, base: str | None, head: str | None, limits: Limits = DEFAULT) -> Change:
    """The change from `base` to `head` in the repository that `path` belongs to.

    Without `head`: the working tree (in a bare repository: HEAD). Without both, a plain folder will do. Raises UsageError for
    a revision outside a repository, SourceError for what cannot be read; never falls back to less.
    """
    try:
        repository = open_repository(path, limits)
    except NotARepository as error:
        if base is not None or head is not None:
            option = "--base" if base is not None else "--head or --rev"
            raise UsageError(f"{option} needs a git repository, and {path} is not in one", help=error.help) from error
        return _folder(path, limits)
    except GitMissing:
        if base is not None or head is not None:
            raise
        return _folder(path, limits, "git is not installed: files that git ignores are read as well")
    try:
        return _change(repository, path, base, head)
    except BaseException:
        repository.close()
        raise


def _folder(path: Path, limits: Limits, *notes: str) -> Change:
    folder = path if path.is_dir() else path.parent
    return Change(head=FolderTree(folder, limits), scope="" if path.is_dir() else path.name, notes=notes)


def _change(repository: Repository, path: Path, base: str | None, head: str | None) -> Change:
    notes = []
    if head is None and repository.bare:
        head = "HEAD"
        notes.append("a bare repository has no working tree: HEAD is read")
    head_commit = repository.commit(head) if head is not None else None
    scope = "" if repository.bare else _scope(repository.top, path)
    if base is None:
        return Change(
            head=repository.tree(head_commit) if head_commit else repository.working_tree(),
            scope=scope,
            head_commit=head_commit,
            notes=tuple(notes),
            repository=repository,
        )
    base_commit = repository.commit(base)
    common = repository.merge_bases(base_commit, head_commit or repository.commit("HEAD"))
    if len(common) > 1:
        names = ", ".join(commit[:12] for commit in common)
        notes.append(
            f"base and head have {len(common)} merge bases ({names}): what is not in all of them counts as new"
        )
    return Change(
        head=repository.tree(head_commit) if head_commit else repository.working_tree(),
        base=repository.tree(base_commit),
        merge_bases=tuple(repository.tree(commit) for commit in common),
        scope=scope,
        head_commit=head_commit,
        base_commit=base_commit,
        merge_base_commit=common[0],
        notes=tuple(notes),
        repository=repository,
    )


def _scope(top: Path, path: Path) -> str:
    """The path below the top, symlinks on the way to it followed; a symlink itself is its target."""
    relative = os.path.relpath(os.path.realpath(path), os.path.realpath(top))
    if relative == ".." or relative.startswith("../"):
        raise SourceError(f"{path} is not below {top}", help="give a path inside the repository")
    return "" if relative == "." else relative
