"""Who signed: what a Fulcio certificate says about its subject.

Source: Fulcio's certificate specification (`docs/oid-info.md` of sigstore/fulcio), extensions 1.3.6.1.4.1.57264.1.*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class SubjectType(StrEnum):
    """The kind of subject alternative name."""

    URI = "URI"
    EMAIL = "email"
    OTHER = "other-name"


CLAIM_NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {
        2: "githubWorkflowTrigger",
        3: "githubWorkflowSHA",
        4: "githubWorkflowName",
        5: "githubWorkflowRepository",
        6: "githubWorkflowRef",
        9: "buildSignerURI",
        10: "buildSignerDigest",
        11: "runnerEnvironment",
        12: "sourceRepositoryURI",
        13: "sourceRepositoryDigest",
        14: "sourceRepositoryRef",
        15: "sourceRepositoryIdentifier",
        16: "sourceRepositoryOwnerURI",
        17: "sourceRepositoryOwnerIdentifier",
        18: "buildConfigURI",
        19: "buildConfigDigest",
        20: "buildTrigger",
        21: "runInvocationURI",
        22: "sourceRepositoryVisibility",
        23: "deploymentEnvironment",
        24: "tokenSubject",
    }
)
"""Last arc of the extension's OID → the claim's name as Fulcio spells it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Issuer, subject and workflow claims of one certificate.

    `issuer` is None where the certificate names none: such an identity matches no rule that names an issuer. `claims`
    maps the names of `CLAIM_NAMES` to their values; a claim that the certificate lacks is absent.
    """

    issuer: str | None
    subject: str
    subject_type: SubjectType = SubjectType.URI
    claims: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    def __str__(self) -> str:
        return f"{self.subject} (issuer {self.issuer or 'none'})"
