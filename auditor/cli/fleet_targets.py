"""From arguments to the targets of an audit."""

from __future__ import annotations

import argparse
from pathlib import Path

from auditor.cli.options import Environment
from auditor.errors import UsageError
from auditor.fleet.shards import Targets
from auditor.model.audit import Target


def asked(options: argparse.Namespace, environment: Environment) -> Targets:
    """Everything that the command line and its file of repositories name. Raises UsageError where that is nothing."""
    found = tuple(Target(Path(text).name, text) for text in options.targets)
    if not found:
        raise UsageError("nothing to audit", help="name a folder, a repository, github:ORG, or --repos FILE")
    return Targets(found)
