"""Evidence and entry → verdict: every verdict, and every conflict of two."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from auditor.config.names import NamePattern
from auditor.config.rules import ImageRule, PlatformMode, Rules, SignedBy
from auditor.judge.verdict import decide
from auditor.model.evidence import (
    Absent,
    Evidence,
    Fault,
    FaultKind,
    Form,
    KeySigned,
    Platform,
    Resolved,
    Signature,
    Unreadable,
)
from auditor.model.verdict import Verdict
from tests.support.judging import (
    API,
    DIGEST,
    OTHER,
    PULL,
    RELEASE,
    RELEASERS,
    SBOM,
    STRANGER,
    attested,
    attesting,
    entry,
    evidence,
    exempt,
    keyed,
    parsed,
    platform,
    refused,
    rules,
    signed,
    unreadable,
)

V = Verdict
PACKAGES = "https://github.com/acme/packages/.github/workflows/build.yaml@refs/heads/main"


def verdict_of(found: Evidence | Fault | None, by: ImageRule | None = None, book: Rules | None = None) -> Verdict:
    by = by or entry()
    return decide(parsed(), by, found, book or rules(by)).verdict


def by_key(predicate: str) -> KeySigned:
    """An attestation made with a key that a signer of the rules has."""
    return replace(keyed("keys/cosign.pub"), attestation=True, predicate=predicate)


SIGNED_BY: list[tuple[str, tuple[Signature, ...], Verdict]] = [
    ("nothing is there", (), V.UNSIGNED),
    ("the release workflow signed", (signed(),), V.VERIFIED),
    ("a stranger signed", (signed(STRANGER),), V.WRONG_SIGNER),
    ("a pull request of ours signed", (signed(PULL),), V.WRONG_SIGNER),
    ("nobody with an issuer signed", (signed(issuer=None),), V.WRONG_SIGNER),
    ("the issuer is another", (signed(issuer="https://accounts.google.com"),), V.WRONG_SIGNER),
    ("the issuer only begins alike", (signed(issuer="https://token.actions.githubusercontent.com/x"),), V.WRONG_SIGNER),
    ("a key that nobody named", (keyed(),), V.KEY_SIGNED),
    ("a key that the entry does not name", (keyed("keys/cosign.pub"),), V.KEY_SIGNED),
    ("all refused", (refused(), refused()), V.INVALID),
    ("attested only", (attested(),), V.ATTESTATION_ONLY),
    ("attested by a stranger", (attested(STRANGER),), V.ATTESTATION_ONLY),
    ("a form is unreadable", (unreadable(),), V.UNJUDGED),
    # conflicts
    ("release beside a stranger", (signed(STRANGER), signed()), V.VERIFIED),
    ("release beside a refused one", (refused(), signed()), V.VERIFIED),
    ("release beside an unreadable form", (unreadable(), signed()), V.VERIFIED),
    ("release beside a key", (keyed(), signed()), V.VERIFIED),
    ("a stranger beside an unreadable form", (signed(STRANGER), unreadable()), V.UNJUDGED),
    ("a key beside an unreadable form", (keyed(), unreadable()), V.UNJUDGED),
    ("refused beside an unreadable form", (refused(), unreadable()), V.UNJUDGED),
    ("attested beside an unreadable form", (attested(), unreadable()), V.UNJUDGED),
    ("a stranger beside a key", (keyed(), signed(STRANGER)), V.WRONG_SIGNER),
    ("a stranger beside a refused one", (refused(), signed(STRANGER)), V.WRONG_SIGNER),
    ("a stranger beside an attestation", (attested(), signed(STRANGER)), V.WRONG_SIGNER),
    ("a key beside a refused one", (refused(), keyed()), V.KEY_SIGNED),
    ("a key beside an attestation", (attested(), keyed()), V.KEY_SIGNED),
    ("refused beside an attestation", (refused(), attested()), V.ATTESTATION_ONLY),
    ("an attestation by a key only", (replace(keyed(), attestation=True, predicate=SBOM),), V.KEY_SIGNED),
    ("an attestation by a key of the rules", (by_key(SBOM),), V.ATTESTATION_ONLY),
]


@pytest.mark.parametrize(("signatures", "expected"), [row[1:] for row in SIGNED_BY], ids=[row[0] for row in SIGNED_BY])
def test_signed_by(signatures: tuple[Signature, ...], expected: Verdict) -> None:
    assert verdict_of(evidence(*signatures)) is expected


ATTESTED_BY: list[tuple[str, tuple[Signature, ...], Verdict]] = [
    ("attested by release", (attested(),), V.VERIFIED),
    ("attested by a stranger", (attested(STRANGER),), V.WRONG_SIGNER),
    ("attested by a pull request", (attested(PULL),), V.WRONG_SIGNER),
    ("attested as something else", (attested(predicate=SBOM),), V.ATTESTATION_ONLY),
    ("signed, not attested", (signed(),), V.UNSIGNED),
    ("refused", (refused(),), V.INVALID),
    ("attested by a key", (replace(keyed(), attestation=True, predicate=attested().predicate),), V.KEY_SIGNED),
    ("attested as something else by a key", (replace(keyed(), attestation=True, predicate=SBOM),), V.UNSIGNED),
    ("attested as something else by a key of the rules", (by_key(SBOM),), V.ATTESTATION_ONLY),
    ("signed by a key of the rules, not attested", (keyed("keys/cosign.pub"),), V.UNSIGNED),
    ("nothing", (), V.UNSIGNED),
    ("a stranger beside an unreadable form", (attested(STRANGER), unreadable()), V.UNJUDGED),
    ("release beside an unreadable form", (attested(), unreadable()), V.VERIFIED),
]


@pytest.mark.parametrize(
    ("signatures", "expected"), [row[1:] for row in ATTESTED_BY], ids=[row[0] for row in ATTESTED_BY]
)
def test_attested_by(signatures: tuple[Signature, ...], expected: Verdict) -> None:
    assert verdict_of(evidence(*signatures), attesting()) is expected


@pytest.mark.parametrize(
    ("signatures", "expected"),
    [
        ((signed(), attested()), V.VERIFIED),
        ((signed(),), V.UNSIGNED),
        ((attested(),), V.ATTESTATION_ONLY),
        ((signed(STRANGER), attested()), V.WRONG_SIGNER),
        ((signed(), attested(STRANGER)), V.WRONG_SIGNER),
        ((signed(), unreadable()), V.UNJUDGED),
    ],
)
def test_an_entry_that_names_both_wants_both(signatures: tuple[Signature, ...], expected: Verdict) -> None:
    assert verdict_of(evidence(*signatures), attesting(also_signed=True)) is expected


@pytest.mark.parametrize(
    ("signatures", "expected"),
    [
        ((signed(), signed(PACKAGES)), V.VERIFIED),
        ((signed(),), V.WRONG_SIGNER),
        ((signed(PACKAGES),), V.WRONG_SIGNER),
        ((signed(), signed()), V.WRONG_SIGNER),
        ((), V.UNSIGNED),
    ],
)
def test_all_of_several_signers(signatures: tuple[Signature, ...], expected: Verdict) -> None:
    both = replace(entry(), signed_by=SignedBy(("release", "packages"), every=True))
    assert verdict_of(evidence(*signatures), both) is expected


def test_any_of_several_signers() -> None:
    either = entry("ghcr.io/acme/**", "packages", "release")
    assert verdict_of(evidence(signed()), either) is V.VERIFIED
    assert verdict_of(evidence(signed(PACKAGES)), either) is V.VERIFIED
    assert verdict_of(evidence(signed(STRANGER)), either) is V.WRONG_SIGNER


def test_an_attestation_by_the_key_that_the_entry_names_is_no_signature() -> None:
    by_this_key = entry("ghcr.io/acme/**", "old-key")
    judgement = decide(parsed(), by_this_key, evidence(by_key(SBOM)), rules(by_this_key)).judgement
    assert judgement.verdict is V.ATTESTATION_ONLY
    assert judgement.reason == f"attested ({SBOM}), but not signed"


def test_a_key_that_the_entry_names() -> None:
    by_key = entry("ghcr.io/acme/**", "old-key")
    assert verdict_of(evidence(keyed("keys/cosign.pub")), by_key) is V.VERIFIED
    assert verdict_of(evidence(keyed("keys/other.pub")), by_key) is V.KEY_SIGNED
    assert verdict_of(evidence(signed()), by_key) is V.WRONG_SIGNER


@pytest.mark.parametrize(
    "nothing",
    [
        SignedBy(()),
        SignedBy((), every=True),
        SignedBy(("nobody",)),
        SignedBy(("nobody",), every=True),
        SignedBy((), catalog=True),
        SignedBy((), every=True, catalog=True),
    ],
)
def test_an_empty_demand_is_never_met(nothing: SignedBy) -> None:
    assert verdict_of(
        evidence(signed(), attested(), keyed("keys/cosign.pub")), replace(entry(), signed_by=nothing)
    ) in {
        V.WRONG_SIGNER,
        V.UNJUDGED,
    }


def test_an_entry_without_any_demand_never_verifies() -> None:
    assert verdict_of(evidence(signed()), replace(entry(), signed_by=None)) is V.UNJUDGED


def test_the_catalogue_allows_the_signers_of_its_own_entry_only() -> None:
    ours = replace(entry(), signed_by=SignedBy((), catalog=True))
    publishers = replace(
        rules(ours),
        signers={},
        catalog=(
            entry("ghcr.io/other/**", "packages", label="catalog:other"),
            entry("ghcr.io/acme/*", label="catalog:acme"),
        ),
        catalog_signers={"release": RELEASERS, "packages": rules().signers["packages"]},
    )
    assert verdict_of(evidence(signed()), ours, publishers) is V.VERIFIED
    assert verdict_of(evidence(signed(PACKAGES)), ours, publishers) is V.WRONG_SIGNER


def test_before_signatures() -> None:
    fault = Fault(FaultKind.DENIED, "ghcr.io denied access")
    assert verdict_of(Evidence(Absent("no such tag"))) is V.NOT_FOUND
    assert verdict_of(Evidence(fault)) is V.UNJUDGED
    assert verdict_of(fault) is V.UNJUDGED
    assert verdict_of(None) is V.UNJUDGED
    for found in (None, fault, Evidence(Absent("gone")), evidence(), evidence(signed())):
        assert verdict_of(found, exempt("ghcr.io/acme/**")) is V.EXEMPT
        assert decide(parsed(), None, found, rules()).verdict is V.UNCOVERED


def test_another_digest_than_the_one_asked_for_is_no_answer() -> None:
    pinned = parsed(f"{API}@{OTHER}")
    assert decide(pinned, entry(), evidence(signed(), digest=DIGEST), rules()).verdict is V.UNJUDGED
    assert decide(pinned, entry(), evidence(signed(), digest=OTHER), rules()).verdict is V.VERIFIED


# ── platforms ────────────────────────────────────────────────────────────────────────────────────────────────────────────

GOOD, BARE, DARK = platform("linux/amd64", signed()), platform("linux/arm64"), platform("linux/s390x", unreadable())
UNASKED = Platform("linux/arm", DIGEST, None)
BROKEN = Fault(FaultKind.MALFORMED, "not an index")


@pytest.mark.parametrize(
    ("mode", "index", "platforms", "expected"),
    [
        (PlatformMode.INDEX, (signed(),), (GOOD, BARE), V.VERIFIED),
        (PlatformMode.INDEX, (), (GOOD, GOOD), V.UNSIGNED),
        (PlatformMode.EACH, (signed(),), (GOOD, GOOD), V.VERIFIED),
        (PlatformMode.EACH, (signed(),), (), V.VERIFIED),
        (PlatformMode.EACH, (signed(),), (GOOD, BARE), V.UNSIGNED),
        (PlatformMode.EACH, (signed(),), (GOOD, DARK), V.UNJUDGED),
        (PlatformMode.EACH, (signed(),), (BARE, DARK), V.UNSIGNED),
        (PlatformMode.EACH, (signed(),), (UNASKED,), V.UNJUDGED),
        (PlatformMode.EACH, (signed(),), None, V.UNJUDGED),
        (PlatformMode.EACH, (signed(),), BROKEN, V.UNJUDGED),
        (PlatformMode.EACH, (), (GOOD, GOOD), V.UNSIGNED),
        (PlatformMode.EACH, (signed(STRANGER),), BROKEN, V.WRONG_SIGNER),
        (PlatformMode.EITHER, (signed(),), None, V.VERIFIED),
        (PlatformMode.EITHER, (signed(),), (BARE,), V.VERIFIED),
        (PlatformMode.EITHER, (), (GOOD, GOOD), V.VERIFIED),
        (PlatformMode.EITHER, (), (GOOD, BARE), V.UNSIGNED),
        (PlatformMode.EITHER, (), (GOOD, DARK), V.UNJUDGED),
        (PlatformMode.EITHER, (), (), V.UNSIGNED),
        (PlatformMode.EITHER, (), None, V.UNJUDGED),
        (PlatformMode.EITHER, (), BROKEN, V.UNJUDGED),
        (PlatformMode.EITHER, (unreadable(),), (BARE,), V.UNJUDGED),
        (PlatformMode.EITHER, (unreadable(),), (GOOD, BARE), V.UNJUDGED),
        (PlatformMode.EITHER, (signed(),), (GOOD, BARE), V.VERIFIED),
        (PlatformMode.EITHER, (signed(),), (DARK,), V.VERIFIED),
        (PlatformMode.EITHER, (), (DARK,), V.UNJUDGED),
        (PlatformMode.EITHER, (), (DARK, BARE), V.UNSIGNED),
        (PlatformMode.EITHER, (), (DARK, platform("linux/arm64", signed(STRANGER))), V.UNSIGNED),
        (PlatformMode.EITHER, (refused(),), (GOOD, platform("linux/arm64", signed(STRANGER))), V.WRONG_SIGNER),
        (PlatformMode.EITHER, (signed(STRANGER),), (BARE, BARE), V.WRONG_SIGNER),
    ],
)
def test_platforms(
    mode: PlatformMode, index: tuple[Signature, ...], platforms: tuple[Platform, ...] | Fault | None, expected: Verdict
) -> None:
    found = Evidence(Resolved(DIGEST), index, platforms)
    assert verdict_of(found, replace(entry(), platforms=mode)) is expected


def test_a_platform_that_decides_is_named() -> None:
    found = Evidence(Resolved(DIGEST), (signed(),), (GOOD, BARE))
    decision = decide(parsed(), replace(entry(), platforms=PlatformMode.EACH), found, rules())
    assert decision.by_platform
    assert decision.judgement.reason.startswith("linux/arm64: no signature")
    assert [each.verdict for each in decision.platforms] == [V.VERIFIED, V.UNSIGNED]


# ── what a report shows ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_signature_stays_in_the_evidence() -> None:
    everything = (signed(STRANGER), refused(), keyed(), attested(), unreadable(), signed())
    decision = decide(parsed(), entry(), evidence(*everything), rules())
    assert tuple(each.signature for each in decision.signatures) == everything
    assert [each.allowed for each in decision.signatures] == [False, False, False, False, None, True]
    assert decision.signatures[-1].trust == "public-good"
    assert RELEASE in decision.judgement.reason


def test_the_nearest_miss_is_told() -> None:
    reason = decide(parsed(), entry(), evidence(signed(STRANGER)), rules()).judgement.reason
    assert "mallory" in reason
    assert "signer release" in reason
    assert "subject is" in reason


def test_reasons_are_bounded() -> None:
    endless = f"https://github.com/{'a' * 4000}/x/.github/workflows/release.yaml@refs/tags/v1"
    for found in (evidence(signed(endless)), evidence(refused("x" * 4000)), Evidence(Absent("y" * 4000))):
        assert len(decide(parsed(), entry(), found, rules()).judgement.reason) < 1000


def test_names_are_matched_normalised() -> None:
    hub = ImageRule("images[0]", (NamePattern.parse("docker.io/library/*"),), unsigned_allowed=True)
    assert decide(parsed("nginx"), hub, None, rules(hub)).verdict is V.EXEMPT


def test_what_nobody_judges_is_still_described() -> None:
    everything = (signed(STRANGER), refused(), keyed(), unreadable())
    for by in (None, exempt("ghcr.io/**")):
        decision = decide(parsed(), by, evidence(*everything), rules())
        assert [each.allowed for each in decision.signatures] == [None] * 4
        assert [each.trust for each in decision.signatures] == ["public-good", None, None, None]
        assert [each.why is None for each in decision.signatures] == [True, False, True, False]


def test_the_next_step_fits_the_cause() -> None:
    def advice(*signatures: Signature) -> str:
        return decide(parsed(), entry(), evidence(*signatures), rules()).judgement.help

    assert f"`cosign sign ghcr.io/acme/api@{DIGEST}`" in advice()
    assert "add it to signer release" in advice(signed(STRANGER))
    assert advice(signed(PULL)).startswith("A pull request built it")
    assert "`key: FILE`" in advice(keyed())
    assert "`attested-by`" in advice(attested())


@pytest.mark.parametrize("kind", FaultKind)
def test_every_fault_has_a_next_step(kind: FaultKind) -> None:
    fault = Fault(kind, "the registry said something")
    for found in (fault, Evidence(fault), evidence(Unreadable(Form.SIG, fault))):
        judgement = decide(parsed(), entry(), found, rules()).judgement
        assert judgement.verdict is V.UNJUDGED
        assert judgement.reason.endswith("the registry said something")
        assert judgement.help.endswith(".")


def test_reasons_name_who_signed_and_who_did_not() -> None:
    def reason(by: ImageRule, *signatures: Signature) -> str:
        return decide(parsed(), by, evidence(*signatures), rules(by)).judgement.reason

    both = replace(entry(), signed_by=SignedBy(("release", "packages"), every=True))
    assert reason(both, signed()) == f"signed by {RELEASE} (signer release), but not by packages"
    assert reason(entry("**", "old-key"), keyed("keys/cosign.pub")) == "signed with the key of signer old-key"
    assert reason(entry(), attested(), attested(predicate=SBOM), attested()) == (
        "attested (https://slsa.dev/provenance/v1 and https://spdx.dev/Document), but not signed"
    )
    assert reason(entry("**", "old-key"), signed()).endswith("nobody is allowed to")
    nobody = replace(entry(), signed_by=SignedBy((), catalog=True))
    assert "No signer is known" in decide(parsed(), nobody, evidence(), rules(nobody)).judgement.help


def test_a_reason_that_refutes_a_signature_is_told_first() -> None:
    lab = decide(parsed(), entry(), evidence(signed(STRANGER), signed(root="lab")), rules())
    why = "trust root lab does not vouch for issuer https://token.actions.githubusercontent.com"
    assert lab.judgement.reason == f"signed by {signed().identity}; {why}"
