"""Audits of few repositories on made-up nights: images as one night saw them, and a history to record them in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from auditor.config.rules import Rules
from auditor.history.drift import remembered
from auditor.history.history import open_history
from auditor.history.recording import Recording
from auditor.model.audit import Audited, AuditRun, Failure, Stage, Target
from auditor.model.evidence import Signature
from auditor.model.finding import Finding, Level
from auditor.model.reference import Digest
from auditor.model.report import Image, JudgedSignature, JudgedUse, Report, Run
from auditor.model.verdict import Verdict
from tests.support.judging import API, DIGEST, rules, signed, use

FIRST: Final = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
SHOP: Final = Target("shop", "https://git.acme.example/shop")
RULES: Final = rules()


def night(number: int) -> datetime:
    """When the audit of a night begins; the first is 0."""
    return FIRST + timedelta(days=number)


def image(
    verdict: Verdict = Verdict.VERIFIED,
    *signatures: Signature,
    reference: str = API,
    digest: Digest | None = DIGEST,
    rule: str | None = "images[0]",
) -> Image:
    """One judged image; a verified one is signed by its release workflow unless something else is said."""
    found = signatures or ((signed(),) if verdict is Verdict.VERIFIED else ())
    judged = tuple(JudgedSignature(each, allowed=verdict is Verdict.VERIFIED) for each in found)
    name, _, tag = reference.rpartition(":")
    return Image(
        reference, name, tag, digest, False, (JudgedUse(use(reference)),), verdict=verdict, rule=rule, signatures=judged
    )


def broken(image: Image, rule: str = "unsigned-image", level: Level = Level.ERROR) -> Finding:
    """The finding that an image makes."""
    first = image.uses[0].use
    return Finding(rule, level, "It is.", "Sign it.", first.place, image.reference, first.root, first.owner)


def report(*images: Image, findings: Iterable[Finding] = (), on: int = 0) -> Report:
    """What came of a repository on a night."""
    return Report(Run("audit", SHOP.name, night(on), "1.0"), images, tuple(findings))


def audit_run(number: int, **more: object) -> AuditRun:
    """The run of a night."""
    return replace(AuditRun(night(number), "1.0", "of-all-targets"), **more)


def record_night(
    path: Path, number: int, found: Report | None, *, target: Target = SHOP, book: Rules = RULES
) -> tuple[Finding, ...]:
    """One whole audit of one repository (None: it could not be reached). The findings that reports show."""
    with open_history(path, now=night(number)) as history:
        recording = history.begin(audit_run(number), [target], settings="s")
        record(recording, found, target, night(number).date(), book)
        recording.finish(recording.run)
        audited = next(recording.fleet().repositories())
        return audited.report.findings if audited.report else ()


def record(recording: Recording, found: Report | None, target: Target, today: date, book: Rules = RULES) -> None:
    """Record one repository as an audit does."""
    if found is None:
        recording.record(Audited(target, failure=Failure(Stage.FETCH, "no answer", "try again")))
        return
    before = recording.before(target.name, found)
    recording.record(Audited(target, "c" * 40, remembered(found, before, book, today)))
