"""JSON, version 1: a report as data. Fields may be added, never changed or removed (`docs/reference/json.md`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias, assert_never

from auditor.model.evidence import KeySigned, Refused, Signed, Unreadable
from auditor.model.finding import Finding, Level
from auditor.model.gap import Gap
from auditor.model.identity import Identity
from auditor.model.report import Image, JudgedSignature, JudgedUse, Previous, Report, Run
from auditor.report.escape import json_text
from auditor.report.options import RenderOptions
from auditor.report.view import images_worst_first, worst_first

SCHEMA: Final = "auditor/v1"
SCHEMA_FILE: Final = Path(__file__).with_name("auditor-v1.schema.json")
"""The published JSON Schema (draft 2020-12), shipped beside this module."""

Json: TypeAlias = dict[str, Any]


def render(report: Report, _options: RenderOptions) -> str:
    """The document, with a final newline. Reads back with `auditor.report.json_read.read_report`."""
    return json_text(document(report))


def document(report: Report) -> Json:
    """The document as JSON values."""
    return {
        "schema": SCHEMA,
        "tool": {"version": report.run.version},
        "run": run_json(report, report.run),
        "summary": summary_json(report),
        "images": [image_json(image) for image in images_worst_first(report.images)],
        "findings": [finding_json(finding) for finding in worst_first(report.findings)],
        "skipped": [gap_json(gap) for gap in gaps_in_order(report.gaps)],
    }


def gaps_in_order(gaps: Iterable[Gap]) -> list[Gap]:
    """By place, then by what is there."""
    return sorted(gaps, key=lambda gap: (gap.place, gap.what, gap.why))


def run_json(report: Report, run: Run) -> Json:
    """How a run came to be, and how it ended."""
    return {
        "command": run.command,
        "target": run.target,
        "base": run.base,
        "merge_base": run.merge_base,
        "head": run.head,
        "started": instant(run.started),
        "seconds": round(run.seconds, 3),
        "complete": report.complete,
        "exit": int(report.exit),
        "renderers": dict(sorted(run.renderers.items())),
        "trust": [{"name": t.name, "source": t.source, "age_days": t.age_days} for t in run.trust],
        "notes": list(run.notes),
        "fail_on": report.fail_on.value,
        "exit_zero": report.exit_zero,
        "empty": report.empty,
    }


@lru_cache(maxsize=4096)  # of a run, and of signatures of images that many trees run
def instant(moment: datetime) -> str:
    """RFC 3339 in UTC, whole seconds."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def summary_json(report: Report) -> Json:
    """A report in numbers."""
    return {
        "images": len(report.images),
        "uses": sum(len(image.uses) for image in report.images),
        "verdicts": {verdict.value: number for verdict, number in report.verdicts().items()},
        "findings": finding_counts(report.findings),
    }


def finding_counts(findings: tuple[Finding, ...]) -> dict[str, int]:
    """How many findings count at each level, and how many do not: together all of them."""
    counts = dict.fromkeys(("error", "warning", "note", "waived", "baseline", "incomplete"), 0)
    for finding in findings:
        name = "waived" if finding.waived else "baseline" if finding.baseline else finding.level
        if name != Level.OFF:
            counts[name] += 1
    return counts


def image_json(image: Image) -> Json:
    """One entry of `images`."""
    return {
        "reference": image.reference,
        "name": image.name,
        "tag": image.tag,
        "digest": str(image.digest) if image.digest else None,
        "pinned": image.pinned,
        "repository": image.repository,
        "change": image.change.value if image.change else None,
        "verdict": image.verdict.value if image.verdict else None,
        "reason": image.reason,
        "rule": image.rule,
        "previous": _previous(image.previous) if image.previous else None,
        "signatures": [_signature(signature) for signature in image.signatures],
        "platforms": [
            {"platform": p.platform, "digest": str(p.digest), "verdict": p.verdict.value if p.verdict else None}
            for p in image.platforms
        ],
        "policies": [
            {"policy": p.policy, "file": p.file, "verdict": p.verdict.value, "why": p.why} for p in image.policies
        ],
        "uses": [_use(use) for use in image.uses],
        "help": image.help,
    }


def _previous(previous: Previous) -> Json:
    return {
        "reference": previous.reference,
        "digest": str(previous.digest) if previous.digest else None,
        "verdict": previous.verdict.value if previous.verdict else None,
        "identity": _identity(previous.identity),
    }


def _identity(identity: Identity | None) -> Json | None:
    if identity is None:
        return None
    return {
        "issuer": identity.issuer,
        "subject": identity.subject,
        "claims": dict(sorted(identity.claims.items())),
        "subject_type": identity.subject_type.value,
    }


def _signature(judged: JudgedSignature) -> Json:
    """One shape for every kind; what a kind does not have is null or empty."""
    signature = judged.signature
    fields: Mapping[str, Any]
    match signature:
        case Signed():
            fields = {
                "status": "valid",
                "identity": _identity(signature.identity),
                "predicate": signature.predicate,
                "logged": instant(signature.logged),
                "log_index": signature.log_index,
                "attestation": signature.attestation,
                "roots": list(signature.roots),
            }
        case KeySigned():
            fields = {
                "status": "key-signed",
                "predicate": signature.predicate,
                "attestation": signature.attestation,
                "keys": list(signature.keys),
            }
        case Refused():
            fields = {
                "status": "refused",
                "identity": _identity(signature.identity),
                "predicate": signature.predicate,
                "attestation": signature.attestation,
                "step": {"number": signature.step.value, "name": signature.step.name.lower(), "why": signature.why},
            }
        case Unreadable():
            fault = signature.fault
            fields = {"status": "unreadable", "fault": {"kind": fault.kind.value, "detail": fault.detail}}
        case _:
            assert_never(signature)
    return {**_EMPTY_SIGNATURE, "form": signature.form.value, **_judgement(judged), **fields}


_EMPTY_SIGNATURE: Final[Json] = {
    "form": None,
    "status": None,
    "allowed": None,
    "why": None,
    "identity": None,
    "predicate": None,
    "logged": None,
    "log_index": None,
    "trust": None,
    "attestation": False,
    "roots": [],
    "keys": [],
    "step": None,
    "fault": None,
}


def _judgement(judged: JudgedSignature) -> Json:
    """`why` is always filled where a signature does not help: the rule's objection, else the signature's own fault."""
    why = judged.why
    if why is None and isinstance(judged.signature, Refused):
        why = judged.signature.why
    if why is None and isinstance(judged.signature, Unreadable):
        why = judged.signature.fault.detail
    return {"allowed": judged.allowed, "why": why, "trust": judged.trust}


def _use(judged: JudgedUse) -> Json:
    use = judged.use
    return {
        "file": use.place.file,
        "line": use.place.line or None,
        "column": use.place.column or None,
        "key_path": use.place.key_path,
        "workload": str(use.workload) if use.workload else None,
        "container": use.container,
        "root": use.root,
        "via": use.via.value,
        "base_file": use.base.file if use.base else None,
        "base_line": (use.base.line or None) if use.base else None,
        "change": judged.change.value if judged.change else None,
        "deployed": use.deployed,
        "confidence": use.confidence.value,
        "sort": use.sort.value,
        "superset": use.superset,
    }


def finding_json(finding: Finding) -> Json:
    """One entry of `findings`."""
    place, waived = finding.place, finding.waived
    return {
        "rule": finding.rule,
        "level": finding.level.value,
        "image": finding.image,
        "file": place.file if place else None,
        "line": (place.line or None) if place else None,
        "message": finding.message,
        "help": finding.help,
        "fingerprint": finding.fingerprint,
        "waived": {"owner": waived.owner, "until": waived.until.isoformat(), "reason": waived.reason}
        if waived
        else None,
        "baseline": finding.baseline,
        "column": (place.column or None) if place else None,
        "key_path": place.key_path if place else None,
        "root": finding.root,
        "owner": finding.owner,
        "since": finding.since.isoformat() if finding.since else None,
    }


def gap_json(gap: Gap) -> Json:
    """One entry of `skipped`."""
    return {
        "file": gap.place.file,
        "line": gap.place.line or None,
        "what": gap.what,
        "why": gap.why,
        "column": gap.place.column or None,
        "key_path": gap.place.key_path,
        "rule": gap.rule,
        "root": gap.root,
        "image": gap.image,
        "help": gap.help,
    }
