"""What a rule looks at, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec import Struct

from auditor.config.levels import DEFAULT_LEVELS
from auditor.config.rules import ImageRule, Rules
from auditor.judge.verdict import Decision
from auditor.judge.words import cut
from auditor.model.evidence import Evidence, KeySigned, Resolved, Signed
from auditor.model.finding import Finding, Level
from auditor.model.reference import Digest, InvalidReference, Reference
from auditor.model.use import Use
from auditor.model.verdict import Verdict
from auditor.policies.ruling import Policy, Ruling


class Known(Struct, frozen=True):
    """One use with everything that is known about its reference. `reference` says why the text is none."""

    use: Use
    reference: Reference | InvalidReference
    entry: ImageRule | None
    evidence: Evidence | None
    decision: Decision

    @property
    def text(self) -> str:
        """The reference as written, bounded."""
        return cut(self.use.reference)

    @property
    def verdict(self) -> Verdict:
        """The verdict under the governing entry."""
        return self.decision.verdict

    @property
    def reason(self) -> str:
        """The sentence that explains the verdict."""
        return self.decision.judgement.reason

    @property
    def digest(self) -> Digest | None:
        """What is deployed: the digest as written, else what the registry says the tag names."""
        if isinstance(self.reference, Reference) and self.reference.digest:
            return self.reference.digest
        resolution = self.evidence.resolution if self.evidence else None
        return resolution.digest if isinstance(resolution, Resolved) else None

    @property
    def signatures(self) -> tuple[Signed | KeySigned, ...]:
        """The valid signatures, attestations left out; those by allowed signers first."""
        judged = sorted(self.decision.signatures, key=lambda each: not each.allowed)
        valid = (each.signature for each in judged)
        return tuple(each for each in valid if isinstance(each, Signed | KeySigned) and not each.attestation)


class Subject(Struct, frozen=True):
    """A use that gates, the use that it replaces where there is one, and the rules that judge."""

    now: Known
    rules: Rules
    before: Known | None = None
    policies: tuple[tuple[Policy, Ruling], ...] = ()
    """What the cluster's own policies say of the image where this use runs it."""


class Draft(Struct, frozen=True):
    """What a rule says: what and why, what now, and a level where it is not the rule's own."""

    message: str
    help: str
    level: Level | None = None


Rule: TypeAlias = Callable[[Subject], Draft | None]

WAIVE: Final = "waive it until a date (`waivers:` in the rules file)"


def level(rule: str, rules: Rules, own: Level | None = None) -> Level:
    """The level of a finding: as `rules:` says, else `own`, else the rule's. What is incomplete cannot be graded."""
    default = DEFAULT_LEVELS[rule]
    if default is Level.INCOMPLETE:
        return default
    return rules.levels.get(rule) or own or default


def finding(rule: str, draft: Draft, subject: Subject) -> Finding:
    """The finding that a draft becomes at its use."""
    use = subject.now.use
    return Finding(
        rule=rule,
        level=level(rule, subject.rules, draft.level),
        message=draft.message,
        help=draft.help,
        place=use.place,
        image=use.reference,
        root=use.root,
        owner=use.owner,
    )
