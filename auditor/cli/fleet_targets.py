"""From arguments to the targets of an audit."""

from __future__ import annotations

import argparse
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from auditor.cli.options import Environment
from auditor.errors import UsageError
from auditor.fleet.repositories_file import read_repositories
from auditor.fleet.targets import Chosen, Wish, parse_targets
from auditor.publish.organisations import Filters

if TYPE_CHECKING:
    from auditor.fleet.settings import Ruling


def asked(options: argparse.Namespace, environment: Environment) -> Chosen:
    """Everything that the command line and its file of repositories name. Raises UsageError where that is nothing."""
    wishes = [Wish(text) for text in options.targets]
    if options.repos:
        wishes += read_repositories(Path(options.repos))
    if not wishes:
        raise UsageError("nothing to audit", help="name a folder, a repository, github:ORG, or --repos FILE")
    filters = Filters(tuple(options.topic), options.match, archived=options.archived, forks=options.forks)
    return parse_targets(wishes, environment.variables, filters)


def rulings(chosen: Chosen, today: date, environment: Environment, *, offline: bool) -> tuple[Ruling, ...]:
    """The rules files that the file of repositories names, each loaded once. Raises ConfigurationError with all mistakes."""
    from auditor.cli.sources import outside
    from auditor.errors import ConfigurationError
    from auditor.extending import SharedRules
    from auditor.fleet.settings import Ruling

    targets: dict[Path, list[str]] = defaultdict(list)
    for name, path in chosen.configs.items():
        targets[path].append(name)
    shared = SharedRules(environment.variables, offline=offline)
    found, problems = [], []
    for path, names in sorted(targets.items()):
        rules_file = outside(path)
        try:
            loaded = rules_file.recorded(today, shared)
        except ConfigurationError as error:
            problems += [
                replace(each, file=str(path)) if each.file == rules_file.path else each for each in error.problems
            ]
            continue
        found.append(Ruling(rules_file.path, loaded.files, tuple(sorted(names))))
    if problems:
        raise ConfigurationError(tuple(problems))
    return tuple(found)
