"""No mutant of a good signature is accepted, unless it says and proves the same.

`AUDITOR_MUTATIONS` is how many mutants are tried (6,000 if it is not set), `AUDITOR_SEED` where they start. Both are printed with every
failure; the same seed gives the same mutants.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache

import pytest
from msgspec.structs import replace
from rfc3161_client import decode_timestamp_response

from auditor.model.evidence import KeySigned, Signed
from auditor.model.reference import Digest
from auditor.registry.material import BundleBytes, SimpleSigning
from auditor.signatures.bundle import Bundle, parse_bundle
from auditor.signatures.encoding import Json, decode_base64, parse_object
from auditor.signatures.legacy import BUNDLE, SIGNATURE, TIMESTAMP
from fixtures.sigstore.material import as_material
from fixtures.sigstore.samples import samples
from fixtures.sigstore.scene import Scene
from tests.support.mutants import Mutant, Sample, mutants
from tests.support.signatures import made_root, real_cases, real_verifier, verifier_of

COUNT = int(os.environ.get("AUDITOR_MUTATIONS", "6000"))
SEED = int(os.environ.get("AUDITOR_SEED", "20260301"))
PARTS = 16

UNUSED = {
    "dev.sigstore.cosign/chain": "issuers come from the trusted root, never from the signature's own material",
    "predicateType": "the predicate type is read from the signed statement",
    "keyid": "a hint that is not signed and not read",
    "hint": "a hint that is not signed and not read",
}
"""What nobody reads, and so may be anything."""


@cache
def good() -> tuple[Sample, ...]:
    """Every accepted sample, made and real."""
    scene = Scene()
    digest = Digest.parse(scene.digest)
    logged, unlogged = (verifier_of(made_root(scene.stack, tlogs=tlogs)) for tlogs in (True, False))
    found = []
    for made in samples(scene):
        material = as_material(made.stored)
        verifier = next(each for each in (logged, unlogged) if isinstance(each.verify(material, digest), Signed))
        found.append(Sample(made.name, material, digest, verifier))
    for case in real_cases():
        if case.outcome in {"verified", "attestation-only"}:
            found += [Sample(case.id, each, case.digest, real_verifier(case.root)) for each in case.materials()]
    return tuple(found)


@pytest.mark.parametrize("part", range(PARTS))
def test_no_mutant_is_accepted_that_does_not_prove_the_same(
    part: int, record_property: Callable[[str, object], None]
) -> None:
    seed = SEED + part
    accepted: Counter[str] = Counter()
    for number, (sample, mutant) in enumerate(mutants(good(), COUNT // PARTS, seed)):
        verdict = sample.verifier.verify(mutant.material, mutant.digest)
        told = f"seed {seed}, mutant {number} of {sample.name}: {'/'.join(map(str, mutant.where))} {mutant.how}"
        if isinstance(verdict, KeySigned):
            assert verdict.keys == (), f"{told}: taken for a trusted key's"
        if isinstance(verdict, Signed):
            original = sample.verifier.verify(sample.material, sample.digest)
            assert isinstance(original, Signed)
            reason = why_equal(sample, mutant, original, verdict)
            assert reason is not None, f"{told}: accepted as {verdict}"
            accepted[reason] += 1
    record_property("accepted as equal", dict(accepted))


def why_equal(sample: Sample, mutant: Mutant, before: Signed, after: Signed) -> str | None:
    """Why an accepted mutant says and proves the same as the sample; None where that cannot be shown."""
    if mutant.digest != sample.digest:
        return None
    if isinstance(sample.material, BundleBytes):
        assert isinstance(mutant.material, BundleBytes)
        return _why_equal_bundle(
            parse_bundle(sample.material.content), parse_bundle(mutant.material.content), before, after
        )
    if isinstance(sample.material, SimpleSigning):
        assert isinstance(mutant.material, SimpleSigning)
        if mutant.material.payload != sample.material.payload:
            return None
        if mutant.where == ("annotations",) and mutant.how == "borrowed":
            return "the whole of another good signature over the very same payload"
    if replace(after, logged=before.logged, log_index=before.log_index) != before:
        return None
    return _why_equal_legacy(sample, mutant, before, after)


def _why_equal_legacy(sample: Sample, mutant: Mutant, before: Signed, after: Signed) -> str | None:
    assert not isinstance(sample.material, BundleBytes)
    assert not isinstance(mutant.material, BundleBytes)
    old, new = (_parsed(each.annotations) for each in (sample.material, mutant.material))
    changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    if mutant.where[:1] == ("content",):
        return UNUSED["keyid"] if "keyid" in mutant.where or mutant.how.startswith("keyid") else None
    if len(changed) != 1:
        return None
    (name,) = changed
    if name == SIGNATURE and not isinstance(sample.material, SimpleSigning):
        return "an attestation's signature is in its envelope"
    if name in UNUSED:
        return UNUSED[name]
    if name == SIGNATURE and _joined(old[name]) == _joined(new.get(name)):
        return "the same base64, its lines broken elsewhere"
    if "SignedEntryTimestamp" in mutant.where and mutant.how == "twin":
        return "the log's other ECDSA signature over the same bytes"
    if name == TIMESTAMP:
        if before.log_index is not None:
            return "the time is the log's"
        return _same_stamp(_stamp(old[name]), _stamp(new[name])) if before.logged == after.logged else None
    if name == BUNDLE and not new.get(name) and old.get(TIMESTAMP) == new[TIMESTAMP]:
        return "the time stamp holds, and the legacy forms may do without a log entry"
    return None


def _joined(text: Json) -> Json:
    return "".join(text.split()) if isinstance(text, str) and "\n" in text else text


def _parsed(annotations: Mapping[str, str]) -> dict[str, Json]:
    return {name: parse_object(text, name) if text.startswith("{") else text for name, text in annotations.items()}


def _why_equal_bundle(old: Bundle, new: Bundle, before: Signed, after: Signed) -> str | None:
    """Everything that is said must be the same; what proves it may be less, as long as it is enough."""
    if replace(after, logged=before.logged) != before:
        return None
    if (old.envelope, old.signature, old.leaf_der) != (new.envelope, new.signature, new.leaf_der):
        return None
    if (old.message and new.message) and old.message.digest != new.message.digest and new.message.digest is not None:
        return None
    if not old.entries or not new.entries:
        return _same_stamp(*old.timestamps, *new.timestamps) if old.entries == new.entries else None
    was, now = old.entries[0], new.entries[0]
    if (was.body, was.log, was.index, was.kind) != (now.body, now.log, now.index, now.kind):
        return None
    if was.proof is not None and now.proof is None and new.version > 1:
        return None
    if now.promise is not None:
        return "the log's promise holds" if now.time == was.time and before.logged == after.logged else None
    stamps = new.timestamps
    if not stamps:
        return None
    return "the time stamp holds" if stamps == old.timestamps else _same_stamp(*old.timestamps, *stamps)


def _same_stamp(*stamps: bytes) -> str | None:
    """Bits of a time stamp's wrapping that are not signed and say nothing."""
    if len(stamps) != 2:
        return None
    was, now = (decode_timestamp_response(stamp) for stamp in stamps)
    said = [
        (each.tst_info.gen_time, each.tst_info.message_imprint.message, each.tst_info.serial_number)
        for each in (was, now)
    ]
    return "the time stamp says the same" if said[0] == said[1] else None


def _stamp(annotation: Json) -> bytes:
    assert isinstance(annotation, dict)
    return decode_base64(annotation["SignedRFC3161Timestamp"], "stamp", lines=True)
