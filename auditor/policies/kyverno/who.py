"""Whom a certificate must name, as a keyless entry of a `verifyImages` attestor says it.

Source: `pkg/image/verifiers/cpol/cosign` of Kyverno 1.19.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from msgspec import Struct

from auditor.model.identity import Identity
from auditor.policies.kyverno.wildcard import matches
from auditor.policies.regex import occurs

EXTENSIONS: Final = MappingProxyType(
    {
        "1.3.6.1.4.1.57264.1.1": "oidcIssuer",
        "1.3.6.1.4.1.57264.1.2": "githubWorkflowTrigger",
        "1.3.6.1.4.1.57264.1.3": "githubWorkflowSha",
        "1.3.6.1.4.1.57264.1.4": "githubWorkflowName",
        "1.3.6.1.4.1.57264.1.5": "githubWorkflowRepository",
        "1.3.6.1.4.1.57264.1.6": "githubWorkflowRef",
    }
)
"""Certificate extensions that Kyverno compares, by OID and by name; any other is an error of the rule."""


class Who(Struct, frozen=True):
    """Whom a certificate must name. With nothing written, anybody."""

    subject: str = ""
    subject_regexp: str = ""
    issuer: str = ""
    issuer_regexp: str = ""
    extensions: tuple[tuple[str, str], ...] = ()

    def mismatch(self, identity: Identity) -> str | None:
        """Why the classic verification refuses the identity; None where it takes it. `subject` OR `subjectRegExp`."""
        if not self._subject(identity.subject):
            return f"subject mismatch: expected {self.subject or self.subject_regexp}, received {identity.subject}"
        issuer = identity.issuer or ""
        if self.issuer and not matches(self.issuer, issuer):
            return f"issuer mismatch: expected {self.issuer}, received {issuer}"
        if self.issuer_regexp and not occurs(self.issuer_regexp, issuer):
            return f"issuer mismatch: expected {self.issuer_regexp}, received {issuer}"
        return self._extension_mismatch(identity)

    def _subject(self, subject: str) -> bool:
        if not self.subject and not self.subject_regexp:
            return True
        return bool(
            (self.subject and matches(self.subject, subject))
            or (self.subject_regexp and occurs(self.subject_regexp, subject))
        )

    def _extension_mismatch(self, identity: Identity) -> str | None:
        for key, wanted in self.extensions:
            value = _extension_of(key, identity)
            if not matches(wanted, value):
                return f"extension mismatch: expected {wanted} for key {key}, received {value}"
        return None

    def bundle_mismatch(self, identity: Identity) -> str | None:
        """The same for bundles: texts are exact, and both of a pair must hold. Without issuer and subject nothing passes."""
        if not (self.issuer or self.issuer_regexp) or not (self.subject or self.subject_regexp):
            return "for bundles Kyverno needs an issuer and a subject, and refuses everything without them"
        issuer = identity.issuer or ""
        for wanted, text in ((self.subject, identity.subject), (self.issuer, issuer)):
            if wanted and wanted != text:
                return f"expected exactly {wanted}, received {text}"
        for pattern, text in ((self.subject_regexp, identity.subject), (self.issuer_regexp, issuer)):
            if pattern and not occurs(pattern, text):
                return f"expected {pattern}, received {text}"
        return None


def _extension_of(key: str, identity: Identity) -> str:
    """The value of a certificate extension under its OID or Kyverno's name; empty where the certificate lacks it."""
    name = EXTENSIONS.get(key, key)
    if name == "oidcIssuer":
        return identity.issuer or ""
    return identity.claims.get("githubWorkflowSHA" if name == "githubWorkflowSha" else name, "")
