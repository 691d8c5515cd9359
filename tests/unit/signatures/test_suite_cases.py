"""The shapes that sigstore-conformance asks about and that no other test here has, made by our own deployment.

Each case bears the name of the suite's own; `_fail` at its end means that nothing may be accepted. Both judges are asked: with
sigstore-python where it can judge, and our own recipe alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from msgspec import Struct, field
from msgspec.structs import replace

from auditor.model.evidence import KeySigned, Refused, Signature, Signed, Step
from auditor.model.reference import Digest
from auditor.signatures.encoding import Malformed
from auditor.signatures.root import parse_root
from fixtures.sigstore import BundleVersion, Ceremony, EntryKind, bundle_fields, gitlab
from fixtures.sigstore.authority import Authority, Profile
from fixtures.sigstore.keys import derive, pem
from fixtures.sigstore.rekor import RekorV2, checkpoint, signed_note
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.signed import IN_TOTO, b64
from fixtures.sigstore.signed import Signed as Sealed
from fixtures.sigstore.stack import REKOR_V2, UNTIL, Sigstore, Stamp
from fixtures.sigstore.statements import COSIGN_SIGN, statement
from tests.support.signatures import verifier_of

ARTIFACT: Final = b"artifact"
DIGEST: Final = f"sha256:{Digest.of(ARTIFACT).hex}"
HOUR: Final = timedelta(hours=1)
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""How many points P-256 has: of a signature (r, s) the key also made (r, order - s)."""
IN_ENVELOPE: Final = Ceremony(kind=EntryKind.HASHEDREKORD_1)
ENVELOPES: Final = {
    "dsse": Ceremony(),
    "dsse-with-hashedrekord": IN_ENVELOPE,
    "rekor2-dsse": replace(REKOR_V2, kind=EntryKind.DSSE_2),
}
"""How envelopes are logged, by what the suite calls it."""


class Case(Struct, frozen=True):
    """A bundle, the trusted root, and the key where one is to have signed."""

    bundle: Mapping[str, Any]
    root: Mapping[str, Any]
    key: bytes | None = None
    artifact: bytes = ARTIFACT


class Stage(Scene, frozen=True):
    """The scene, and how things are usually made on it."""

    key: Any = field(default_factory=lambda: derive("suite", "managed"))

    def blob(self, ceremony: Ceremony = REKOR_V2) -> Sealed:
        return self.stack.sign_blob(ARTIFACT, self.claimant, self.at, ceremony)

    def statement(self, ceremony: Ceremony = REKOR_V2) -> Sealed:
        return self.stack.attest(DIGEST, self.claimant, self.at, ceremony)

    def by_key(self, payload: bytes, kind: EntryKind) -> Sealed:
        return self.stack.seal_with_key(self.key, payload, IN_TOTO, at=self.at, ceremony=Ceremony(kind=kind))

    def case(self, signed: Sealed, edit: Callable[[dict[str, Any]], object] | None = None, **changed: Any) -> Case:
        """The signature in a bundle, changed by `edit`; `version`, `root`, `key` and `artifact` where they are others."""
        fields = bundle_fields(signed, changed.pop("version", BundleVersion.V0_3))
        if edit is not None:
            edit(fields)
        return Case(fields, changed.pop("root", None) or self.stack.trusted_root(), **changed)

    def managed(self, payload: bytes, kind: EntryKind) -> Case:
        """Signed by a key, under a root that knows nothing but a log."""
        bare = {**self.stack.trusted_root(ctlogs=False, tsas=False), "certificateAuthorities": []}
        return self.case(self.by_key(payload, kind), root=bare, key=pem(self.key.public_key()))


CASES: Final[dict[str, Callable[[Stage], Case]]] = {}


def case(make: Callable[[Stage], Case]) -> Callable[[Stage], Case]:
    CASES[_spelled(make)] = make
    return make


def _spelled(make: Callable[..., Case]) -> str:
    """As the suite spells it."""
    return make.__name__.strip("_").replace("__", ".").replace("_", "-").replace("-fail", "_fail")


def entry_of(fields: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = fields["verificationMaterial"]["tlogEntries"][0]
    return found


def note_of(fields: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = entry_of(fields)["inclusionProof"]["checkpoint"]
    return found


# ── envelopes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def in_envelopes(make: Callable[[Stage, Ceremony], Case]) -> Callable[[Stage, Ceremony], Case]:
    """One case for each way of logging an envelope."""
    for name, ceremony in ENVELOPES.items():
        CASES[f"{name}-{_spelled(make)}"] = _logged_by(make, ceremony)
    return make


def _logged_by(make: Callable[[Stage, Ceremony], Case], ceremony: Ceremony) -> Callable[[Stage], Case]:
    return lambda stage: make(stage, ceremony)


@in_envelopes
def happy_path(stage: Stage, ceremony: Ceremony) -> Case:
    return stage.case(stage.statement(ceremony))


@in_envelopes
def invalid_sig_fail(stage: Stage, ceremony: Ceremony) -> Case:
    """Certificate and entry are those of the good one; another key signed, and the log was told so."""
    good = stage.statement(ceremony)
    other = stage.stack.attest(DIGEST, stage.claimant, stage.at, replace(ceremony, key=derive("suite", "other")))
    return stage.case(replace(other, certificate=good.certificate))


@in_envelopes
def mismatch_envelope_fail(stage: Stage, ceremony: Ceremony) -> Case:
    """Same key, same certificate: the entry is of another statement."""
    logged, shown = _two_by_one_certificate(stage, ceremony)
    return stage.case(replace(shown, entry=logged.entry))


@in_envelopes
def mismatch_sig_fail(stage: Stage, ceremony: Ceremony) -> Case:
    """Another signature of the same statement by the same key (ECDSA has at least two): the entry is of the first."""
    good = stage.statement(ceremony)
    r, s = decode_dss_signature(good.signature)
    other = replace(good, signature=encode_dss_signature(r, _ORDER - s))
    stamps = stage.stack.stamp(other, stage.at + timedelta(seconds=2), ceremony.stamp)
    return stage.case(replace(other, stamps=stamps))


@case
def dsse_with_hashedrekord_over_the_payload_fail(stage: Stage) -> Case:
    """Not in the suite: what was logged is the payload, as if it had been signed without its envelope."""
    good = stage.statement(IN_ENVELOPE)
    bare = stage.stack.witness(
        replace(good, payload_type=None), _certificate(good), stage.at + timedelta(seconds=2), Ceremony()
    )
    return stage.case(replace(good, entry=bare.entry))


@case
def cve_2022_36056_swapped_tlog_entry_fail(stage: Stage) -> Case:
    logged, shown = stage.blob(Ceremony()), stage.blob(Ceremony())
    return stage.case(replace(shown, entry=logged.entry))


@case
def wrong_hashedrekord_cert_and_sig_fail(stage: Stage) -> Case:
    """The entry is of the same artifact, and of somebody else's signature of it."""
    other = stage.stack.sign_blob(ARTIFACT, gitlab(), stage.at)
    return stage.case(replace(stage.blob(Ceremony()), entry=other.entry))


@case
def intoto_canonical_log_entry(stage: Stage) -> Case:
    return stage.managed(statement(DIGEST, "https://example.com/test"), EntryKind.INTOTO_2)


@case
def dsse_statement_unknown_type_fail(stage: Stage) -> Case:
    payload = statement(DIGEST, COSIGN_SIGN, kind="https://in-toto.io/Statement/v2")
    return stage.managed(payload, EntryKind.HASHEDREKORD_1)


@case
def dsse_statement_missing_type_fail(stage: Stage) -> Case:
    fields = json.loads(statement(DIGEST, COSIGN_SIGN))
    del fields["_type"]
    return stage.managed(json.dumps(fields).encode(), EntryKind.HASHEDREKORD_1)


@case
def intoto_with_custom_trust_root(stage: Stage) -> Case:
    """Its checkpoint has a line of its own behind the root, and a blank line behind the signatures."""
    log = stage.stack.rekor
    signed = stage.statement(Ceremony(kind=EntryKind.INTOTO_2))
    note = signed_note(f"{checkpoint(log.origin, log.tree)}Timestamp: 1675209600000000000\n", log.host, log.id, log.key)
    return stage.case(signed, lambda fields: note_of(fields).update(envelope=f"{note}\n"), version=BundleVersion.V0_2)


@case
def intoto_expired_certificate_fail(stage: Stage) -> Case:
    """The authority was trusted until 2023."""
    old = stage.stack.retired_fulcio
    ceremony = Ceremony(kind=EntryKind.INTOTO_2, profile=Profile(issuer=(old.intermediate, old.key)))
    return stage.case(stage.statement(ceremony))


@case
def intoto_log_entry_mismatch_fail(stage: Stage) -> Case:
    logged, shown = _two_by_one_certificate(stage, Ceremony(kind=EntryKind.INTOTO_2))
    return stage.case(replace(shown, entry=logged.entry))


@case
def intoto_missing_inclusion_proof_fail(stage: Stage) -> Case:
    signed = stage.statement(Ceremony(kind=EntryKind.INTOTO_2))
    return stage.case(signed, lambda fields: entry_of(fields).pop("inclusionProof"))


@case
def intoto_set_outside_signing_cert_validity_fail(stage: Stage) -> Case:
    return stage.case(stage.statement(Ceremony(kind=EntryKind.INTOTO_2, delay=HOUR)))


@case
def intoto_tsa_timestamp_outside_cert_validity_fail(stage: Stage) -> Case:
    signed = stage.statement(Ceremony(kind=EntryKind.INTOTO_2))
    return stage.case(replace(signed, stamps=stage.stack.stamp(signed, stage.at + HOUR)))


# ── chains and roots ─────────────────────────────────────────────────────────────────────────────────────────────────


@case
def bundle_with_root_cert_fail(stage: Stage) -> Case:
    """In each version that has a chain: here the one that needs no proof."""
    return _with_root(stage, BundleVersion.V0_1)


@case
def bundle_0__2_with_root_cert_fail(stage: Stage) -> Case:
    return _with_root(stage, BundleVersion.V0_2)


@case
def bundle_empty_certificate_chain_fail(stage: Stage) -> Case:
    return stage.case(
        stage.blob(Ceremony()),
        lambda fields: fields["verificationMaterial"]["x509CertificateChain"].update(certificates=[]),
        version=BundleVersion.V0_2,
    )


@case
def bundle_unknown_version_fail(stage: Stage) -> Case:
    unknown = "application/vnd.dev.sigstore.bundle+json;version=99.9"
    return stage.case(stage.blob(), lambda fields: fields.update(mediaType=unknown))


@case
def bundle_from_wrong_instance_fail(stage: Stage) -> Case:
    return stage.case(stage.blob(), root=Sigstore("staging.acme.example").trusted_root())


@case
def sct_duplicate_intermediate_name(stage: Stage) -> Case:
    """An authority of the very same names and another key stands first in the trusted root."""
    decoy = Authority("decoy", stage.stack.name, stage.stack.since, UNTIL, stage.stack.ct)
    root = stage.stack.trusted_root()
    (double,) = [{**each, "certChain": _chain(decoy)} for each in root["certificateAuthorities"][-1:]]
    return stage.case(stage.blob(), root={**root, "certificateAuthorities": [double, *root["certificateAuthorities"]]})


@case
def trust_root_tlog_missing_validity_start_fail(stage: Stage) -> Case:
    root = stage.stack.trusted_root()
    for log in root["tlogs"]:
        del log["publicKey"]["validFor"]["start"]
    return stage.case(stage.blob(), root=root)


@case
def trust_root_ct_log_missing_validity_start_fail(stage: Stage) -> Case:
    root = stage.stack.trusted_root()
    for log in root["ctlogs"]:
        log["publicKey"]["validFor"] = {}
    return stage.case(stage.blob(), root=root)


@case
def managed_key_and_trusted_root(stage: Stage) -> Case:
    """The trusted root is empty."""
    signed = stage.stack.seal_with_key(stage.key, ARTIFACT)
    return stage.case(
        signed, root={"mediaType": stage.stack.trusted_root()["mediaType"]}, key=pem(stage.key.public_key())
    )


@case
def certificate_and_empty_trusted_root_fail(stage: Stage) -> Case:
    """Not in the suite: under the root of the case above nothing holds that a certificate made."""
    return stage.case(stage.blob(), root={"mediaType": stage.stack.trusted_root()["mediaType"]})


@case
def message_digest_mismatch_fail(stage: Stage) -> Case:
    return stage.case(
        stage.blob(), lambda fields: fields["messageSignature"]["messageDigest"].update(digest="A" * 43 + "=")
    )


# ── Rekor v2: checkpoints and time stamps ────────────────────────────────────────────────────────────────────────────


@case
def rekor2_checkpoint_cosigned(stage: Stage) -> Case:
    return stage.case(stage.blob(), lambda fields: _cosign(fields, first=False))


@case
def rekor2_checkpoint_origin_not_first(stage: Stage) -> Case:
    return stage.case(stage.blob(), lambda fields: _cosign(fields, first=True))


@case
def rekor2_checkpoint_two_sigs_cosigned(stage: Stage) -> Case:
    """The log signs with another key as well, and a witness does."""

    def sign(fields: dict[str, Any]) -> None:
        _cosign(fields, first=False)
        _cosign(fields, first=True, name=stage.stack.rekor2.host)

    return stage.case(stage.blob(), sign)


@case
def invalid_checkpoint_signature_fail(stage: Stage) -> Case:
    return stage.case(stage.blob(), lambda fields: _cosign(fields, first=False, instead=stage.stack.rekor2))


@case
def rekor2_checkpoint_missing_origin_fail(stage: Stage) -> Case:
    return stage.case(stage.blob(), lambda fields: _without_line(fields, 0))


@case
def rekor2_checkpoint_missing_root_hash_fail(stage: Stage) -> Case:
    return stage.case(stage.blob(), lambda fields: _without_line(fields, 2))


@case
def checkpoint_wrong_roothash_fail(stage: Stage) -> Case:
    """A checkpoint that the log signed, of its tree at another time."""
    signed = stage.blob()
    stage.blob()
    later = bundle_fields(stage.blob())
    return stage.case(signed, lambda fields: note_of(fields).update(note_of(later)))


@case
def rekor2_timestamp_without_embedded_cert(stage: Stage) -> Case:
    return stage.case(stage.blob())


@case
def rekor2_timestamp_payload_mismatch_fail(stage: Stage) -> Case:
    signed = stage.blob()
    return stage.case(replace(signed, stamps=(stage.stack.tsa.stamp(ARTIFACT, stage.at + timedelta(seconds=2)),)))


@case
def rekor2_timestamp_with_incorrect_time_fail(stage: Stage) -> Case:
    return stage.case(stage.blob(replace(REKOR_V2, delay=HOUR)))


@case
def rekor2_multiple_timestamps_one_outside_cert_validity_fail(stage: Stage) -> Case:
    signed = stage.blob()
    return stage.case(replace(signed, stamps=(*signed.stamps, *stage.stack.stamp(signed, stage.at + HOUR))))


@case
def rekor2_timestamp_wrong_tsa_validity_borrow_fail(stage: Stage) -> Case:
    """The authority that stamped was retired; another one, which did not, serves at that time."""
    stamped = stage.blob(replace(REKOR_V2, stamp=Stamp.NONE))
    old = stage.stack.retired_tsa.stamp(stamped.signature, stage.at + timedelta(seconds=2))
    return stage.case(replace(stamped, stamps=(old,)))


@case
def integrated_time_in_future_fail(stage: Stage) -> Case:
    return stage.case(stage.blob(Ceremony(delay=timedelta(days=365))))


REFUSED_AT: Final[dict[str, Step | None]] = {
    "bundle-0.2-with-root-cert_fail": Step.BYTES,
    "bundle-empty-certificate-chain_fail": Step.BYTES,
    "bundle-from-wrong-instance_fail": Step.TIME,
    "bundle-unknown-version_fail": Step.BYTES,
    "bundle-with-root-cert_fail": Step.BYTES,
    "certificate-and-empty-trusted-root_fail": None,
    "checkpoint-wrong-roothash_fail": Step.LOG,
    "cve-2022-36056-swapped-tlog-entry_fail": Step.LOG,
    "dsse-statement-missing-type_fail": Step.SUBJECT,
    "dsse-statement-unknown-type_fail": Step.SUBJECT,
    "dsse-with-hashedrekord-over-the-payload_fail": Step.LOG,
    "integrated-time-in-future_fail": Step.CHAIN,
    "intoto-expired-certificate_fail": Step.CHAIN,
    "intoto-log-entry-mismatch_fail": Step.LOG,
    "intoto-missing-inclusion-proof_fail": Step.BYTES,
    "intoto-set-outside-signing-cert-validity_fail": Step.CHAIN,
    "intoto-tsa-timestamp-outside-cert-validity_fail": Step.CHAIN,
    "invalid-checkpoint-signature_fail": Step.LOG,
    "message-digest-mismatch_fail": Step.SUBJECT,
    "rekor2-checkpoint-missing-origin_fail": Step.LOG,
    "rekor2-checkpoint-missing-root-hash_fail": Step.LOG,
    "rekor2-multiple-timestamps-one-outside-cert-validity_fail": Step.CHAIN,
    "rekor2-timestamp-payload-mismatch_fail": Step.TIME,
    "rekor2-timestamp-with-incorrect-time_fail": Step.CHAIN,
    "rekor2-timestamp-wrong-tsa-validity-borrow_fail": Step.TIME,
    "trust-root-ct-log-missing-validity-start_fail": None,
    "trust-root-tlog-missing-validity-start_fail": None,
    "wrong-hashedrekord-cert-and-sig_fail": Step.LOG,
    **{f"{name}-invalid-sig_fail": Step.SIGNATURE for name in ENVELOPES},
    **{f"{name}-mismatch-{what}_fail": Step.LOG for name in ENVELOPES for what in ("envelope", "sig")},
}
"""The step that is about what is wrong with the case; None where that is the trusted root, which cannot be read then."""


# ── the question ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("second_opinion", [True, False], ids=["with sigstore-python", "alone"])
@pytest.mark.parametrize("name", sorted(CASES))
def test_outcome_is_what_the_suite_expects(name: str, *, second_opinion: bool) -> None:
    verdict = judged(CASES[name](Stage()), second_opinion=second_opinion)
    if name.endswith("_fail"):
        step = verdict.step if isinstance(verdict, Refused) else verdict
        assert step is REFUSED_AT[name], verdict
    else:
        assert accepted(verdict), verdict


def judged(made: Case, *, second_opinion: bool) -> Signature | None:
    """None where the trusted root cannot be read."""
    try:
        root = parse_root(json.dumps(made.root), "suite", part=made.key is not None)
    except Malformed:
        return None
    keys = {"key.pub": made.key} if made.key else {}
    verifier = verifier_of(root, keys=keys, second_opinion=second_opinion)
    return verifier.verify_file(json.dumps(made.bundle).encode(), made.artifact)


def accepted(verdict: Signature | None) -> bool:
    return isinstance(verdict, Signed) or (isinstance(verdict, KeySigned) and bool(verdict.keys))


def _certificate(signed: Sealed) -> Any:
    from cryptography import x509

    assert signed.certificate is not None
    return x509.load_der_x509_certificate(signed.certificate)


def _two_by_one_certificate(stage: Stage, ceremony: Ceremony = IN_ENVELOPE) -> tuple[Sealed, Sealed]:
    """Two statements signed with one key under one certificate: the first is logged, the second is about the artifact."""
    key = derive("suite", "one certificate")
    first = stage.stack.attest(stage.digest, stage.claimant, stage.at, replace(ceremony, key=key))
    second = stage.stack.attest(DIGEST, stage.claimant, stage.at, replace(ceremony, key=key))
    return first, replace(second, certificate=first.certificate)


def _chain(authority: Authority) -> dict[str, Any]:
    from cryptography.hazmat.primitives.serialization import Encoding

    return {"certificates": [{"rawBytes": b64(each.public_bytes(Encoding.DER))} for each in authority.chain]}


def _with_root(stage: Stage, version: BundleVersion) -> Case:
    signed = stage.blob(Ceremony())
    root = {"rawBytes": b64(signed.chain[-1])}
    good = stage.case(signed, version=version)
    assert accepted(judged(good, second_opinion=False)), "without its root the chain is fine"
    return stage.case(
        signed,
        lambda fields: fields["verificationMaterial"]["x509CertificateChain"]["certificates"].append(root),
        version=version,
    )


def _cosign(
    fields: dict[str, Any], *, first: bool, name: str = "witness.acme.example", instead: RekorV2 | None = None
) -> None:
    """A witness signs the checkpoint too, before or behind the log; or in its place and name."""
    note = note_of(fields)
    text, _, lines = note["envelope"].partition("\n\n")
    witness, hint = derive("suite", "witness"), instead.id if instead else b"\x01\x02\x03\x04"
    line = signed_note(f"{text}\n", instead.host if instead else name, hint, witness).partition("\n\n")[2]
    note["envelope"] = f"{text}\n\n{line if instead else line + lines if first else lines + line}"


def _without_line(fields: dict[str, Any], number: int) -> None:
    """The checkpoint without a line, signed by nobody anew."""
    note = note_of(fields)
    lines = note["envelope"].split("\n")
    del lines[number]
    note["envelope"] = "\n".join(lines)
