"""What a CI says about the job, put to use: which revisions `check` compares, where its files are shown, what it is called."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from auditor.cli.options import Environment
from auditor.errors import AuditorError, UsageError

if TYPE_CHECKING:
    from auditor.publish.ci.job import Job, Revisions


class Compared(Struct, frozen=True):
    """What `check` compares. `rules` is a revision whose rules judge a tree that is compared with nothing."""

    base: str | None
    head: str | None
    rules: str | None = None
    notes: tuple[str, ...] = ()
    fork: bool = False


def add_ci_option(parser: argparse.ArgumentParser) -> None:
    """Whether the CI is asked."""
    parser.add_argument(
        "--ci",
        choices=("auto", "never"),
        default="auto",
        help="without --base and --head: take them from the CI's environment (auto), or judge the whole tree (never)",
    )


def job(environment: Environment) -> str | None:
    """The CI job's name, so that two jobs on one pull request keep their comments and scans apart."""
    found = _detected(environment)
    return found.name if found else None


def _detected(environment: Environment) -> Job | None:
    from auditor.publish.ci.detect import detect

    return detect(environment.variables)


def compared(options: argparse.Namespace, environment: Environment) -> Compared:
    """What the options say, else what the CI says about the change it runs for. Raises UsageError where it cannot be told.

    A change must never be judged by its own rules because the CI was not understood: that is exit 2, not a whole tree.
    """
    asked = Compared(options.base, options.head)
    if options.base or options.head or options.image or options.path == "-" or options.ci == "never":
        found = _detected(environment) if options.ci == "auto" else None
        return Compared(options.base, options.head, fork=bool(found and found.fork))
    found = _detected(environment)
    if found is None or not (found.revisions or found.blind or found.whole):
        return asked
    if found.blind:
        raise UsageError(found.blind, help="give --base and --head; --ci never judges the whole tree by its own rules")
    return _chosen(found, Path(options.path))


def _chosen(found: Job, path: Path) -> Compared:
    """The first pair that this clone holds."""
    from auditor.source.git import open_repository

    missing: AuditorError | None = None
    try:
        repository = open_repository(path)
    except AuditorError as error:
        raise UsageError(
            f"{found.ci} runs for a change, and {path} is in no repository that holds it: {error.message}",
            help="--ci never judges the files as they lie there; or give --base and --head",
        ) from error
    try:
        for pair in found.revisions:
            try:
                if pair.witness and repository.commit(pair.witness[0]) != pair.witness[1]:
                    continue
                repository.commit(pair.base)
                return Compared(pair.base, repository.commit(pair.head), notes=_notes(found, pair), fork=found.fork)
            except AuditorError as error:
                missing = missing or error
        if found.whole:
            return Compared(None, found.commit, found.whole, _whole_notes(found), fork=found.fork)
    finally:
        repository.close()
    raise missing or UsageError(f"this clone holds no revision that {found.ci} names", help="give --base and --head")


def _notes(found: Job, pair: Revisions) -> tuple[str, ...]:
    told = f"{found.ci} says: head {pair.head[:12]}, base {pair.base[:12]}"
    if pair.base.endswith("^1"):
        told = f"{found.ci} says: head is the merge {pair.head[:12]}, base its first parent"
    return (told,)


def _whole_notes(found: Job) -> tuple[str, ...]:
    told = f"{found.ci} names no commit before this push, or one that is gone"
    return (f"{told}: the whole tree was judged, by the rules of {found.whole}",)
