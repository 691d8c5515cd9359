"""A report as its readers see it: worst first, each finding beside the image it is about. Shared by the formats for people."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from auditor.model.finding import Finding, Level
from auditor.model.place import Place
from auditor.model.report import Change, Exit, Image, JudgedUse, Report
from auditor.model.verdict import Verdict

VERDICT_RULES: Final = {
    Verdict.NOT_FOUND: "image-not-found",
    Verdict.UNJUDGED: "unjudged-image",
    Verdict.WRONG_SIGNER: "wrong-signer",
    Verdict.KEY_SIGNED: "key-signed-image",
    Verdict.INVALID: "invalid-signature",
    Verdict.ATTESTATION_ONLY: "attestation-only-image",
    Verdict.UNSIGNED: "unsigned-image",
    Verdict.UNCOVERED: "uncovered-image",
}
"""The finding that says the same as a verdict: it is not repeated under its image."""

_TRUSTED: Final = frozenset({Verdict.VERIFIED, Verdict.EXEMPT})


class Standing(StrEnum):
    """What an image means for whoever wants to merge, worst first."""

    FAILS = "fails"
    INCOMPLETE = "could not be judged"
    WARNS = "warns"
    WAIVED = "waived"
    PASSES = "passes"
    UNASKED = "not judged"

    @property
    def rank(self) -> int:
        """The worst is 0."""
        return tuple(Standing).index(self)


class Entry(Struct, frozen=True):
    """An image with the findings about it, worst first."""

    image: Image
    findings: tuple[Finding, ...]
    standing: Standing

    @property
    def places(self) -> tuple[Place, ...]:
        """Where to look: first the uses that the change adds, each line once."""
        uses = sorted(self.image.uses, key=lambda use: use.change is not Change.ADDED)
        return tuple(dict.fromkeys(use.use.place for use in uses if use.use.place.file))

    @property
    def first_use(self) -> JudgedUse | None:
        """The use that `places` names first."""
        return min(self.image.uses, key=lambda use: use.change is not Change.ADDED, default=None)

    @property
    def why(self) -> str:
        """The sentence that explains the verdict, from the verdict itself or from its finding."""
        return self.image.reason or next((f.message for f in self.findings if self.says_verdict(f)), "")

    @property
    def help(self) -> str:
        """What to do about the verdict."""
        return self.image.help or next((f.help for f in self.findings if self.says_verdict(f)), "")

    @property
    def further(self) -> tuple[Finding, ...]:
        """Findings that say more than the verdict, the same sentence once."""
        told = {(f.rule, f.message): f for f in reversed(self.findings) if not self.says_verdict(f)}
        return tuple(reversed(told.values()))

    def says_verdict(self, finding: Finding) -> bool:
        """Whether a finding says no more than the verdict does."""
        if self.image.verdict is None:
            return False
        return VERDICT_RULES.get(self.image.verdict) == finding.rule or bool(
            self.image.reason and self.image.reason in finding.message
        )

    @property
    def label(self) -> str:
        """The verdict, and the rule that decides how the image stands where that is not the verdict's own."""
        verdict = self.image.verdict.value if self.image.verdict else "not judged"
        worst = self.findings[0] if self.findings else None
        if worst is None or not worst.counts or VERDICT_RULES.get(self.image.verdict or Verdict.EXEMPT) == worst.rule:
            return verdict
        return f"{verdict}, {worst.rule}"


class View(Struct, frozen=True):
    """A report sorted for reading.

    `gating` are the images that decide: those the change adds, or all that were judged where there is no base. `kept`
    and `removed` are listed for completeness. `loose` are the findings about files rather than images.
    """

    report: Report
    gating: tuple[Entry, ...]
    kept: tuple[Entry, ...]
    removed: tuple[Entry, ...]
    loose: tuple[Finding, ...]

    @property
    def outcome(self) -> Exit:
        """The exit status without `--exit-zero`: what the reader must know even where the run may not fail."""
        return replace(self.report, exit_zero=False).exit

    @property
    def compared(self) -> bool:
        """Whether there was a base to compare with."""
        return self.report.run.base is not None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All images, in the order in which they are read."""
        return self.gating + self.kept + self.removed

    def standing(self, standing: Standing) -> tuple[Entry, ...]:
        """The gating images that stand so."""
        return tuple(entry for entry in self.gating if entry.standing is standing)


def view(report: Report) -> View:
    """Sort a report for reading. Linear in images, uses and findings."""
    findings = worst_first(report.findings)
    by_image, loose = _assign(report, findings)
    entries = sorted(
        (
            Entry(image, about, _standing(report, image, about))
            for image, about in zip(report.images, by_image, strict=True)
        ),
        key=lambda entry: (entry.standing.rank, *_image_order(entry.image)),
    )
    return View(
        report=report,
        gating=tuple(e for e in entries if _gates(e)),
        kept=tuple(e for e in entries if not _gates(e) and e.image.change is not Change.REMOVED),
        removed=tuple(e for e in entries if not _gates(e) and e.image.change is Change.REMOVED),
        loose=loose,
    )


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What counts before what is waived, the worst level first, then by place."""
    return tuple(sorted(findings, key=_finding_order))


def images_worst_first(images: Iterable[Image]) -> tuple[Image, ...]:
    """By verdict, unjudged inventory last, then by name."""
    return tuple(sorted(images, key=_image_order))


def _finding_order(finding: Finding) -> tuple[object, ...]:
    place = finding.place or Place("")
    return (not finding.counts, finding.level.rank, place, finding.rule, finding.image or "", finding.fingerprint)


def _image_order(image: Image) -> tuple[object, ...]:
    severity = len(Verdict) if image.verdict is None else image.verdict.severity
    return (severity, image.reference, image.repository or "", image.rule or "")


def _gates(entry: Entry) -> bool:
    image = entry.image
    if image.change is None:
        return image.verdict is not None or bool(entry.findings)
    return image.change is Change.ADDED


def _assign(
    report: Report, findings: tuple[Finding, ...]
) -> tuple[tuple[tuple[Finding, ...], ...], tuple[Finding, ...]]:
    """The findings of each image, and those of none. One reference may stand under several rules: its uses tell which.

    Only images that can gate take findings: what is said about another one is shown by itself.
    """
    by_use: dict[tuple[str, str | None, str], list[int]] = {}
    by_reference: dict[str, list[int]] = {}
    for index, image in enumerate(report.images):
        if image.change in {Change.KEPT, Change.REMOVED}:
            continue
        by_reference.setdefault(image.reference, []).append(index)
        for key in dict.fromkeys((image.reference, use.use.root, use.use.owner) for use in image.uses):
            by_use.setdefault(key, []).append(index)
    about: list[list[Finding]] = [[] for _ in report.images]
    loose: list[Finding] = []
    for finding in findings:
        reference = finding.image or ""
        owners = by_use.get((reference, finding.root, finding.owner)) or by_reference.get(reference, [])
        for index in owners:
            about[index].append(finding)
        if not owners:
            loose.append(finding)
    return tuple(tuple(each) for each in about), tuple(loose)


def _standing(report: Report, image: Image, findings: tuple[Finding, ...]) -> Standing:
    counting = [finding for finding in findings if finding.counts and finding.level is not Level.OFF]
    if any(f.level is not Level.INCOMPLETE and f.level.rank <= report.fail_on.rank for f in counting):
        return Standing.FAILS
    if any(f.level is Level.INCOMPLETE for f in counting):
        return Standing.INCOMPLETE
    if any(f.level in {Level.ERROR, Level.WARNING} for f in counting):
        return Standing.WARNS
    if image.verdict is None:
        return Standing.UNASKED
    if image.verdict in _TRUSTED:
        return Standing.PASSES
    return Standing.WAIVED if findings and not counting else Standing.WARNS
