"""The second opinion: sigstore-python's `Verifier` over steps 4 to 7 of the bundles that it can judge.

The one file that knows sigstore-python's inner names (`tests/unit/signatures/test_sigstore_python.py` fails loudly when a
release changes them). It is imported late: `sigstore.verify` costs half a second of CPU, which only runs that ask for it pay.

What it cannot judge is written in `docs/decisions/0004-who-verifies-signatures.md`. Its refusal is final; what it accepts, the
recipe has accepted before: windows of logs and authorities, size and origin of checkpoints, which it does not look at, included.
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
from auditor.signatures.candidate import Candidate, Leaf
from auditor.signatures.log import BLANK_LINE
from auditor.signatures.recipe import Recipe
from auditor.signatures.refusal import Refusal, refuse
from auditor.signatures.root import Root
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
        and all(log.id.startswith(log.hint) for log in root.logs.values())
        and not entry.proof.checkpoint.endswith(BLANK_LINE)
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


def judge_twice(recipe: Recipe, candidate: Candidate) -> datetime:
    """The time of signing, if the recipe says yes, and sigstore-python too where it can judge. Raises Refusal."""
    time = recipe.judge(candidate)
    if can_judge(recipe, candidate) and (objection := _objection(recipe.root, candidate)) is not None:
        refuse(Step.SIGNATURE, f"sigstore-python refuses it: {objection}")
    return time


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
