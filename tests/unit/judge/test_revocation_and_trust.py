"""Accept paths and the attack on each: revoked signers, roots that mint what is not theirs, pull requests."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from auditor.config.names import TextPattern
from auditor.config.rules import DeniedDigest, Otherwise, PlatformMode, Rules, SignedBy, Signer, TrustSetting
from auditor.judge.verdict import Decision, decide
from auditor.model.evidence import Absent, Evidence, Fault, FaultKind, Platform, Resolved, Signed
from auditor.model.verdict import Verdict
from tests.support.judging import (
    API,
    DIGEST,
    GITHUB,
    ISSUER,
    OTHER,
    PUBLIC_GOOD,
    PULL,
    RELEASE,
    STRANGER,
    attested,
    denying,
    entry,
    evidence,
    exempt,
    keyed,
    parsed,
    pattern,
    platform,
    refused,
    rules,
    signed,
    unreadable,
)

V = Verdict
LAB = TrustSetting("lab", "file", issuers=("https://issuer.lab.acme.example",))
FAULT = Fault(FaultKind.RATE_LIMITED, "docker.io limits its rate")


def judged(signature: Signed, *trust: TrustSetting, by: Rules | None = None) -> Decision:
    return decide(parsed(), entry(), evidence(signature), replace(by or rules(), trust=trust))


# ── roots ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_lab_root_that_mints_a_github_identity_is_refused() -> None:
    decision = judged(signed(root="lab"), PUBLIC_GOOD, GITHUB, LAB)
    assert decision.verdict is V.WRONG_SIGNER
    assert "trust root lab does not vouch for issuer https://token.actions.githubusercontent.com" in (
        decision.judgement.reason
    )
    assert decision.signatures[0].allowed is False


def test_a_single_root_vouches_for_every_issuer() -> None:
    assert judged(signed(root="lab"), replace(LAB, issuers=())).verdict is V.VERIFIED


def test_a_root_that_is_not_configured_vouches_for_nobody() -> None:
    assert judged(signed(root="elsewhere"), PUBLIC_GOOD).verdict is V.WRONG_SIGNER
    assert judged(replace(signed(), roots=()), PUBLIC_GOOD).verdict is V.WRONG_SIGNER


def test_a_file_root_vouches_for_the_issuers_that_it_lists() -> None:
    listing = replace(LAB, issuers=(ISSUER,))
    assert judged(signed(root="lab"), PUBLIC_GOOD, listing).verdict is V.VERIFIED
    assert judged(signed(root="lab"), PUBLIC_GOOD, replace(LAB, issuers=(f"{ISSUER}/x",))).verdict is V.WRONG_SIGNER


def test_a_root_that_a_signer_names_counts_for_that_signer_alone() -> None:
    unlisted = replace(LAB, issuers=())
    ours = replace(rules(), signers={"release": Signer("release", (replace(pattern(), trust="lab"),))})
    assert judged(signed(root="lab"), PUBLIC_GOOD, unlisted, by=ours).verdict is V.VERIFIED
    assert judged(signed(root="public-good"), PUBLIC_GOOD, unlisted, by=ours).verdict is V.WRONG_SIGNER
    assert judged(signed(root="lab"), PUBLIC_GOOD, unlisted).verdict is V.WRONG_SIGNER


def test_githubs_root_vouches_for_github_only() -> None:
    google = replace(pattern(), issuer=TextPattern.exact("https://accounts.google.com"))
    ours = replace(rules(), signers={"release": Signer("release", (google, pattern()))})
    stranger = signed(root="github", issuer="https://accounts.google.com")
    assert judged(signed(root="github"), PUBLIC_GOOD, GITHUB, by=ours).verdict is V.VERIFIED
    assert judged(stranger, PUBLIC_GOOD, GITHUB, by=ours).verdict is V.WRONG_SIGNER


def test_a_signature_under_two_roots_counts_by_the_one_that_vouches() -> None:
    decision = judged(replace(signed(), roots=("lab", "public-good")), PUBLIC_GOOD, LAB)
    assert decision.verdict is V.VERIFIED
    assert decision.signatures[0].trust == "public-good"


def test_an_image_that_a_pull_request_built_is_refused_even_by_a_wide_subject() -> None:
    wide = replace(rules(), signers={"release": Signer("release", (pattern("https://github.com/acme/**"),))})
    assert decide(parsed(), entry(), evidence(signed(PULL)), wide).verdict is V.WRONG_SIGNER
    assert decide(parsed(), entry(), evidence(signed(RELEASE)), wide).verdict is V.VERIFIED


# ── deny ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def with_denied_digest(book: Rules) -> Rules:
    return replace(book, denied_digests=(DeniedDigest(DIGEST, "INC-7"),))


def test_a_denied_digest_is_denied_whoever_signed_it() -> None:
    decision = decide(parsed(), entry(), evidence(signed()), with_denied_digest(rules()))
    assert (decision.verdict, decision.denied is not None) == (V.WRONG_SIGNER, True)
    assert "INC-7" in decision.judgement.reason


def test_neither_an_exemption_nor_silence_saves_a_denied_digest() -> None:
    pinned = parsed(f"docker.io/library/nginx@{DIGEST}")
    for by in (exempt("docker.io/**"), None):
        decision = decide(pinned, by, None, with_denied_digest(rules()))
        assert (decision.verdict, decision.denied is not None) == (V.WRONG_SIGNER, True)


def test_a_denied_platform_is_denied_where_platforms_are_known() -> None:
    found = Evidence(Resolved(OTHER), (signed(),), (Platform("linux/amd64", DIGEST, (signed(),)),))
    by = replace(entry(), platforms=PlatformMode.EACH)
    assert decide(parsed(), by, found, with_denied_digest(rules())).denied


def test_a_denied_platform_is_denied_though_nobody_asks_who_signed_it() -> None:
    pinned = parsed(f"{API}@{OTHER}")
    for by in (entry(), exempt("ghcr.io/**"), None):
        found = Evidence(Resolved(OTHER), (signed(),), (Platform("linux/arm64", DIGEST),))
        decision = decide(pinned, by, found, with_denied_digest(rules()))
        assert (decision.verdict, decision.denied is not None) == (V.WRONG_SIGNER, True)
        assert decision.platforms == ()


@pytest.mark.parametrize("platforms", [None, FAULT])
def test_an_index_that_nobody_read_does_not_pass_where_digests_are_denied(platforms: Fault | None) -> None:
    book = with_denied_digest(replace(rules(), otherwise=Otherwise.WARN))
    for by in (entry(), exempt("ghcr.io/**"), None):
        unread = Evidence(Resolved(OTHER), (signed(),), platforms)
        assert decide(parsed(), by, unread, book).verdict is V.UNJUDGED
        assert decide(parsed(), by, replace(unread, platforms=()), book).verdict in {V.VERIFIED, V.EXEMPT, V.UNCOVERED}


@pytest.mark.parametrize("unknown", [None, FAULT, Evidence(FAULT)])
def test_who_cannot_tell_whether_it_is_revoked_does_not_let_it_pass(unknown: Evidence | Fault | None) -> None:
    book = with_denied_digest(replace(rules(), otherwise=Otherwise.WARN))
    for by in (exempt("ghcr.io/**"), None):
        assert decide(parsed(), by, unknown, book).verdict is V.UNJUDGED
        assert decide(parsed(f"{API}@{OTHER}"), by, unknown, book).verdict is V.UNJUDGED
        assert decide(parsed(), by, Evidence(Absent("gone")), book).verdict in {V.EXEMPT, V.UNCOVERED}


def test_an_uncovered_image_that_is_kept_out_anyway_stays_uncovered() -> None:
    assert decide(parsed(), None, FAULT, with_denied_digest(rules())).verdict is V.UNCOVERED


def test_a_denied_signer_is_denied_whatever_else_vouches() -> None:
    book = replace(rules(), denied_signers=(denying(STRANGER),))
    for signatures in ((signed(STRANGER),), (signed(), signed(STRANGER)), (signed(STRANGER, root="lab"), signed())):
        decision = decide(parsed(), entry(), evidence(*signatures), book)
        assert (decision.verdict, decision.denied is not None) == (V.WRONG_SIGNER, True)
    assert decide(parsed(), entry(), evidence(signed()), book).verdict is V.VERIFIED


def test_a_denied_signer_of_a_platform_is_denied() -> None:
    book = replace(rules(), denied_signers=(denying(STRANGER),))
    found = Evidence(Resolved(DIGEST), (signed(),), (platform("linux/arm64", signed(), signed(STRANGER)),))
    assert decide(parsed(), replace(entry(), platforms=PlatformMode.EACH), found, book).denied


def test_a_denied_signer_covers_pull_requests_too() -> None:
    book = replace(rules(), denied_signers=(denying("https://github.com/acme/api/**"),))
    assert decide(parsed(), entry(), evidence(signed(PULL)), book).denied


def test_an_unreadable_form_may_hide_a_denied_signer() -> None:
    book = replace(rules(), denied_signers=(denying(STRANGER),))
    assert decide(parsed(), entry(), evidence(signed(), unreadable()), book).verdict is V.UNJUDGED
    assert decide(parsed(), entry(), evidence(signed(), unreadable()), rules()).verdict is V.VERIFIED


def test_a_revoked_signature_is_shown_as_such() -> None:
    book = replace(rules(), denied_signers=(denying(RELEASE),))
    (shown,) = decide(parsed(), entry(), evidence(signed()), book).signatures
    assert (shown.allowed, shown.trust) == (False, "public-good")
    assert shown.why == "revoked: INC-7: the workflow was taken over"


def test_what_an_entry_objects_to_is_shown_beside_each_signature() -> None:
    everything = (signed(STRANGER), signed(root="lab"), replace(signed(), roots=()), keyed(), attested(), refused())
    book = replace(rules(), trust=(PUBLIC_GOOD, GITHUB, LAB))
    assert [each.why for each in decide(parsed(), entry(), evidence(*everything), book).signatures] == [
        "allowed is release",
        f"trust root lab does not vouch for issuer {ISSUER}",
        "no trust root vouches for it",
        "made with a key that this entry does not name",
        "an attestation, not a signature",
        "the payload names another digest",
    ]
    nobody = replace(entry(), signed_by=SignedBy(()))
    assert decide(parsed(), nobody, evidence(signed()), book).signatures[0].why == "nobody is allowed"


def test_a_key_is_no_identity_and_an_identity_no_key() -> None:
    both = entry("ghcr.io/**", "release", "old-key")
    assert decide(parsed(), both, evidence(keyed("keys/cosign.pub")), rules(both)).verdict is V.VERIFIED
    assert decide(parsed(), both, evidence(signed()), rules(both)).verdict is V.VERIFIED
    assert decide(parsed(), both, evidence(signed(STRANGER), keyed()), rules(both)).verdict is V.WRONG_SIGNER
    named = decide(parsed(), both, evidence(keyed("keys/cosign.pub")), rules(both)).signatures[0]
    assert (named.allowed, named.why) == (True, None)
