"""`auditor explain RULE`: what a rule finds, why it matters, and how to fix it."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable
from typing import Any

from auditor.cli.options import Environment
from auditor.errors import UsageError
from auditor.model.report import Exit
from auditor.rulebook import files


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "explain",
        help="what a rule finds, why it matters, how to fix it",
        description="Print the page of a rule, or of the rule that a verdict breaks; without one, list all rules.",
    )
    parser.add_argument(
        "rule", nargs="?", metavar="RULE", help="the rule's slug, or a verdict: unsigned-image, unsigned"
    )
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace, _environment: Environment) -> Exit:
    """Print one page, or the list of rules."""
    from auditor.cli.streams import print_out

    pages = {page.stem: page for page in files("catalog", ".md")}
    if options.rule is None:
        headers = {slug: front_matter(page.read_text(encoding="utf-8")) for slug, page in pages.items()}
        print_out("".join(f"{slug:26} {header['level']:11} {header['title']}\n" for slug, header in headers.items()))
        return Exit.CLEAN
    from auditor.report.view import VERDICT_RULES

    rule = VERDICT_RULES.get(options.rule, options.rule)
    if rule not in pages:
        raise no_such_rule(options.rule, pages)
    text = pages[rule].read_text(encoding="utf-8")
    print_out(without_front_matter(text))
    return Exit.CLEAN


def no_such_rule(name: str, known: Iterable[str]) -> UsageError:
    """The error about a rule that is not there, with the one that may be meant: by a verdict, or by a misspelt name."""
    from auditor.model.verdict import Verdict
    from auditor.report.view import VERDICT_RULES

    if name in {each.value for each in Verdict if each not in VERDICT_RULES}:
        return UsageError(f"the verdict {name!r} breaks no rule", help="'auditor explain' lists all rules")
    meant = [rule for verdict, rule in VERDICT_RULES.items() if verdict.value == name]
    near = meant or difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return UsageError(f"there is no rule {name!r}", help=f"{hint}'auditor explain' lists all rules")


def front_matter(text: str) -> dict[str, str]:
    """The `key: value` lines between the two `---` of a page."""
    if not text.startswith("---\n"):
        return {}
    header = text[4:].partition("\n---\n")[0]
    pairs = (line.partition(":") for line in header.splitlines())
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


def without_front_matter(text: str) -> str:
    """The page for people to read."""
    return text[4:].partition("\n---\n")[2].lstrip("\n") if text.startswith("---\n") else text
