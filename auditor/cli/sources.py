"""From arguments to what a run works on: the trees, the rules file, and everything else that is given to it."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from msgspec.structs import replace

from auditor.cli.options import Environment, check_network_options
from auditor.config.load import RULES_FILES
from auditor.errors import SourceError, UsageError
from auditor.limits import DEFAULT
from auditor.model.finding import Level
from auditor.rules_file import RulesFile, read_rules
from auditor.source.change import Change, open_change
from auditor.source.files import Folder
from auditor.source.memory import MemoryTree
from auditor.source.tree import Unreadable, is_below
from auditor.stopwatch import Stopwatch
from auditor.world import World

if TYPE_CHECKING:
    from auditor.manifests.render.tools import Renderers
    from auditor.policies.versions import Versions
    from auditor.registry.store import CacheSettings

_STANDARD_INPUT: Final = "-"
_STANDARD_INPUT_NAME: Final = "standard-input.yaml"
_FORK: Final = "nothing was rendered, because the change comes from a fork: --render require renders it all the same"


def world(options: argparse.Namespace, environment: Environment, *, fork: bool = False) -> World:
    """Clock, environment and bounds of this run. What comes from a fork is rendered only where that is required."""
    render = "never" if getattr(options, "image", None) else getattr(options, "render", "never")
    fork = fork and render == "auto"
    renderers = _renderers("never" if fork else render, environment)
    return World(
        environ=environment.variables,
        now=datetime.now(UTC),
        watch=Stopwatch(time.monotonic, environment.progress),
        offline=getattr(options, "offline", False),
        second_opinion=getattr(options, "second_opinion", False),
        cache=_cache(options),
        jobs=getattr(options, "jobs", None) or DEFAULT.connections,
        fail_on=getattr(options, "fail_on", Level.ERROR),
        exit_zero=getattr(options, "exit_zero", False),
        renderers=renderers,
        charts=_charts(options, renderers, fork=fork),
        notes=(_FORK,) if fork else (),
        versions=_versions(options),
    )


def _charts(options: argparse.Namespace, renderers: Renderers | None, *, fork: bool) -> Path | None:
    """Where fetched charts are kept; None where none are fetched. Raises UsageError where nothing would render them."""
    if not getattr(options, "fetch_charts", False) or fork:
        return None
    from auditor.fetching import charts_folder

    return charts_folder(renderers)


def _versions(options: argparse.Namespace) -> Versions | None:
    """The engines' versions; None for a command that judges by no policy."""
    if not hasattr(options, "kyverno"):
        return None
    from auditor.policies.versions import Kyverno, Versions

    return Versions(Kyverno(options.kyverno))


def _cache(options: argparse.Namespace) -> CacheSettings | None:
    """What may be kept; None for a command that asks no registry."""
    if not hasattr(options, "tag_ttl"):
        return None
    from auditor.folders import cache_folder
    from auditor.registry.store import CacheSettings

    check_network_options(options)
    return CacheSettings(cache_folder("registry"), options.tag_ttl, options.listing_ttl, refresh=options.refresh)


def _renderers(render: str, environment: Environment) -> Renderers | None:
    """The programs that render what the tree deploys. Raises UsageError where they are required and missing."""
    if render == "never":
        return None  # and the floor of rendering is not loaded
    from auditor.manifests.render.tools import renderers_for

    return renderers_for(render, environment.variables)


def here() -> Path:
    """The current folder. Raises UsageError where it was removed meanwhile."""
    try:
        return Path.cwd()
    except OSError as error:
        raise UsageError("the current folder is gone", help="change to a folder that exists") from error


@contextmanager
def open_target(
    options: argparse.Namespace,
    *,
    base: str | None,
    head: str | None,
    standard_input: BinaryIO,
    rules: str | None = None,
    notes: tuple[str, ...] = (),
) -> Iterator[tuple[Change, RulesFile]]:
    """The trees that PATH, base and head name, and where the rules are read from.

    `rules` is a revision whose rules judge a head that is compared with nothing. `notes` are told in the report.
    """
    piped = options.path == _STANDARD_INPUT
    if piped and (base or head):
        raise UsageError("standard input has no revisions", help="leave out --base, --head and --rev, or give a path")
    here()
    path = Path("." if piped else options.path)
    if not path.exists():
        raise UsageError(f"{options.path} does not exist", help="give a folder, a repository, or - for standard input")
    with open_change(path, base, head) as opened:
        change = _completed(opened, rules, notes)
        rules_file = _rules_file(options.config, change)
        yield (Change(head=_read(standard_input), notes=change.notes), rules_file) if piped else (change, rules_file)


def _completed(change: Change, rules: str | None, notes: tuple[str, ...]) -> Change:
    """The change with what was found out about it: whose rules judge it, and what to tell. Raises UsageError."""
    if notes and change.scope and not any(is_below(path, change.scope) for path in change.head.entries()):
        raise UsageError(
            f"the commit that the CI names has no {change.scope}",
            help="--ci never judges the files as they lie there; or give --base and --head",
        )
    told = replace(change, notes=(*change.notes, *notes))
    if rules is None or change.repository is None:
        return told
    return replace(told, base=change.repository.tree(change.repository.commit(rules)))


def _read(standard_input: BinaryIO) -> MemoryTree:
    content = standard_input.read(DEFAULT.file_bytes + 1)
    if len(content) > DEFAULT.file_bytes:
        raise UsageError(
            f"standard input is larger than {DEFAULT.file_bytes >> 20} MiB",
            help="split the manifests over several runs",
        )
    return MemoryTree({_STANDARD_INPUT_NAME: content}, _STANDARD_INPUT)


def _rules_file(config: str | None, change: Change) -> RulesFile:
    """Inside the repository the rules come from base; a file elsewhere is read where it is, with what it names."""
    path = _below(change, Path(config)) if config is not None else None
    if config is not None and path is None:
        return outside(Path(config), change)
    if change.base is None:
        return RulesFile(partial(read_rules, change.head), path)
    old = tuple(partial(read_rules, tree) for tree in change.merge_bases)
    return RulesFile(partial(read_rules, change.base), path, partial(read_rules, change.head), old)


def _below(change: Change, config: Path) -> str | None:
    """The path of a rules file relative to the tree; None where it lies outside.

    Symlinks below the top are not followed here: they are head's, and base may have other ones, or none.
    """
    top = _top(change)
    if top is None:
        return config.as_posix() if not config.is_absolute() and not config.exists() else None
    absolute = Path(os.path.abspath(config))  # noqa: PTH100 - `resolve` would follow symlinks
    above = next((folder for folder in reversed(absolute.parents) if _same(folder, top)), None)
    if above is not None:
        return absolute.relative_to(above).as_posix()
    relative = os.path.relpath(os.path.realpath(config), os.path.realpath(top))
    return None if relative.split(os.sep, 1)[0] == os.pardir else Path(relative).as_posix()


def _top(change: Change) -> Path | None:
    """The folder that the tree is; None for a commit of a bare repository."""
    if change.repository is None or change.repository.bare:
        return Path(change.head.label) if change.head_commit is None else None
    return change.repository.top


def _same(folder: Path, top: Path) -> bool:
    try:
        return folder.samefile(top)
    except OSError:
        return False


def outside(config: Path, change: Change | None = None) -> RulesFile:
    """A rules file that belongs to no tree. What it names is read beside it, but never from the change itself."""
    if not config.is_file():
        raise UsageError(f"there is no rules file {config}", help="check the path, or leave out --config")
    folder = config.resolve().parent
    read = _reader(folder)
    top = _top(change) if change is not None else None
    if change is None or change.base is None or top is None:
        return RulesFile(read, config.name)
    base = change.base

    def read_around(path: str) -> bytes | None:
        inside = os.path.relpath(folder / path, os.path.realpath(top))
        return read(path) if inside.split(os.sep, 1)[0] == os.pardir else read_rules(base, Path(inside).as_posix())

    return RulesFile(read_around, config.name)


def _reader(folder: Path) -> Callable[[str], bytes | None]:
    """Reads single files below a folder, without listing it and without following symlinks."""
    files = Folder(folder, DEFAULT.rules_bytes)

    def read(path: str) -> bytes | None:
        try:
            return files.read(path) if files.stat(path) is not None else None
        except Unreadable as error:
            raise SourceError(
                f"cannot read the rules: {error}", help="make it a plain file, no link, that can be read"
            ) from error

    return read


def rules_found_upward(options: argparse.Namespace) -> RulesFile:
    """`--config`, else the nearest rules file in this folder or one above it, up to the top of the repository."""
    if options.config is not None:
        return outside(Path(options.config))
    start = here()
    for folder in (start, *start.parents):
        if any((folder / name).is_file() for name in RULES_FILES):
            return RulesFile(_reader(folder))
        if (folder / ".git").exists():
            break
    return RulesFile(lambda _path: None)


def read_option(path: str | None, what: str) -> bytes | None:
    """A file that an option names; None where the option is not given."""
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read {what} {path}: {error.strerror}", help="check the path and its permissions"
        ) from error
