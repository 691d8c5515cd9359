"""Files are written whole or not at all, and never over somebody else's work.

A temporary file in the same folder, synced, renamed; the mode is kept. Refused, before anything is written: what leads through
a symlink, what is read-only, what is not what was read, and what is modified in git (without `force`).
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from auditor.edit.diff import quoted
from auditor.errors import SourceError, UsageError
from auditor.limits import DEFAULT
from auditor.source.files import Folder
from auditor.source.git import Repository
from auditor.source.tree import Tree, Unreadable


class Rewrite(Struct, frozen=True):
    """What a file held when it was read (None: it was not there), and what it shall hold."""

    before: bytes | None
    after: bytes


def write_all(top: Path, rewrites: Mapping[str, Rewrite]) -> None:
    """Write files below `top`. Raises UsageError before the first rename where one of them may not be written."""
    folder = Folder(top, DEFAULT.file_bytes)
    ready: list[tuple[str, Path]] = []
    try:
        for path, rewrite in rewrites.items():
            ready.append((path, _prepared(top, folder, path, rewrite)))
        for path, temporary in ready:
            _refuse_changed(folder, path, rewrites[path])
            _rename(temporary, top / path)
    finally:
        for _, temporary in ready:
            temporary.unlink(missing_ok=True)


def modified(repository: Repository | None, rewrites: Mapping[str, Rewrite]) -> tuple[str, ...]:
    """The files that differ from the last commit; how lines end is git's business. New files are not modified."""
    if repository is None or repository.bare:
        return ()
    try:
        tree: Tree = repository.tree(repository.commit("HEAD"))
        known = tree.entries()
    except SourceError:  # no commit yet: there is nothing to fall back to, and nothing to be different from
        return ()
    return tuple(path for path, each in rewrites.items() if path in known and _differs(tree, path, each.before))


def refuse_modified(repository: Repository | None, rewrites: Mapping[str, Rewrite], *, force: bool) -> None:
    """Raises UsageError where a file holds what no commit has, unless `force`."""
    changed = () if force else modified(repository, rewrites)
    if changed:
        names = ", ".join(_name(path) for path in changed[:5]) + (" …" if len(changed) > 5 else "")
        raise UsageError(f"{names}: modified and not committed", help="commit or undo the changes, or give --force")


def _differs(tree: Tree, path: str, content: bytes | None) -> bool:
    try:
        committed = tree.read(path)
    except Unreadable:
        return True
    return content is None or committed.replace(b"\r\n", b"\n") != content.replace(b"\r\n", b"\n")


def _prepared(top: Path, folder: Folder, path: str, rewrite: Rewrite) -> Path:
    """The temporary file that will be renamed."""
    state = folder.stat(path)
    if state is None and (rewrite.before is not None or not folder.holds(path)):
        raise UsageError(f"{_name(path)} leads through a symlink, or is gone", help="give the folder that it leads to")
    if state is not None and not stat.S_ISREG(state.st_mode):
        raise UsageError(f"{_name(path)} is no plain file", help="edit what it leads to")
    if state is not None and not (state.st_mode & 0o222 and os.access(top / path, os.W_OK)):
        raise UsageError(
            f"{_name(path)} is read-only; nothing was written", help="make it writable, or edit it by hand"
        )
    _refuse_changed(folder, path, rewrite)
    try:
        return _temporary(top / path, rewrite.after, state)
    except OSError as error:
        raise UsageError(
            f"cannot write beside {_name(path)}: {error.strerror}; nothing was written",
            help="check the folder's permissions and the space left",
        ) from error


def _temporary(file: Path, content: bytes, state: os.stat_result | None) -> Path:
    handle, name = tempfile.mkstemp(prefix=".auditor-", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            os.fchmod(stream.fileno(), stat.S_IMODE(state.st_mode) if state else 0o644)
            if state is not None:
                with contextlib.suppress(PermissionError):  # only the superuser can give a file to somebody else
                    os.fchown(stream.fileno(), state.st_uid, state.st_gid)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _refuse_changed(folder: Folder, path: str, rewrite: Rewrite) -> None:
    try:
        now = folder.read(path) if folder.stat(path) is not None else None
    except Unreadable as error:
        raise UsageError(f"cannot read {_name(path)} again: {error}", help="run again") from error
    if now != rewrite.before:
        raise UsageError(f"{_name(path)} was changed meanwhile; it was left alone", help="run again")


def _rename(temporary: Path, file: Path) -> None:
    try:
        temporary.replace(file)
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}", help="check the folder's permissions") from error


def _name(path: str) -> str:
    return quoted(path).decode()
