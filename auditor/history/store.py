"""The only door to SQLite: one file, its version, and what can be wrong with it, in words.

Writing is in transactions, so that a process that is killed, or a disk that is full, leaves the file as it was before. The
write-ahead log lets others read meanwhile. All methods may be called from several threads.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from auditor.errors import AuditorError
from auditor.history.steps import STEPS

Row: TypeAlias = tuple[Any, ...]

APPLICATION: Final = 0x61756468  # "audh"
"""`PRAGMA application_id`: a database of another program is never written to."""
_FULL: Final = {sqlite3.SQLITE_FULL}
_BROKEN: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_FORBIDDEN: Final = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_BUSY_SECONDS: Final = 10.0
"""How long a write waits for another process that moves the log into the file."""


class HistoryError(AuditorError):
    """The history cannot be read or written; the run ends with exit status 2."""


class Store:
    """An open history file. `close` it, or use it in `with`."""

    def __init__(self, path: Path, *, readonly: bool = False, steps: Sequence[Sequence[str]] = STEPS) -> None:
        """Open, and bring an older file up to date. Raises HistoryError; then nothing was changed.

        Read-only, it may be opened while an audit writes it. To be written, the file is created where there is none (mode 0600)
        and checked for damage.
        """
        self.path = path
        self._steps = steps
        self._lock = threading.RLock()
        if not readonly:
            _create(path)
        with self._told():
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?{_mode(path) if readonly else 'mode=rw'}",
                uri=True,
                timeout=_BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
        try:
            self._prepare(readonly=readonly)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, *, readonly: bool) -> None:
        version = self._recognise()
        if readonly:
            if version < len(self._steps):
                raise HistoryError(
                    f"the history {self.path} is of an older version", help="the next audit brings it up to date"
                )
            return
        damage = self.all("PRAGMA quick_check(1)")
        if damage != [("ok",)]:
            raise _broken(self.path, str(damage[0][0]))
        self.all("PRAGMA foreign_keys = ON")
        self.all("PRAGMA journal_mode = WAL")
        self.all("PRAGMA synchronous = NORMAL")  # whoever is killed loses nothing; a power cut, at most what came last
        self._migrate(version)

    def _recognise(self) -> int:
        """The version of the file, 0 for an empty one."""
        version: int = self.all("PRAGMA user_version")[0][0]
        application: int = self.all("PRAGMA application_id")[0][0]
        empty = not self.all("SELECT 1 FROM sqlite_master LIMIT 1")
        if not (empty and version == 0) and application != APPLICATION:
            raise HistoryError(
                f"{self.path} is a database of another program",
                help="give the history a file of its own (--history FILE)",
            )
        if version > len(self._steps):
            raise HistoryError(
                f"the history {self.path} was written by a newer version of auditor (format {version}; this one knows"
                f" {len(self._steps)})",
                help="update auditor, or give this version a history of its own (--history FILE)",
            )
        return version

    def _migrate(self, version: int) -> None:
        """All steps that are missing, or none."""
        if version == len(self._steps):
            return
        with self.writing():
            for statement in (each for step in self._steps[version:] for each in step):
                self.all(statement)
            self.all(f"PRAGMA application_id = {APPLICATION}")
            self.all(f"PRAGMA user_version = {len(self._steps)}")

    # ── statements ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def all(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """Every row of a statement."""
        with self._lock:
            try:  # not `_told`: an audit has tens of thousands of statements
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise _told(self.path, error) from error

    def one(self, statement: str, values: Sequence[object] = ()) -> Row | None:
        """The first row, None where there is none."""
        rows = self.all(statement, values)
        return rows[0] if rows else None

    def each(self, statement: str, values: Iterable[Sequence[object]]) -> None:
        """A statement once for each row of values."""
        with self._lock, self._told():
            self._connection.executemany(statement, values)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Everything inside, or nothing of it. May be nested: the outermost decides."""
        with self._lock:
            if self._is_writing():
                yield
                return
            self.all("BEGIN IMMEDIATE")
            try:
                yield
                self.all("COMMIT")
            except BaseException:
                if self._is_writing():  # some errors have rolled back by themselves
                    self._connection.rollback()
                raise

    def _is_writing(self) -> bool:
        return self._connection.in_transaction

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One moment of the file for several questions, whatever others write meanwhile."""
        with self._lock:
            self.all("BEGIN")
            try:
                yield
            finally:
                self._connection.rollback()

    def compact(self) -> None:
        """Write the file anew without its holes. Needs room for a copy."""
        self.all("VACUUM")
        self.all("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file; the log of what was written is moved into it."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """SQLite's errors in words, with what to do."""
        try:
            yield
        except sqlite3.Error as error:
            raise _told(self.path, error) from error


def _mode(path: Path) -> str:
    """How a file is opened that is only read: where we may not write beside it and no log is there, as one that nobody writes.

    SQLite would make its log there (sqlite.org/wal.html, "Read-Only Databases").
    """
    alone = not os.access(path.parent, os.W_OK) and not os.path.lexists(f"{path}-wal")
    return "mode=ro&immutable=1" if alone else "mode=ro"


def _create(path: Path) -> None:
    """An empty file that only its owner may read: it tells what runs where."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        os.close(descriptor)
    except OSError as error:
        raise HistoryError(
            f"the history {path} cannot be opened: {error.strerror}", help="check the path and its permissions"
        ) from error

    if not is_file:
        raise HistoryError(
            f"the history {path} is no file", help="name a file, or use --no-history to remember nothing"
        )


def _told(path: Path, error: sqlite3.Error) -> HistoryError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code of an extended one
    if code in _FULL:
        return HistoryError(
            f"there is no room left for the history {path}; it is as before the last step",
            help="make room, then run the audit again: it goes on where it was",
        )
    if code in _BROKEN:
        return _broken(path, str(error))
    if code in _FORBIDDEN:
        return HistoryError(f"the history {path} cannot be opened: {error}", help="check the path and its permissions")
    if code == sqlite3.SQLITE_BUSY:
        return HistoryError(
            f"the history {path} is in use by another program", help="close that program, and try again"
        )
    return HistoryError(f"the history {path}: {error}", help="check the disk; what was written before is kept")


def _broken(path: Path, what: str) -> HistoryError:
    return HistoryError(
        f"the history {path} is damaged, or is no history: {what}",
        help=f"move it away (with {path.name}-wal and {path.name}-shm) and audit anew: nothing overwrites it",
    )
