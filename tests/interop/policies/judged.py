"""Put every table before the engines and before our reading of them: JSON on stdout.

    python -m tests.interop.policies.judged [TITLE-PART]

Runs in a namespace of its own: real names are served on loopback, and nothing else is there to be asked.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from auditor.policies.versions import Kyverno, Versions
from fixtures.registry import OciRegistry
from fixtures.registry.tls import authority
from fixtures.sigstore.mirror import TufMirror, TufRepository
from tests.interop.policies import cip_cases, kyverno_bundles, kyverno_cases, rego_cases
from tests.interop.policies.engines import KyvernoApply, Tester
from tests.interop.policies.ours import Reader
from tests.interop.policies.stage import HOSTS, Stage
from tests.interop.policies.tables import Table
from tests.interop.stack.names import call_by_name
from tests.interop.stack.programs import Programs
from tests.offline import raise_loopback, refusal

Asked: TypeAlias = tuple[Table, KyvernoApply | Tester, Reader]
"""A table, the engine it is for, and our reading of it."""


def main(only: str = "") -> None:
    """Ask everybody, print."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if why := refusal() or call_by_name(dict.fromkeys(HOSTS, "127.0.0.1"), folder):
            sys.stdout.write(f"SKIPPED: no namespaces on this machine ({why})")
            return
        raise_loopback()
        registry = stack.enter_context(OciRegistry(port=443, tls=True, names=HOSTS))
        stage = Stage(registry)
        stage.fill()
        mirror = stack.enter_context(TufMirror(_repository(stage)))
        asked = _asked(stage, mirror, folder)
        told = {
            "tables": [_told(table, judge, reader) for table, judge, reader in asked if only in table.title],
            "versions": _versions(asked, only),
            "rego": _rego(stage, folder) if only in rego_cases.TITLE else {},
        }
    sys.stdout.write(json.dumps(told))


def _versions(asked: Sequence[Asked], only: str) -> dict[str, list[tuple[str, ...]]]:
    """By an older version of Kyverno: what we read otherwise under it. No engine of that version is asked."""
    older: dict[str, list[tuple[str, ...]]] = {}
    for version in (Kyverno.V1_13, Kyverno.V1_17):
        older[version.value] = changed = []
        for table, judge, reader in asked:
            if isinstance(judge, KyvernoApply) and only in table.title:
                now, then = reader.read(table), reader.read(table, Versions(version))
                changed += [
                    (table.title, policy, workload, now[policy][workload][0], then[policy][workload][0])
                    for policy in now
                    for workload in now[policy]
                    if now[policy][workload][0] != then[policy][workload][0]
                ]
    return older


def _rego(stage: Stage, folder: Path) -> dict[str, Any]:
    root = folder / "trusted_root.json"
    root.write_bytes(stage.trusted_root)
    programs = Programs(folder, {"SSL_CERT_FILE": str(folder / "ca.pem")})
    images = [stage.image(name) for name in ("classic", "other", "unsigned", "bundle")]
    return rego_cases.compared(programs, folder, rego_cases.evidence(programs, images, root))


def _repository(stage: Stage) -> TufRepository:
    """What Sigstore's own TUF repository holds, of the stage: engines read the files of before `trusted_root.json` too."""
    now, root, pems = datetime.now(UTC), stage.sigstore.trusted_root(), stage.sigstore.pem_files()
    repository = TufRepository("policies", root, at=now)
    older = {"fulcio.crt.pem": ("Fulcio", "fulcio"), "ctfe.pub": ("CTFE", "ctlog"), "rekor.pub": ("Rekor", "rekor")}
    repository.publish(root, at=now, older={name: (usage, pems[part]) for name, (usage, part) in older.items()})
    return repository


def _asked(stage: Stage, mirror: TufMirror, folder: Path) -> list[Asked]:
    ca = folder / "ca.pem"
    ca.write_bytes(authority().pem)
    programs = Programs(folder, {"SSL_CERT_FILE": str(ca)})
    reader = Reader.open(stage, ca)
    kyverno, tester = KyvernoApply(programs, folder), Tester(programs, folder)
    kyverno.judge(kyverno_bundles.first(stage, mirror))
    ordered = [*kyverno_cases.tables(stage), *kyverno_bundles.tables(stage, mirror)]
    asked: list[Asked] = [(table, kyverno, reader) for table in ordered]
    return [*asked, *((table, tester, reader) for table in cip_cases.tables(stage))]


def _told(table: Table, judge: KyvernoApply | Tester, reader: Reader) -> dict[str, Any]:
    started = datetime.now(UTC)
    engine = judge.judge(table)
    between = datetime.now(UTC)
    ours = reader.read(table)
    seconds = [(between - started).total_seconds(), (datetime.now(UTC) - between).total_seconds()]
    return {
        "title": table.title,
        "text": table.text,
        "columns": [each.name for each in table.columns],
        "engine": engine,
        "ours": ours,
        "seconds": seconds,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
