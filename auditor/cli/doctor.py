"""`auditor doctor`: what a run will find on this machine, and what to do about it."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any, Final

from auditor.cli.options import Environment
from auditor.cli.parsing import Single
from auditor.errors import UsageError
from auditor.model.report import Exit

if TYPE_CHECKING:
    from auditor.doctor.checks import Check

SCHEMA: Final = "auditor-doctor/v1"


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "doctor",
        help="credentials, trust, renderers, clock, cache, rules: how they stand, and what to do",
        description=(
            "Look at everything that a run needs: git, renderers, extras, the cache, the CI, the rules, trust roots and their age, "
            "the credential of each registry (where it was found, never what it is), whether the registry answers, and the clock."
        ),
        epilog="Exit status: 0 all is well or only worth a warning, 1 something fails.",
    )
    parser.add_argument("path", nargs="?", default=".", metavar="PATH", help="a folder or repository")
    parser.add_argument("--config", metavar="FILE", help="rules file")
    parser.add_argument("--offline", action="store_true", help="ask nobody")
    parser.add_argument(
        "-f",
        "--format",
        action=Single,
        choices=("table", "json"),
        default="table",
        help="lines for people, or JSON (auditor-doctor/v1)",
    )
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace, environment: Environment) -> Exit:
    """Look at everything, and say how it stands."""
    from auditor.cli import sources
    from auditor.cli.streams import print_out
    from auditor.doctor.checks import State
    from auditor.doctor.examine import examine

    if options.path == "-":
        raise UsageError("standard input needs no doctor", help="give a folder or a repository")
    world = sources.world(options, environment)
    found = []
    with sources.open_target(options, base=None, head=None, standard_input=sys.stdin.buffer) as (change, rules_file):
        for check in examine(change, rules_file, world):
            found.append(check)
            if options.format == "table":
                print_out(_line(check))
    if options.format == "json":
        checks = [{"name": c.name, "state": c.state, "detail": c.detail, "help": c.help} for c in found]
        print_out(json.dumps({"schema": SCHEMA, "checks": checks}, indent=1) + "\n")
    return Exit.FINDINGS if any(check.state is State.FAIL for check in found) else Exit.CLEAN


def _line(check: Check) -> str:
    from auditor.report.escape import terminal_line, terminal_text

    lines = [f"{check.state:<5} {check.name}: {check.detail}"]
    if check.help:
        lines.append(f"      → {check.help}")
    return "".join(f"{terminal_line(terminal_text(line))}\n" for line in lines)
