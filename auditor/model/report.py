"""The whole result of a run, and its exit status. Everything a report prints is in here; nothing in here is formatted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum, StrEnum

from msgspec import Struct, field

from auditor.model.evidence import Signature
from auditor.model.finding import Finding, Level
from auditor.model.gap import Gap
from auditor.model.identity import Identity
from auditor.model.reference import Digest
from auditor.model.use import Use
from auditor.model.verdict import Verdict


class Exit(IntEnum):
    """Exit statuses of the command line (`docs/reference/exit-status.md`)."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    INCOMPLETE = 3
    INTERNAL = 4
    INTERRUPTED = 130


class Change(StrEnum):
    """What a change does to a use or an image."""

    ADDED = "added"
    REMOVED = "removed"
    KEPT = "kept"


class PolicyVerdict(StrEnum):
    """What one cluster policy would say about one image at admission."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    WARN = "warn"
    SKIP = "skip"
    ERROR = "error"
    NOT_EVALUABLE = "not-evaluable"


class JudgedUse(Struct, frozen=True):
    """A use, and what the change does to it (None without a base)."""

    use: Use
    change: Change | None = None


class JudgedSignature(Struct, frozen=True):
    """A signature, and whether the governing rule allows its signer (None where no rule was asked).

    `trust` names the root that counted: one that vouches for the issuer. `why` says what the rule objects to.
    """

    signature: Signature
    allowed: bool | None = None
    trust: str | None = None
    why: str | None = None


class JudgedPlatform(Struct, frozen=True):
    """One platform of a multi-architecture image; `verdict` is None where it was not asked for."""

    platform: str
    digest: Digest
    verdict: Verdict | None = None


class JudgedPolicy(Struct, frozen=True):
    """One cluster policy's word on one image. `policy` is `Kind/name`."""

    policy: str
    file: str
    verdict: PolicyVerdict
    why: str


class Previous(Struct, frozen=True):
    """What an added image replaces in the same root, workload and container."""

    reference: str
    digest: Digest | None = None
    verdict: Verdict | None = None
    identity: Identity | None = None


class Image(Struct, frozen=True):
    """One reference under one rule entry: what it names, what vouches for it, who uses it.

    `verdict` is None where nothing was asked (inventory, kept and removed images).
    """

    reference: str
    name: str | None
    tag: str | None
    digest: Digest | None
    pinned: bool
    uses: tuple[JudgedUse, ...]
    change: Change | None = None
    repository: str | None = None
    verdict: Verdict | None = None
    reason: str = ""
    help: str = ""
    rule: str | None = None
    previous: Previous | None = None
    signatures: tuple[JudgedSignature, ...] = ()
    platforms: tuple[JudgedPlatform, ...] = ()
    policies: tuple[JudgedPolicy, ...] = ()


class TrustUsed(Struct, frozen=True):
    """A trust root of this run. `source` is `embedded`, `tuf`, or the file's path; `age_days` of the copy at hand."""

    name: str
    source: str
    age_days: int | None = None


class Run(Struct, frozen=True):
    """How the run came to be: what was asked, of which commits, with what."""

    command: str
    target: str
    started: datetime
    version: str
    base: str | None = None
    merge_base: str | None = None
    head: str | None = None
    seconds: float = 0.0
    renderers: Mapping[str, str | None] = field(default_factory=dict)
    trust: tuple[TrustUsed, ...] = ()
    notes: tuple[str, ...] = ()


class Report(Struct, frozen=True):
    """Everything a run found."""

    run: Run
    images: tuple[Image, ...] = ()
    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()
    fail_on: Level = Level.ERROR
    exit_zero: bool = False
    empty: bool = False

    @property
    def complete(self) -> bool:
        """Whether everything that gates could be judged."""
        return not self.empty and not any(f.level is Level.INCOMPLETE and f.counts for f in self.findings)

    @property
    def exit(self) -> Exit:
        """0 clean, 1 a finding at or above `fail_on`, 3 incomplete and nothing failed."""
        if self.exit_zero:
            return Exit.CLEAN
        graded = (f for f in self.findings if f.counts and f.level is not Level.INCOMPLETE)
        if any(f.level.rank <= self.fail_on.rank for f in graded):
            return Exit.FINDINGS
        return Exit.CLEAN if self.complete else Exit.INCOMPLETE

    def verdicts(self) -> Mapping[Verdict, int]:
        """How many images have each verdict, worst first; images that were not judged are not counted."""
        counted = Counter(image.verdict for image in self.images if image.verdict is not None)
        return {verdict: counted[verdict] for verdict in sorted(counted, key=lambda v: v.severity)}
