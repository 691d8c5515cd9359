"""From arguments to the targets of an audit."""

from __future__ import annotations

import argparse
from pathlib import Path

from auditor.cli.options import Environment
from auditor.errors import UsageError
from auditor.fleet.repositories_file import read_repositories
from auditor.fleet.targets import Chosen, Wish, parse_targets
from auditor.publish.organisations import Filters


def asked(options: argparse.Namespace, environment: Environment) -> Chosen:
    """Everything that the command line and its file of repositories name. Raises UsageError where that is nothing."""
    wishes = [Wish(text) for text in options.targets]
    if options.repos:
        wishes += read_repositories(Path(options.repos))
    if not wishes:
        raise UsageError("nothing to audit", help="name a folder, a repository, github:ORG, or --repos FILE")
    filters = Filters(tuple(options.topic), options.match, archived=options.archived, forks=options.forks)
    return parse_targets(wishes, environment.variables, filters)
