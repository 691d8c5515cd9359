"""What `attested-by` asks of SLSA provenance beside its signer: the source repository and the builder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.config.match import Miss
from auditor.config.names import TextPattern
from auditor.config.rules import AttestedBy
from auditor.model.evidence import KeySigned, Signed

if TYPE_CHECKING:
    from auditor.signatures.encoding import Malformed


def differs(signature: Signed | KeySigned, wanted: AttestedBy) -> str | None:
    """Why a valid attestation does not say what is asked for; None where it does, and where nothing is asked.

    A field that is absent or cannot be read is not what is asked for.
    """
    if wanted.source is None and wanted.builder is None:
        return None
    if signature.statement is None:
        return "its statement is not known"
    # Only rules that ask for it need to read provenance: an inventory starts without this floor.
    from auditor.signatures.encoding import Malformed  # noqa: PLC0415
    from auditor.signatures.provenance import read_provenance  # noqa: PLC0415

    try:
        told = read_provenance(signature.statement)
    except Malformed as problem:
        return str(problem)
    return _differs("source", wanted.source, told.source) or _differs("builder", wanted.builder, told.builder)


def _differs(part: str, wanted: TextPattern | None, found: str | Malformed) -> str | None:
    if wanted is None:
        return None
    if not isinstance(found, str):
        return f"the {part} is not told: {found}"
    return None if wanted.matches(found) else str(Miss(f"the {part}", wanted.explain, found))
