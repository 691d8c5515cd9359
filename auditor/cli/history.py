"""`auditor history show|diff|compact`: what audits remember."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.cli.options import Environment
from auditor.cli.parsing import Single
from auditor.errors import UsageError
from auditor.model.report import Exit

if TYPE_CHECKING:
    from auditor.cli.history_views import View
    from auditor.history.reading import HistoryReader


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "history",
        help="past audits: runs, images, what differs between two",
        description=(
            "`show` lists the runs; `show IMAGE` tells in which repositories an image was seen, since when, with which verdict and "
            "signers (a bare name finds all of its tags, sha256:… whatever named that digest). `diff RUN RUN` tells what differs "
            "between two runs. `compact` gives back the room that is not used any more."
        ),
    )
    parser.add_argument("action", choices=("show", "diff", "compact"), metavar="show|diff|compact", help="what to do")
    parser.add_argument("what", nargs="*", metavar="IMAGE|RUN", help="an image for show, two numbers of runs for diff")
    parser.add_argument("--history", metavar="FILE", help="the history (default: in this user's state folder)")
    parser.add_argument(
        "-f", "--format", action=Single, choices=("table", "json"), default="table", help="how it looks"
    )
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace, _environment: Environment) -> Exit:
    """Answer one question, or compact."""
    from auditor.cli.streams import print_out
    from auditor.folders import history_file
    from auditor.history.reading import read_history

    path = Path(options.history) if options.history else history_file()
    if options.action == "compact":
        return _compact(path, options.what)
    with read_history(path) as history:
        view = _view(history, options.action, options.what)
    print_out(view.json() if options.format == "json" else view.table())
    return Exit.CLEAN


def _view(history: HistoryReader, action: str, what: list[str]) -> View:
    from auditor.cli import history_views

    if action == "diff":
        if len(what) != 2 or not all(each.isascii() and each.isdigit() and len(each) < 10 for each in what):
            raise UsageError("history diff takes the numbers of two runs", help="`auditor history show` lists them")
        return history_views.differences(history.difference(int(what[0]), int(what[1])))
    if len(what) > 1:
        raise UsageError("history show takes one image", help="ask for one after the other")
    return history_views.stays(history.image(what[0])) if what else history_views.runs(history.runs())


def _compact(path: Path, what: list[str]) -> Exit:
    from datetime import UTC, datetime

    from auditor.cli.streams import print_out
    from auditor.history.history import open_history
    from auditor.history.reading import compact, read_history

    if what:
        raise UsageError("history compact takes no argument", help="name the file with --history")
    with read_history(path):  # one that is not there is not made
        pass
    with open_history(path, now=datetime.now(UTC)) as history:
        before, after = compact(path, history.store)
    print_out(f"{path}: {before / 1024:.0f} KiB before, {after / 1024:.0f} KiB now\n")
    return Exit.CLEAN
