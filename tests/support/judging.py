"""Rules, uses and evidence to judge by: the smallest that say something, built from the real model."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

from msgspec.structs import replace

from auditor.config.names import NamePattern, PathPattern, TextPattern
from auditor.config.rules import (
    AttestedBy,
    DeniedSigner,
    ImageRule,
    KeylessSigner,
    KeySigner,
    Rules,
    SignedBy,
    Signer,
    TrustSetting,
)
from auditor.model.evidence import (
    Evidence,
    Fault,
    FaultKind,
    Form,
    KeySigned,
    Platform,
    Refused,
    Resolved,
    Signature,
    Signed,
    Step,
    Unreadable,
)
from auditor.model.identity import Identity
from auditor.model.place import Place
from auditor.model.reference import Digest, Reference
from auditor.model.use import Use, Workload

TODAY: Final = date(2026, 11, 20)
LOGGED: Final = datetime(2026, 11, 19, 17, 5, 42, tzinfo=UTC)
ISSUER: Final = "https://token.actions.githubusercontent.com"
RELEASE: Final = "https://github.com/acme/api/.github/workflows/release.yaml@refs/tags/v2.1.0"
STRANGER: Final = "https://github.com/mallory/api/.github/workflows/release.yaml@refs/tags/v2.1.0"
PULL: Final = "https://github.com/acme/api/.github/workflows/release.yaml@refs/pull/31/merge"
SLSA: Final = "https://slsa.dev/provenance/v1"
SBOM: Final = "https://spdx.dev/Document"
DIGEST: Final = Digest.of(b"the image")
OTHER: Final = Digest.of(b"another image")
API: Final = "ghcr.io/acme/api:2.1"
PUBLIC_GOOD: Final = TrustSetting("public-good", "public-good")
GITHUB: Final = TrustSetting("github", "github")


def identity(subject: str = RELEASE, issuer: str | None = ISSUER, trigger: str | None = "push") -> Identity:
    """A GitHub workflow's identity; its source repository is the one of the subject."""
    claims = {"sourceRepositoryURI": subject.partition("/.github/")[0]}
    return Identity(issuer, subject, claims=claims | ({"buildTrigger": trigger} if trigger else {}))


def signed(subject: str = RELEASE, *, root: str = "public-good", issuer: str | None = ISSUER) -> Signed:
    """A valid signature under one root."""
    trigger = "pull_request" if "/pull/" in subject else "push"
    return Signed(Form.BUNDLE, identity(subject, issuer, trigger), LOGGED, (root,))


def attested(subject: str = RELEASE, predicate: str = SLSA) -> Signed:
    """A valid attestation."""
    return replace(signed(subject), predicate=predicate, attestation=True, form=Form.ATT)


def keyed(*keys: str) -> KeySigned:
    """A signature by a long-lived key."""
    return KeySigned(Form.SIG, keys)


def refused(why: str = "the payload names another digest") -> Refused:
    """A signature that fails a check."""
    return Refused(Form.SIG, Step.SUBJECT, why)


def unreadable(form: Form = Form.SIG) -> Unreadable:
    """A form that could not be read."""
    return Unreadable(form, Fault(FaultKind.TIMEOUT, "ghcr.io did not answer in 60 seconds"))


def evidence(*signatures: Signature, digest: Digest = DIGEST) -> Evidence:
    """What a registry and the signatures said."""
    return Evidence(Resolved(digest), signatures)


def platform(name: str, *signatures: Signature) -> Platform:
    """One platform manifest with its own signatures."""
    return Platform(name, Digest.of(name.encode()), signatures)


def pattern(subject: str = "https://github.com/acme/*/.github/workflows/release.yaml@refs/tags/*") -> KeylessSigner:
    """Whoever releases at acme."""
    return KeylessSigner(TextPattern.exact(ISSUER), TextPattern.glob(subject), text=subject)


RELEASERS: Final = Signer("release", (pattern(),))
PACKAGERS: Final = Signer("packages", (pattern("https://github.com/acme/packages/**"),))
OLD_KEY: Final = Signer("old-key", (KeySigner("keys/cosign.pub"),))


def entry(match: str = "ghcr.io/acme/**", *names: str, label: str = "images[0]") -> ImageRule:
    """An entry that wants one of these signers (`release` where none is named)."""
    return ImageRule(label, (NamePattern.parse(match),), signed_by=SignedBy(names or ("release",)))


def exempt(match: str, label: str = "images[1]") -> ImageRule:
    """An entry that lets images be unsigned."""
    return ImageRule(label, (NamePattern.parse(match),), unsigned_allowed=True, reason="upstream does not sign")


def attesting(predicate: str = SLSA, *, also_signed: bool = False) -> ImageRule:
    """An entry that wants an attestation, and perhaps a signature too."""
    wanted = (AttestedBy(predicate, "release"),)
    return replace(entry(), attested_by=wanted, signed_by=SignedBy(("release",)) if also_signed else None)


def within(rule: ImageRule, *places: str) -> ImageRule:
    """The same entry, for these roots or files only."""
    return replace(rule, within=tuple(PathPattern.parse(place) for place in places))


def rules(*images: ImageRule) -> Rules:
    """Rules with these entries (one for acme's where none is given), three signers and the usual roots."""
    return Rules(
        "auditor.yaml",
        signers={each.name: each for each in (RELEASERS, PACKAGERS, OLD_KEY)},
        images=images or (entry(),),
        trust=(PUBLIC_GOOD, GITHUB),
        files={"auditor.yaml": "00"},
    )


def denying(subject: str = RELEASE) -> DeniedSigner:
    """The revocation of one subject."""
    return DeniedSigner(pattern(subject), "INC-7: the workflow was taken over")


def use(
    reference: str = API,
    *,
    root: str | None = "clusters/prod",
    workload: str = "api",
    container: str = "app",
    file: str = "clusters/prod/api.yaml",
) -> Use:
    """A container of a Deployment."""
    place = Place(file, 14, 11, "spec.template.spec.containers[0].image")
    return Use(reference, place, Workload("Deployment", workload, "prod", "apps/v1"), container, root)


def parsed(text: str = API) -> Reference:
    """A reference that is known to be one."""
    return Reference.parse(text)
