"""Whether the signatures beside an image satisfy attestors: `Cosign` reads classic tags, `SigstoreBundle` referrers.

1. Every set must hold; of a set at least `count` entries; an entry by one signature whose certificate names whom it wants.
2. In a classic layer identity and annotations may be those of two signatures: each is looked for on its own.
3. For bundles any statement of the right identity will do, whatever its predicate: that is how Kyverno reads them.
4. What could not be read, or only a service could tell, leaves it undecided unless something else decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from auditor.model.evidence import Form, Step
from auditor.policies.bundles import is_read_by_kyverno
from auditor.policies.inspected import Inspected
from auditor.policies.kyverno.answer import Maybe
from auditor.policies.kyverno.attestors import AttestorSet, Entry
from auditor.policies.proofs import Grounds, Proofs
from auditor.registry.material import BundleBytes, LegacyAttestation, Listing, Material, SimpleSigning
from auditor.signatures.enforcer import Accepted, Outcome, Rejected, Undecided

MOST_REFERRERS: Final = 50
"""Referrers of one image, of whatever kind; with more, Kyverno gives up."""
_LONGEST: Final = 300
UNTIMED: Final = "neither log nor time stamp is looked at: it holds only while its certificate is young"


class Answer(Struct, frozen=True):
    """Whether something holds (None: nobody can tell), and why."""

    holds: Maybe
    why: str


class Bench(Struct, frozen=True):
    """One image under one `verifyImages` entry: which form is read, on whose proofs."""

    image: Inspected
    proofs: Proofs
    bundle: bool = False

    def signed(self, sets: Sequence[AttestorSet]) -> Answer:
        """Whether every set of attestors holds for the image's signatures."""
        return all_of(self._set(each) for each in sets)

    def _set(self, wanted: AttestorSet) -> Answer:
        return at_least(wanted.required, (self._entry(entry) for entry in wanted.entries))

    def _entry(self, entry: Entry) -> Answer:
        if entry.nested is not None:
            return self._set(entry.nested)
        if entry.unclear:
            return Answer(None, entry.unclear)
        kind = BundleBytes if self.bundle else SimpleSigning
        found = self.outcomes(entry, kind)
        if isinstance(found, Answer):
            return found
        answer = _bundled(entry, found) if self.bundle else _classic(entry, found)
        if answer.holds is False and entry.lax and any(isinstance(each, Accepted) for each in found):
            return Answer(None, f"{entry.lax}; as written: {answer.why}")
        return answer

    def outcomes(self, entry: Entry, kind: type[Material]) -> Sequence[Outcome] | Answer:
        """What each signature of the form is worth to the entry; an answer where that cannot be asked."""
        listing = self._listing(entry)
        digest = self.image.digest
        if listing is None or digest is None:
            where = entry.repository or "the image's repository"
            return Answer(None, f"the signatures in {where} were not asked for")
        if self.bundle and (why := _bundles_passed_over(listing)):
            return Answer(False, why)
        if self.bundle and (spoiled := _spoiled(listing)):
            return spoiled
        found = self.proofs.outcomes(listing, kind, digest, entry.grounds)
        if self.bundle:
            found = tuple(each for each, seen in zip(found, _seen(listing), strict=True) if seen)
        return (*found, *unread(listing, kind))

    def _listing(self, entry: Entry) -> Listing | None:
        if entry.repository is None or entry.repository == self.image.reference.name:
            return self.image.listing
        return self.image.elsewhere.get(entry.repository)


_FORMS: Final = {SimpleSigning: Form.SIG, LegacyAttestation: Form.ATT, BundleBytes: Form.BUNDLE}


def _seen(listing: Listing) -> list[bool]:
    """For each bundle, whether Kyverno takes it for one."""
    return [is_read_by_kyverno(each) for each in listing.materials if isinstance(each, BundleBytes)]


def _spoiled(listing: Listing) -> Answer | None:
    """One bundle that Kyverno cannot read makes it refuse the image, whatever else is signed."""
    if listing.headless:
        return Answer(
            False, "the first layer of what the registry lists as a bundle is none, and Kyverno reads that one"
        )
    faults = [each.fault for each in listing.faults if each.form is Form.BUNDLE]
    if not faults:
        return None
    return Answer(None, f"a bundle could not be read, which may spoil all of them for Kyverno: {faults[0]}")


def _bundles_passed_over(listing: Listing) -> str | None:
    """Why Kyverno reads none of the bundles that are there; None where it reads some, or there may be others."""
    seen = _seen(listing)
    if max(listing.referrers, len(seen)) > MOST_REFERRERS:
        return f"there are more than {MOST_REFERRERS} referrers, and Kyverno reads none then"
    if not seen or any(seen) or any(fault.form is Form.BUNDLE for fault in listing.faults):
        return None
    return "no signatures found: the registry does not list its bundles as such (by artifactType), and Kyverno goes by that"


def unread(listing: Listing, kind: type[Material]) -> tuple[Undecided, ...]:
    """What of this kind could not be read: it may be anything."""
    if not listing.faults:
        return ()
    form = _FORMS[kind]
    return tuple(Undecided(form, f"could not be read: {each.fault}") for each in listing.faults if each.form is form)


def at_least(required: int, answers: Iterable[Answer]) -> Answer:
    """Whether that many hold: Kyverno stops at the first that complete the number."""
    held = 0
    unclear: list[str] = []
    refused: list[str] = []
    for answer in answers:
        if answer.holds:
            held += 1
            if held >= required:
                return Answer(True, answer.why)
        else:
            (unclear if answer.holds is None else refused).append(answer.why)
    if held + len(unclear) >= required:
        return Answer(None, joined(unclear))
    return Answer(False, joined(refused))


def all_of(answers: Iterable[Answer]) -> Answer:
    """Whether all hold; the first that does not decides."""
    last, unclear = Answer(False, "no attestors are named"), None
    for answer in answers:
        if answer.holds is False:
            return answer
        unclear = unclear or (answer if answer.holds is None else None)
        last = answer
    return unclear or last


def joined(reasons: Iterable[str]) -> str:
    """Distinct reasons in one bounded sentence."""
    text = "; ".join(dict.fromkeys(reasons))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _classic(entry: Entry, outcomes: Sequence[Outcome]) -> Answer:
    accepted = [each for each in outcomes if isinstance(each, Accepted)]
    if accepted and entry.who is not None and untimed(entry.grounds):
        return Answer(None, UNTIMED)
    named, why_not = named_by(accepted, entry, classic=True)
    marked = [each for each in accepted if _annotated(entry, each)]
    if named and marked:
        return Answer(True, _by(named[0]))
    if accepted and named:
        why_not = "no signature matched the required annotations"
    return _refused(outcomes, why_not)


def untimed(grounds: Grounds) -> bool:
    """Whether the classic way looks at no time of a certificate: time stamps count where the policy brings their authority."""
    return grounds.unsafe_without_log and grounds.tsa is None


def _bundled(entry: Entry, outcomes: Sequence[Outcome]) -> Answer:
    if entry.who is None:
        if any(isinstance(each, Accepted) for each in outcomes):
            return Answer(None, "bundles made with a key are not evaluated here")
        return _refused(outcomes, "")
    if spoiled := unparsable(outcomes):
        return Answer(None, spoiled)
    named, why_not = named_by([each for each in outcomes if isinstance(each, Accepted)], entry, classic=False)
    if named and entry.annotations:
        return Answer(None, "annotations of bundles are not evaluated here")
    return Answer(True, _by(named[0])) if named else _refused(outcomes, why_not)


def unparsable(outcomes: Iterable[Outcome]) -> str | None:
    """One bundle that does not parse makes Kyverno refuse them all; whether its parser takes this one cannot be told here."""
    for each in outcomes:
        if isinstance(each, Rejected) and each.step is Step.BYTES:
            return f"a bundle cannot be parsed here ({each.why}), which may spoil all of them for Kyverno"
    return None


def named_by(accepted: Sequence[Accepted], entry: Entry, *, classic: bool) -> tuple[list[Accepted], str]:
    """The accepted signatures by whom the entry wants; and why the first of the others is not."""
    named: list[Accepted] = []
    why_not = ""
    for each in accepted:
        mismatch = _mismatch(each, entry, classic=classic)
        if mismatch is None:
            named.append(each)
        else:
            why_not = why_not or mismatch
    return named, why_not


def _mismatch(accepted: Accepted, entry: Entry, *, classic: bool) -> str | None:
    if entry.who is None:
        return None
    if accepted.identity is None:
        return "certificate not found"
    compare: Callable[..., str | None] = entry.who.mismatch if classic else entry.who.bundle_mismatch
    return compare(accepted.identity)


def _annotated(entry: Entry, accepted: Accepted) -> bool:
    return all(accepted.optional.get(key) == value for key, value in entry.annotations)


def _by(accepted: Accepted) -> str:
    return f"signed by {accepted.identity.subject}" if accepted.identity else "signed by the key"


def _refused(outcomes: Sequence[Outcome], why_not: str) -> Answer:
    unclear = [each.why for each in outcomes if isinstance(each, Undecided)]
    if unclear:
        return Answer(None, joined(unclear))
    if why_not:
        return Answer(False, why_not)
    rejected = [each.why for each in outcomes if isinstance(each, Rejected)]
    return Answer(False, joined(rejected) if rejected else "no signatures found")
