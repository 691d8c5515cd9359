"""`auditor cache info|clear`: what registries' answers are kept on this machine, and how to be rid of them."""

from __future__ import annotations

import argparse
from typing import Any

from auditor.cli.options import Environment
from auditor.errors import SourceError
from auditor.model.report import Exit


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "cache",
        help="what is kept of registries' answers, charts, and shared rules",
        description=(
            "Signatures and manifests are kept by their digests, and hashed again whenever they are read. What a tag names and "
            "which signatures are listed is kept only under --tag-ttl and --listing-ttl. No verdict is kept."
        ),
    )
    parser.add_argument(
        "action", choices=("info", "clear"), metavar="info|clear", help="say how much there is, or remove it"
    )
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace, _environment: Environment) -> Exit:
    """Say how much is kept; or remove it, and say how much that was."""
    from auditor.cli.streams import print_out
    from auditor.folders import cache_folder
    from auditor.registry.store import Cache

    for folder in map(cache_folder, ("registry", "charts", "rules")):
        cache = Cache(folder)
        try:
            found = cache.clear() if options.action == "clear" else cache.info()
        except OSError as error:
            raise SourceError(f"{folder} cannot be cleared: {error.strerror}", help="check its permissions") from error
        removed = " removed from" if options.action == "clear" else " in"
        print_out(f"{found.entries} entries, {found.size / 1024:.0f} KiB{removed} {folder}\n")
    return Exit.CLEAN
