"""A git repository: revisions, merge bases, the trees of commits and the working tree. Never writes, never fetches."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from auditor.errors import SourceError
from auditor.limits import DEFAULT, Limits
from auditor.source.commands import Commands, GitFailed, Stalled
from auditor.source.commit import CommitTree, Listed, text
from auditor.source.objects import Blobs, Supply
from auditor.source.remedy import deepen, fetch
from auditor.source.working import WorkingTree

_OPERATORS: Final = re.compile(r"[~^:@]")
_ABBREVIATED: Final = re.compile(r"[0-9a-fA-F]{4,63}")
_FULL: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NAMESPACES: Final = ("", "tags/", "heads/", "remotes/")
"""Where git looks for a short name (gitrevisions(7)); tags come before branches."""


class NotARepository(SourceError):  # noqa: N818 - named for the thing, as in auditor.model.reference
    """A folder that belongs to no git repository."""


class Repository:
    """A repository at hand. Close it, or use it as a context manager: it keeps a git process for reading blobs.

    `top` is the root of the working tree, or the repository itself where it is `bare`. `algorithm` is the object format,
    `sha1` or `sha256`. `shallow` tells that history is cut off.
    """

    def __init__(
        self,
        commands: Commands,
        top: Path,
        *,
        bare: bool,
        shallow: bool,
        algorithm: str,
        limits: Limits,
        supply: Supply | None = None,
    ) -> None:
        self.top = top
        self.bare = bare
        self.shallow = shallow
        self.algorithm = algorithm
        self._commands = commands
        self._limits = limits
        self._blobs = Blobs(commands, limits.file_bytes, supply)
        self._listed: dict[bytes, Listed] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the git process that reads blobs."""
        self._blobs.close()

    @property
    def lost(self) -> bool:
        """Whether files could not be read that should be there: what was made of the others is not all that there is."""
        return self._blobs.lost

    def commit(self, rev: str) -> str:
        """The full name of the commit that `rev` names. Raises SourceError: unknown, ambiguous, or no revision at all."""
        if not rev or rev.startswith("-") or not rev.isprintable():
            raise SourceError(f"{rev!r} is no revision", help="give a branch, a tag or a commit")
        self._refuse_ambiguous(rev)
        try:
            found = self._commands.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
        except Stalled as error:
            raise _refusal(self.top, error.message) from error
        except GitFailed as error:
            raise (self._unborn() if rev == "HEAD" else self._unknown(rev)) from error
        return found.decode("ascii").strip()

    def merge_base(self, a: str, b: str) -> str:
        """The best common ancestor of two commits (full names); of several the first in name order."""
        return self.merge_bases(a, b)[0]

    def merge_bases(self, a: str, b: str) -> tuple[str, ...]:
        """Every best common ancestor of two commits (full names), in name order; several after criss-cross merges.

        Raises SourceError where there is none, and where a shallow clone hides what would be needed to be sure.
        """
        try:
            found = tuple(sorted(self._commands.run("merge-base", "--all", a, b).decode("ascii").split()))
        except GitFailed as error:
            if self.shallow:
                raise self._too_shallow(a, b) from error
            if error.status != 1:
                raise SourceError(
                    f"git cannot read the history: {error.message}", help="run `git fsck` there"
                ) from error
            raise SourceError(
                f"{a[:12]} and {b[:12]} have no common history", help="give a base that head was branched from"
            ) from error
        if self.shallow and found not in ((a,), (b,)) and self._cut_between(a, b):
            raise self._too_shallow(a, b)
        return found

    def history(self, count: int) -> tuple[str, ...]:
        """The last commits of this branch before HEAD (full names), newest first, at most `count`; none before the first."""
        try:
            listed = self._commands.run("rev-list", "--first-parent", f"--max-count={count}", "HEAD", "--")
        except GitFailed:
            return ()
        return tuple(listed.decode("ascii").split())

    def remote(self) -> str:
        """The address of the remote `origin`, as configured: it may hold a password. Empty where there is none."""
        try:
            return text(self._commands.run("config", "--get", "remote.origin.url")).strip()
        except GitFailed:
            return ""

    def tree_id(self, commit: str) -> str:
        """The name of a commit's tree: equal names mean equal files. Raises SourceError where it cannot be told."""
        try:
            found = self._commands.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{tree}}")
        except GitFailed as error:
            message = f"commit {commit[:12]} cannot be read: {error.message or 'an object of it is missing'}"
            raise SourceError(message, help="run `git fsck` in the repository") from error
        return found.decode("ascii").strip()

    def tree(self, commit: str) -> CommitTree:
        """The files of a commit, by its full name."""
        return CommitTree(self._commands, self._blobs, commit, self._limits, self._listed)

    def working_tree(self) -> WorkingTree:
        """The files on disk. Raises SourceError in a bare repository."""
        if self.bare:
            raise SourceError(f"{self.top} is a bare repository and has no working tree", help="give --head")
        return WorkingTree(self._commands, self._blobs, self.top, self.algorithm, self._limits)

    def _unknown(self, rev: str) -> SourceError:
        return SourceError(f"unknown revision {rev!r} in {self.top}", help=self._how_to_fetch(rev))

    def _unborn(self) -> SourceError:
        """HEAD names no commit: nothing was committed yet, or its branch is gone."""
        try:
            branch = text(self._commands.run("symbolic-ref", "--quiet", "HEAD")).strip()
            others = self._commands.run("for-each-ref", "--count=1", "--format=%(refname)")
        except GitFailed:
            return self._unknown("HEAD")
        if not others:
            return SourceError(f"{self.top} has no commit yet", help="commit something, or leave it out")
        return SourceError(
            f"HEAD of {self.top} is {branch}, which is not there", help="name a revision, or check one out"
        )

    def _refuse_ambiguous(self, rev: str) -> None:
        """A short name of several refs: git takes the tag, so whoever may push a tag could choose the base."""
        short = _OPERATORS.split(rev, maxsplit=1)[0]
        if not short or short == "HEAD" or _FULL.fullmatch(short):  # HEAD itself comes before every ref of its name
            return
        full = {f"refs/{namespace}{short}" for namespace in _NAMESPACES}
        try:
            listed = self._commands.run("for-each-ref", "--format=%(refname)", *sorted(full)).splitlines()
        except GitFailed as error:
            raise SourceError(
                f"git cannot read the branches of {self.top}: {error.message}", help="run `git fsck` there"
            ) from error
        found = sorted(full & {text(line) for line in listed})
        if len(found) > 1 or (found and _ABBREVIATED.fullmatch(short)):
            also = "" if len(found) > 1 else " or an abbreviated commit"
            raise SourceError(
                f"revision {rev!r} is ambiguous: {', '.join(found)}{also}",
                help=f"write the full name, such as {found[0]}",
            )

    def _cut_between(self, a: str, b: str) -> bool:
        """Whether the history that only one of two commits has is cut off: what is hidden may hold a better merge base."""
        shallow = os.fsdecode(self._commands.run("rev-parse", "--git-path", "shallow")).removesuffix("\n")
        boundary = set((self.top / shallow).read_text("ascii").split())
        limits = self._limits
        between = self._commands.run("rev-list", f"{a}...{b}", limit=limits.listing_bytes).decode("ascii").split()
        return not boundary.isdisjoint(between)

    def _too_shallow(self, a: str, b: str) -> SourceError:
        return SourceError(
            f"this clone is shallow: the history between {a[:12]} and {b[:12]} is not in it",
            help=deepen(self._commands),
        )

    def _how_to_fetch(self, rev: str) -> str:
        return fetch(self._commands, rev, shallow=self.shallow)


def open_repository(path: Path, limits: Limits = DEFAULT) -> Repository:
    """The repository that `path` (a folder or file) belongs to, found as git finds it. Bare ones included.

    Raises NotARepository, and SourceError for one that cannot be read (another owner, damaged, no git on this machine).
    """
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        raise SourceError(f"{path} does not exist", help="give a folder, or a file in a repository")
    if not _may_be_in_one(folder):
        raise _refusal(path, "not a git repository (or any of the parent directories): .git")
    try:
        return _open(folder, limits)
    except GitFailed as error:
        raise _refusal(path, error.message) from error


def _may_be_in_one(folder: Path) -> bool:
    """Whether git has to be asked: a plain folder needs neither its process nor the 0.1 s that importing GitPython takes."""
    if "GIT_DIR" in os.environ:
        return True
    real = Path(os.path.realpath(folder))
    return any(
        os.path.lexists(each / ".git") or (os.path.lexists(each / "HEAD") and os.path.lexists(each / "objects"))
        for each in (real, *real.parents)
    )


def _open(folder: Path, limits: Limits) -> Repository:
    commands = Commands(folder, seconds=limits.git_seconds)
    asked = ("--is-bare-repository", "--is-inside-work-tree", "--is-shallow-repository", "--show-object-format")
    answer = commands.run("rev-parse", *asked, "--absolute-git-dir")
    bare, inside, shallow, algorithm, git_dir = os.fsdecode(answer).split("\n", 4)
    if inside == "true":
        top = os.fsdecode(commands.run("rev-parse", "--show-toplevel")).removesuffix("\n")
    elif bare == "true":
        top = git_dir.removesuffix("\n")
    else:
        raise SourceError(f"{folder} is inside a git directory", help="give the folder that the repository stands in")
    _refuse_committed(folder, Path(os.path.realpath(git_dir.removesuffix("\n"))), limits)
    return Repository(
        Commands(Path(top), seconds=limits.git_seconds),
        Path(top),
        bare=bare == "true",
        shallow=shallow == "true",
        algorithm=algorithm,
        limits=limits,
    )


def _refuse_committed(folder: Path, git_dir: Path, limits: Limits) -> None:
    """A bare repository among the files of another one: a commit can hold such a folder, and git would take it for ours.

    Its author would choose every revision in it, base and the rules of base too. A `.git` cannot be committed, so only a
    git directory that `folder` itself lies in is meant.
    """
    if not Path(os.path.realpath(folder)).is_relative_to(git_dir):
        return
    try:
        Commands(git_dir.parent, seconds=limits.git_seconds).run("rev-parse", "--git-dir")
    except GitFailed as error:
        if "not a git repository" in error.message:
            return
        raise
    raise SourceError(
        f"{git_dir} is a repository inside of another one's files: whoever wrote those would choose the base and its rules",
        help="remove it, or give the top of the outer repository; for a mirror of your own set GIT_CEILING_DIRECTORIES",
    )


def _refusal(path: Path, message: str) -> SourceError:
    if "dubious ownership" in message:
        return SourceError(
            f"git does not trust {path}: it belongs to another user",
            help=f"if you trust it: git config --global --add safe.directory {path.resolve()}",
        )
    if "not a git repository" in message:
        return NotARepository(f"{path} is not in a git repository", help="give a folder of a clone, or `git init` one")
    return SourceError(f"git cannot read {path}: {message}", help="run `git status` there")
