"""The signatures, or attestations, of an image that one authority takes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from auditor.model.evidence import Form
from auditor.model.reference import Digest
from auditor.policies.clusterimagepolicy.answer import Unclear, Unsatisfied
from auditor.policies.clusterimagepolicy.policy import Authority, KeylessCheck
from auditor.policies.clusterimagepolicy.trust_root import TrustRoot
from auditor.policies.proofs import Grounds, Proofs, beside
from auditor.policies.rego.evaluate import Json, Rego
from auditor.registry.material import BundleBytes, LegacyAttestation, Listing, Material, SimpleSigning
from auditor.signatures.enforcer import Accepted, Rejected, Stamps, Undecided

_KINDS: Final[Mapping[Form, type[Material]]] = MappingProxyType(
    {Form.SIG: SimpleSigning, Form.ATT: LegacyAttestation, Form.BUNDLE: BundleBytes}
)
_EXTENSIONS: Final = (
    ("githubWorkflowTrigger", "githubWorkflowTrigger"),
    ("githubWorkflowSha", "githubWorkflowSHA"),
    ("githubWorkflowName", "githubWorkflowName"),
    ("githubWorkflowRepo", "githubWorkflowRepository"),
    ("githubWorkflowRef", "githubWorkflowRef"),
)


class Court(Struct, frozen=True):
    """What authorities are judged with."""

    roots: Mapping[str, TrustRoot]
    rego: Rego
    proofs: Proofs


class Case(Struct, frozen=True):
    """One authority before one image."""

    authority: Authority
    listing: Listing
    digest: Digest
    court: Court


class Held(Struct, frozen=True):
    """A signature or attestation that the authority takes."""

    material: Material
    outcome: Accepted

    def as_json(self) -> dict[str, Json]:
        """As a policy over all authorities sees it: what is empty is left out."""
        said: dict[str, Json] = {"id": self.material.layer.hex}
        identity = self.outcome.identity
        if identity is not None:
            said["subject"] = identity.subject
            said["issuer"] = identity.issuer or ""
            said.update({name: identity.claims[claim] for name, claim in _EXTENSIONS if claim in identity.claims})
        return {name: value for name, value in said.items() if value != ""}


def held_by(case: Case, grounds: Grounds, form: Form) -> list[Held] | Unsatisfied | Unclear:
    """Everything of this form that the authority takes; where there is nothing, why."""
    held: list[Held] = []
    refused: list[str] = []
    unclear: list[str] = []
    kind = _KINDS[form]
    outcomes = case.court.proofs.outcomes(case.listing, kind, case.digest, grounds)
    for material, outcome in zip(beside(case.listing, kind), outcomes, strict=True):
        match outcome:
            case Accepted():
                problem = _objection(case.authority, outcome, grounds)
                if problem is None:
                    held.append(Held(material, outcome))
                else:
                    (unclear if isinstance(problem, Unclear) else refused).append(problem.why)
            case Rejected(why=why):
                refused.append(why)
            case Undecided(why=why):
                unclear.append(why)
    if held:
        return held
    unclear += [str(fault.fault) for fault in case.listing.faults if fault.form is form]
    if unclear:
        return Unclear(unclear[0])
    what = "attestations" if case.authority.attestations else "signatures"
    return Unsatisfied(f"no matching {what}: {'; '.join(dict.fromkeys(refused))}" if refused else f"no {what} found")


def _objection(authority: Authority, outcome: Accepted, grounds: Grounds) -> Unsatisfied | Unclear | None:
    """Why a valid signature does not count."""
    if grounds.key is not None:
        return None
    check = authority.check
    identity = outcome.identity
    if not isinstance(check, KeylessCheck) or identity is None:
        return Unsatisfied("it is made with a key")
    if not any(each.matches(identity) for each in check.identities):
        return Unsatisfied(f"none of the expected identities matched: it is signed by {identity}")
    if grounds.unsafe_without_log and grounds.stamps is not Stamps.DEMANDED:
        return Unclear("neither log nor time stamp is looked at: it holds only while its certificate is young")
    return None
