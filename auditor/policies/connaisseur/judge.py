"""What Connaisseur would say of an image: one entry of its policy governs, one validator judges; no entry denies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from msgspec import Struct

from auditor.model.evidence import Form, Step
from auditor.model.identity import Identity
from auditor.model.place import Place
from auditor.model.reference import Digest, InvalidReference
from auditor.policies.connaisseur.rules import full_name, governing
from auditor.policies.inspected import Inspected, Resource
from auditor.policies.proofs import Grounds, Proofs, beside
from auditor.policies.ruling import Engine, Ruling, erred, failed, passed, skipped, unknown, warned
from auditor.registry.material import Listing, SimpleSigning
from auditor.signatures.enforcer import Accepted, Rejected, Undecided

_MOVED: Final = "a signature beside it is of another digest: if it is valid, Connaisseur cannot choose and refuses"


class TrustRoot(Struct, frozen=True):
    """One trust root of a validator: a key in PEM, or expressions over issuer and subject."""

    key: bytes | None
    issuer: Any
    subject: Any
    unclear: str | None

    def allows(self, identity: Identity | None) -> bool:
        """Whether who signed is who the trust root names."""
        if self.key is not None:
            return identity is None
        return identity is not None and bool(
            self.issuer.search(identity.issuer or "") and self.subject.search(identity.subject)
        )


class Validator(Struct, frozen=True):
    """One validator. PEM that is None means the public Sigstore's."""

    kind: str
    approves: bool
    roots: Mapping[str, TrustRoot]
    rekor: bytes | None
    fulcio: bytes | None
    ctlog: bytes | None


class Entry(Struct, frozen=True):
    """One entry of `policy`."""

    pattern: str
    validator: str
    trust_root: str
    threshold: int
    required: tuple[str, ...]
    log: bool
    sct: bool
    place: Place


class _Signed(Struct, frozen=True):
    by: str


class _Not(Struct, frozen=True):
    why: str
    sure: bool


_Answer: TypeAlias = _Signed | _Not


@dataclass(frozen=True)
class ConnaisseurPolicy:
    """The values of one installation."""

    title: str
    where: Place
    entries: tuple[Entry, ...]
    validators: Mapping[str, Validator]
    warns: bool

    @property
    def engine(self) -> Engine:
        """Who enforces it."""
        return Engine.CONNAISSEUR

    @property
    def name(self) -> str:
        """`Connaisseur/<release or file>`."""
        return self.title

    @property
    def place(self) -> Place:
        """Where the values are written."""
        return self.where

    @property
    def repositories(self) -> frozenset[str]:
        """None: Connaisseur looks beside the image."""
        return frozenset()

    @property
    def attested(self) -> bool:
        """No: Connaisseur looks for signatures."""
        return False

    def rule(self, image: Inspected, resource: Resource, proofs: Proofs) -> Ruling:
        """What Connaisseur would say; it asks about pods and what makes them."""
        if resource.named and not resource.lists:
            return skipped("no container runs it")
        try:
            entry = governing(((each.pattern, each) for each in self.entries), full_name(image.text))
        except InvalidReference as problem:
            return self._no(f"Connaisseur takes it for no image name: {problem}")
        if entry is None:
            return self._no("no pattern matches: Connaisseur denies", self.where)
        validator = self.validators.get(entry.validator)
        if validator is None:
            return erred(f"there is no validator {entry.validator}", entry.place, enforced=not self.warns)
        if validator.kind == "static":
            if validator.approves:
                return passed(f"{entry.pattern}: validator {entry.validator} approves everything", entry.place)
            return self._no(f"{entry.pattern}: validator {entry.validator} denies everything", entry.place)
        if validator.kind != "cosign":
            return unknown(f"validators of type {validator.kind} are not evaluated here", entry.place)
        return self._cosign(image, entry, validator, proofs)

    def _cosign(self, image: Inspected, entry: Entry, validator: Validator, proofs: Proofs) -> Ruling:
        if image.digest is None:
            return self._no(f"{image.missing}") if image.absent else unknown(f"{image.missing}")
        if image.listing is None:
            return unknown("its signatures were not asked for")
        wanted = _wanted(entry, validator)
        missing = [name for name in wanted if name not in validator.roots]
        if missing:
            why = f"validator {entry.validator} has no trust root {missing[0]}"
            return erred(why, entry.place, enforced=not self.warns)
        answers = {
            name: _answer(validator.roots[name], _grounds(entry, validator), image.listing, image.digest, proofs)
            for name in wanted
        }
        return self._counted(entry, answers)

    def _counted(self, entry: Entry, answers: Mapping[str, _Answer]) -> Ruling:
        """All that are required, and as many as the threshold says; without either, all."""
        signed = {name: answer for name, answer in answers.items() if isinstance(answer, _Signed)}
        doubtful = {name for name, answer in answers.items() if isinstance(answer, _Not) and not answer.sure}
        missing = [name for name in _required(entry) if name not in signed]
        threshold = _threshold(entry, len(answers))
        if not missing and len(signed) >= threshold:
            first = next(iter(signed.values()))
            return passed(f"{entry.pattern}: signed by {first.by}", entry.place)
        if set(missing) <= doubtful and len(signed) + len(doubtful) >= threshold:
            return unknown(next(each.why for each in answers.values() if isinstance(each, _Not) and not each.sure))
        refused = next((each.why for each in answers.values() if isinstance(each, _Not)), "")
        short = f"{len(signed)} of {max(threshold, len(_required(entry)))} trust roots have signed"
        return self._no(f"{entry.pattern}: {short}: {refused}" if refused else short, entry.place)

    def _no(self, why: str, place: Place | None = None) -> Ruling:
        return warned(f"{why} (detection mode)", place) if self.warns else failed(why, place)


def _wanted(entry: Entry, validator: Validator) -> tuple[str, ...]:
    if entry.trust_root != "*":
        return (entry.trust_root,)
    if entry.required and entry.threshold <= len(entry.required):
        return entry.required
    return tuple(validator.roots)


def _required(entry: Entry) -> tuple[str, ...]:
    """Connaisseur checks `required` whatever the trust root is."""
    return entry.required


def _threshold(entry: Entry, roots: int) -> int:
    """At least one must have signed: where none has, there is no digest to deploy."""
    if entry.trust_root != "*":
        return 1
    if entry.threshold:
        return entry.threshold
    return 1 if entry.required else roots


def _grounds(entry: Entry, validator: Validator) -> Grounds:
    return Grounds(
        fulcio=validator.fulcio,
        rekor=validator.rekor,
        ctlog=validator.ctlog,
        unsafe_without_log=not entry.log,
        unsafe_without_sct=not entry.sct,
    )


def _answer(root: TrustRoot, common: Grounds, listing: Listing, digest: Digest, proofs: Proofs) -> _Answer:
    """Whether somebody whom this trust root names has signed."""
    if root.unclear:
        return _Not(root.unclear, sure=False)
    grounds = common if root.key is None else _with_key(common, root.key)
    doubts = [str(each.fault) for each in listing.faults if each.form is Form.SIG]
    refused: list[str] = []
    signed: list[Accepted] = []
    moved = False
    for material in beside(listing, SimpleSigning):
        match proofs.examine(material, digest, grounds):
            case Accepted(identity=identity) as accepted if root.allows(identity):
                signed.append(accepted)
            case Accepted(identity=identity):
                refused.append(f"it is signed by {identity}")
            case Rejected(why=why, step=step):
                refused.append(why)
                moved = moved or step is Step.SUBJECT
            case Undecided(why=why):
                doubts.append(why)
    if any(_is_unread(each) for each in signed):
        return _Not("a valid signature says something that is no text, which Connaisseur cannot read", sure=True)
    if signed:
        doubt = _doubt(grounds) or (_MOVED if moved else None)
        who = signed[0].identity
        return _Not(doubt, sure=False) if doubt else _Signed(who.subject if who else "the key")
    if doubts:
        return _Not(doubts[0], sure=False)
    return _Not(refused[0] if refused else "no signatures found", sure=True)


def _is_unread(accepted: Accepted) -> bool:
    """Connaisseur reads the signed annotations of every valid signature, as texts."""
    return not all(value is None or isinstance(value, str) for value in accepted.optional.values())


def _doubt(grounds: Grounds) -> str | None:
    """Why an accepted signature may not be one for Connaisseur."""
    if grounds.key is None and grounds.unsafe_without_log:
        return "the log is not looked at: it holds only while its certificate is young"
    return None


def _with_key(common: Grounds, key: bytes) -> Grounds:
    return Grounds(
        public=not common.unsafe_without_log, rekor=common.rekor, key=key, unsafe_without_log=common.unsafe_without_log
    )
