"""Rules → what there is to say about images and signers; and the common reasons why a language cannot say it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from msgspec import Struct, field

from auditor.config.names import TextKind, TextPattern
from auditor.config.rules import AttestedBy, ImageRule, KeylessSigner, KeySigner, PlatformMode, Rules, Signer
from auditor.errors import AuditorError
from auditor.model.identity import CLAIM_NAMES
from auditor.policies.export.overlap import overlap

_ONLY: Final = "export with --identity-only to leave that to auditor"
_HELP: Final = "say it in auditor.yaml in a way that the language knows, or keep this rule for `auditor check` alone"


class Unsayable(AuditorError):  # noqa: N818 - named for what it says of the rules
    """Everything that the rules say and the target language cannot, one reason each."""

    def __init__(self, language: str, reasons: tuple[str, ...]) -> None:
        super().__init__(f"{language} cannot say what these rules say: {'; '.join(reasons)}", help=_HELP)
        self.language = language
        self.reasons = reasons


class Language(Struct, frozen=True):
    """What a target language has words for, beyond issuer, subject and keys.

    `claims` are those that it can compare; `events` whether it can demand one of several triggers, `no_pull_requests`
    whether it can refuse some; `attestations`, `days`, `denials`, `overlaps` likewise.
    """

    name: str
    claims: frozenset[str] = frozenset()
    events: bool = False
    no_pull_requests: bool = False
    attestations: bool = False
    days: bool = False
    denials: bool = False
    overlaps: bool = False
    repository: bool = False
    claim_patterns: bool = False


class Statement(Struct, frozen=True):
    """One entry of `images:`, ready to be said. `groups` must all have signed, and of each any one; empty: nobody need."""

    label: str
    patterns: tuple[str, ...]
    groups: tuple[Signer, ...]
    attested: tuple[AttestedBy, ...] = ()
    unsigned: bool = False


class Said(Struct, frozen=True):
    """Everything there is to say."""

    statements: tuple[Statement, ...]
    rules: Rules
    identity_only: bool = False
    header: tuple[str, ...] = field(default=())

    def pem(self, signer: KeySigner) -> str:
        """The public key of a signer."""
        return self.rules.keys[signer.key].decode("ascii", "replace").strip() + "\n"


ALL_CLAIMS: Final = frozenset(CLAIM_NAMES.values())


def statements(rules: Rules, language: Language, *, identity_only: bool = False) -> Said:
    """What the rules say. Raises Unsayable with every reason.

    `identity_only`: where the language compares no more than issuer and subject, that is accepted. Signatures made by pull requests,
    and by strangers who call a workflow, then count there.
    """
    reasons = [*_about_the_whole(rules, language)]
    said = []
    for rule in rules.images:
        reasons += _about_entry(rule, rules, language, identity_only=identity_only)
        said.append(_statement(rule, rules))
    if not language.overlaps:
        reasons += _overlaps(said)
    if reasons:
        raise Unsayable(language.name, tuple(dict.fromkeys(reasons)))
    return Said(tuple(said), rules, identity_only, _header(rules, identity_only=identity_only))


def _header(rules: Rules, *, identity_only: bool) -> tuple[str, ...]:
    lines = [f"Written by auditor from {rules.source}. Change that file, and write this one anew."]
    if identity_only:
        lines.append(
            "Signatures by pull requests, and by strangers who call these workflows, pass here; not in auditor."
        )
    return tuple(lines)


def _about_the_whole(rules: Rules, language: Language) -> Iterator[str]:
    if not rules.images:
        yield "there are no entries under images:"
    if (rules.denied_digests or rules.denied_signers) and not language.denials:
        yield "deny: revokes images or signers"
    for setting in rules.trust:
        if setting.kind not in {"public-good", "github"}:
            yield f"trust root {setting.name} is a private one"


def _about_entry(rule: ImageRule, rules: Rules, language: Language, *, identity_only: bool) -> Iterator[str]:
    if rule.within:
        yield f"{rule.label}: `in:` speaks of files, and the cluster has none"
    if rule.platforms is not PlatformMode.INDEX:
        yield f"{rule.label}: `platforms: {rule.platforms}` asks about more than the deployed digest"
    if rule.signed_by is not None and rule.signed_by.catalog:
        yield f"{rule.label}: `signed-by: catalog` names signers that come with auditor"
        return
    if rule.attested_by and not language.attestations:
        yield f"{rule.label}: `attested-by:` asks for an attestation"
    if any(each.source or each.builder for each in rule.attested_by):
        yield f"{rule.label}: `source` and `builder` of `attested-by:` look into the provenance"
    for signer in _signers(rule, rules):
        for pattern in signer.patterns:
            if isinstance(pattern, KeylessSigner):
                for reason in _about_signer(pattern, language, identity_only=identity_only):
                    yield f"signer {signer.name}: {reason}"


def _about_signer(signer: KeylessSigner, language: Language, *, identity_only: bool) -> Iterator[str]:
    for claim, wanted in signer.claims.items():
        if claim in language.claims and wanted.kind is not TextKind.EXACT and not language.claim_patterns:
            yield f"the claim {claim} is a pattern, and there it is compared exactly"
        if claim not in language.claims:
            yield f"the claim {claim} is not compared there: write the subject instead of a shorthand"
    if (signer.not_before or signer.not_after) and not language.days:
        yield "not-before and not-after are days of the log"
    if signer.same_repository and not language.repository:
        yield "the workflow's own repository cannot be compared with the source repository: write the subject"
    if signer.trust not in {None, "public-good"}:
        yield f"it is tied to the trust root {signer.trust}"
    if signer.events is not None and not language.events:
        yield "`events:` names triggers"
    if not identity_only and _may_be_a_workflow(signer):
        yield from _about_the_caller(signer, language)


def _about_the_caller(signer: KeylessSigner, language: Language) -> Iterator[str]:
    """What auditor asks of a workflow without being told to."""
    if signer.events is None and not language.no_pull_requests and not names_pull_request(signer):
        yield f"that no pull request may sign cannot be said: {_ONLY}"
    if signer.same_owner and not language.repository:
        yield f"that no stranger may call the workflow cannot be said: {_ONLY}"


def _may_be_a_workflow(signer: KeylessSigner) -> bool:
    """A mail address is nobody's workflow: its certificates tell of no event."""
    return signer.subject.kind is TextKind.REGEX or "://" in signer.subject.text


def names_pull_request(signer: KeylessSigner) -> bool:
    """Whether the subject is that of one pull request: then its triggers are meant."""
    ref = signer.subject.text.rpartition("@")[2]
    return signer.subject.kind is TextKind.EXACT and ref.startswith(("refs/pull/", "refs/merge-requests/"))


def _signers(rule: ImageRule, rules: Rules) -> Iterator[Signer]:
    names = [*(rule.signed_by.names if rule.signed_by else ()), *(each.signer for each in rule.attested_by)]
    yield from (rules.signer(name) for name in dict.fromkeys(names))


def _statement(rule: ImageRule, rules: Rules) -> Statement:
    groups: tuple[Signer, ...] = ()
    if rule.signed_by is not None and not rule.signed_by.catalog:
        signers = tuple(rules.signer(name) for name in rule.signed_by.names)
        together = Signer(
            " or ".join(each.name for each in signers), tuple(p for each in signers for p in each.patterns)
        )
        groups = signers if rule.signed_by.every else (together,)
    return Statement(
        rule.label, tuple(each.text for each in rule.match), groups, rule.attested_by, rule.unsigned_allowed
    )


def _overlaps(said: list[Statement]) -> Iterator[str]:
    """The first entry that matches governs here; there every one does."""
    for one, other in combinations(said, 2):
        both = next(((a, b) for a in one.patterns for b in other.patterns if overlap(a, b)), None)
        if both:
            yield f"{one.label} and {other.label} overlap ({both[0]} and {both[1]}), and there both would have to pass"


def expression(pattern: TextPattern) -> str:
    """The same as a regular expression that is anchored at both ends."""
    match pattern.kind:
        case TextKind.REGEX:
            return f"^(?:{pattern.text})$"
        case TextKind.GLOB:
            return f"^{glob_expression(pattern.text)}$"
        case _:
            return f"^{quoted(pattern.text)}$"


def glob_expression(glob: str) -> str:
    """A glob of our dialect as an expression, without anchors."""
    whole = "(?s:.*)"
    parts = glob.split("**")
    return whole.join("[^/]*".join(quoted(piece) for piece in part.split("*")) for part in parts)


def quoted(text: str) -> str:
    """A literal text inside an expression."""
    return "".join(f"\\{each}" if each in "\\.+*?()|[]{}^$" else each for each in text)
