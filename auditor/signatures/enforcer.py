"""What another program would take for a valid signature: the recipe of `verify.py` on that program's terms.

Steps 1 to 3 and 6 to 8 are the same, but for what cosign's library does not read (`auditor.signatures.unread`). The terms may
leave out the log (then its time too) and the CT log, say what time stamps count for, or name a long-lived key. Where the
other program would ask a service, or would judge by its own clock, the outcome is `Undecided`: it is never guessed in favour
of the signature.

Source: cosign `pkg/cosign/verify.go` (legacy forms), sigstore-go `pkg/verify` (bundles), as policies.md section 2 reads them.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Never, TypeAlias

from cryptography.x509 import Certificate
from msgspec import Struct, field
from msgspec.structs import replace

from auditor.limits import DEFAULT, Limits
from auditor.model.evidence import Form, Step
from auditor.model.identity import Identity
from auditor.model.reference import Digest
from auditor.registry.material import Material
from auditor.signatures.candidate import Candidate
from auditor.signatures.certificate import certificate_der, check_leaf, identity_of
from auditor.signatures.chain import Issuer, check_chain, issuers_of
from auditor.signatures.content import NOTHING, Content, read
from auditor.signatures.encoding import Json, Malformed, Object, decode_base64, object_of, parse_object
from auditor.signatures.keys import PublicKey, key_id, load_pem_key
from auditor.signatures.legacy import TIMESTAMP
from auditor.signatures.log import check_in_service, check_inclusion, check_promise, log_of
from auditor.signatures.log_entry import check_about
from auditor.signatures.recipe import Recipe, check_signature
from auditor.signatures.refusal import Refusal, refuse
from auditor.signatures.root import Authority, load_certificate
from auditor.signatures.sct import check_sct
from auditor.signatures.timestamp import read_stamps, stamped_times
from auditor.signatures.unread import (
    check_beside_key,
    check_entry,
    check_hash,
    is_issuer_read,
    is_known_entry,
    signed_over_sha256,
)

_log: Final = logging.getLogger(__name__)
_CHAIN: Final = "dev.sigstore.cosign/chain"


class Stamps(StrEnum):
    """What RFC 3161 time stamps count for: nothing, a trusted time where there is one, or one has to be there.

    Engines pass them over unless they are told to use them (`UseSignedTimestamps` of cosign), whatever the trusted root holds.
    A bundle whose log entry tells no time (Rekor v2) needs one in any case, since cosign 3.0.5.
    """

    IGNORED = "ignored"
    TAKEN = "taken"
    DEMANDED = "demanded"


@dataclass(frozen=True, eq=False)
class Terms:
    """On what terms a signature is taken. `recipe` is the trusted root; `key` replaces certificates altogether.

    `offline`: a log entry that the signature does not carry is never asked for, so that its lack refuses. `now` is the clock
    of the program that judges.
    """

    recipe: Recipe
    now: datetime
    key: PublicKey | None = None
    unsafe_without_log: bool = False
    unsafe_without_sct: bool = False
    stamps: Stamps = Stamps.IGNORED
    offline: bool = False


class Accepted(Struct, frozen=True):
    """A signature that holds on these terms. `identity` is None where a key made it.

    `annotations` are the layer's in the registry, `optional` the signed ones of a simple signing payload; `predicate` and
    `statement` are an envelope's.
    """

    form: Form
    identity: Identity | None
    annotations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    optional: Mapping[str, Json] = field(default_factory=lambda: NOTHING)
    predicate: str | None = None
    statement: bytes | None = None


class Rejected(Struct, frozen=True):
    """A signature that does not hold, the first reason, and the step of the recipe that it is of."""

    form: Form
    why: str
    predicate: str | None = None
    step: Step = Step.BYTES


class Undecided(Struct, frozen=True):
    """A signature of which cannot be told from here what the other program would say."""

    form: Form
    why: str
    predicate: str | None = None


Outcome: TypeAlias = Accepted | Rejected | Undecided


class _Unclear(Exception):  # noqa: N818 - an outcome of one signature, as Refusal is
    """Nobody can tell from here; the message says why."""


def examine(material: Material, digest: Digest, terms: Terms, limits: Limits = DEFAULT) -> Outcome:
    """What `material` is worth for `digest` on these terms. Never raises."""
    predicate = None
    try:
        content = read(material, digest, limits)
        predicate = content.predicate
        identity = _judge(content, terms)
    except (Refusal, Malformed) as problem:
        if isinstance(problem, Refusal):
            return Rejected(material.form, problem.why, predicate, problem.step)
        return Rejected(material.form, str(problem), predicate)
    except _Unclear as problem:
        return Undecided(material.form, str(problem), predicate)
    except Exception as error:  # noqa: BLE001 - hostile bytes inside foreign parsers: it rejects this one, never ends the run
        _log.debug("unexpected exception while examining a signature", exc_info=True)
        return Rejected(material.form, f"it cannot be judged: {type(error).__name__}", predicate)
    return Accepted(
        material.form, identity, content.annotations, content.optional, content.predicate, content.statement
    )


def _judge(content: Content, terms: Terms) -> Identity | None:
    if terms.key is None:
        return _by_certificate(content, terms)
    _by_key(content, terms.key, terms)
    return None


# ── by a certificate ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _by_certificate(content: Content, terms: Terms) -> Identity:
    candidate = content.candidate
    if candidate is None:
        refuse(Step.CHAIN, "it is made with a key, not with a certificate")
    # 8. The identity comes first: a certificate that names nobody need not be judged.
    identity = _identity(candidate)
    # 6. The signature, so that nothing is undecided about what is not even signed
    check_signature(candidate)
    check_hash(candidate)
    # 4. A trusted time
    times = _times(candidate, terms)
    if not times and candidate.entry is None and not terms.unsafe_without_log and _stamps(candidate, terms):
        _unlogged(terms)  # the certificate was valid once: the log that is asked may have an entry of that time
    # 5. The chain, and the certificate's place in a CT log
    check_leaf(candidate.leaf)
    issuer = _issuer(content, candidate, terms, times or [terms.now])
    if not terms.unsafe_without_sct:
        check_sct(candidate.leaf, issuer, terms.recipe.root.ct_logs)
    # 7. The log
    if not terms.unsafe_without_log:
        _check_log(candidate, terms, times)
    if not times:
        end = candidate.leaf.certificate.not_valid_after_utc
        raise _Unclear(f"no trusted time says when it was made: it holds only until {end:%Y-%m-%dT%H:%M:%SZ}")
    return identity


def _identity(candidate: Candidate) -> Identity:
    """Whom the certificate names, as the form is read."""
    identity = identity_of(candidate.leaf)
    return identity if is_issuer_read(candidate) else dataclasses.replace(identity, issuer=None)


def _times(candidate: Candidate, terms: Terms) -> list[datetime]:
    times = []
    root = terms.recipe.root
    entry = candidate.entry
    if not terms.unsafe_without_log and entry is not None and entry.promise is not None and entry.time is not None:
        log = log_of(entry, root.logs, Step.TIME)
        check_promise(entry, entry.promise, entry.time, log)
        check_in_service(log, [entry.time], Step.TIME)
        times.append(entry.time)
    untold = not terms.unsafe_without_log and entry is not None and entry.time is None
    wanted = Stamps.DEMANDED if untold and candidate.form is Form.BUNDLE else terms.stamps
    counting = wanted is not Stamps.IGNORED
    stamps = _stamps(candidate, terms) if counting else []
    if counting and candidate.timestamps and terms.recipe.stampers and not stamps:
        refuse(Step.TIME, "its time stamp is by no authority that is trusted here")
    if wanted is Stamps.DEMANDED and not stamps:
        refuse(Step.TIME, "there is no time stamp by a trusted authority")
    by_the_clock = terms.unsafe_without_log and not counting
    if candidate.form is Form.BUNDLE and not times and not stamps and not by_the_clock:
        told = "nor a trusted time stamp" if counting else "and time stamps are not looked at"
        refuse(Step.TIME, f"there is no trusted time: no signed entry timestamp, {told}")
    return times + stamps


def _stamps(candidate: Candidate, terms: Terms) -> list[datetime]:
    """What trusted authorities say of the time, whether or not that counts."""
    if not candidate.timestamps or not terms.recipe.stampers:
        return []
    return stamped_times(read_stamps(candidate.timestamps), candidate.stamped, terms.recipe.stampers)


def _issuer(content: Content, candidate: Candidate, terms: Terms, times: list[datetime]) -> Issuer:
    """The trusted issuer; cosign completes a pool of roots by the intermediates that the layer carries."""
    leaf = candidate.leaf
    try:
        return check_chain(leaf, terms.recipe.issuers, times)
    except Refusal:
        completed = issuers_of(_completed(content.annotations.get(_CHAIN, ""), terms.recipe))
        if not completed:
            raise
        return check_chain(leaf, completed, times)


def _completed(pem: str, recipe: Recipe, limits: Limits = DEFAULT) -> Iterator[Authority]:
    """Each certificate of a stored chain under each trusted one; whether it was issued by it is checked by whoever uses it."""
    marker = "-----BEGIN CERTIFICATE-----"
    for block in pem.split(marker)[1 : limits.chain_certificates + 1]:
        certificate: Certificate = load_certificate(certificate_der(marker + block, "the chain"), "the chain")
        for authority in recipe.root.authorities:
            for position in range(len(authority.certificates)):
                yield replace(authority, certificates=(certificate, *authority.certificates[position:]))


def _check_log(candidate: Candidate, terms: Terms, times: list[datetime]) -> None:
    entry = candidate.entry
    if entry is None:
        if candidate.form is Form.BUNDLE:
            refuse(Step.LOG, "the bundle has no transparency log entry")
        _unlogged(terms)
    check_about(candidate, entry)
    check_entry(candidate, entry)
    if entry.proof is not None:
        log = log_of(entry, terms.recipe.root.logs, Step.LOG)
        check_in_service(log, times, Step.LOG)
        check_inclusion(entry, entry.proof, log)
    elif entry.promise is None or entry.time is None:
        refuse(Step.LOG, "the log entry has neither a signed entry timestamp nor an inclusion proof")
    if not is_known_entry(candidate, entry):
        raise _Unclear("whether log entries of this kind count in a bundle depends on the engine's release")


def _unlogged(terms: Terms) -> Never:
    """A signature in a legacy form that carries no log entry."""
    if terms.offline:
        refuse(Step.LOG, "it carries no transparency log entry")
    raise _Unclear("it carries no log entry: the engine would ask Rekor for one")


# ── by a long-lived key ──────────────────────────────────────────────────────────────────────────────────────────────────


def _by_key(content: Content, key: PublicKey, terms: Terms) -> None:
    if not signed_over_sha256(content.message, key, content.signature):
        refuse(Step.SIGNATURE, "the signature does not verify with the key over SHA-256")
    times = _logged_times(content, terms)
    check_beside_key(content.candidate, times or [terms.now])
    if content.candidate is not None and not times:
        raise _Unclear("a certificate stands beside the key's signature, which is held against the clock")
    if terms.stamps is Stamps.DEMANDED or (terms.stamps is Stamps.TAKEN and content.annotations.get(TIMESTAMP)):
        raise _Unclear("time stamps of signatures by a key are not judged here")
    if terms.unsafe_without_log:
        return
    entry = content.entry
    if entry is None:
        _unlogged(terms)
    if entry.promise is None or entry.time is None:
        raise _Unclear("log entries without a signed entry timestamp are not judged here for keys")
    log = log_of(entry, terms.recipe.root.logs, Step.TIME)
    check_promise(entry, entry.promise, entry.time, log)
    check_in_service(log, [entry.time], Step.TIME)
    _check_about_key(content, key, parse_object(entry.body, "the log entry"))


def _logged_times(content: Content, terms: Terms) -> list[datetime]:
    entry = None if terms.unsafe_without_log else content.entry
    return [entry.time] if entry is not None and entry.time is not None else []


def _check_about_key(content: Content, key: PublicKey, body: Object) -> None:
    """Step 7 for a key: hashedrekord 0.0.1, what cosign logs for simple signing."""
    if (body.get("kind"), body.get("apiVersion")) != ("hashedrekord", "0.0.1"):
        raise _Unclear("log entries of this kind are not judged here for keys")
    spec = object_of(body.get("spec"), "the log entry's spec")
    stated = object_of(object_of(spec.get("data"), "the log entry's data").get("hash"), "the log entry's hash")
    signature = object_of(spec.get("signature"), "the log entry's signature")
    public = object_of(signature.get("publicKey"), "the log entry's key").get("content")
    same = (
        stated.get("algorithm") == "sha256"
        and stated.get("value") == content.message.sha256.hex()
        and decode_base64(signature.get("content"), "the log entry's signature") == content.signature
        and key_id(load_pem_key(decode_base64(public, "the log entry's key"), "the log entry's key")) == key_id(key)
    )
    if not same:
        refuse(Step.LOG, "the log entry is of another signature")
