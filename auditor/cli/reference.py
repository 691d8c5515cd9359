"""The reference of the command line, written from the parser: `python -m auditor.cli.reference > docs/reference/cli.md`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from auditor.cli.main import parser
from auditor.cli.parsing import Parser, has_twin, twin

_HEAD = """\
# The command line

Written by `python -m auditor.cli.reference`; a test keeps it current.

The report goes to standard output, everything else to standard error. Options have long names and cannot be abbreviated.
Each has a twin in the environment, named in its row: `AUDITOR_FAIL_ON=warning` is `--fail-on warning`. A switch is off with
`0`, `false`, `no` or nothing; an option that may be repeated takes several values with white space between; the command line
wins. What the exit status says is in [exit-status.md](exit-status.md), what the formats hold in [formats.md](formats.md).

`auditor --version`, `auditor --man` and `auditor --completion bash|zsh|fish` print what they say, and end.
Progress is shown on standard error: a bar at a terminal, a line per phase that takes longer than a second where `CI` is set; nothing
with `--quiet`.
"""


def reference() -> str:
    """The whole page."""
    top = parser()
    sections = (section for name, command in top.commands().items() for section in _command(name, command))
    return "\n".join((_HEAD, *sections))


def _command(name: str, command: Parser) -> Iterator[str]:
    yield f"## `auditor {name}`\n"
    yield f"{command.description}\n"
    for group in command._action_groups:  # noqa: SLF001 - argparse has no public name for it
        rows = [_row(action) for action in group._group_actions if action.dest != "help"]  # noqa: SLF001
        if rows:
            yield from (_title(group), "| | | twin |", "|---|---|---|", *rows, "")
    for inner, parser_of_its_own in command.commands().items():
        yield from _command(f"{name} {inner}", parser_of_its_own)


def _title(group: argparse._ArgumentGroup) -> str:
    titles = {"positional arguments": "Arguments", "options": "Options"}
    title = titles.get(group.title or "", (group.title or "").capitalize())
    return f"### {title}\n"


def _row(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 or not action.option_strings else f" {_metavar(action)}"
    names = ", ".join(f"`{name}{value}`" for name in action.option_strings) or f"`{_metavar(action)}`"
    own = f"`{twin(action)}`" if action.option_strings and has_twin(action) else ""
    return f"| {names} | {_cell(action.help or '')} | {own} |"


def _metavar(action: argparse.Action) -> str:
    if action.choices is not None and action.metavar is None:
        return _cell("|".join(map(str, action.choices)))
    text = str(action.metavar or action.dest.upper())
    repeated = {"+": f"{text} …", "*": f"[{text} …]", "?": f"[{text}]"}
    return _cell(repeated.get(str(action.nargs), text))


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write(reference())
