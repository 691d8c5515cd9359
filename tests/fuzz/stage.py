"""Good signatures of one image by one deployment, and who would accept them."""

from __future__ import annotations

from functools import cache

from msgspec import Struct
from msgspec.structs import replace

from auditor.model.reference import Digest
from auditor.signatures.bundle import bundle_candidate, parse_bundle
from auditor.signatures.candidate import Candidate, Message
from auditor.signatures.verify import Verifier
from fixtures.sigstore import Ceremony, EntryKind, Stamp, bundle
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.signed import Signed as Sealed
from fixtures.sigstore.stack import REKOR_V2, TIMESTAMP_ONLY
from tests.support.signatures import made_root, verifier_of


class Stage(Struct, frozen=True):
    """Good signatures of one image by one deployment, and who would accept them."""

    scene: Scene
    sig: Sealed
    statement: Sealed
    tiles: Sealed
    stamped: Sealed
    verifier: Verifier

    @property
    def digest(self) -> Digest:
        return Digest.parse(self.scene.digest)

    def candidate(self, kind: EntryKind = EntryKind.DSSE_1) -> Candidate:
        """A good bundle, ready to be judged."""
        scene = self.scene
        log = REKOR_V2 if kind in {EntryKind.DSSE_2, EntryKind.HASHEDREKORD_2} else Ceremony()
        parsed = parse_bundle(
            bundle(scene.stack.attest(scene.digest, scene.claimant, scene.at, replace(log, kind=kind))).content
        )
        assert parsed.leaf_der is not None
        assert parsed.envelope is not None
        return bundle_candidate(parsed, parsed.leaf_der, Message.of(parsed.envelope.pae))


@cache
def stage() -> Stage:
    """Made once for each process."""
    scene = Scene()
    stack, digest, who, at = scene.stack, scene.digest, scene.claimant, scene.at
    return Stage(
        scene,
        sig=stack.sign(digest, who, at, Ceremony(stamp=Stamp.SIGNATURE)),
        statement=stack.attest(digest, who, at),
        tiles=stack.attest(digest, who, at, REKOR_V2),
        stamped=stack.attest(digest, who, at, TIMESTAMP_ONLY),
        verifier=verifier_of(made_root(stack)),
    )
