"""`auditor waive`: add a waiver to the rules file; its comments, order and quotes stay as they are."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from typing import TYPE_CHECKING, Any

from auditor.cli.options import Environment
from auditor.cli.parsing import Listed, Several
from auditor.errors import UsageError
from auditor.model.report import Exit

if TYPE_CHECKING:
    from auditor.config.rules import Rules
    from auditor.edit.waiver import NewWaiver


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "waive",
        help="add a waiver with an owner, a reason and an end to the rules file",
        description="Add a waiver to the rules file. It counts for changes once it is merged into their base.",
    )
    parser.add_argument("image", metavar="IMAGE", help="an image, or a glob over normalised names")
    parser.add_argument("--until", required=True, type=_day, metavar="DATE", help="the last valid day, as 2027-01-31")
    parser.add_argument("--owner", required=True, metavar="OWNER", help="who answers for it")
    parser.add_argument("--reason", required=True, metavar="REASON", help="why it is needed")
    parser.add_argument(
        "--rule",
        action=Several,
        default=Listed(["unsigned-image"]),
        metavar="RULE",
        help="the rule that is waived (default unsigned-image); repeatable",
    )
    parser.add_argument("--config", metavar="FILE", help="rules file (default: that of the repository)")
    parser.add_argument("--dry-run", action="store_true", help="write nothing: print a diff that `git apply` takes")
    parser.add_argument("--force", action="store_true", help="also edit a file that is modified and not committed")
    parser.set_defaults(execute=execute, path=".")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2027-01-31") from error


def execute(options: argparse.Namespace, environment: Environment) -> Exit:
    """Add the waivers, if the rules file is still good with them."""
    from auditor.cli import sources
    from auditor.cli.streams import print_out
    from auditor.cli.writing import rules_place, save, show_diff
    from auditor.edit.diff import unified
    from auditor.edit.splice import spliced
    from auditor.edit.waiver import with_waivers
    from auditor.edit.write import Rewrite
    from auditor.rules_file import RulesFile

    world = sources.world(options, environment)
    waivers = _wanted(options, world.today)
    with sources.open_target(options, base=None, head=None, standard_input=sys.stdin.buffer) as (change, rules_file):
        top, path = rules_place(options.config, change, rules_file)
        if path is None:
            raise UsageError("there is no rules file to add a waiver to", help="write auditor.yaml first: version: 1")
        before = rules_file.read(path) or b""
        rules = rules_file.load(world.today, world.shared_rules)
        splice = with_waivers(before, path, waivers)
        after = spliced(before, [splice])
        read = rules_file.read
        edited = RulesFile(lambda name: after if name == path else read(name), path)
        _check(rules, edited.load(world.today, world.shared_rules), waivers)
        if options.dry_run:
            show_diff(unified(path, before, [splice]))
            return Exit.CLEAN
        save(top, change, {path: Rewrite(before, after)}, force=options.force)
        lines = splice.text.decode().strip("\r\n").splitlines()
        print_out("".join(f"{_escaped(line)}\n" for line in (f"{path}: added", *lines)))
    return Exit.CLEAN


def _wanted(options: argparse.Namespace, today: date) -> tuple[NewWaiver, ...]:
    from auditor.cli.explain import no_such_rule
    from auditor.config.levels import DEFAULT_LEVELS
    from auditor.edit.waiver import NewWaiver, pattern_of

    for rule in options.rule:
        if rule not in DEFAULT_LEVELS:
            raise no_such_rule(rule, DEFAULT_LEVELS)
    if options.until < today:
        raise UsageError(f"--until {options.until} is over", help="give a day that is still to come")
    for name in ("owner", "reason"):
        if not getattr(options, name).strip():
            raise UsageError(f"--{name} is empty", help="say it: the next reader will ask")
    return tuple(
        NewWaiver(pattern_of(options.image, rule), rule, options.until, options.owner, options.reason)
        for rule in dict.fromkeys(options.rule)
    )


def _check(before: Rules, after: Rules, waivers: tuple[NewWaiver, ...]) -> None:
    """The rules with the waivers say what they said, and the waivers. Raises UsageError."""
    # A block scalar at the end of a file without a last line end gets one: of a reason that is nothing.
    old = [(each.image.text, each.rule, each.until, each.owner, each.reason.rstrip()) for each in before.waivers]
    new = [(each.image.text, each.rule, each.until, each.owner, each.reason.rstrip()) for each in after.waivers]
    wanted = [(each.image, each.rule, each.until, each.owner, each.reason.rstrip()) for each in waivers]
    if sorted(new) != sorted([*old, *wanted]):
        raise UsageError("the rules file would not say what was meant; nothing was written", help="add it by hand")


def _escaped(line: str) -> str:
    from auditor.report.escape import terminal_line, terminal_text

    return terminal_line(terminal_text(line))
