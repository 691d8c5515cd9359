"""What the registry and the signatures said about one reference.

Outcomes are closed unions, matched with `match` and `assert_never`. "Could not tell" is a value with a reason: never None,
never an exception that ends the run. Nothing in here depends on a rule: the same evidence serves every rule source.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import TypeAlias

from msgspec import Struct

from auditor.model.case import Case
from auditor.model.identity import Identity
from auditor.model.reference import Digest


class Form(StrEnum):
    """How a signature is stored beside its image."""

    SIG = "sig"  # cosign's tag `sha256-<hex>.sig`, simple signing
    BUNDLE = "bundle"  # a Sigstore bundle, by referrers or by the fallback tag
    ATT = "att"  # cosign's tag `sha256-<hex>.att`, DSSE envelopes


class FaultKind(StrEnum):
    """Why something could not be told."""

    NO_SUCH_HOST = "no-such-host"
    REFUSED = "connection-refused"
    CONNECTION = "connection-failed"
    TLS = "tls"
    TIMEOUT = "timeout"
    UNAUTHORIZED = "unauthorized"
    DENIED = "denied"
    RATE_LIMITED = "rate-limited"
    SERVER = "server-error"
    MALFORMED = "malformed-answer"
    MISMATCH = "digest-mismatch"
    TOO_LARGE = "too-large"
    TOO_MANY = "too-many"
    REDIRECT = "bad-redirect"
    CREDENTIAL = "credential"
    UNSUPPORTED = "unsupported"
    NOT_ASKED = "not-asked"  # `inspect:` keeps us from asking this host
    OFFLINE = "offline"
    DEADLINE = "deadline"
    INTERNAL = "internal"  # an unexpected exception while judging this one thing; a log tells


class Fault(Case, frozen=True):
    """One thing that could not be told: its kind, and a sentence that names the host and what it answered."""

    kind: FaultKind
    detail: str

    def __str__(self) -> str:
        return self.detail


# ── tag → digest ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Resolved(Case, frozen=True):
    """The digest that a reference names at this moment.

    `tag_digest` is what the tag of a `tag@digest` reference names, where that was asked; `tag_missing` that it is gone.
    """

    digest: Digest
    media_type: str | None = None
    tag_digest: Digest | None = None
    tag_missing: bool = False


class Absent(Case, frozen=True):
    """The registry says that the tag, the digest or the repository does not exist."""

    detail: str


Resolution: TypeAlias = Resolved | Absent | Fault


# ── signature → evidence ─────────────────────────────────────────────────────────────────────────────────────────────────


class Step(IntEnum):
    """The steps of the verification recipe, numbered as in `auditor/signatures/verify.py`."""

    BYTES = 1
    SUBJECT = 2
    KIND = 3
    TIME = 4
    CHAIN = 5
    SIGNATURE = 6
    LOG = 7
    IDENTITY = 8


class Signed(Case, frozen=True):
    """A valid signature or attestation by a certificate.

    `predicate` is None for a signature in the simple signing format; `attestation` is True for every predicate other than
    cosign's `sign/v1`. `roots` names every configured trust root under which all steps of the recipe hold. `logged` is
    the trusted time, `log_index` the entry's index where there is one.
    """

    form: Form
    identity: Identity
    logged: datetime
    roots: tuple[str, ...]
    predicate: str | None = None
    attestation: bool = False
    log_index: int | None = None
    statement: bytes | None = None


class KeySigned(Case, frozen=True):
    """A signature made with a long-lived key: no certificate. `keys` names the configured keys that made it.

    `statement` is what they signed, where it is a statement; None without such a key.
    """

    form: Form
    keys: tuple[str, ...] = ()
    predicate: str | None = None
    attestation: bool = False
    statement: bytes | None = None


class Refused(Case, frozen=True):
    """A signature or attestation that fails: the step of the recipe that said no, and why."""

    form: Form
    step: Step
    why: str
    identity: Identity | None = None
    predicate: str | None = None
    attestation: bool = False


class Unreadable(Case, frozen=True):
    """A form that could not be read completely. Never "unsigned"."""

    form: Form
    fault: Fault


Signature: TypeAlias = Signed | KeySigned | Refused | Unreadable


class Platform(Struct, frozen=True):
    """One platform manifest of an index, with what is known about its own signatures."""

    platform: str
    digest: Digest
    signatures: tuple[Signature, ...] | None = None


class Evidence(Struct, frozen=True):
    """Everything known about one reference: what it names, and what vouches for that digest.

    `signatures` is empty where the registry answered every question and nothing is there; a form that could not be
    read completely is in it as `Unreadable`. `platforms` is None where nobody asked, empty for a single manifest, and a
    fault where the index could not be read: a rule that needs every platform then cannot be judged.
    """

    resolution: Resolution
    signatures: tuple[Signature, ...] = ()
    platforms: tuple[Platform, ...] | Fault | None = None

    @property
    def faults(self) -> Iterator[Fault]:
        """Everything about it that could not be told."""
        if isinstance(self.resolution, Fault):
            yield self.resolution
        if isinstance(self.platforms, Fault):
            yield self.platforms
        children = self.platforms if isinstance(self.platforms, tuple) else ()
        for signatures in (self.signatures, *(child.signatures or () for child in children)):
            yield from (each.fault for each in signatures if isinstance(each, Unreadable))
