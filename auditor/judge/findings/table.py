"""Every rule that looks at one use, by the name of its page."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from auditor.judge.findings import change, policy, reference, signature
from auditor.judge.findings.subject import Rule

USE_RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "denied-image": signature.denied_image,
        "unsigned-image": signature.unsigned_image,
        "wrong-signer": signature.wrong_signer,
        "invalid-signature": signature.invalid_signature,
        "key-signed-image": signature.key_signed_image,
        "attestation-only-image": signature.attestation_only_image,
        "image-not-found": signature.image_not_found,
        "platform-unsigned": signature.platform_unsigned,
        "uncovered-image": signature.uncovered_image,
        "unjudged-image": signature.unjudged_image,
        "templated-reference": signature.templated_reference,
        "signature-lost": change.signature_lost,
        "signer-changed": change.signer_changed,
        "registry-changed": change.registry_changed,
        "tag-digest-mismatch": reference.tag_digest_mismatch,
        "placeholder-deployed": reference.placeholder_deployed,
        "unpinned-image": reference.unpinned_image,
        "latest-tag": reference.latest_tag,
        "numeric-tag": reference.numeric_tag,
        "digest-as-tag": reference.digest_as_tag,
        "digest-dropped": reference.digest_dropped,
        "policy-failed": policy.policy_failed,
        "policy-warned": policy.policy_warned,
        "policy-not-evaluable": policy.policy_not_evaluable,
        "policy-disagreement": policy.policy_disagreement,
    }
)
"""The rest come from elsewhere: gaps of the reading, what a change does to the rules, waivers, loading the rules."""
