"""What commands that write files of a repository share: where the top is, the diff, and the write."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from auditor.cli.streams import print_out
from auditor.config.load import find
from auditor.edit.write import Rewrite, refuse_modified, write_all
from auditor.errors import UsageError
from auditor.report.escape import terminal_line, terminal_text
from auditor.rules_file import RulesFile
from auditor.source.change import Change


def top_of(change: Change) -> Path:
    """The folder that the paths of a tree are relative to. Raises UsageError where there is no working tree."""
    if change.repository is None:
        return Path(change.head.label)
    if change.repository.bare:
        raise UsageError("a bare repository has no files to edit", help="give a clone with a working tree")
    return change.repository.top


def rules_place(config: str | None, change: Change, rules_file: RulesFile) -> tuple[Path, str | None]:
    """The folder that the rules' paths are relative to, and the rules file's path; None where there is none."""
    top = top_of(change)
    path = rules_file.path or find(rules_file.read)
    if config is None or (path is not None and (top / path).exists() and (top / path).samefile(config)):
        return top, path
    return Path(config).resolve().parent, Path(config).name


def show_diff(diff: bytes) -> None:
    """A diff on standard output: as it is for a program, escaped for a terminal."""
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None or sys.stdout.isatty():
        text = diff.decode("utf-8", "replace")
        print_out(
            "".join(f"{terminal_line(terminal_text(line))}\n" for line in text.split("\n")[:-1]) if buffer else text
        )
        return
    try:
        buffer.write(diff)
        buffer.flush()
    except BrokenPipeError:
        print_out("")


def save(top: Path, change: Change, rewrites: Mapping[str, Rewrite], *, force: bool) -> None:
    """Write files, each whole or none at all. Raises UsageError."""
    inside = change.repository is not None and change.repository.top == top
    refuse_modified(change.repository if inside else None, rewrites, force=force)
    write_all(top, rewrites)
