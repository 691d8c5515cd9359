"""The table of a run: a row for each image, a cell for each policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

from auditor.model.evidence import Evidence
from auditor.model.reference import Digest, InvalidReference, Reference
from auditor.model.use import Use
from auditor.policies.inspected import Inspected, inspected
from auditor.policies.proofs import Proofs
from auditor.policies.ruling import Judgment, Policy, side_by_side
from auditor.registry.material import Listing

_OCI = "oci://"


class Table:
    """What every policy says of every image: a row for each reference as written. Texts that are no reference have none.

    `listings` holds the raw signatures by repository (normalised, `Policy.repositories` included) and digest. A row can be
    written as soon as its evidence is there, while the registries still answer for others. Not thread-safe.
    """

    def __init__(
        self,
        policies: Sequence[Policy],
        uses: Iterable[Use],
        listings: Mapping[tuple[str, Digest], Listing],
        proofs: Callable[[], Proofs],
    ) -> None:
        """`proofs` is called when the first image is examined."""
        self._policies = policies
        self._listings = listings
        self._elsewhere = frozenset(name for policy in policies for name in policy.repositories)
        self._load = proofs
        self._uses: dict[str, list[Use]] = {}
        for use in uses if policies else ():
            self._uses.setdefault(use.reference, []).append(use)
        self._rows: dict[str, tuple[Judgment, ...] | None] = {}

    def answered(self, text: str, evidence: Evidence | None) -> None:
        """Write the row of a reference; what is no use of the table has none."""
        if text in self._uses:
            image = self._image(text, evidence)
            self._rows[text] = side_by_side(self._policies, image, self._proofs) if image is not None else None

    def rows(self, evidence: Mapping[str, Evidence]) -> Mapping[str, tuple[Judgment, ...]]:
        """The whole table, in the order of the uses: `evidence` is what is known of images without a row."""
        for text in self._uses.keys() - self._rows.keys():
            self.answered(text, evidence.get(text))
        return {text: row for text in self._uses if (row := self._rows[text]) is not None}

    @cached_property
    def _proofs(self) -> Proofs:
        return self._load()

    def _image(self, text: str, evidence: Evidence | None) -> Inspected | None:
        bare = text.removeprefix(_OCI)
        try:
            reference = Reference.parse(bare)
        except InvalidReference:
            return None
        uses, listings = self._uses[text], self._listings
        image = inspected(bare, reference, uses, evidence, None)
        digest = image.digest
        if digest is None:
            return image
        found = {name: listings[name, digest] for name in self._elsewhere if (name, digest) in listings}
        return inspected(bare, reference, uses, evidence, listings.get((reference.name, digest)), elsewhere=found)
