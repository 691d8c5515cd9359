"""From signature bytes to evidence. The recipe; each step is a reason to refuse, and `Refused.step` is its number:

1. **The bytes.** Annotations, envelope or bundle parse, within limits, in one way only.
2. **What is signed.** Simple signing: type and `docker-manifest-digest`. Envelope: payload type in-toto, exactly one
   signature, a statement whose subject has the digest. Message: the digest itself.
3. **Signature or attestation.** Simple signing and the predicate type `sign/v1` are signatures, all other predicates are not.
4. **A trusted time.** Rekor's integrated time under its SET, and/or an RFC 3161 time stamp, each from a key that the trusted
   root trusts for that time. Never the wall clock.
5. **The certificate chain** to an authority of the trusted root at every trusted time; code signing; no CA; a CT log's stamp.
6. **The signature** over payload, PAE or artifact by the certificate's key.
7. **The log entry is about this signature** (hash, signature and certificate are ours) and is in the log.
8. **The identity**: exactly one subject alternative name; the issuer, if the certificate names one; the claims.

Steps 1 to 3 and 8 are here, steps 4 to 7 in `recipe.py`. A *second opinion* asks sigstore-python as well, wherever it can judge
(`sigstore_python.py`): then both must accept. Each trusted root judges on its own; `Signed.roots` names all under which every
step holds.
Whether a rule allows the identity, and whether a root may vouch for its issuer, is not asked here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import assert_never

from auditor.errors import ConfigurationError, Problem
from auditor.limits import DEFAULT, Limits
from auditor.model.evidence import Form, KeySigned, Refused, Signature, Signed, Step
from auditor.model.identity import Identity
from auditor.model.reference import Digest
from auditor.registry.material import BundleBytes, LegacyAttestation, Material, SimpleSigning
from auditor.signatures.bundle import Bundle, bundle_candidate, parse_bundle
from auditor.signatures.candidate import Candidate, Envelope, Message
from auditor.signatures.certificate import identity_of
from auditor.signatures.encoding import Malformed, parse_object
from auditor.signatures.envelope import parse_envelope
from auditor.signatures.keys import PublicKey, load_pem_key
from auditor.signatures.legacy import attestation_candidate, has_certificate, signature_of, signing_candidate
from auditor.signatures.recipe import Recipe
from auditor.signatures.refusal import Refusal, refuse
from auditor.signatures.sigstore_python import judge_twice
from auditor.signatures.simple_signing import check_payload
from auditor.signatures.statement import PAYLOAD_TYPE, Statement, check_subject, read_statement
from auditor.signatures.trust import Trust

_log = logging.getLogger(__name__)


class Verifier:
    """Judges signatures under the trusted roots and long-lived keys of a run. Thread-safe; keeps nothing per signature."""

    def __init__(
        self, trust: Trust, keys: Mapping[str, bytes], limits: Limits = DEFAULT, *, second_opinion: bool = False
    ) -> None:
        """`keys` maps names (paths as written) to public keys in PEM. Raises ConfigurationError with all that are none.

        With `second_opinion` no bundle that sigstore-python can judge is accepted without it.
        """
        self._recipes = tuple(Recipe(root) for root in trust.roots)
        self._keys = _loaded(keys)
        self._limits = limits
        self._judge = judge_twice if second_opinion else Recipe.judge

    def verify(self, material: Material, digest: Digest) -> Signature:
        """What `material` proves about `digest`. Never raises: whatever goes wrong with a signature refuses it."""
        match material:
            case SimpleSigning() | LegacyAttestation() | BundleBytes():
                return self._guarded(material, Message(bytes.fromhex(digest.hex), None), digest)
            case _:
                assert_never(material)

    def verify_file(self, bundle: bytes, artifact: bytes | Digest) -> Signature:
        """What a bundle proves about a file: its bytes, or their digest alone. Never raises."""
        if isinstance(artifact, Digest):
            message, digest = Message(bytes.fromhex(artifact.hex), None), artifact
        else:
            message, digest = Message.of(artifact), Digest.of(artifact)
        return self._guarded(BundleBytes(bundle, Digest.of(bundle)), message, digest)

    def _guarded(self, material: Material, message: Message, digest: Digest) -> Signature:
        case = _Case(material.form, self._recipes, self._keys, self._limits, self._judge)
        try:
            return case.verify(material, message, digest)
        except Refusal as refusal:
            return case.refused(refusal.step, refusal.why)
        except Malformed as problem:
            return case.refused(Step.BYTES, str(problem))
        except Exception as error:  # noqa: BLE001 - hostile bytes inside foreign parsers: it refuses this one, never ends the run
            _log.debug("unexpected exception while judging a signature", exc_info=True)
            return case.refused(Step.BYTES, f"it cannot be judged: {type(error).__name__}")


def _loaded(keys: Mapping[str, bytes]) -> dict[str, PublicKey]:
    loaded, problems = {}, []
    for name, pem in keys.items():
        try:
            loaded[name] = load_pem_key(pem, f"the key {name}")
        except Malformed as problem:
            problems.append(
                Problem(name, 0, str(problem), "give the public key in PEM, as `cosign public-key` prints it")
            )
    if problems:
        raise ConfigurationError(tuple(problems))
    return loaded


class _Case:
    """One signature on its way through the recipe: what has become known of it so far."""

    def __init__(
        self,
        form: Form,
        recipes: Sequence[Recipe],
        keys: Mapping[str, PublicKey],
        limits: Limits,
        judge: Callable[[Recipe, Candidate], datetime],
    ) -> None:
        self._form = form
        self._recipes = recipes
        self._keys = keys
        self._limits = limits
        self._judge = judge
        self._statement: Statement | None = None
        self._payload: bytes | None = None
        self._identity: Identity | None = None

    def verify(self, material: Material, message: Message, digest: Digest) -> Signature:
        match material:
            case SimpleSigning():
                return self._simple_signing(material, digest)
            case LegacyAttestation():
                return self._attestation(material, digest)
            case BundleBytes():
                return self._bundle(parse_bundle(material.content, self._limits), message, digest)
            case _:
                assert_never(material)

    def refused(self, step: Step, why: str) -> Refused:
        return Refused(self._form, step, why, self._identity, self._predicate, self._is_attestation)

    @property
    def _predicate(self) -> str | None:
        return self._statement.predicate if self._statement else None

    @property
    def _is_attestation(self) -> bool:
        return self._statement is not None and self._statement.attestation

    def _simple_signing(self, material: SimpleSigning, digest: Digest) -> Signature:
        # 1. The bytes
        if Digest.of(material.payload) != material.layer:
            refuse(Step.BYTES, "the payload is not the one that the manifest lists")
        certified = has_certificate(material.annotations)
        candidate = signing_candidate(material) if certified else None
        # 2. What is signed. 3. Simple signing is a signature.
        payload = parse_object(material.payload, "the payload")
        with _about(Step.SUBJECT):
            check_payload(payload, digest)
        if candidate is None:
            return self._key_signed(Message.of(material.payload), signature_of(material))
        return self._certified_or_by_key(candidate)

    def _attestation(self, material: LegacyAttestation, digest: Digest) -> Signature:
        if Digest.of(material.envelope) != material.layer:
            refuse(Step.BYTES, "the envelope is not the one that the manifest lists")
        envelope = parse_envelope(material.envelope)
        certified = has_certificate(material.annotations)
        candidate = attestation_candidate(material, envelope) if certified else None
        self._stated(envelope, digest)
        if candidate is None:
            return self._key_signed(Message.of(envelope.pae), envelope.signature)
        return self._certified_or_by_key(candidate)

    def _bundle(self, bundle: Bundle, message: Message, digest: Digest) -> Signature:
        if bundle.envelope is not None:
            message = Message.of(bundle.envelope.pae)
        candidate = bundle_candidate(bundle, bundle.leaf_der, message) if bundle.leaf_der is not None else None
        if bundle.envelope is not None:
            self._stated(bundle.envelope, digest)
        elif bundle.message is not None and not bundle.message.is_over(message):
            refuse(Step.SUBJECT, "the bundle's message digest is of something else")
        if candidate is None:
            return self._key_signed(message, bundle.signature)
        return self._certified(candidate)

    def _stated(self, envelope: Envelope, digest: Digest) -> None:
        """Steps 2 and 3 for an envelope."""
        if envelope.payload_type != PAYLOAD_TYPE:
            refuse(Step.SUBJECT, "the envelope's payload is not an in-toto statement")
        statement = parse_object(envelope.payload, "the statement")
        with _about(Step.SUBJECT):
            self._statement = read_statement(statement, self._limits)
        self._payload = envelope.payload
        check_subject(self._statement, digest)

    def _key_signed(self, message: Message, signature: bytes) -> KeySigned:
        keys = tuple(name for name, key in self._keys.items() if message.signed(key, signature))
        statement = self._payload if keys else None
        return KeySigned(self._form, keys, self._predicate, self._is_attestation, statement)

    def _certified_or_by_key(self, candidate: Candidate) -> Signature:
        """In the legacy forms a certificate that nobody here trusts may stand beside a long-lived key's signature.

        Signers put it there that take the key from a token, or are given a certificate for it: the key counts all the same.
        """
        try:
            return self._certified(candidate)
        except Refusal:
            signed = self._key_signed(candidate.message, candidate.signature)
            if not signed.keys:
                raise
            return signed

    def _certified(self, candidate: Candidate) -> Signed:
        # 8. The identity comes first where it can: a certificate that names nobody, or two, need not be judged.
        identity = identity_of(candidate.leaf)
        # 4. to 7. Under each root by itself
        held: dict[str, datetime] = {}
        refusals: list[Refusal] = []
        for recipe in self._recipes:
            try:
                held[recipe.root.name] = self._judge(recipe, candidate)
            except Refusal as refusal:
                refusals.append(refusal)
        if not held:
            self._identity = identity if _chained(refusals) else None
            raise max(refusals, key=_progress, default=Refusal(Step.CHAIN, "no trusted root is configured"))
        return Signed(
            form=self._form,
            identity=identity,
            logged=next(iter(held.values())),
            roots=tuple(held),
            predicate=self._predicate,
            attestation=self._is_attestation,
            log_index=candidate.entry.index if candidate.entry else None,
            statement=self._payload,
        )


@contextmanager
def _about(step: Step) -> Iterator[None]:
    """What is malformed in here refuses at this step."""
    try:
        yield
    except Malformed as problem:
        raise Refusal(step, str(problem)) from None


def _progress(refusal: Refusal) -> int:
    return refusal.step


def _chained(refusals: Sequence[Refusal]) -> bool:
    """Whether some root vouched for the certificate, so that what it says of its owner may be shown."""
    return any(refusal.step > Step.CHAIN for refusal in refusals)
