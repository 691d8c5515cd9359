"""`auditor pin`: write the digests of verified images beside their tags, every other byte kept."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, Final

from auditor.cli.options import Environment, add_network_options, add_render_option
from auditor.errors import UsageError
from auditor.model.finding import Finding, Level
from auditor.model.report import Exit

if TYPE_CHECKING:
    from auditor.model.use import Use
    from auditor.pinning import Pinning
    from auditor.rules_file import RulesFile
    from auditor.source.change import Change
    from auditor.world import World

_NOTHING: Final = "nothing to pin: every image has a digest, or its rule says `pinned: ignore`"


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "pin",
        help="write tag@digest in place, for images that are verified",
        description=(
            "Rewrite the tags that the tree deploys to tag@digest, in manifests, kustomizations and Helm values; every other byte "
            "is kept. Only images that the rules accept are pinned. What cannot be edited safely is named with its line."
        ),
    )
    parser.add_argument("path", nargs="?", default=".", metavar="PATH", help="a folder or repository")
    parser.add_argument("--check", action="store_true", help="write nothing: exit 1 if anything is deployed by its tag")
    parser.add_argument("--dry-run", action="store_true", help="write nothing: print a diff that `git apply` takes")
    parser.add_argument("--any", action="store_true", dest="whatever", help="pin what no rule accepts, too")
    parser.add_argument("--force", action="store_true", help="also edit files that are modified and not committed")
    parser.add_argument("--config", metavar="FILE", help="rules file")
    add_render_option(parser)
    add_network_options(parser)
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace, environment: Environment) -> Exit:
    """Pin, show what would be pinned, or list what is not."""
    from auditor import pinning
    from auditor.cli import sources

    if options.check and options.dry_run:
        raise UsageError("--check lists, --dry-run shows edits", help="leave out one of them")
    if options.path == "-":
        raise UsageError("standard input has no files to edit", help="give a folder or a repository")
    world = sources.world(options, environment)
    with sources.open_target(options, base=None, head=None, standard_input=sys.stdin.buffer) as (change, rules_file):
        if options.check:
            found = pinning.find_unpinned(change, rules_file, world)
            return _listed(found.uses, found.holes)
        return _pinned(options, change, rules_file, world)


def _listed(uses: tuple[Use, ...], holes: tuple[Finding, ...]) -> Exit:
    from auditor.cli.streams import print_out, tell

    print_out("".join(f"{_line(use, 'not pinned')}\n" for use in uses))
    _tell_holes(holes)
    if uses:
        return Exit.FINDINGS
    tell(_NOTHING)
    return Exit.INCOMPLETE if holes else Exit.CLEAN


def _pinned(options: argparse.Namespace, change: Change, rules_file: RulesFile, world: World) -> Exit:
    from auditor import pinning
    from auditor.cli.streams import print_out, tell
    from auditor.cli.writing import save, show_diff, top_of
    from auditor.edit.diff import unified
    from auditor.edit.splice import spliced
    from auditor.edit.write import Rewrite

    top = top_of(change)
    made = pinning.pin(change, rules_file, world, whatever=options.whatever)
    splices = made.plan.splices
    before = made.plan.before  # and not as they are now: somebody may have written meanwhile
    if options.dry_run:
        show_diff(b"".join(unified(file, before[file], splices[file]) for file in splices))
    else:
        rewrites = {file: Rewrite(before[file], spliced(before[file], splices[file])) for file in splices}
        save(top, change, rewrites, force=options.force)
        ordered = sorted(made.plan.pinned.items(), key=lambda pair: pair[0].place)
        print_out("".join(f"{_line(use, f'pinned to {digest}')}\n" for use, digest in ordered))
    for use, why in sorted(made.left.items(), key=lambda pair: pair[0].place):
        tell(_line(use, f"not pinned: {why}"))
    if not splices and not made.left:
        tell(_NOTHING)
    for note in made.notes:
        tell(note)
    _tell_holes(made.holes)
    return _exit(made)


def _exit(made: Pinning) -> Exit:
    """1 where something stays unpinned, 3 where that is only because nobody could tell."""
    if made.left.keys() - made.unjudged:
        return Exit.FINDINGS
    return Exit.INCOMPLETE if made.unjudged or made.holes else Exit.CLEAN


def _tell_holes(holes: tuple[Finding, ...]) -> None:
    from auditor.cli.streams import tell

    for each in holes:
        if each.level is Level.INCOMPLETE:
            tell(f"{each.place}: could not be read for images: {each.message}")


def _line(use: Use, what: str) -> str:
    from auditor.report.escape import cut, terminal_line, terminal_text

    return terminal_line(terminal_text(f"{use.place}: {cut(use.reference, 500)} {what}"))
