"""`auditor schema [NAME]`: the JSON schemas of what the program reads and writes, for editors and other programs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any, Final

from auditor.cli.options import Environment
from auditor.model.report import Exit


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "schema",
        help="the JSON schemas of what the program reads and writes",
        description="Print a JSON schema (draft 2020-12 unless it says otherwise); without a name, list all of them.",
    )
    parser.add_argument("name", nargs="?", choices=tuple(SCHEMAS), metavar="NAME", help=f"one of {', '.join(SCHEMAS)}")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace, _environment: Environment) -> Exit:
    """Print one schema, or the list of them."""
    from auditor.cli.streams import print_out
    from auditor.report.escape import json_text

    if options.name is None:
        print_out("".join(f"{name:12} {what}\n" for name, (what, _) in SCHEMAS.items()))
    else:
        _, schema = SCHEMAS[options.name]
        print_out(json_text(schema()))
    return Exit.CLEAN


def _config() -> Any:
    from auditor.config.schema import json_schema

    return json_schema()


def _report() -> Any:
    from auditor.report.json_v1 import SCHEMA_FILE

    return json.loads(SCHEMA_FILE.read_text("utf-8"))


def _kinds() -> Any:
    from auditor.rulebook import folder

    return json.loads((folder("kinds") / "schema.json").read_text("utf-8"))


def _webhook() -> Any:
    from auditor.publish.webhook import SCHEMA_FILE

    return json.loads(SCHEMA_FILE.read_text("utf-8"))


def _repositories() -> Any:
    from auditor.fleet.repositories_file import json_schema

    return json_schema()


SCHEMAS: Final[dict[str, tuple[str, Callable[[], Any]]]] = {
    "config": ("auditor.yaml", _config),
    "report": ("what -f json writes, and auditor report and publish read", _report),
    "kinds": ("tables of kinds that hold images: manifests.kinds", _kinds),
    "repositories": ("the file of auditor audit --repos, written as YAML or JSON", _repositories),
    "webhook": ("what --notify webhook=URL posts", _webhook),
}
"""Name → what it describes, and where it comes from."""
