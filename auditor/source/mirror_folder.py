"""The folder of one mirror: a bare repository of ours, and who may write to it.

Beside the folder are two files that are locked and never removed: one while somebody fetches, the other, shared, while somebody
reads. What reads may be out of date; it may not be packed away.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from auditor.errors import SourceError
from auditor.source.commands import Commands, GitFailed, Network
from auditor.source.identity import SHA1
from auditor.source.remote import PARTIAL
from auditor.source.remote_faults import MAKE_ROOM, ended
from auditor.source.transfer import Bounds, Ended, Stopped, transfer

_WAIT_SECONDS: Final = 0.1
_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What a disk that is full says, or one of which we have used up our part."""
_PACKED_BYTES: Final = 1 << 40
"""What packing may write: no more than is there already."""
_WHOLE: Final = "auditor-whole"
"""A file in the mirror of a server that gives no single files: each commit is fetched with all of them."""


class MirrorFolder:
    """Where the mirror of one address is. `path` is the repository, which may not be there yet."""

    def __init__(self, folder: Path, url: str, stop: threading.Event) -> None:
        """`stop`: once it is set, whoever waits here or fetches is to end."""
        self.stop = stop
        self._key = hashlib.sha256(url.encode()).hexdigest()
        self._folder = folder
        self._url = url
        self.path = folder / self._key

    @contextmanager
    def fetching(self, seconds: float) -> Iterator[None]:
        """Nobody else fetches meanwhile. What fails leaves nothing that only takes room.

        Raises SourceError where somebody does for too long, the folder is not ours, or nothing can be written there.
        """
        self._make()
        with _opened(self._beside("lock")) as descriptor:
            until = time.monotonic() + seconds
            while not _locked(descriptor, fcntl.LOCK_EX):
                if self.stop.is_set():
                    raise ended(self._url, Stopped())
                if time.monotonic() > until:
                    raise SourceError(f"{self._url} is being fetched by another process", help="wait for it to end")
                time.sleep(_WAIT_SECONDS)
            try:
                yield
            except OSError as error:
                self._tidy()
                raise _unusable(self._folder, error) from error
            except BaseException:
                self._tidy()
                raise

    def read(self) -> int:
        """A descriptor; until it is closed nothing of this mirror is packed away."""
        descriptor = _open(self._beside("used"))
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        return descriptor

    def algorithm(self) -> str | None:
        """The object format of the mirror; None where there is none, or a broken one."""
        if not self.path.is_dir():
            return None
        try:
            return self.commands().run("rev-parse", "--show-object-format").decode("ascii").strip()
        except GitFailed:
            return None

    def commands(self) -> Commands:
        """Commands in the mirror."""
        return Commands(self.path, is_git_directory=True)

    def prepare(self, algorithm: str) -> bool:
        """Have a mirror of this format, and say whether it is a new one. Only while fetching."""
        if self.algorithm() == algorithm:
            self._tidy()
            return False
        self.remove()
        fresh = self._beside("new")
        shutil.rmtree(fresh, ignore_errors=True)
        made = ("init", "--quiet", "--bare", "--template=", f"--object-format={algorithm}", str(fresh.absolute()))
        Commands(self._folder).run(*made)
        fresh.rename(self.path)
        self._beside("address").write_text(self._url + "\n", "utf-8")
        return True

    def remove(self) -> None:
        """Away with the mirror. Only while fetching."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.path)

    def pack(self, most: int, seconds: float) -> None:
        """Put packs together if there are more than this, and nobody reads. Only while fetching."""
        if len(list(self.path.glob("objects/pack/*.pack"))) <= most:
            return
        with _opened(self._beside("used")) as descriptor:
            if _locked(descriptor, fcntl.LOCK_EX):
                command, bounds = ("gc", "--quiet", "--prune=now"), Bounds(self.path, seconds, _PACKED_BYTES, self.stop)
                with suppress(GitFailed, Ended):  # it is tried again the next time; what is there can be read as it is
                    transfer(self.commands(), command, Network((), PARTIAL), bounds)

    @property
    def whole(self) -> bool:
        """Whether its server gives no single files."""
        return (self.path / _WHOLE).exists()

    def set_whole(self) -> None:
        """Remember that it does not."""
        (self.path / _WHOLE).touch()

    def _tidy(self) -> None:
        """Remove what a fetch that was killed has left. Nobody else writes here, so every lock is of a dead process."""
        shutil.rmtree(self._beside("new"), ignore_errors=True)
        for pattern in ("*.lock", "refs/**/*.lock", "objects/pack/tmp_*", "objects/tmp_*", "objects/pack/.tmp-*"):
            for left in self.path.glob(pattern):
                with suppress(OSError):
                    left.unlink()

    def _make(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            owners = {path.lstat().st_uid for path in (self._folder, self.path) if os.path.lexists(path)}
        except OSError as error:
            raise _unusable(self._folder, error) from error
        if owners != {os.geteuid()}:
            raise SourceError(
                f"{self._folder} belongs to another user, who could put any repository there",
                help="set XDG_CACHE_HOME to a folder of your own",
            )

    def _beside(self, ending: str) -> Path:
        return self._folder / f"{self._key}.{ending}"


def _unusable(folder: Path, error: OSError) -> SourceError:
    """What no mirror can be made in, or brought up to date."""
    if error.errno in _ROOM:
        return SourceError(f"there is no room left in {folder}", help=MAKE_ROOM)
    return SourceError(
        f"{folder}: {error.strerror or error}", help="let XDG_CACHE_HOME name a folder that you may write to"
    )


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno in _ROOM:
            raise _unusable(path.parent, error) from error
        raise SourceError(f"{path} cannot be opened: {error.strerror}", help="check its permissions") from error


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = _open(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


OTHER: Final = {SHA1: "sha256", "sha256": SHA1}
"""The other object format."""
