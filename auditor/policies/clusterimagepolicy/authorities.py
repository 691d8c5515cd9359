"""One authority and one image: who of those it asks for has signed, or attested."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from auditor.model.evidence import Form
from auditor.model.reference import Digest, InvalidReference, Reference
from auditor.policies.clusterimagepolicy.grounds import Unknown, Unsatisfiable, grounds_of
from auditor.policies.clusterimagepolicy.policy import (
    AttestationCheck,
    Authority,
    KeylessCheck,
    Script,
    StaticCheck,
)
from auditor.policies.clusterimagepolicy.trust_root import TrustRoot
from auditor.policies.inspected import Inspected
from auditor.policies.predicates import predicate_type
from auditor.policies.proofs import Grounds, Proofs, beside
from auditor.policies.rego.compliant import complies
from auditor.policies.rego.evaluate import Json, Rego, Unevaluated
from auditor.registry.material import BundleBytes, LegacyAttestation, Listing, Material, SimpleSigning
from auditor.signatures.encoding import Malformed
from auditor.signatures.enforcer import Accepted, Rejected, Undecided
from auditor.signatures.keys import always_sha256, load_pem_key

_REWRITTEN: Final = frozenset({"slsaprovenance", "link", "vuln"})
"""Short names whose statements the controller squeezes through types of its own before a policy sees them."""
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


@dataclass(frozen=True, slots=True)
class Satisfied:
    """The authority is content. `said` makes what a policy over all authorities sees of it; `why` names the signer."""

    why: str
    said: Callable[[], dict[str, Json]]


@dataclass(frozen=True, slots=True)
class Unsatisfied:
    """It is not; why."""

    why: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nobody can tell from here; why."""

    why: str


Answer: TypeAlias = Satisfied | Unsatisfied | Unclear


@dataclass(frozen=True, slots=True)
class Court:
    """What authorities are judged with."""

    roots: Mapping[str, TrustRoot]
    rego: Rego
    proofs: Proofs


@dataclass(frozen=True, slots=True)
class _Case:
    """One authority before one image."""

    authority: Authority
    listing: Listing
    digest: Digest
    court: Court


@dataclass(frozen=True, slots=True)
class _Held:
    """A signature or attestation that the authority takes."""

    material: Material
    outcome: Accepted

    def as_json(self) -> dict[str, Json]:
        said: dict[str, Json] = {"id": self.material.layer.hex}
        identity = self.outcome.identity
        if identity is not None:
            said["subject"] = identity.subject
            said["issuer"] = identity.issuer or ""
            said.update({name: identity.claims[claim] for name, claim in _EXTENSIONS if claim in identity.claims})
        return {name: value for name, value in said.items() if value != ""}


Footing: TypeAlias = tuple[Grounds, ...] | Unsatisfied | Unclear
"""On what grounds an authority judges, whatever the image; or why it cannot."""


def footing_of(authority: Authority, roots: Mapping[str, TrustRoot]) -> Footing:
    """The grounds of an authority: worked out once."""
    try:
        return grounds_of(authority, roots)
    except Unknown as problem:
        return Unclear(str(problem))
    except Unsatisfiable as problem:
        return Unsatisfied(str(problem))


def ask(authority: Authority, footing: Footing, image: Inspected, digest: Digest, court: Court) -> Answer:
    """What one authority says of the image."""
    check = authority.check
    if isinstance(check, StaticCheck):
        if check.passes:
            return Satisfied("static: pass", lambda: {"static": True})
        return Unsatisfied(f"disallowed by static policy{': ' if check.message else ''}{check.message}")
    if authority.tag_prefix:
        return Unclear("its signatures are stored under tags with a prefix, which are not asked for")
    if not isinstance(footing, tuple):
        return footing
    listing = _listing(authority, image)
    if isinstance(listing, Unclear):
        return listing
    case = _Case(authority, court.proofs.read_by_cosign(listing), digest, court)
    if authority.attestations:
        return _attested(case, footing)
    if authority.bundles:
        return Unsatisfied("this version of the controller does not verify an image's own signatures in bundles")
    answers: list[Unsatisfied | Unclear] = []
    for each in footing:
        held = _held(case, each, Form.SIG)
        if isinstance(held, list):
            return _signed(held)
        answers.append(held)
    return _worst(answers)


def _listing(authority: Authority, image: Inspected) -> Listing | Unclear:
    if not authority.source:
        return image.listing or Unclear("its signatures were not asked for")
    name = repository_of(authority)
    listing = image.elsewhere.get(name) if name else None
    return listing or Unclear(f"the signatures in {authority.source} were not asked for")


def repository_of(authority: Authority) -> str | None:
    """The other repository that holds the signatures, normalised; None where there is none, or it is no repository."""
    try:
        return Reference.parse(authority.source).name if authority.source else None
    except InvalidReference:
        return None


def _signed(signatures: Sequence[_Held]) -> Satisfied:
    who = signatures[0].outcome.identity
    return Satisfied(
        f"signed by {who.subject if who else 'the key'}",
        lambda: {"signatures": [each.as_json() for each in signatures]},
    )


def _worst(answers: Sequence[Unsatisfied | Unclear]) -> Unsatisfied | Unclear:
    """Of keys none of which is content: what is unclear counts before what is not."""
    unclear = next((each for each in answers if isinstance(each, Unclear)), None)
    return unclear or (answers[0] if answers else Unsatisfied("there are no public keys"))


# ── signatures ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _held(case: _Case, grounds: Grounds, form: Form) -> list[_Held] | Unsatisfied | Unclear:
    """Everything of this form that the authority takes; where there is nothing, why."""
    held: list[_Held] = []
    refused: list[str] = []
    unclear: list[str] = []
    kind = _KINDS[form]
    outcomes = case.court.proofs.outcomes(case.listing, kind, case.digest, grounds)
    for material, outcome in zip(beside(case.listing, kind), outcomes, strict=True):
        match outcome:
            case Accepted():
                problem = _objection(case.authority, outcome, grounds)
                if problem is None:
                    held.append(_Held(material, outcome))
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
        try:
            certain = always_sha256(load_pem_key(grounds.key, "the key"))
        except Malformed as problem:
            return Unclear(str(problem))
        return (
            None
            if certain
            else Unclear("the controller verifies SHA-256 only, and the key may have signed another hash")
        )
    check = authority.check
    identity = outcome.identity
    if not isinstance(check, KeylessCheck) or identity is None:
        return Unsatisfied("it is made with a key")
    if not any(each.matches(identity) for each in check.identities):
        return Unsatisfied(f"none of the expected identities matched: it is signed by {identity}")
    if grounds.unsafe_without_log and not grounds.stamped:
        return Unclear("neither log nor time stamp is looked at: it holds only while its certificate is young")
    return None


# ── attestations ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _attested(case: _Case, grounds: Sequence[Grounds]) -> Answer:
    """Every wanted attestation has a verified statement that satisfies its policy. Each key must have made some."""
    form = Form.BUNDLE if case.authority.bundles else Form.ATT
    verified: list[_Held] = []
    for each in grounds:
        held = _held(case, each, form)
        if not isinstance(held, list):
            return held
        verified += held
    attested: dict[str, list[_Held]] = {}
    for wanted in case.authority.attestations:
        answer = _wanted(wanted, verified, case.court)
        if not isinstance(answer, list):
            return answer
        attested[wanted.name] = answer
    types = {each.name: each.predicate for each in case.authority.attestations}

    def said() -> dict[str, Json]:
        shown: dict[str, Json] = {
            name: [{**each.as_json(), "predicateType": types[name]} for each in held] for name, held in attested.items()
        }
        return {"attestations": shown}

    who = verified[0].outcome.identity
    return Satisfied(f"attested by {who.subject if who else 'the key'}", said)


def _wanted(wanted: AttestationCheck, verified: Sequence[_Held], court: Court) -> list[_Held] | Unsatisfied | Unclear:
    predicate = predicate_type(wanted.predicate)
    checked: list[_Held] = []
    problems: list[Unsatisfied | Unclear] = []
    for each in verified:
        if each.outcome.predicate != predicate:
            continue
        problem = _objects(wanted, each, court) if wanted.script else None
        if problem is None:
            checked.append(each)
        else:
            problems.append(problem)
    if checked:
        return checked
    if problems:
        return _worst(problems)
    return Unsatisfied(f"no matching attestations with type {wanted.predicate}")


def _objects(wanted: AttestationCheck, held: _Held, court: Court) -> Unsatisfied | Unclear | None:
    assert wanted.script is not None
    if wanted.predicate in _REWRITTEN:
        return Unclear(f"the controller rewrites a statement of type {wanted.predicate} before its policy sees it")
    statement = json.loads(held.outcome.statement or b"null")
    if not isinstance(statement, dict):
        return Unsatisfied("the statement is no object")
    return evaluate(wanted.script, _as_marshalled(statement), court.rego)


def _as_marshalled(statement: dict[str, Json]) -> dict[str, Json]:
    """The statement as the controller's own type writes it again."""
    subjects = statement.get("subject")
    return {
        "_type": statement.get("_type", ""),
        "predicateType": statement.get("predicateType", ""),
        "subject": [
            {"name": each.get("name", ""), "digest": each.get("digest")}
            for each in (subjects if isinstance(subjects, list) else [])
            if isinstance(each, dict)
        ],
        "predicate": statement.get("predicate"),
    }


def evaluate(script: Script, document: Json, rego: Rego) -> Unsatisfied | Unclear | None:
    """What a policy inside the policy objects to; None where it is content."""
    if script.unknown:
        return Unclear(f"its policy is not at hand: {script.unknown}")
    if script.language != "rego":
        return Unclear("its policy is written in CUE, which is not evaluated here")
    answer = complies(rego, script.source, document)
    if isinstance(answer, Unevaluated):
        return Unclear(f"its Rego policy could not be evaluated: {answer.why}")
    return None if answer is True else Unsatisfied(f"its Rego policy is not satisfied: {answer}")
