"""Reports of an audit leave the program: piece by piece, into files and folders, each whole or not at all."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from auditor.cli.options import Environment, split_format
from auditor.cli.output import rendering, unwritten, use_color, write_pieces
from auditor.cli.streams import print_out
from auditor.errors import AuditorError, UsageError

if TYPE_CHECKING:
    from auditor.history.recording import RecordedFleet
    from auditor.model.audit import Audited, Fleet
    from auditor.report.fleet.formats import Text
    from auditor.report.fleet.json_v1 import Draft

_SUFFIX: Final = ".before"


def destinations(options: argparse.Namespace) -> tuple[tuple[str, Path | None], ...]:
    """The formats asked for, with their files or folders (None: standard output). Checked before any work is done."""
    from auditor.report.fleet.formats import FOLDERS, TEXTS

    wanted = [split_format(text) for text in options.format]
    for name, place in wanted:
        if name not in TEXTS and name not in FOLDERS:
            raise UsageError(f"unknown format {name!r}", help=f"one of {', '.join((*TEXTS, *FOLDERS))}")
        if name in FOLDERS and place is None:
            raise UsageError(f"--format {name} of an audit is a folder", help=f"name it: -f {name}=FOLDER")
    if all(place for _, place in wanted) and not options.quiet:
        wanted.append(("table", None))
    if sum(place is None for _, place in wanted) > 1:
        raise UsageError("two formats cannot both go to standard output", help="write one into a file: -f json=FILE")
    places = [place for _, place in wanted if place]
    if len(set(places)) < len(places):
        raise UsageError("two formats into one place", help="give each format a file or folder of its own")
    for name, place in wanted:
        if name in FOLDERS and place is not None:
            _refuse_foreign(Path(place))
    return tuple((name, Path(place) if place else None) for name, place in wanted)


_OF_HISTORY: Final = ("", "-wal", "-shm", ".lock")
"""Endings of the files that are a history."""


def refuse_over(history: Path | None, wanted: tuple[tuple[str, Path | None], ...]) -> None:
    """Raise UsageError for a report that would take the place of the history."""
    if history is None:
        return
    own = {os.path.realpath(f"{history}{ending}") for ending in _OF_HISTORY}
    for name, place in wanted:
        if place is not None and os.path.realpath(place) in own:
            raise UsageError(f"--format {name}={place} would write over the history", help="name another file")


class Drafts:
    """Reports that are written while the audit goes on: JSON only. To be closed.

    Where there is no room for the temporary file, the report is written from the history at the end instead.
    """

    def __init__(self, wanted: tuple[tuple[str, Path | None], ...]) -> None:
        self._names: set[str] = set()
        self._draft: Draft | None = None
        if any(name == "json" for name, _ in wanted):
            from auditor.report.fleet.json_v1 import Draft

            with suppress(OSError):
                self._draft = Draft()

    def add(self, audited: Audited) -> None:
        """Take in a report that stays as it is."""
        if self._draft is None:
            return
        try:
            self._draft.add(audited)
        except OSError:
            self.close()
        self._names.add(audited.target.name)

    def complete(self, fleet: RecordedFleet) -> None:
        """Take in what was not added: what failed, and what an earlier process of the same run has done."""
        if self._draft is None:
            return
        try:
            self._draft.add_all(fleet.beside(self._names))
        except OSError:
            self.close()

    @property
    def texts(self) -> Mapping[str, Text]:
        """The formats that are ready to be written."""
        draft = self._draft
        return {} if draft is None else {"json": lambda fleet, _look: draft.pieces(fleet)}

    def close(self) -> None:
        """Give the temporary files back."""
        draft, self._draft = self._draft, None
        if draft is not None:
            draft.close()


def drafts(wanted: tuple[tuple[str, Path | None], ...]) -> closing[Drafts]:
    """Drafts of the formats that are asked for."""
    return closing(Drafts(wanted))


def deliver(
    fleet: Fleet,
    wanted: tuple[tuple[str, Path | None], ...],
    options: argparse.Namespace,
    environment: Environment,
    drafted: Mapping[str, Text] = MappingProxyType({}),
) -> None:
    """Write every format. What goes into files comes first: a reader of the table finds them there.

    Those that are `drafted` need not go through the fleet again.
    """
    from auditor.report.fleet.formats import FOLDERS, TEXTS

    texts = {**TEXTS, **drafted}
    look = rendering(options)
    for name, place in wanted:
        if place is not None and name in FOLDERS:
            write_folder(place, FOLDERS[name](fleet, look))
        elif place is not None:
            write_pieces(place, texts[name](fleet, look))
    written = tuple(str(place) for _, place in wanted if place is not None)
    on_screen = replace(look, color=use_color(options.color, environment, sys.stdout), details=written)
    for name, place in wanted:
        if place is None:
            _print(texts[name](fleet, on_screen))


def _print(pieces: Iterator[str]) -> None:
    for piece in pieces:
        print_out(piece)


def _refuse_foreign(folder: Path) -> None:
    """A folder is replaced as a whole: never one that holds what no report has written."""
    if folder.exists() and not (folder.is_dir() and ((folder / MARK).is_file() or not any(folder.iterdir()))):
        raise UsageError(
            f"{folder} is there, and no report of an audit", help="name a folder that is empty or not there yet"
        )


MARK: Final = ".auditor-report"
"""A file that tells a folder that reports may be written over."""


def write_folder(folder: Path, files: Iterator[tuple[str, Iterator[str]]]) -> None:
    """Write a folder beside its place, and put it there in one step. Raises UsageError where that cannot be done."""
    made: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        for name, pieces in files:
            write_pieces(made / name, pieces)
        (made / MARK).write_text("written by auditor; replaced as a whole by the next report\n", "utf-8")
        made.chmod(0o755)
        _put(made, folder)
    except AuditorError:  # a temporary file of the report, which says so itself
        raise
    except OSError as error:
        raise unwritten(folder, error, "choose a folder that you may write") from error
    finally:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)


def _put(made: Path, folder: Path) -> None:
    """A folder cannot be replaced by another in one step where it holds anything: the old one steps aside first."""
    _refuse_foreign(folder)
    if not folder.exists():
        made.rename(folder)
        return
    aside = folder.with_name(f".{folder.name}{_SUFFIX}")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    try:
        made.rename(folder)
    except OSError:
        aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)
