"""The page that sets our readings beside the engines, written from a run:

python -m tests.interop.policies.page > docs/reference/policy-engines.md
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tests.interop.policies.differences import Cell, cause, cells
from tests.interop.policies.stage import ATTESTED, IMAGES
from tests.interop.policies.tables import ACCEPTS, REFUSES, SILENT, UNKNOWN
from tests.interop.stack.programs import ROOT

PAGE: Final = ROOT / "docs" / "reference" / "policy-engines.md"
_SIGNS: Final = {ACCEPTS: "✓", REFUSES: "✗", SILENT: "·", UNKNOWN: "?"}
_INTRO: Final = """\
# Beside the policy engines

Written by `python -m tests.interop.policies.page` from what the engines said when they were run: `kyverno apply` 1.19.1,
policy-controller's `policy-tester` 0.13.1, `opa` 1.22.2 and `conftest` 0.71.1, on the same registry, images and policies as our own
reading, with nothing but loopback to ask. The policies are in `tests/interop/policies/*_cases.py` and `kyverno_bundles.py`, under
the names of the rows.

✓ lets the image in, ✗ refuses it, · does not speak about it, ? cannot be told by us. Where we say another thing than the engine the
cell holds both, the engine's first, and a number says why. In no cell do we let in what the engine refuses.

"""
_VERSIONS: Final = """\
Checked against what is written about them, not against the programs: no older Kyverno was asked. Under `--kyverno` 1.13 and 1.17 all
cells are as above, but for these, which turn into "?": ImageValidatingPolicies came with 1.15, and 1.13 before 1.13.5 took no notice
of expressions for subjects and issuers (CVE-2025-29778).

"""


def told() -> dict[str, Any]:
    """Ask everybody anew. Raises RuntimeError with what went wrong."""
    command = [sys.executable, "-m", "tests.interop.policies.judged"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0 or done.stdout.startswith("SKIPPED"):
        raise RuntimeError(f"{done.stdout[:200]}\n{done.stderr[-4000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def page(told: Mapping[str, Any]) -> str:
    """The page."""
    known = {(cell.table, cell.policy, cell.workload): cell for cell in cells(told)}
    causes = list(dict.fromkeys(why for cell in known.values() if cell.engine != cell.ours and (why := cause(cell))))
    notes = [f"{number}. {text[0].upper()}{text[1:]}." for number, text in enumerate(causes, 1)]
    parts = [_INTRO, _summary(known.values()), "\n"]
    for table in told["tables"]:
        parts += [f"## {table['title']}\n\n{table['text']}\n\n", _matrix(table, known, causes), "\n"]
    parts += ["## Rego over the evidence\n\n", _rego(told["rego"]), "\n"]
    parts += ["## Older versions of Kyverno\n\n", _VERSIONS, _versions(told["versions"]), "\n"]
    parts += ["## What stands beside the images\n\n", _images(), "\n"]
    parts += ["## Why cells differ\n\n", "\n".join(notes), "\n"]
    return "".join(parts)


def _summary(known: Iterable[Cell]) -> str:
    pairs, equal = Counter[str](), Counter[str]()
    for cell in known:
        kind = cell.table.partition(":")[0]
        pairs[kind] += 1
        equal[kind] += cell.engine == cell.ours
    rows = [(kind, str(pairs[kind]), str(equal[kind]), str(pairs[kind] - equal[kind])) for kind in pairs]
    return _grid(("policies of the kind", "pairs of policy and workload", "equal", "different, with a cause"), rows)


def _matrix(table: Mapping[str, Any], known: Mapping[tuple[str, str, str], Cell], causes: list[str]) -> str:
    columns = table["columns"]
    rows = []
    for policy in table["ours"]:
        row = [known[table["title"], policy, workload] for workload in columns]
        rows.append((f"`{policy}`", *(_sign(cell, causes) for cell in row)))
    return _grid(("policy", *columns), rows)


def _sign(cell: Cell, causes: list[str]) -> str:
    if cell.engine == cell.ours:
        return _SIGNS[cell.engine]
    why = cause(cell)
    return f"{_SIGNS[cell.engine]} {_SIGNS[cell.ours]} ({causes.index(why) + 1 if why else 'nobody knows why'})"


def _rego(told: Mapping[str, Mapping[str, Any]]) -> str:
    def shown(words: Mapping[str, list[str]] | None) -> str:
        return "refused" if words is None else f"{len(words['deny'])} deny, {len(words['warn'])} warn"

    rows = [(f"`{name}`", *(shown(said[who]) for who in ("opa", "conftest", "ours"))) for name, said in told.items()]
    return _grid(("module", "opa eval", "conftest test", "we"), rows)


def _versions(told: Mapping[str, list[list[str]]]) -> str:
    rows = []
    for version, changed in told.items():
        tables = Counter(title for title, *_ in changed)
        rows += [(version, title, str(count)) for title, count in tables.items()] or [(version, "none", "0")]
    return _grid(("version", "table", "cells"), rows)


def _images() -> str:
    return _grid(
        ("image", "what stands beside it"), [(f"`{name}`", text) for name, text in {**IMAGES, **ATTESTED}.items()]
    )


def _grid(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in (heads, ("---",) * len(heads), *rows))


if __name__ == "__main__":
    sys.stdout.write(page(told()))
