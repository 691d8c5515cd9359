"""`attestors[].cosign` of an ImageValidatingPolicy: on what grounds a signature counts, and who must have made it.

Source: `pkg/image/verifiers/ivpol/cosign` of Kyverno 1.19. Where bundles are beside the image they alone are read, any predicate
counts as a signature, and more than one identity is an error. Where the policy brings a time stamping authority
(`tsaCertChain`) a bundle needs a stamp, and where it leaves the log out, too. Parts of the trust that the policy brings may be passed over by
one of cosign's two ways: a verdict then needs the agreement of both readings.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from auditor.model.evidence import Form
from auditor.model.identity import Identity
from auditor.model.place import Place
from auditor.policies.cursor import Cursor, Mistake
from auditor.policies.inspected import Inspected
from auditor.policies.kyverno.names import repository_of
from auditor.policies.kyverno.signing import UNTIMED, Answer, joined, unparsable, unread, untimed
from auditor.policies.pems import key_mistakes, pem_mistakes
from auditor.policies.proofs import Grounds, Proofs
from auditor.policies.regex import invalid, occurs
from auditor.registry.material import BundleBytes, LegacyAttestation, Listing, Material, SimpleSigning
from auditor.signatures.enforcer import Accepted, Outcome, Rejected, Stamps, Undecided


class NamedIdentity(Struct, frozen=True):
    """One of `keyless.identities`: issuer and subject are exact, the expressions unanchored."""

    issuer: str = ""
    subject: str = ""
    issuer_regexp: str = ""
    subject_regexp: str = ""

    def fits(self, identity: Identity, *, bundle: bool) -> bool:
        """Whether it names this identity. In the classic way an expression replaces the text, for bundles both must hold."""
        pairs = (
            (self.issuer, self.issuer_regexp, identity.issuer or ""),
            (self.subject, self.subject_regexp, identity.subject),
        )
        return all(_fits(text, pattern, value, bundle=bundle) for text, pattern, value in pairs)


def _fits(text: str, pattern: str, value: str, *, bundle: bool) -> bool:
    if pattern and not occurs(pattern, value):
        return False
    if text and (bundle or not pattern):
        return text == value
    return True


class CosignAttestor(Struct, frozen=True):
    """One attestor. `readings` are the grounds on which the engine may judge, `bundled` those for bundles: all must agree.

    `unclear`: nobody can tell.
    """

    name: str
    place: Place
    readings: tuple[Grounds, ...] = (Grounds(offline=True),)
    bundled: tuple[Grounds, ...] = (Grounds(offline=True),)
    identities: tuple[NamedIdentity, ...] | None = None
    annotations: tuple[tuple[str, str], ...] = ()
    repository: str | None = None
    unclear: str | None = None
    refused: str | None = None

    def signed(self, image: Inspected, proofs: Proofs) -> Answer:
        """Whether the image is signed as the attestor wants."""
        return self._judged(image, proofs, None)[0]

    def attested(self, image: Inspected, proofs: Proofs, kind: str) -> tuple[Answer, list[Accepted]]:
        """Whether there is a statement of this type as the attestor wants, and those that there are."""
        return self._judged(image, proofs, kind)

    def _judged(self, image: Inspected, proofs: Proofs, kind: str | None) -> tuple[Answer, list[Accepted]]:
        if self.refused:
            return Answer(False, self.refused), []
        listing = self._listing(image)
        if self.unclear or listing is None or image.digest is None:
            return Answer(None, self.unclear or "the signatures were not asked for"), []
        listing = proofs.read_by_cosign(listing)
        bundle = any(isinstance(each, BundleBytes) for each in listing.materials)
        if not bundle and any(fault.form is Form.BUNDLE for fault in listing.faults):
            return Answer(None, "whether there are bundles could not be read"), []
        wanted: type[Material] = BundleBytes if bundle else SimpleSigning if kind is None else LegacyAttestation
        readings = self.bundled if bundle else self.readings
        judged = [self._on(grounds, listing, wanted, image, proofs, kind) for grounds in readings]
        answers = [answer for answer, _ in judged]
        if any(answer.holds is not answers[0].holds for answer in answers):
            return Answer(None, f"two ways of reading its trust disagree: {joined(each.why for each in answers)}"), []
        return judged[0]

    def _listing(self, image: Inspected) -> Listing | None:
        if self.repository is None or self.repository == image.reference.name:
            return image.listing
        return image.elsewhere.get(self.repository)

    def _on(  # noqa: PLR0917 - one reading, with everything that is known there
        self,
        grounds: Grounds,
        listing: Listing,
        wanted: type[Material],
        image: Inspected,
        proofs: Proofs,
        kind: str | None,
    ) -> tuple[Answer, list[Accepted]]:
        digest = image.digest
        assert digest is not None
        bundle = wanted is BundleBytes
        if bundle and self.identities is None:
            return Answer(None, "bundles made with a key are not evaluated here"), []
        if bundle and self.identities is not None and len(self.identities) > 1:
            return Answer(False, "with bundles the engine takes one identity, and refuses more"), []
        outcomes = (*proofs.outcomes(listing, wanted, digest, grounds), *unread(listing, wanted))
        if bundle and (spoiled := unparsable(outcomes)):
            return Answer(None, spoiled), []
        if self._untimed(grounds, bundle=bundle) and any(isinstance(each, Accepted) for each in outcomes):
            return Answer(None, UNTIMED), []
        return self._chosen(outcomes, kind, bundle=bundle)

    def _untimed(self, grounds: Grounds, *, bundle: bool) -> bool:
        return not bundle and self.identities is not None and untimed(grounds)

    def _chosen(self, outcomes: Sequence[Outcome], kind: str | None, *, bundle: bool) -> tuple[Answer, list[Accepted]]:
        accepted = [each for each in outcomes if isinstance(each, Accepted) and kind in {None, each.predicate}]
        named = [each for each in accepted if self._names(each, bundle=bundle)]
        if named and self.annotations and bundle:
            return Answer(None, "annotations of bundles are not evaluated here"), []
        marked = [each for each in named if all(each.annotations.get(key) == value for key, value in self.annotations)]
        unclear = [each.why for each in outcomes if isinstance(each, Undecided)]
        if marked and not (kind is not None and unclear):
            return Answer(True, _by(marked[0])), marked
        if unclear:
            return Answer(None, joined(unclear)), []
        return Answer(False, self._why_not(outcomes, accepted, named)), []

    def _names(self, accepted: Accepted, *, bundle: bool) -> bool:
        if self.identities is None:
            return True
        if accepted.identity is None:
            return False
        if not self.identities:
            return not bundle  # the classic way takes anybody then, bundles refuse
        identity = accepted.identity
        return any(each.fits(identity, bundle=bundle) for each in self.identities)

    def _why_not(self, outcomes: Sequence[Outcome], accepted: Sequence[Accepted], named: Sequence[Accepted]) -> str:
        if named:
            return "no signature has the required annotations"
        if accepted:
            return joined(f"none of the identities is {each.identity}" for each in accepted)
        rejected = [each.why for each in outcomes if isinstance(each, Rejected)]
        return joined(rejected) if rejected else "no signatures found"


def _by(accepted: Accepted) -> str:
    return f"signed by {accepted.identity.subject}" if accepted.identity else "signed by the key"


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_attestor(field: Cursor, mistakes: list[Mistake]) -> CosignAttestor:
    """One entry of `attestors:`; what Kyverno would refuse is added to `mistakes`."""
    name, cosign = field["name"].text, field["cosign"]
    base = CosignAttestor(name, field.place)
    if not cosign:
        if not field["notary"]:
            mistakes.append(field.mistake("an attestor has `cosign` or `notary`"))
        return replace(base, unclear="attestors of the kind notary are not evaluated here")
    base = replace(
        base,
        annotations=tuple(sorted(cosign["annotations"].texts.items())),
        repository=_repository(cosign["source"]["repository"], mistakes),
        unclear=_unclear(cosign),
    )
    ctlog = cosign["ctlog"]
    if ctlog and not ctlog["url"].text and not ctlog["insecureIgnoreTlog"].yes:
        base = replace(base, refused="rekor URL must be provided")
    parts = {"rekor": ctlog["rekorPubKey"], "ctlog": ctlog["ctLogPubKey"], "tsa": ctlog["tsaCertChain"]}
    mistakes.extend(pem_mistakes(fulcio=cosign["keyless"]["roots"], **parts))
    ways = [way for way in ("key", "keyless", "certificate") if cosign[way]]
    if len(ways) != 1:
        mistakes.append(cosign.mistake("an attestor has exactly one of key, keyless and certificate"))
        return base
    match ways[0]:
        case "keyless":
            return _keyless(base, cosign, mistakes)
        case "key":
            return _keyed(base, cosign, mistakes)
        case _:
            return replace(base, unclear="attestors of the kind certificate are not evaluated here")


def _repository(field: Cursor, mistakes: list[Mistake]) -> str | None:
    if not field.text:
        return None
    name = repository_of(field.text)
    if name is None:
        mistakes.append(field.mistake(f"not a repository: {field.text[:200]!r}"))
    return name


def _unclear(cosign: Cursor) -> str | None:
    if cosign["source"]["tagPrefix"]:
        return "source.tagPrefix is not evaluated here"
    trusted = cosign["trustedRoot"]
    if trusted["expression"]:
        return "trustedRoot.expression is not evaluated here"
    if cosign["tuf"] and not trusted["value"].text:
        return "its trusted root is fetched from a TUF repository, which is not asked here"
    return None


def _grounds(cosign: Cursor, *, fulcio: bytes | None = None, key: bytes | None = None) -> tuple[Grounds, ...]:
    """The public (or given) root with the parts that the policy brings, and without them where it brings any."""
    ctlog, trusted = cosign["ctlog"], cosign["trustedRoot"]["value"].text
    plain = Grounds(
        trusted_root=trusted.encode() if trusted else None,
        tsa=_pem(ctlog["tsaCertChain"]),
        key=key,
        unsafe_without_log=ctlog["insecureIgnoreTlog"].yes,
        unsafe_without_sct=key is not None or ctlog["insecureIgnoreSCT"].yes,
        stamps=Stamps.TAKEN if ctlog["tsaCertChain"].text else Stamps.IGNORED,
        offline=not ctlog["url"].text,
    )
    own = replace(plain, fulcio=fulcio, rekor=_pem(ctlog["rekorPubKey"]), ctlog=_pem(ctlog["ctLogPubKey"]))
    return (plain,) if own == plain else (own,) if key is not None else (own, plain)


def _pem(field: Cursor) -> bytes | None:
    return field.text.encode() if field.text else None


def _keyless(base: CosignAttestor, cosign: Cursor, mistakes: list[Mistake]) -> CosignAttestor:
    keyless = cosign["keyless"]
    identities = tuple(_identity(each, mistakes) for each in keyless["identities"])
    readings = _grounds(cosign, fulcio=_pem(keyless["roots"]))
    stamped = readings[0].tsa is not None or readings[0].unsafe_without_log
    bundled = tuple(replace(each, stamps=Stamps.DEMANDED) for each in readings) if stamped else readings
    return replace(base, readings=readings, bundled=bundled, identities=identities)


def _identity(field: Cursor, mistakes: list[Mistake]) -> NamedIdentity:
    for name in ("issuerRegExp", "subjectRegExp"):
        why = invalid(field[name].text) if field[name].text else None
        if why:
            mistakes.append(field[name].mistake(why))
    return NamedIdentity(
        field["issuer"].text, field["subject"].text, field["issuerRegExp"].text, field["subjectRegExp"].text
    )


def _keyed(base: CosignAttestor, cosign: Cursor, mistakes: list[Mistake]) -> CosignAttestor:
    key = cosign["key"]
    data, algorithm = key["data"].text, key["hashAlgorithm"].text
    if not data:
        return replace(base, unclear="its key is held elsewhere (kms or an expression)")
    mistakes.extend(key_mistakes(key["data"], data.encode()))
    if algorithm not in {"", "sha256"}:
        return replace(base, unclear=f"hashAlgorithm {algorithm} is not evaluated here")
    return replace(base, readings=_grounds(cosign, key=data.encode()))
