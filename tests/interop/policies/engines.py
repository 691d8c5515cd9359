"""The real engines, asked about tables: `kyverno apply`, and policy-controller's `policy-tester`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import get_ident
from typing import Any, Final, TypeAlias

from msgspec import Struct

from tests.interop.policies.tables import ACCEPTS, REFUSES, SILENT, Document, Table, Workload, written
from tests.interop.stack.programs import Done, Programs, tool

Answers: TypeAlias = dict[str, dict[str, tuple[str, str]]]
"""By policy and workload: what was said, and the words."""

_RESULTS: Final = {"pass": ACCEPTS, "fail": REFUSES, "warn": REFUSES, "error": REFUSES, "skip": SILENT}
_WORST: Final = (REFUSES, ACCEPTS, SILENT)


class KyvernoApply(Struct, frozen=True):
    """`kyverno apply`, with a home of its own."""

    programs: Programs
    folder: Path

    def judge(self, table: Table) -> Answers:
        """What Kyverno says of every workload by every policy. A pair without a result is one that it does not speak about."""
        groups = [[name] for name in table.policies] if table.alone else [list(table.policies)]
        said: Answers = {name: {each.name: (SILENT, "") for each in table.columns} for name in table.policies}
        for group in groups:
            for result in self._results([table.policies[name] for name in group], table.columns):
                for resource in result["resources"]:
                    cells = said[result["policy"]]
                    now = (_RESULTS[result["result"]], result.get("message", ""))
                    cells[resource["name"]] = min(cells[resource["name"]], now, key=lambda each: _WORST.index(each[0]))
        return said

    def _results(self, policies: Sequence[Document], workloads: Sequence[Workload]) -> list[Any]:
        place = self.folder / "kyverno"
        place.mkdir(exist_ok=True)
        (place / "policies.yaml").write_text(written(policies))
        (place / "resources.yaml").write_text(written([each.document for each in workloads]))
        done = self.apply(place / "policies.yaml", place / "resources.yaml")
        results = [result for report in _reports(done.out) for result in report.get("results") or []]
        if not results and "error" in done.err.lower():
            raise RuntimeError(
                f"kyverno apply reports nothing (exit {done.status}):\n{done.out[-2000:]}\n{done.err[-3000:]}"
            )
        return results

    def apply(self, policies: Path, resources: Path) -> Done:
        """One run with a report in JSON."""
        options = ("--registry", "--policy-report", "--output-format", "json", "--remove-color")
        return self.programs.run(tool("kyverno"), "apply", str(policies), "--resource", str(resources), *options)


def _reports(text: str) -> Iterator[Any]:
    """The JSON documents of a text, one after the other: Kyverno writes a report for each namespace."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        report, end = decoder.raw_decode(text, at)
        yield report
        at = text.find("{", end)


class Tester(Struct, frozen=True):
    """`policy-tester`: one policy, one image, one process."""

    programs: Programs
    folder: Path

    def judge(self, table: Table) -> Answers:
        """What the controller says of every image by every policy."""
        place = self.folder / "tester"
        place.mkdir(exist_ok=True)
        (place / "trust.yaml").write_text(written(table.others))
        for name, document in table.policies.items():
            (place / f"{name}.yaml").write_text(written([document]))
        for each in table.columns:
            (place / f"resource-{each.name}.yaml").write_text(written([each.document]))
        pairs = [(name, each) for name in table.policies for each in table.columns]
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda pair: self._ask(place, *pair), pairs))
        said: Answers = {name: {} for name in table.policies}
        for (name, workload), answer in zip(pairs, answers, strict=True):
            said[name][workload.name] = answer
        return said

    def _trust(self, place: Path) -> Path:
        """The cache in which the tester finds the public root: each thread has its own, for one process locks it."""
        own = place / f"tuf-{get_ident()}"
        if not own.exists():
            shutil.copytree(self.folder / "tuf", own)
        return own

    def _ask(self, place: Path, name: str, workload: Workload) -> tuple[str, str]:
        files = {"policy": f"{name}.yaml", "trustroot": "trust.yaml", "resource": f"resource-{workload.name}.yaml"}
        options = [text for option, file in files.items() for text in (f"-{option}", str(place / file))]
        asked = (*options, "-image", workload.image, "-log-level", "error")
        done = self.programs.run(tool("policy-tester"), *asked, TUF_ROOT=str(self._trust(place)))
        words = f"{done.out.strip()} {done.err.strip()}".strip()
        if "is uncovered by policy" in words:
            return SILENT, words
        return (ACCEPTS if done.status == 0 else REFUSES), words
