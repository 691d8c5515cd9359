"""The judge of record where it can judge: sigstore-python's `Verifier` decides steps 4 to 7 of full bundles.

The one file that knows sigstore-python's inner names (`tests/unit/signatures/test_sigstore_python.py` fails loudly when a
release changes them). It is imported late: `sigstore.verify` costs half a second of CPU, which no run without bundles pays.

What it cannot judge, and who does instead, is written in `docs/decisions/0004-who-verifies-signatures.md`. What it says no to
is final. What it says yes to must also pass the checks that it does not make: the windows of logs and authorities, the size
and the origin of checkpoints, the kind of the entry.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.x509 import Certificate, OtherName, SubjectAlternativeName

from auditor.model.evidence import Step
from auditor.signatures.candidate import Candidate, Leaf, LogEntry
from auditor.signatures.certificate import check_leaf
from auditor.signatures.chain import check_windows
from auditor.signatures.log import (
    check_in_service,
    check_inclusion,
    check_index,
    check_promise,
    log_of,
    log_signature,
    read_checkpoint,
)
from auditor.signatures.log_entry import check_about
from auditor.signatures.recipe import Recipe
from auditor.signatures.refusal import Refusal, refuse
from auditor.signatures.root import Root
from auditor.signatures.sct import known_log
from auditor.signatures.timestamp import read_stamps

if TYPE_CHECKING:
    from sigstore._internal.trust import CertificateAuthority, CTKeyring, KeyringPurpose, RekorKeyring
    from sigstore.hashes import Hashed
    from sigstore.verify import Verifier

_ENVELOPE_KINDS: Final = frozenset({("dsse", "0.0.1"), ("hashedrekord", "0.0.2")})
_MESSAGE_KINDS: Final = frozenset({("hashedrekord", "0.0.1"), ("hashedrekord", "0.0.2")})
_MOST_STAMPS: Final = 1
"""It does not say which of several stamps it believed."""


def can_judge(recipe: Recipe, candidate: Candidate) -> bool:
    """Whether sigstore-python understands this bundle and this root. Decided by what they are, never by what it answers."""
    entry = candidate.entry
    if candidate.bundle is None or entry is None or entry.proof is None:
        return False
    root = recipe.root
    kinds = _MESSAGE_KINDS if candidate.envelope is None else _ENVELOPE_KINDS
    key = candidate.leaf.certificate.public_key()
    return (
        entry.kind in kinds
        and bool(root.logs and root.ct_logs)
        and all(log.hashed for log in root.ct_logs.values())
        and isinstance(key, EllipticCurvePublicKey)
        and isinstance(key.curve, SECP256R1)
        and len(candidate.timestamps) <= _MOST_STAMPS
        and not _stamped_at_the_end(recipe, candidate)
        and not _has_other_name(candidate.leaf)
    )


def _stamped_at_the_end(recipe: Recipe, candidate: Candidate) -> bool:
    """It takes the end of an authority's window for outside; the specification has closed intervals."""
    ends = {stamper.authority.window.end for stamper in recipe.stampers}
    return any(stamp.tst_info.gen_time in ends for stamp in read_stamps(candidate.timestamps))


def _has_other_name(leaf: Leaf) -> bool:
    """Path validation in `cryptography` does not know Sigstore's user names."""
    return any(isinstance(name, OtherName) for name in leaf.extension(SubjectAlternativeName) or ())


def judge_with_sigstore(recipe: Recipe, candidate: Candidate) -> datetime:
    """The time of signing, if sigstore-python says yes and the checks that it does not make hold too. Raises Refusal."""
    if (objection := _objection(recipe.root, candidate)) is not None:
        # The same recipe says at which step; if it finds nothing wrong, the refusal stands all the same.
        recipe.judge(candidate)
        refuse(Step.SIGNATURE, f"sigstore-python refuses it: {objection}")
    return _beyond(recipe, candidate)


def _objection(root: Root, candidate: Candidate) -> str | None:
    """What sigstore-python has against the signature; None if it verifies. Its exceptions are of many kinds."""
    from sigstore.models import Bundle  # noqa: PLC0415 - late: see above

    assert candidate.bundle is not None
    try:
        bundle = Bundle.from_json(candidate.bundle)
        # What it parsed is replaced by our equal object (DER for DER), whose extensions and key are decoded already.
        if bundle.signing_certificate == candidate.leaf.certificate:
            bundle._signing_certificate = candidate.leaf.certificate  # noqa: SLF001 - as above
        if candidate.envelope is not None:
            _verifier(root).verify_dsse(bundle, _ThisLeaf(candidate.leaf))
        else:
            _verifier(root).verify_artifact(_hashed(candidate.message.sha256), bundle, _ThisLeaf(candidate.leaf))
    except Refusal:
        raise
    except Exception as error:  # noqa: BLE001 - its own errors, pydantic's, cryptography's, TypeError: all of them refuse
        return f"{type(error).__name__}: {error}"
    return None


class _ThisLeaf:
    """The policy for sigstore-python: it judges the very certificate whose identity we read. Who may sign is for the rules."""

    def __init__(self, leaf: Leaf) -> None:
        self._leaf = leaf

    def verify(self, cert: Certificate) -> None:
        """Raise Refusal for any other certificate."""
        if cert != self._leaf.certificate:
            refuse(Step.IDENTITY, "sigstore-python read another certificate out of the bundle")


def _hashed(sha256: bytes) -> Hashed:
    from sigstore.hashes import Hashed  # noqa: PLC0415 - late: see above
    from sigstore_models.common.v1 import HashAlgorithm  # noqa: PLC0415 - late: see above

    return Hashed(algorithm=HashAlgorithm.SHA2_256, digest=sha256)


_building: Final = Lock()
_verifiers: Final[WeakKeyDictionary[Root, Verifier]] = WeakKeyDictionary()


def _verifier(root: Root) -> Verifier:
    """Its verifier for one of our roots, made once: keys and certificates parsed, not for every signature again."""
    with _building:
        found = _verifiers.get(root)
        if found is None:
            found = _verifiers[root] = _build(root)
        return found


def _build(root: Root) -> Verifier:
    from sigstore.models import TrustedRoot  # noqa: PLC0415 - late: see above
    from sigstore.verify import Verifier  # noqa: PLC0415 - late: see above
    from sigstore_models.trustroot.v1 import TrustedRoot as Document  # noqa: PLC0415 - late: see above

    class ParsedRoot(TrustedRoot):
        """The same root with everything parsed once: the original parses every key again for every signature."""

        @cache  # noqa: B019 - lives as long as its one verifier
        def rekor_keyring(self, purpose: KeyringPurpose) -> RekorKeyring:
            return super().rekor_keyring(purpose)

        @cache  # noqa: B019 - lives as long as its one verifier
        def ct_keyring(self, purpose: KeyringPurpose) -> CTKeyring:
            return super().ct_keyring(purpose)

        @cache  # noqa: B019 - lives as long as its one verifier
        def get_timestamp_authorities(self) -> list[CertificateAuthority]:
            return super().get_timestamp_authorities()

    return Verifier(trusted_root=ParsedRoot(Document.from_json(root.document)))


def _beyond(recipe: Recipe, candidate: Candidate) -> datetime:
    """The checks that sigstore-python does not make; no arithmetic is repeated."""
    entry = candidate.entry
    assert entry is not None  # `can_judge` asks for it
    assert entry.proof is not None
    # 4. A trusted time: it verified the SET if there is one, else the one time stamp
    log = log_of(entry, recipe.root.logs, Step.LOG)
    time = _believed_time(candidate, entry)
    check_in_service(log, [time], Step.LOG if entry.promise is None else Step.TIME)
    # 5. The certificate chain
    check_leaf(candidate.leaf)
    check_windows(candidate.leaf, recipe.issuers, [time])
    known_log(candidate.leaf, recipe.root.ct_logs)
    # 7. The log entry
    check_about(candidate, entry)
    check_index(entry, entry.proof)
    if log.hashed:
        log_signature(read_checkpoint(entry.proof), log)
    else:
        # It finds keys by their hash alone, and tries every key of the root where none has the entry's id: also a retired one.
        check_inclusion(entry, entry.proof, log)
        if entry.promise is not None and entry.time is not None:
            check_promise(entry, entry.promise, entry.time, log)
    return time


def _believed_time(candidate: Candidate, entry: LogEntry) -> datetime:
    if entry.promise is not None and entry.time is not None:
        return entry.time
    stamps = read_stamps(candidate.timestamps)
    if not stamps:
        refuse(Step.TIME, "there is no trusted time: neither a signed entry timestamp nor a trusted time stamp")
    return stamps[0].tst_info.gen_time
