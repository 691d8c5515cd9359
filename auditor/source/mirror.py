"""Remote repositories at a commit: mirrors in a folder of ours, brought up to date by fetch.

A mirror holds one commit of each ref that was asked for, without history; of its files those that were read. Reading it is
reading any repository: nothing that a server sends is run, checked out or asked for more than it gave.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from msgspec import Struct

from auditor.errors import SourceError
from auditor.limits import DEFAULT, Limits
from auditor.source.addresses import Address, Login, read_address
from auditor.source.commands import GitFailed
from auditor.source.git import Repository
from auditor.source.identity import SHA1
from auditor.source.mirror_folder import OTHER, MirrorFolder
from auditor.source.missing import Missing
from auditor.source.remote import Remote
from auditor.source.remote_faults import (
    ended,
    has_other_format,
    is_of_the_remote,
    names_no_ref,
    refuses_object,
    unreachable,
)
from auditor.source.transfer import Ended
from auditor.source.tree import Tree

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ABBREVIATED: Final = re.compile(r"[0-9a-f]{4,63}")
_REF: Final = re.compile(
    r"(?![-/.+])(?!.*(?:\.\.|//|@\{|/\.|\.lock(?:/|$)|[/.]$))[^\x00-\x20\x7f~^:?*\[\\]{1,250}", re.DOTALL
)
"""git-check-ref-format(1), and nothing that a command could take for an option or a refspec."""
_READ: Final = re.compile(r"\.(?:ya?ml|json|env|properties|sh|tpl)$", re.IGNORECASE)
"""What an audit reads: manifests, and what ConfigMaps are most often made from. Anything else is fetched when it is read."""


class EmptyRepository(SourceError):  # noqa: N818 - named for the thing
    """A repository without a commit: it deploys nothing."""


class Mirrored(Struct, frozen=True):
    """A remote repository, and the commit that was asked for. Close it, or use it as a context manager."""

    repository: Repository
    commit: str
    reader: int

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the git process that reads blobs, and let others pack the mirror."""
        self.repository.close()
        with suppress(OSError):  # closed before
            os.close(self.reader)


class Mirrors:
    """Mirrors in one folder. Safe to use from several threads and processes.

    `logins` by address or origin (`https://github.com`). `offline`: what a mirror holds is read, and nobody is asked.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits = DEFAULT,
        *,
        logins: Mapping[str, Login] | None = None,
        plain_http: bool = False,
        offline: bool = False,
    ) -> None:
        self._folder = folder
        self._limits = limits
        self._logins = logins or {}
        self._plain_http = plain_http
        self._offline = offline
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str | None], str] = {}

    def open(self, address: str, ref: str | None = None) -> Mirrored:
        """The repository at a branch, a tag, a full commit, or what its HEAD names; twice in a run it is the same commit.

        Raises SourceError: unreachable, no such ref, too large, too slow; EmptyRepository; UsageError for what is no address.
        """
        where = read_address(address, plain_http=self._plain_http)
        if ref is not None and not _REF.fullmatch(ref):
            raise SourceError(f"{ref!r} is no name of a branch, tag or commit", help="write it as `git branch -a` does")
        folder = MirrorFolder(self._folder, where.url, self._stop)
        opening = _Opening(folder, where, self._login(where), ref, self._limits)
        with opening.folder.fetching(self._limits.fetch_seconds):
            with self._lock:
                seen = self._seen.get((where.url, ref))
            commit = seen or (opening.held() if self._offline else opening.fetched())
            with self._lock:
                self._seen[where.url, ref] = commit
            return opening.mirrored(commit, offline=self._offline)

    def stop(self) -> None:
        """End every fetch, now and later: each raises FetchStopped."""
        self._stop.set()

    def _login(self, address: Address) -> Login | None:
        return address.login or self._logins.get(address.url) or self._logins.get(address.origin)


def _likely(tree: Tree) -> Iterable[str]:
    """The files that an audit of this tree reads, whatever is in them."""
    return [tree.content_id(path) for path in tree.entries() if _READ.search(path)]


class _Opening:
    """One mirror, one ref."""

    def __init__(
        self, folder: MirrorFolder, address: Address, login: Login | None, ref: str | None, limits: Limits
    ) -> None:
        self.folder = folder
        self._address = address
        self._login = login
        self._ref = ref
        self._limits = limits
        self._kept = f"refs/auditor/{hashlib.sha256((ref or '').encode('utf-8', 'surrogateescape')).hexdigest()[:32]}"

    def held(self) -> str:
        """The commit that was fetched last."""
        commit = self._resolved(self._ref if self._is_commit else self._kept)
        if commit is None:
            raise SourceError(
                f"{self._address.url} was not fetched before, and nothing is fetched offline", help="run it once online"
            )
        return commit

    def fetched(self) -> str:
        """The commit that the ref names now."""
        algorithm = self.folder.algorithm() or SHA1
        try:
            return self._fetched(algorithm)
        except GitFailed as error:
            raise self._failure(error) from error
        except Ended as error:
            raise ended(self._address.url, error) from error

    def mirrored(self, commit: str, *, offline: bool) -> Mirrored:
        """The mirror, for reading."""
        supply = None if offline else Missing(self.folder, self._remote(), self._limits, self._whole)
        repository = Repository(
            self.folder.commands(),
            self.folder.path,
            bare=True,
            shallow=True,
            algorithm=self.folder.algorithm() or SHA1,
            limits=self._limits,
            supply=supply,
        )
        if supply is not None:
            supply.companions = lambda: _likely(repository.tree(commit))
        return Mirrored(repository, commit, self.folder.read())

    def _fetched(self, algorithm: str) -> str:
        """Fetch into the mirror that there is, or into a new one where it is of no use."""
        is_new = self.folder.prepare(algorithm)
        self.folder.pack(self._limits.mirror_packs, self._limits.fetch_seconds)
        try:
            return self._update()
        except GitFailed as error:
            if has_other_format(error.message):
                self.folder.remove()
                self.folder.prepare(OTHER[algorithm])
            elif is_new or is_of_the_remote(error.message):
                raise
            else:  # the mirror may be damaged: it is only a copy
                self.folder.remove()
                self.folder.prepare(algorithm)
            return self._update()

    def _update(self) -> str:
        if self._is_commit and (held := self._resolved(self._ref)) is not None:
            return held
        remote = self._remote()
        source, there = self._source(remote)
        if there is not None and not self.folder.whole and (held := self._resolved(there)) is not None:
            self.folder.commands().run("update-ref", self._kept, there)
            return held
        remote.fetch(source, self._kept, whole=self.folder.whole)
        commit = self._resolved(self._kept)
        if commit is None:
            raise SourceError(f"{self._ref!r} is no commit in {self._address.url}", help="give a branch or a tag")
        return commit

    def _source(self, remote: Remote) -> tuple[str, str | None]:
        """What to fetch, and the object that it is there, where that is known."""
        if self._ref is None:
            return "HEAD", None
        if self._is_commit or self._ref.startswith("refs/"):
            return self._ref, None
        full = (f"refs/heads/{self._ref}", f"refs/tags/{self._ref}")
        found = remote.named(full)
        if len(found) > 1:
            raise SourceError(
                f"revision {self._ref!r} is ambiguous: {', '.join(full)}",
                help=f"write the full name, such as {full[0]}",
            )
        if not found:
            raise self._no_ref()
        return next(iter(found.items()))

    def _whole(self) -> None:
        """All files of the commit, from a server that gives none alone."""
        self.folder.set_whole()
        try:
            remote = self._remote()
            remote.fetch(self._source(remote)[0], self._kept, whole=True)
        except GitFailed as error:
            raise self._failure(error) from error
        except Ended as error:
            raise ended(self._address.url, error) from error

    def _remote(self) -> Remote:
        return Remote(self._address, self._login, self.folder.path, self._limits, self.folder.stop)

    @property
    def _is_commit(self) -> bool:
        return self._ref is not None and _COMMIT.fullmatch(self._ref) is not None

    def _resolved(self, rev: str | None) -> str | None:
        """The full name of the commit that a ref of ours, or an object, is; None where it is not here."""
        if not self.folder.path.is_dir():
            return None
        try:
            asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
            return self.folder.commands().run(*asked).decode("ascii").strip()
        except GitFailed:
            return None

    def _failure(self, error: GitFailed) -> SourceError:
        if names_no_ref(error.message):
            return self._no_ref() if self._ref is not None else self._no_head()
        if refuses_object(error.message) and self._is_commit:
            return self._no_ref()
        return unreachable(self._address.url, error.message)

    def _no_ref(self) -> SourceError:
        abbreviated = _ABBREVIATED.fullmatch(self._ref or "") and not self._is_commit
        return SourceError(
            f"{self._address.url} has no {self._ref!r}",
            help="give the full name of the commit" if abbreviated else "`git ls-remote` lists its branches and tags",
        )

    def _no_head(self) -> SourceError:
        try:
            empty = self._remote().is_empty()
        except (GitFailed, Ended):
            empty = False
        if empty:
            return EmptyRepository(f"{self._address.url} is empty", help="push a commit, or leave it out")
        return SourceError(
            f"the default branch of {self._address.url} is not there", help="set it on the server, or name a branch"
        )
