"""Loosen each check of the signature floor in turn, and see whether a test notices.

    python -m tests.mutants [--jobs 2] [--only MODULE …] [--list]

Writes docs/mutants.md, from the last result of each module, once there is one for all modules as they are now. Fails if a mutant survives that `equivalent.py` does not explain, or one that it explains does not.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.loosen import Mutant, mutants
from tests.mutants.trial import PACKAGE, begin, run_tests

PROJECT: Final = Path(__file__).resolve().parents[2]
RESULT: Final = PROJECT / "docs" / "mutants.md"
LAST: Final = PROJECT / ".cache" / "mutants.json"
MODULES: Final = [
    *("verify", "recipe", "chain", "log", "log_entry", "sct", "timestamp", "statement", "simple_signing", "candidate"),
    *("bundle", "legacy", "envelope", "certificate", "encoding", "keys", "provenance", "sigstore_python"),
]
UNIT: Final = "tests/unit/signatures/test_"
QUICK: Final = (
    "candidate",
    "keys",
    "provenance",
    "certificate",
    "chain",
    "encoding",
    "log",
    "log_entry",
    "bundle",
    "legacy",
    "recipe",
    "accepted",
)
TESTS: Final = [
    *(f"{UNIT}{name}.py" for name in (*QUICK, "suite_cases", "attacks", "sigstore_python")),
    "tests/property/signatures/test_parsers.py",
]


def main() -> int:
    """Try them all."""
    options = _options()
    found = [mutant for module in options.only for mutant in mutants(module, _source(module))]
    if options.list:
        _say(*(mutant.name for mutant in found), f"{len(found)} mutants")
        return 0
    os.chdir(PROJECT)
    if run_tests(TESTS):
        _say("the tests fail without a mutant")
        return 2
    unchanged = Mutant("verify", "_loaded", "unchanged", ast.parse(_source("verify")))
    if _tried([unchanged], 1) != [unchanged]:
        _say("the tests fail in a second run, without a mutant")
        return 2
    survivors = _tried(found, options.jobs)
    _remember(options.only, survivors)
    return _judged(found, survivors)


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2, help="mutants at once")
    parser.add_argument("--only", nargs="+", choices=MODULES, default=MODULES, help="modules")
    parser.add_argument("--list", action="store_true", help="name the mutants and end")
    return parser.parse_args()


def _source(module: str) -> str:
    return (PROJECT / PACKAGE.replace(".", "/") / f"{module}.py").read_text()


def _stages(module: str) -> list[list[str]]:
    """The tests: those named for the module, where most mutants are noticed, then the quick ones, then the rest."""
    own = [file for file in TESTS if file == f"{UNIT}{module}.py"] or TESTS[-3:-2]
    quick = [file for file in TESTS[: len(QUICK)] if file not in own]
    return [own, quick, [file for file in TESTS if file not in (*own, *quick)]]


def _tried(found: Sequence[Mutant], jobs: int) -> list[Mutant]:
    running: dict[int, Mutant] = {}
    survivors, waiting = [], list(reversed(found))
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running[begin(mutant, _stages(mutant.module))] = mutant
        process, status = os.wait()
        mutant = running.pop(process)
        code = os.waitstatus_to_exitcode(status)
        if code not in {0, 1, -14}:
            raise SystemExit(f"{mutant.name}: the trial itself failed ({code})")
        if code == 0:
            survivors.append(mutant)
        _say(f"{'SURVIVED' if code == 0 else 'noticed'} {mutant.name}")
    return [mutant for mutant in found if mutant in survivors]


def _remember(modules: Sequence[str], survivors: Sequence[Mutant]) -> None:
    """Keep the result of each module, with the hash of its source; write the page if there is one for every module."""
    known = json.loads(LAST.read_text()) if LAST.is_file() else {}
    for module in modules:
        names = [mutant.name for mutant in survivors if mutant.module == module]
        known[module] = {"source": _hash(module), "survivors": names}
    LAST.parent.mkdir(exist_ok=True)
    LAST.write_text(json.dumps(known, indent=1))
    if all(known.get(module, {}).get("source") == _hash(module) for module in MODULES):
        every = [mutant for module in MODULES for mutant in mutants(module, _source(module))]
        lived = {name for module in MODULES for name in known[module]["survivors"]}
        RESULT.write_text(_page(every, [mutant for mutant in every if mutant.name in lived]))


def _hash(module: str) -> str:
    return hashlib.sha256(_source(module).encode()).hexdigest()


def _judged(found: Sequence[Mutant], survivors: Sequence[Mutant]) -> int:
    lived = {mutant.name for mutant in survivors}
    unexplained = sorted(lived - EQUIVALENT.keys())
    stale = sorted({mutant.name for mutant in found if mutant.name in EQUIVALENT} - lived)
    for name in unexplained:
        _say(f"survived, unexplained: {name}")
    for name in stale:
        _say(f"explained, but noticed: {name}")
    _say(
        f"{len(found)} mutants, {len(found) - len(lived)} noticed, {len(lived)} survived, {len(unexplained)} unexplained"
    )
    return 1 if unexplained or stale else 0


def _page(found: Sequence[Mutant], survivors: Sequence[Mutant]) -> str:
    lines = [
        "# Loosened checks, and whether a test notices",
        "",
        "Made by `make mutants`: each refusal, check and bound of `auditor/signatures` is loosened in turn (`tests/mutants/loosen.py`),",
        "and the tests of the floor run until one fails. What survives must be explained.",
        "",
        "| module | mutants | noticed | survived |",
        "|---|--:|--:|--:|",
    ]
    for module in MODULES:
        mine = [mutant for mutant in found if mutant.module == module]
        lived = sum(mutant.module == module for mutant in survivors)
        lines.append(f"| `{module}` | {len(mine)} | {len(mine) - lived} | {lived} |")
    lines.append(f"| all | {len(found)} | {len(found) - len(survivors)} | {len(survivors)} |")
    lines += ["", "## Survivors", ""]
    lines += [
        f"- {mutant.name.replace(': ', ' · ', 1)}. {EQUIVALENT.get(mutant.name, '**not explained**')}"
        for mutant in survivors
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
