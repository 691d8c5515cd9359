"""`auditor baseline`: record what is found today, so that only what is new fails."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from auditor.cli.options import Environment, add_network_options, add_render_option
from auditor.errors import UsageError
from auditor.model.report import Exit

if TYPE_CHECKING:
    from auditor.edit.baseline import Recorded


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "baseline",
        help="record today's findings in .auditor-baseline.json",
        description=(
            "Judge the whole tree and record what is found in .auditor-baseline.json: it stays visible, and fails nothing. Another "
            "tag of an image is another finding. What could not be judged, what is waived and what is revoked is not recorded."
        ),
    )
    parser.add_argument("path", nargs="?", default=".", metavar="PATH", help="a folder or repository")
    parser.add_argument("--check", action="store_true", help="write nothing: exit 1 if entries no longer occur")
    parser.add_argument("--prune", action="store_true", help="only remove entries that no longer occur; add none")
    parser.add_argument("--dry-run", action="store_true", help="write nothing: print a diff that `git apply` takes")
    parser.add_argument("--force", action="store_true", help="also replace a file that is modified and not committed")
    parser.add_argument("--config", metavar="FILE", help="rules file")
    add_render_option(parser)
    add_network_options(parser)
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace, environment: Environment) -> Exit:
    """Record, prune, or tell what no longer occurs."""
    from auditor import pipeline
    from auditor.cli import sources
    from auditor.cli.streams import tell
    from auditor.cli.writing import rules_place
    from auditor.config.surroundings import BASELINE_FILE
    from auditor.edit import baseline

    if options.path == "-":
        raise UsageError("standard input has no baseline", help="give a folder or a repository")
    world = sources.world(options, environment)
    with sources.open_target(options, base=None, head=None, standard_input=sys.stdin.buffer) as (change, rules_file):
        top, _ = rules_place(options.config, change, rules_file)
        before = rules_file.read(BASELINE_FILE)
        report = pipeline.check(change, rules_file, world)
        old, today = baseline.read(before), baseline.recordable(report.findings)
        untold = sum(each.rule == baseline.UNTOLD and each.waived is None for each in report.findings)
        for note in report.run.notes:
            tell(note)
        if untold:
            tell(f"{untold} findings are not recorded and none is removed: the images could not be judged; run again")
            today |= frozenset(each for each in old if _inside(each, change.scope))
        prune = options.prune or options.check
        entries = baseline.merged(old, today, lambda each: _inside(each, change.scope), prune=prune)
        if options.check:
            return _gone(old, entries, untold)
        _deliver(options, change, top, before, baseline.written(entries))
        _tell_counts(old, entries)
    return Exit.INCOMPLETE if untold else Exit.CLEAN


def _gone(old: frozenset[Recorded], entries: frozenset[Recorded], untold: int) -> Exit:
    """Tell what no longer occurs."""
    from auditor.cli.streams import print_out
    from auditor.report.escape import terminal_line, terminal_text

    names = {each.fingerprint for each in entries}
    gone = sorted((each for each in old if each.fingerprint not in names), key=lambda each: each.order)
    lines = (f"{each.rule} {each.image or each.file or ''} ({each.fingerprint}) no longer occurs" for each in gone)
    print_out("".join(f"{terminal_line(terminal_text(line))}\n" for line in lines))
    if gone:
        return Exit.FINDINGS
    return Exit.INCOMPLETE if untold else Exit.CLEAN


def _deliver(options: argparse.Namespace, change: Any, top: Any, before: bytes | None, after: bytes) -> None:
    from auditor.cli.writing import save, show_diff
    from auditor.config.surroundings import BASELINE_FILE
    from auditor.edit.diff import whole
    from auditor.edit.write import Rewrite

    if options.dry_run:
        show_diff(whole(BASELINE_FILE, before, after))
    elif after != before:
        save(top, change, {BASELINE_FILE: Rewrite(before, after)}, force=options.force)


def _tell_counts(old: frozenset[Recorded], entries: frozenset[Recorded]) -> None:
    from auditor.cli.streams import tell
    from auditor.config.surroundings import BASELINE_FILE

    had, has = {each.fingerprint for each in old}, {each.fingerprint for each in entries}
    tell(f"{BASELINE_FILE}: {len(has)} findings, {len(has - had)} new, {len(had - has)} no longer there")


def _inside(entry: Recorded, scope: str) -> bool:
    """Whether a run over `scope` would see the finding again; what says no place is only judged by a run over everything."""
    from auditor.source.tree import is_below

    return not scope or any(is_below(path, scope) for path in (entry.file, entry.root) if path)
