"""What a ClusterImagePolicy says, as values. `read.py` makes them."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from auditor.model.identity import Identity
from auditor.model.place import Place
from auditor.policies.clusterimagepolicy.glob import Glob
from auditor.policies.cursor import Mistake
from auditor.policies.regex import occurs


class TextCheck(Struct, frozen=True):
    """One of `issuer`/`issuerRegExp` (or subject): exact, or a regular expression that may match anywhere."""

    exact: str = ""
    pattern: str = ""

    def matches(self, text: str) -> bool:
        """Whether a text of a certificate passes."""
        return occurs(self.pattern, text) if self.pattern else text == self.exact


class IdentityCheck(Struct, frozen=True):
    """One entry of `identities`: both parts must hold. A part that is not given holds for everybody."""

    issuer: TextCheck | None
    subject: TextCheck | None

    def matches(self, identity: Identity) -> bool:
        """Whether a certificate's identity passes."""
        return (self.issuer is None or self.issuer.matches(identity.issuer or "")) and (
            self.subject is None or self.subject.matches(identity.subject)
        )


class Script(Struct, frozen=True):
    """A `policy` of an attestation or of the whole: its language and its text, or why there is no text at hand."""

    language: str
    source: str
    unknown: str | None
    place: Place


class AttestationCheck(Struct, frozen=True):
    """One entry of `attestations`: a verified statement of this predicate type must satisfy the script, if there is one."""

    name: str
    predicate: str
    script: Script | None


class KeyCheck(Struct, frozen=True):
    """`key`: public keys in PEM of which one must have signed, or why they are not at hand."""

    pems: tuple[bytes, ...]
    unknown: str | None


class KeylessCheck(Struct, frozen=True):
    """`keyless`: who may have signed, and under which roots (`trust_root` is empty for the public ones)."""

    identities: tuple[IdentityCheck, ...]
    trust_root: str
    ignore_sct: bool
    has_url: bool


class StaticCheck(Struct, frozen=True):
    """`static`: passes or fails whatever is signed."""

    passes: bool
    message: str


Check: TypeAlias = KeyCheck | KeylessCheck | StaticCheck


class LogCheck(Struct, frozen=True):
    """`ctlog`: a log must vouch for the signature, the public one or that of a trust root. Without URL and root: none."""

    url: str
    trust_root: str


class Authority(Struct, frozen=True):
    """One authority. `stamps` names the trust root whose time stamping authority must vouch; empty where none must."""

    name: str
    check: Check
    place: Place
    log: LogCheck | None = None
    stamps: str = ""
    stamped: bool = False
    source: str = ""
    tag_prefix: str = ""
    attestations: tuple[AttestationCheck, ...] = ()
    bundles: bool = False


class Resource(Struct, frozen=True):
    """One entry of `match`. Empty texts and `*` take everything; `selector` is None where there is none."""

    group: str
    version: str
    resource: str
    selector: Selector | None


class Selector(Struct, frozen=True):
    """A label selector: labels that must be equal, and expressions (key, operator, values)."""

    labels: tuple[tuple[str, str], ...]
    expressions: tuple[tuple[str, str, tuple[str, ...]], ...]


class ClusterImagePolicy(Struct, frozen=True):
    """One policy. With `mistakes` the admission webhook refuses it, and it judges nothing."""

    name: str
    file: str
    place: Place
    globs: tuple[Glob, ...]
    match: tuple[Resource, ...]
    warns: bool
    authorities: tuple[Authority, ...]
    script: Script | None
    includes: tuple[str, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def title(self) -> str:
        """How reports name it."""
        return f"ClusterImagePolicy/{self.name}"
