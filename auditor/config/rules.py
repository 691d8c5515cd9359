"""The rules of one run, as values: what `auditor.yaml` says after it has been read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct, field

from auditor.config.names import NamePattern, PathPattern, TextPattern
from auditor.model.finding import Finding, Level
from auditor.model.reference import Digest


class Pinned(StrEnum):
    """Whether a rule wants `@sha256:…` in the reference."""

    REQUIRE = "require"
    PREFER = "prefer"
    IGNORE = "ignore"


class PlatformMode(StrEnum):
    """Which digests of a multi-architecture image must be signed."""

    INDEX = "index"
    EACH = "each"
    EITHER = "either"


class Otherwise(StrEnum):
    """What happens to images that no entry matches. The verdict stays `uncovered`."""

    DENY = "deny"
    WARN = "warn"
    ALLOW = "allow"


class Inspect(StrEnum):
    """Which registry hosts may be asked."""

    NAMED = "named"
    ALL = "all"


class KeylessSigner(Struct, frozen=True):
    """A pattern of identities. Every condition that is given must hold; at least issuer and subject are always given.

    `claims` maps claim names (`auditor.model.identity.CLAIM_NAMES`) to patterns; a check whose claim is absent fails.
    `events` are the accepted triggers of a build's identity; None means the default rule (no pull request triggers).
    `require_trigger` is True for shorthands: an absent trigger claim is refused. `same_repository` wants the repository
    in the subject (the workflow's own) to be the source repository, claim .1.12; `same_owner` wants the two to have one owner,
    where the certificate names both: anybody may call a public reusable workflow, and sign under its name. `trust` names the one root that may
    vouch for this signer; None means every root that vouches for the issuer.
    """

    issuer: TextPattern
    subject: TextPattern
    claims: Mapping[str, TextPattern] = field(default_factory=dict)
    events: frozenset[str] | None = None
    require_trigger: bool = False
    same_repository: bool = False
    same_owner: bool = False
    not_before: date | None = None
    not_after: date | None = None
    trust: str | None = None
    text: str = ""
    """How the reader wrote it, for messages."""


class KeySigner(Struct, frozen=True):
    """A long-lived public key; `key` is the name under which its PEM is in `Rules.keys` (its path as written)."""

    key: str
    text: str = ""


SignerPattern: TypeAlias = KeylessSigner | KeySigner


class Signer(Struct, frozen=True):
    """A named signer: any one of its patterns suffices."""

    name: str
    patterns: tuple[SignerPattern, ...]


class SignedBy(Struct, frozen=True):
    """Which signers must have signed: any one of `names`, or every one where `every` is set."""

    names: tuple[str, ...]
    every: bool = False
    catalog: bool = False
    """`signed-by: catalog`: the confirmed entries of `rules/signers/` whose images match."""


class AttestedBy(Struct, frozen=True):
    """A valid attestation of this predicate type by this signer is required.

    `source` and `builder` are what SLSA provenance must say of the source repository (its address, without `git+`, `.git` and
    ref) and of the builder's id.
    """

    predicate: str
    signer: str
    source: TextPattern | None = None
    builder: TextPattern | None = None


class ImageRule(Struct, frozen=True):
    """One entry of `images:`. `label` is how reports name it: `images[0]`, or `catalog:<publisher>`.

    `file` and `line` say where it is written: the rules file, one that it extends, or a shipped file's name.
    """

    label: str
    match: tuple[NamePattern, ...]
    within: tuple[PathPattern, ...] = ()
    signed_by: SignedBy | None = None
    attested_by: tuple[AttestedBy, ...] = ()
    unsigned_allowed: bool = False
    reason: str = ""
    pinned: Pinned = Pinned.PREFER
    platforms: PlatformMode = PlatformMode.INDEX
    line: int = 0
    file: str = ""


class DeniedDigest(Struct, frozen=True):
    """A revoked image."""

    digest: Digest
    reason: str


class DeniedSigner(Struct, frozen=True):
    """A revoked signer: whoever matches is denied, whatever else vouches for the image."""

    signer: KeylessSigner
    reason: str


class Waiver(Struct, frozen=True):
    """An exception with an owner, a reason and an end (`until`: the last valid day, UTC); `file` and `line` of its entry."""

    image: NamePattern
    rule: str
    until: date
    owner: str
    reason: str
    line: int = 0
    file: str = ""


class RegistrySettings(Struct, frozen=True):
    """How one registry host is spoken to. Files are given by content, read from the revision that holds the rules."""

    host: str
    mirror: str | None = None
    plain_http: bool = False
    ca_pem: bytes | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    signatures: str | None = None
    realm: str | None = None
    anonymous: bool = False
    """No credential is shown there, not even one that the environment has for it."""


class TrustSetting(Struct, frozen=True):
    """One entry of `trust:`: `kind` is `public-good`, `github`, `file`, `tuf` or `pem`.

    `content` holds the files that the entry names, by key (`file`, `root`, `fulcio`, `rekor`, `ctlog`, `tsa`). `issuers`
    are the issuers it vouches for; empty means none unless a signer names the root or it is the only one. `part`: it need not
    name anybody who could vouch, because no certificate is to be judged under it.
    """

    name: str
    kind: str
    content: Mapping[str, bytes] = field(default_factory=dict)
    url: str | None = None
    issuers: tuple[str, ...] = ()
    path: str | None = None
    part: bool = False


class ManifestSettings(Struct, frozen=True):
    """How the tree is read."""

    include: tuple[str, ...] = ("**",)
    exclude: tuple[str, ...] = ()
    substitute: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    kinds: Mapping[str, bytes] = field(default_factory=dict)
    kube_version: str = "1.33.0"
    api_versions: tuple[str, ...] = ()
    """What the cluster serves beyond the built-in APIs, for charts that ask: `group/version` or `group/version/Kind`."""
    charts: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    """What is judged although no cluster runs it: `dockerfile`, `compose`, `github-actions`."""


class Rules(Struct, frozen=True):
    """Everything that judges a run. `files` maps each path that the rules were read from to a hash of its content."""

    source: str
    """Where they come from: a path, or `defaults`."""
    signers: Mapping[str, Signer] = field(default_factory=dict)
    images: tuple[ImageRule, ...] = ()
    otherwise: Otherwise = Otherwise.DENY
    inspect: Inspect = Inspect.NAMED
    denied_digests: tuple[DeniedDigest, ...] = ()
    denied_signers: tuple[DeniedSigner, ...] = ()
    policies: tuple[str, ...] = ()
    levels: Mapping[str, Level] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    baseline: frozenset[str] = frozenset()
    manifests: ManifestSettings = field(default_factory=ManifestSettings)
    registries: Mapping[str, RegistrySettings] = field(default_factory=dict)
    trust: tuple[TrustSetting, ...] = ()
    second_opinion: bool = False
    """Whether sigstore-python must accept, too, what it can judge."""
    keys: Mapping[str, bytes] = field(default_factory=dict)
    catalog: tuple[ImageRule, ...] = ()
    """Rules of the confirmed publishers, for `signed-by: catalog` and for the defaults."""
    catalog_signers: Mapping[str, Signer] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """sha256 in hexadecimal, by path (or address) as named."""
    max_waiver_days: int = 180
    findings: tuple[Finding, ...] = ()
    """What loading already found: `pattern-never-matches`, `pattern-too-wide`; levels are applied."""

    def signer(self, name: str) -> Signer:
        """A signer that a rule names, the catalogue's (`catalog:<publisher>`) included. Loading has checked that it exists."""
        return self.catalog_signers[name] if name in self.catalog_signers else self.signers[name]
