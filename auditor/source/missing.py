"""The files that a partial clone lacks, brought when they are needed: as many at once as are known to be needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from auditor.limits import Limits
from auditor.source.commands import Commands, GitFailed
from auditor.source.mirror_folder import MirrorFolder
from auditor.source.remote import Remote
from auditor.source.remote_faults import ended, refuses_object, unreachable
from auditor.source.transfer import Ended, TooLarge

_ASKED: Final = 256
"""Names of one question to git: fewer bytes than a pipe holds, so that neither side waits for the other."""


class Missing:
    """A `Supply` of blobs for the reading of one commit.

    `companions` are blobs that will most likely be read too; they are brought with the first that is missing. `everything`
    fetches the commit with all of its files, from a server that gives none alone.
    """

    def __init__(
        self,
        folder: MirrorFolder,
        remote: Remote,
        limits: Limits,
        everything: Callable[[], None],
    ) -> None:
        self.companions: Callable[[], Iterable[str]] | None = None
        self._folder = folder
        self._remote = remote
        self._limits = limits
        self._everything = everything
        self._known: set[str] = set()
        self._attempts = limits.fetched_alone
        self._lock = threading.Lock()

    def bring(self, names: Iterable[str]) -> None:
        """Have these, and with the first that is missing all that will be read. Raises SourceError where the remote fails."""
        with self._lock:
            missing = self._missing(names)
            if missing and self.companions is not None:
                companions, self.companions = self.companions, None
                missing += self._missing(companions())
            if missing:
                with self._folder.fetching(self._limits.fetch_seconds):
                    self._fetch(missing)

    def _missing(self, names: Iterable[str]) -> list[str]:
        """Those that are not there, of those that nobody has looked for yet."""
        asked = [name for name in dict.fromkeys(names) if name not in self._known]
        self._known.update(asked)
        return absent(self._folder.commands(), asked) if asked else []

    def _fetch(self, names: Sequence[str]) -> None:
        try:
            self._some(names, self._limits.fetch_bytes)
        except GitFailed as error:
            if not refuses_object(error.message):
                raise unreachable(self._remote.url, error.message) from error
            self._everything()
        except Ended as error:
            raise ended(self._remote.url, error) from error

    def _some(self, names: Sequence[str], most: int) -> None:
        """All of these; where they are too large together, each half. One that is too large alone is left out."""
        self._attempts -= 1
        try:
            self._remote.objects(names, max(most, self._limits.file_bytes))
        except TooLarge:
            if len(names) == 1:
                return
            if self._attempts < 0:
                raise
            middle = len(names) // 2
            self._some(names[:middle], most // 2)
            self._some(names[middle:], most // 2)


def absent(commands: Commands, names: Sequence[str]) -> list[str]:
    """Those objects that a repository has not."""
    found = []
    with commands.running("cat-file", "--batch-check=%(objectname)") as process:
        for start in range(0, len(names), _ASKED):
            some = names[start : start + _ASKED]
            process.stdin.write("".join(f"{name}\n" for name in some).encode("ascii"))
            process.stdin.flush()
            found += [name for name in some if process.stdout.readline().rstrip() != name.encode("ascii")]
    return found
