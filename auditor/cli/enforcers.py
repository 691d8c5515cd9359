"""Where the policies are that `auditor verify` asks about an image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auditor.cli.sources import here, read_option
from auditor.errors import SourceError, UsageError
from auditor.source.change import open_change
from auditor.source.folder import FolderTree
from auditor.source.memory import MemoryTree
from auditor.source.tree import Tree


@contextmanager
def policies_here(path: str | None) -> Iterator[tuple[Tree | None, tuple[str, ...]]]:
    """The tree whose policies are asked about an image, and notes for the report: the tree at `path`, else the repository around.

    None outside of any repository. One that cannot be read is only noted, since nobody has asked for its policies.
    """
    if path is not None:
        yield _policies_at(Path(path)), ()
        return
    start = here()
    around = next((each for each in (start, *start.parents) if (each / ".git").exists()), None)
    if around is None:
        yield None, ()
        return
    try:
        change = open_change(around, None, None)
    except (SourceError, UsageError) as error:
        yield None, (f"the policies of {around} were not read: {error.message}",)
        return
    with change:
        yield change.head, ()


def _policies_at(path: Path) -> Tree:
    if path.is_dir():
        return FolderTree(path)
    content = read_option(str(path), "the policies")
    assert content is not None
    return MemoryTree({path.name: content}, str(path))
