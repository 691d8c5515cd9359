"""One authority and one image: who of those it asks for has signed, or attested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from auditor.model.evidence import Form
from auditor.model.reference import Digest, InvalidReference, Reference
from auditor.policies.clusterimagepolicy.answer import Answer, Satisfied, Unclear, Unsatisfied, worst
from auditor.policies.clusterimagepolicy.attested import attested_by
from auditor.policies.clusterimagepolicy.grounds import Unknown, Unsatisfiable, grounds_of
from auditor.policies.clusterimagepolicy.held import Case, Court, Held, held_by
from auditor.policies.clusterimagepolicy.policy import Authority, StaticCheck
from auditor.policies.clusterimagepolicy.trust_root import TrustRoot
from auditor.policies.inspected import Inspected
from auditor.policies.proofs import Grounds
from auditor.registry.material import Listing

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
    case = Case(authority, court.proofs.read_by_cosign(listing), digest, court)
    if authority.attestations:
        return attested_by(case, footing)
    if authority.bundles:
        return Unsatisfied("this version of the controller does not verify an image's own signatures in bundles")
    answers: list[Unsatisfied | Unclear] = []
    for each in footing:
        held = held_by(case, each, Form.SIG)
        if isinstance(held, list):
            return _signed(held)
        answers.append(held)
    return worst(answers)


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


def _signed(signatures: Sequence[Held]) -> Satisfied:
    who = signatures[0].outcome.identity
    return Satisfied(
        f"signed by {who.subject if who else 'the key'}",
        lambda: {"signatures": [each.as_json() for each in signatures]},
    )
