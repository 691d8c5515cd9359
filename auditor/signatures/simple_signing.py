"""Step 2 for cosign's legacy form: the simple signing payload names the digest that was signed.

Source: cosign's `specs/SIGNATURE_SPEC.md`, containers/image `docs/containers-signature.5.md`. `docker-reference` is not compared:
mirrors, renames and `index.docker.io` differ in real data, and the digest alone says what was signed.
"""

from __future__ import annotations

from typing import Final

from auditor.model.evidence import Step
from auditor.model.reference import Digest
from auditor.signatures.encoding import Object, object_of
from auditor.signatures.refusal import refuse

_TYPE: Final = "cosign container image signature"


def check_payload(payload: Object, digest: Digest) -> None:
    """Refuse (step 2) a payload that is about something else. Raises Malformed for what is no payload."""
    critical = object_of(payload.get("critical"), "the payload's critical part")
    if critical.get("type") != _TYPE:
        refuse(Step.SUBJECT, "the payload is not a container image signature")
    image = object_of(critical.get("image"), "the payload's image")
    if image.get("docker-manifest-digest") != str(digest):
        refuse(Step.SUBJECT, f"the payload is not about {digest.short}")
