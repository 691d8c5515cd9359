"""The rules that find things, with the level each has unless `rules:` says otherwise (`rules/catalog/` has a page for each)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from auditor.model.finding import Level

_ERRORS: Final = """
    unsigned-image wrong-signer invalid-signature key-signed-image attestation-only-image image-not-found
    platform-unsigned denied-image signature-lost policy-failed waiver-expired tag-digest-mismatch placeholder-deployed
"""
_WARNINGS: Final = """
    uncovered-image unpinned-image latest-tag digest-dropped digest-as-tag numeric-tag override-without-effect
    signer-changed registry-changed rules-changed waiver-added waiver-unused pattern-too-wide pattern-never-matches
    policy-warned policy-disagreement
    policy-wildcard-in-exact-field policy-unanchored-regex policy-never-matches policy-any-identity policy-either-subject
    policy-ignored-field policy-log-unchecked policy-many-identities policy-audit-mutates policy-enforces-nothing
    policy-deprecated-kind policy-skips-containers policy-overlap policy-gap
    tag-moved signature-vanished new-unsigned
"""
_NOTES: Final = "newly-verified waiver-expires-soon"
_INCOMPLETE: Final = "unjudged-image templated-reference unrendered unparsable-file policy-not-evaluable"

DEFAULT_LEVELS: Final[Mapping[str, Level]] = MappingProxyType(
    {
        **dict.fromkeys(_ERRORS.split(), Level.ERROR),
        **dict.fromkeys(_WARNINGS.split(), Level.WARNING),
        **dict.fromkeys(_NOTES.split(), Level.NOTE),
        **dict.fromkeys(_INCOMPLETE.split(), Level.INCOMPLETE),
    }
)
"""Rule → level. `uncovered-image` and `unpinned-image` are errors where `otherwise: deny` and `pinned: require` say so."""

GRADED: Final = tuple(sorted(rule for rule, level in DEFAULT_LEVELS.items() if level is not Level.INCOMPLETE))
"""The rules whose level may be set. What makes a run incomplete can only be waived."""

ONE_NIGHT: Final = frozenset({"tag-moved", "signature-vanished", "new-unsigned", "newly-verified", "signer-changed"})
"""What an audit tells once, on the night on which it differs: such findings have no age."""

AUDITED: Final = (ONE_NIGHT - {"signer-changed"}) | {"waiver-expires-soon"}
"""What only an audit can find: whether anything needs a waiver of these, no other run can tell."""

NAMED: Final = frozenset(
    [
        "unsigned-image",
        "wrong-signer",
        "invalid-signature",
        "key-signed-image",
        "attestation-only-image",
        "image-not-found",
        "platform-unsigned",
        "denied-image",
        "signature-lost",
        "tag-digest-mismatch",
        "uncovered-image",
        "unpinned-image",
        "latest-tag",
        "numeric-tag",
        "digest-dropped",
        "signer-changed",
        "registry-changed",
        "tag-moved",
        "signature-vanished",
        "new-unsigned",
        "newly-verified",
    ]
)
"""The rules that are always about an image with a normalised name. The others may be about a file, or text that is no name."""
