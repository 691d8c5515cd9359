"""What the registries said about one image: which references of it are deployed, were deployed, and who signed them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field

from auditor.model.evidence import Absent, Evidence, Fault, KeySigned, Refused, Signed, Unreadable
from auditor.model.identity import Identity


class Seal(Struct, frozen=True):
    """A valid signature on an image: who, when it was logged, and the trust roots that vouch for it."""

    identity: Identity
    logged: datetime
    roots: tuple[str, ...]


class Sighting(Struct, frozen=True):
    """One image by its normalised name.

    `today` are the references that are deployed, `before` those that the history deployed and nothing deploys today, each
    with its evidence where somebody was asked. `refused` says why its host was not asked.
    """

    name: str
    today: Mapping[str, Evidence | None]
    before: Mapping[str, Evidence | None] = field(default_factory=dict)
    refused: str = ""

    @property
    def references(self) -> Iterator[Evidence]:
        """Everything that is known of it, today's first."""
        for evidence in (*self.today.values(), *self.before.values()):
            if evidence is not None:
                yield evidence


class Lack(StrEnum):
    """Why nobody can be proposed for an image. The worst for the reader first."""

    UNKNOWN = "could not be told"
    MISSING = "does not exist"
    DOUBT = "is signed, but look twice"
    KEY = "is signed with a long-lived key"
    INVALID = "has signatures that are not valid under any trusted root"
    ATTESTED = "is attested, but not signed"
    UNSIGNED = "is not signed"


def seals(evidence: Evidence) -> tuple[Seal, ...]:
    """The valid signatures, attestations left out. Only what verified under a trusted root is one."""
    return tuple(
        Seal(each.identity, each.logged, each.roots)
        for each in evidence.signatures
        if isinstance(each, Signed) and not each.attestation and each.roots
    )


def lack(sighting: Sighting) -> tuple[Lack, str]:
    """What an image without a proposable signer lacks, and a detail for the reader."""
    if sighting.refused:
        return Lack.UNKNOWN, sighting.refused
    found = [_lack(evidence) for evidence in sighting.today.values()]
    order = list(Lack)
    return min(found, key=lambda each: order.index(each[0]), default=(Lack.UNKNOWN, "nobody was asked"))


def _lack(evidence: Evidence | None) -> tuple[Lack, str]:
    match evidence:
        case None:
            return Lack.UNKNOWN, "nobody was asked"
        case Evidence(resolution=Fault(detail=detail)):
            return Lack.UNKNOWN, detail
        case Evidence(resolution=Absent(detail=detail)):
            return Lack.MISSING, detail
        case Evidence(signatures=found):
            unreadable = next((each for each in found if isinstance(each, Unreadable)), None)
            if unreadable is not None:
                return Lack.UNKNOWN, str(unreadable.fault)
            if seals(evidence):
                return Lack.DOUBT, "by a pull request's build, by different signers, or by nobody that can be named"
            if any(isinstance(each, KeySigned) and not each.attestation for each in found):
                return Lack.KEY, ""
            refused = next((each for each in found if isinstance(each, Refused) and not each.attestation), None)
            if refused is not None:
                return Lack.INVALID, refused.why
            return (Lack.ATTESTED, "") if found else (Lack.UNSIGNED, "")
