"""The table of a run: a row for each image, a cell for each policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from auditor.model.evidence import Evidence
from auditor.model.reference import Digest, InvalidReference, Reference
from auditor.model.use import Use
from auditor.policies.inspected import Inspected, inspected
from auditor.policies.proofs import Proofs
from auditor.policies.ruling import Judgment, Policy, side_by_side
from auditor.registry.material import Listing

_OCI = "oci://"


def table(
    policies: Sequence[Policy],
    uses: Iterable[Use],
    evidence: Mapping[str, Evidence],
    listings: Mapping[tuple[str, Digest], Listing],
    proofs: Proofs,
) -> Mapping[str, tuple[Judgment, ...]]:
    """What every policy says of every image, by the reference as written. Texts that are no reference have no row.

    `listings` holds the raw signatures by repository (normalised, `Policy.repositories` included) and digest.
    """
    if not policies:
        return {}
    elsewhere = frozenset(name for policy in policies for name in policy.repositories)
    by_text: dict[str, list[Use]] = {}
    for use in uses:
        by_text.setdefault(use.reference, []).append(use)
    rows = {}
    for text, same in by_text.items():
        image = _image(text, same, evidence.get(text), listings, elsewhere)
        if image is not None:
            rows[text] = side_by_side(policies, image, proofs)
    return rows


def _image(
    text: str,
    uses: Sequence[Use],
    evidence: Evidence | None,
    listings: Mapping[tuple[str, Digest], Listing],
    elsewhere: frozenset[str],
) -> Inspected | None:
    bare = text.removeprefix(_OCI)
    try:
        reference = Reference.parse(bare)
    except InvalidReference:
        return None
    image = inspected(bare, reference, uses, evidence, None)
    digest = image.digest
    if digest is None:
        return image
    found = {name: listings[name, digest] for name in elsewhere if (name, digest) in listings}
    return inspected(bare, reference, uses, evidence, listings.get((reference.name, digest)), elsewhere=found)
