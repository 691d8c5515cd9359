"""CPU of one verification against the bare arithmetic of the same checks, in one run.

    python -m benchmarks.signatures [--count 200] [--rounds 7]

*Bare* is what no verifier can do without: parse the certificate, check its signature by the intermediate (P-384), the SCT, the
SET, the checkpoint where there is one and the signature itself (P-256), over bytes prepared beforehand, hash the payload and
the inclusion proof, and check a time stamp where there is one. *Ours* starts from what a registry client hands over and ends with
evidence: annotations, JSON and base64 included; *second opinion* the same with sigstore-python asked as well.

The certificate's signature is checked as `cryptography` does it, which makes the issuer's key ready each time (*bare*, what aims are
about), or by a key that is ready, as ours does (*key kept*): the harder comparison. Signatures are taken a few at a time; of these,
rounds alternate and the fastest of each counts, so that what else the machine does falls out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate, load_der_x509_certificate
from msgspec import Struct
from rfc3161_client import TimeStampResponse

from auditor.model.evidence import Signed
from auditor.model.reference import Digest
from auditor.registry.material import BundleBytes, Material, SimpleSigning
from auditor.signatures.bundle import bundle_candidate, parse_bundle
from auditor.signatures.candidate import Candidate, Message, Proof
from auditor.signatures.chain import check_chain
from auditor.signatures.keys import PublicKey
from auditor.signatures.legacy import signing_candidate
from auditor.signatures.log import included_root, log_signature, promised, read_checkpoint
from auditor.signatures.recipe import Recipe
from auditor.signatures.root import parse_root
from auditor.signatures.sct import known_log, signed_data
from auditor.signatures.timestamp import Stamper, read_stamps
from auditor.signatures.trust import Trust
from auditor.signatures.verify import Verifier
from fixtures.sigstore import REKOR_V1, REKOR_V2, Ceremony, Sigstore, bundle, github, sig_layer
from fixtures.sigstore.material import as_material

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIGEST = Digest.of(b"the image")
AT_ONCE: Final = 10
"""Signatures that are timed together: long enough for the clock and the collector, too short to be interrupted each time."""
Check: TypeAlias = tuple[PublicKey, bytes, bytes]
"""A key, a signature, and the bytes that it is over."""


class Bare(Struct, frozen=True):
    """The arithmetic of one signature, its inputs prepared."""

    leaf: bytes
    issuer: Certificate
    issuer_key: PublicKey
    payload: bytes
    checks: tuple[Check, ...]
    proof: tuple[bytes, Proof] | None
    stamps: tuple[tuple[Stamper, TimeStampResponse], ...]
    signature: bytes

    def run(self, *, key_kept: bool = False) -> None:
        """Check everything. Raises where something does not hold."""
        certificate = load_der_x509_certificate(self.leaf)
        if key_kept:
            assert isinstance(self.issuer_key, ec.EllipticCurvePublicKey)
            assert certificate.signature_hash_algorithm is not None
            algorithm = ec.ECDSA(certificate.signature_hash_algorithm)
            self.issuer_key.verify(certificate.signature, certificate.tbs_certificate_bytes, algorithm)
        else:
            certificate.verify_directly_issued_by(self.issuer)
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        hashlib.sha256(self.payload).digest()
        key.verify(self.signature, self.payload, ec.ECDSA(SHA256()))
        for checked, signature, message in self.checks:
            if isinstance(checked, ec.EllipticCurvePublicKey):
                checked.verify(signature, message, ec.ECDSA(SHA256()))
            else:
                assert isinstance(checked, ed25519.Ed25519PublicKey)
                checked.verify(signature, message)
        if self.proof is not None:
            included_root(*self.proof)
        for stamper, stamp in self.stamps:
            assert stamper.vouches(stamp, self.signature)


def main() -> None:
    """Measure each form and print a table."""
    arguments = _arguments()
    stack = Sigstore()
    root = parse_root(json.dumps(stack.trusted_root()), "made")
    trust = Trust((root,), ())
    verifiers = Verifier(trust, {}), Verifier(trust, {}, second_opinion=True)
    print(
        f"{'form':38} {'bare ms':>8} {'key kept':>9} {'ours ms':>8} {'ratio':>6} {'key kept':>9} "
        f"{'2nd opinion ms':>15} {'ratio':>6}"
    )
    for name, materials in _materials(stack, arguments.count).items():
        bare, kept, ours, asked = _measured(materials, verifiers, Recipe(root), arguments.rounds)
        print(
            f"{name:38} {bare:8.3f} {kept:9.3f} {ours:8.3f} {ours / bare:6.2f} {ours / kept:9.2f} "
            f"{asked:15.3f} {asked / bare:6.2f}"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="signatures per form")
    parser.add_argument("--rounds", type=int, default=7, help="rounds, of which the fastest counts")
    return parser.parse_args()


def _materials(stack: Sigstore, count: int) -> dict[str, list[Material]]:
    """No two signatures share a key, a certificate or a log entry."""
    who, digest = github("acme/shop"), str(DIGEST)

    def attested(ceremony: Ceremony) -> list[Material]:
        return [as_material(bundle(stack.attest(digest, who, AT, ceremony))) for _ in range(count)]

    return {
        "legacy .sig: SET": [as_material(sig_layer(stack.sign(digest, who, AT))) for _ in range(count)],
        "bundle: SET, proof, checkpoint": attested(REKOR_V1),
        "bundle: proof, checkpoint, time stamp": attested(REKOR_V2),
    }


def _measured(
    materials: Sequence[Material], verifiers: tuple[Verifier, Verifier], recipe: Recipe, rounds: int
) -> list[float]:
    """Milliseconds of CPU per signature: bare, bare with the issuer's key kept, ours, and ours where sigstore-python is asked."""
    prepared = [_prepared(_candidate(material), recipe) for material in materials]

    def bare(some: slice, *, key_kept: bool) -> None:
        for each in prepared[some]:
            each.run(key_kept=key_kept)

    def all_signed(some: slice, verifier: Verifier) -> None:
        for material in materials[some]:
            assert isinstance(verifier.verify(material, DIGEST), Signed)

    contenders: list[Callable[[slice], None]] = [partial(bare, key_kept=kept) for kept in (False, True)]
    contenders += [partial(all_signed, verifier=verifier) for verifier in verifiers]
    parts = [slice(start, start + AT_ONCE) for start in range(0, len(materials), AT_ONCE)]
    best = [_fastest([partial(contender, part) for contender in contenders], rounds) for part in parts]
    return [sum(seconds) * 1000 / len(materials) for seconds in zip(*best, strict=True)]


def _fastest(contenders: Sequence[Callable[[], None]], rounds: int) -> list[float]:
    best = [float("inf")] * len(contenders)
    for _ in range(rounds):
        for number, contender in enumerate(contenders):
            start = time.process_time()
            contender()
            best[number] = min(best[number], time.process_time() - start)
    return best


def _candidate(material: Material) -> Candidate:
    if isinstance(material, SimpleSigning):
        return signing_candidate(material)
    assert isinstance(material, BundleBytes)
    parsed = parse_bundle(material.content)
    assert parsed.envelope is not None
    assert parsed.leaf_der is not None
    return bundle_candidate(parsed, parsed.leaf_der, Message.of(parsed.envelope.pae))


def _prepared(candidate: Candidate, recipe: Recipe) -> Bare:
    """What the recipe would check, taken apart into keys, signatures and bytes."""
    entry = candidate.entry
    assert entry is not None
    issuer = check_chain(candidate.leaf, recipe.issuers, [recipe.judge(candidate)])
    sct, ct_log = known_log(candidate.leaf, recipe.root.ct_logs)
    log = recipe.root.logs[entry.log]
    checks: list[Check] = [(ct_log.key, sct.signature, signed_data(sct, candidate.leaf, issuer.key_hash))]
    if entry.promise is not None and entry.time is not None:
        checks.append((log.key, entry.promise, promised(entry, entry.time)))
    if entry.proof is not None:
        checkpoint = read_checkpoint(entry.proof)
        checks.append((log.key, log_signature(checkpoint, log), checkpoint.signed))
    assert candidate.message.content is not None
    stamps = read_stamps(candidate.timestamps)
    return Bare(
        leaf=candidate.leaf.der,
        issuer=issuer.certificate,
        issuer_key=issuer.key,
        payload=candidate.message.content,
        checks=tuple(checks),
        proof=(entry.body, entry.proof) if entry.proof else None,
        stamps=tuple(
            (stamper, stamp)
            for stamp in stamps
            for stamper in recipe.stampers
            if stamper.vouches(stamp, candidate.stamped)
        ),
        signature=candidate.signature,
    )


if __name__ == "__main__":
    main()
