"""What must hold for any evidence and any rules: no evidence of trouble, and no loss of evidence, ever lets an image in."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from auditor.config.names import NamePattern
from auditor.config.rules import (
    AttestedBy,
    DeniedDigest,
    ImageRule,
    Otherwise,
    Pinned,
    PlatformMode,
    Rules,
    SignedBy,
    Waiver,
)
from auditor.judge.ask import Ask, questions
from auditor.judge.compare import compare
from auditor.judge.judge import judge
from auditor.judge.verdict import decide
from auditor.model.evidence import (
    Absent,
    Evidence,
    Fault,
    FaultKind,
    KeySigned,
    Platform,
    Resolved,
    Signature,
    Signed,
    Unreadable,
)
from auditor.model.finding import Level
from auditor.model.report import Exit, Report, Run
from auditor.model.use import Use
from auditor.model.verdict import Verdict
from tests.support.judging import (
    DIGEST,
    LOGGED,
    OTHER,
    PULL,
    RELEASE,
    SBOM,
    SLSA,
    STRANGER,
    TODAY,
    attested,
    denying,
    keyed,
    parsed,
    refused,
    rules,
    signed,
    unreadable,
    use,
)

PACKAGES = "https://github.com/acme/packages/.github/workflows/build.yaml@refs/heads/main"
SUBJECTS = st.sampled_from([RELEASE, STRANGER, PULL, PACKAGES])
SIGNATURES: st.SearchStrategy[Signature] = st.one_of(
    st.builds(signed, SUBJECTS, root=st.sampled_from(["public-good", "github", "lab", "unknown"])),
    st.builds(attested, SUBJECTS, st.sampled_from([SLSA, SBOM])),
    st.builds(keyed, st.sampled_from(["keys/cosign.pub", "keys/other.pub"])),
    st.just(keyed()),
    st.just(refused()),
    st.just(unreadable()),
)
SEVERAL = st.lists(SIGNATURES, max_size=4).map(tuple)
PLATFORMS = st.one_of(
    st.none(),
    st.just(Fault(FaultKind.MALFORMED, "not an index")),
    st.lists(st.builds(Platform, st.just("linux/amd64"), st.just(OTHER), st.none() | SEVERAL), max_size=3).map(tuple),
)
RESOLUTIONS = st.sampled_from(
    [Resolved(DIGEST), Resolved(DIGEST), Absent("no such tag"), Fault(FaultKind.TIMEOUT, "no answer")]
)
EVIDENCE = st.builds(Evidence, RESOLUTIONS, SEVERAL, PLATFORMS)
NAMES = st.lists(st.sampled_from(["release", "packages", "old-key", "nobody"]), max_size=3, unique=True).map(tuple)
ENTRIES = st.builds(
    ImageRule,
    label=st.sampled_from(["images[0]", "images[1]"]),
    match=st.sampled_from(["ghcr.io/acme/**", "**", "docker.io/*/*"]).map(lambda text: (NamePattern.parse(text),)),
    signed_by=st.none() | st.builds(SignedBy, NAMES, st.booleans(), st.booleans()),
    attested_by=st.lists(st.builds(AttestedBy, st.sampled_from([SLSA, SBOM]), st.just("release")), max_size=2).map(
        tuple
    ),
    unsigned_allowed=st.booleans(),
    pinned=st.sampled_from(Pinned),
    platforms=st.sampled_from(PlatformMode),
)
BOOKS = st.builds(
    lambda images, otherwise, digests, signers: replace(
        rules(*images), otherwise=otherwise, denied_digests=digests, denied_signers=signers
    ),
    st.lists(ENTRIES, min_size=1, max_size=3, unique_by=lambda entry: entry.label),
    st.sampled_from(Otherwise),
    st.sampled_from([(), (DeniedDigest(OTHER, "INC-7"),)]),
    st.sampled_from([(), (denying(STRANGER),)]),
)
WITHOUT_DENY = BOOKS.map(lambda book: replace(book, denied_digests=(), denied_signers=()))
SAME = settings(max_examples=150, deadline=None)


def verdict(entry: ImageRule, found: Evidence, book: Rules) -> Verdict:
    return decide(parsed(), entry, found, book).verdict


@SAME
@given(ENTRIES, EVIDENCE, BOOKS, st.integers(0, 4))
def test_an_unreadable_form_never_makes_an_image_better_than_unjudged(
    entry: ImageRule, found: Evidence, book: Rules, at: int
) -> None:
    before = verdict(entry, found, book)
    more = replace(found, signatures=(*found.signatures[:at], unreadable(), *found.signatures[at:]))
    after = verdict(entry, more, book)
    assert after in {before, Verdict.UNJUDGED}
    if before is Verdict.VERIFIED:
        assert after is before or book.denied_signers


@SAME
@given(ENTRIES, EVIDENCE, WITHOUT_DENY)
def test_removing_a_signature_never_verifies(entry: ImageRule, found: Evidence, book: Rules) -> None:
    if verdict(entry, found, book) is Verdict.VERIFIED:
        return
    kept = [each for each in found.signatures if not isinstance(each, Unreadable)]
    for index in range(len(kept)):
        fewer = replace(found, signatures=(*kept[:index], *kept[index + 1 :]))
        assert verdict(entry, fewer, book) is not Verdict.VERIFIED


@SAME
@given(ENTRIES, EVIDENCE, SIGNATURES, WITHOUT_DENY)
def test_another_signature_never_loses_a_verdict(
    entry: ImageRule, found: Evidence, extra: Signature, book: Rules
) -> None:
    if verdict(entry, found, book) is Verdict.VERIFIED:
        assert verdict(entry, replace(found, signatures=(*found.signatures, extra)), book) is Verdict.VERIFIED


@SAME
@given(ENTRIES, EVIDENCE, BOOKS, st.randoms(use_true_random=False))
def test_the_order_of_signatures_does_not_matter(
    entry: ImageRule, found: Evidence, book: Rules, random: Random
) -> None:
    shuffled = list(found.signatures)
    random.shuffle(shuffled)
    assert verdict(entry, found, book) is verdict(entry, replace(found, signatures=tuple(shuffled)), book)


@SAME
@given(ENTRIES, EVIDENCE, BOOKS)
def test_a_revocation_never_makes_an_image_better(entry: ImageRule, found: Evidence, book: Rules) -> None:
    freed = replace(book, denied_digests=(), denied_signers=())
    if verdict(entry, found, book) in {Verdict.VERIFIED, Verdict.EXEMPT}:
        assert verdict(entry, found, freed) is verdict(entry, found, book)


def allowed(signature: Signature) -> bool:
    """Whether anybody that some entry may name made it, under a root that vouches for them."""
    match signature:
        case Signed(identity=identity, roots=roots):
            return identity.subject in {RELEASE, PACKAGES} and not {"public-good", "github"}.isdisjoint(roots)
        case KeySigned(keys=keys):
            return "keys/cosign.pub" in keys
        case _:
            return False


@SAME
@given(ENTRIES, EVIDENCE, BOOKS)
def test_verified_needs_a_signature_by_somebody_allowed(entry: ImageRule, found: Evidence, book: Rules) -> None:
    if verdict(entry, found, book) is Verdict.VERIFIED:
        children = found.platforms if isinstance(found.platforms, tuple) else ()
        everything = (*found.signatures, *(each for child in children for each in child.signatures or ()))
        assert any(allowed(each) for each in everything)


USES = st.lists(
    st.builds(
        use,
        st.sampled_from(["ghcr.io/acme/api:2.1", "docker.io/acme/api:1", "nginx", "ghcr.io/acme/api:${TAG}", "BAD//"]),
        root=st.sampled_from(["clusters/prod", "clusters/staging", None]),
        workload=st.sampled_from(["api", "web"]),
        container=st.sampled_from(["app", "sidecar"]),
    ),
    max_size=6,
).map(tuple)


def answer(before: tuple[Use, ...] | None, after: tuple[Use, ...], found: Evidence, book: Rules) -> Report:
    comparison = compare(before, after)
    known = {text: found for text, question in questions(comparison, book).items() if isinstance(question, Ask)}
    judged = judge(comparison, known, book, TODAY)
    return Report(Run("check", ".", LOGGED, "0"), judged.images, judged.findings)


@SAME
@given(USES, EVIDENCE, BOOKS)
def test_what_is_not_good_is_told(after: tuple[Use, ...], found: Evidence, book: Rules) -> None:
    """Every image is verified or exempt, or has a finding; nothing that gates is without a word."""
    report = answer((), after, found, book)
    told = {each.image for each in report.findings if each.level in {Level.ERROR, Level.INCOMPLETE}}
    for image in report.images:
        assert image.verdict is not None
        if image.verdict is Verdict.UNCOVERED:
            assert (image.reference in told) >= (book.otherwise is Otherwise.DENY)
        elif image.verdict not in {Verdict.VERIFIED, Verdict.EXEMPT}:
            assert image.reference in told
            assert report.exit in {Exit.FINDINGS, Exit.INCOMPLETE}


@SAME
@given(USES, USES, EVIDENCE, BOOKS)
def test_a_comparison_loses_no_use(
    before: tuple[Use, ...], after: tuple[Use, ...], found: Evidence, book: Rules
) -> None:
    comparison = compare(before, after)
    assert sorted(map(repr, (*comparison.added, *comparison.kept))) == sorted(map(repr, after))
    assert {*comparison.removed} <= {*before}
    report = answer(before, after, found, book)
    assert {each.use for image in report.images for each in image.uses} >= {*after}


@SAME
@given(USES, EVIDENCE, BOOKS)
def test_what_base_has_too_gates_nothing(after: tuple[Use, ...], found: Evidence, book: Rules) -> None:
    assert answer(after, after, found, book).findings == ()


@SAME
@given(USES, EVIDENCE, BOOKS)
def test_waivers_and_the_baseline_change_no_verdict_and_hide_no_finding(
    after: tuple[Use, ...], found: Evidence, book: Rules
) -> None:
    bare = answer(None, after, found, book)
    every = tuple(
        Waiver(NamePattern.parse("**"), rule, TODAY, "platform-team", "all of it")
        for rule in sorted({each.rule for each in bare.findings})
    )
    for excused in (
        replace(book, waivers=every),
        replace(book, baseline=frozenset(each.fingerprint for each in bare.findings)),
    ):
        report = answer(None, after, found, excused)
        assert report.images == bare.images
        assert {each.fingerprint for each in report.findings} == {each.fingerprint for each in bare.findings}
        assert not any(each.counts for each in report.findings)
        assert report.exit is Exit.CLEAN


@SAME
@given(USES, EVIDENCE, BOOKS)
def test_judging_is_repeatable_and_bounded(after: tuple[Use, ...], found: Evidence, book: Rules) -> None:
    report = answer(None, after, found, book)
    assert report == answer(None, after, found, book)
    assert all(len(each.message) < 2000 and len(each.help) < 2000 for each in report.findings)
