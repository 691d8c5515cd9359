"""What one run saw of one image, as far as another night may differ from it."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Final

from msgspec import Struct

from auditor.history.texts import plain
from auditor.judge.governing import parse
from auditor.model.evidence import KeySigned, Signed, Unreadable
from auditor.model.identity import Identity
from auditor.model.reference import InvalidReference
from auditor.model.report import Image, JudgedSignature
from auditor.model.verdict import Verdict

_SOURCE: Final = "sourceRepositoryURI"
_ANSWERED: Final = frozenset(
    {Verdict.VERIFIED, Verdict.UNSIGNED, Verdict.ATTESTATION_ONLY, Verdict.KEY_SIGNED, Verdict.INVALID}
)
"""Verdicts that are given only after the registry was asked for the signatures. A revoked image is a `wrong-signer` though
nobody may have asked."""


class Sighting(Struct, frozen=True):
    """One image under one rule. Equal sightings of two nights mean that nothing has changed.

    `signers` are the identities of the valid signatures, with the claims that tell one signer from another; `vouched` is
    True where a valid signature was there, False where the registry answered every question and none was, None where nobody
    could tell.
    """

    reference: str
    name: str
    """The repository with its host, normalised; the text itself where it is no reference."""
    rule: str | None
    digest: str | None
    verdict: Verdict
    signers: tuple[Identity, ...] = ()
    vouched: bool | None = None

    @property
    def definite(self) -> bool:
        """Whether somebody could tell."""
        return self.verdict is not Verdict.UNJUDGED

    @property
    def signed(self) -> bool:
        """Whether a valid signature was there."""
        return self.vouched is True


def sighting(image: Image) -> Sighting | None:
    """What is to be remembered of an image; None where it was not judged."""
    if image.verdict is None:
        return None
    return Sighting(
        image.reference,
        name_of(image.reference),
        image.rule,
        str(image.digest) if image.digest else None,
        image.verdict,
        identities(image.signatures),
        _vouched(image, image.verdict),
    )


def name_of(reference: str) -> str:
    """What an image is searched by: its normalised repository."""
    parsed = parse(reference)
    return reference if isinstance(parsed, InvalidReference) else parsed.name


def _vouched(image: Image, verdict: Verdict) -> bool | None:
    if any(_is_valid(each) for each in image.signatures):
        return True
    told = verdict in _ANSWERED and not any(isinstance(each.signature, Unreadable) for each in image.signatures)
    return False if told and image.digest is not None else None


def _is_valid(judged: JudgedSignature) -> bool:
    """A signature by a certificate, or by a key that the rules know. Nobody has verified one by an unknown key."""
    match judged.signature:
        case Signed(attestation=False):
            return True
        case KeySigned(attestation=False, keys=keys):
            return bool(keys)
        case _:
            return False


def identities(signatures: tuple[JudgedSignature, ...]) -> tuple[Identity, ...]:
    """Who signed, allowed or not, each once, in a fixed order."""
    found = {
        (each.identity.issuer, each.identity.claims.get(_SOURCE), each.identity.subject)
        for judged in signatures
        if isinstance(each := judged.signature, Signed) and not each.attestation
    }
    return tuple(_identity(*each) for each in sorted(found, key=repr))


def _identity(issuer: str | None, source: str | None, subject: str) -> Identity:
    return Identity(issuer, subject, claims={} if source is None else {_SOURCE: source})


def write_signers(signers: tuple[Identity, ...]) -> str:
    """Signers as JSON."""
    return plain([[each.issuer, each.claims.get(_SOURCE), each.subject] for each in signers])


@lru_cache(maxsize=1024)  # few sign, and each of them much
def read_signers(content: str) -> tuple[Identity, ...]:
    """What `write_signers` wrote."""
    return tuple(_identity(issuer, source, subject) for issuer, source, subject in json.loads(content))
