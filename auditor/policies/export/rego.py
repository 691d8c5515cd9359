"""As Rego over auditor's own result: `package auditor`, `deny` for every image that the rules do not let through.

It says the same as the rules about names, signers, claims, triggers and days, and can be read, changed and tested by whoever
knows Rego. Whether a signature is valid is auditor's word: `status` and `trust` of the result.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from auditor.config.match import PULL_TRIGGERS
from auditor.config.names import TextPattern
from auditor.config.rules import KeylessSigner, KeySigner, Otherwise
from auditor.policies.export.statements import (
    ALL_CLAIMS,
    Language,
    Said,
    Statement,
    expression,
    glob_expression,
    names_pull_request,
)

LANGUAGE: Final = Language(
    "Rego",
    claims=ALL_CLAIMS,
    events=True,
    no_pull_requests=True,
    days=True,
    overlaps=True,
    attestations=True,
    claim_patterns=True,
    repository=True,
)
_HEAD: Final = """package auditor

judged contains image if {
	some image in input.images
	image.verdict != null
	image.change != "removed"
}

deny contains {"msg": msg, "image": image.reference} if {
	some image in judged
	governing := entry(image)
	not lets_through(governing, image)
	msg := sprintf("%s is not signed as %s asks", [image.reference, governing])
}
"""
_OTHERS: Final = """
%s contains {"msg": msg, "image": image.reference} if {
	some image in judged
	not entry(image)
	msg := sprintf("no entry speaks about %%s", [image.reference])
}
"""
_SIGNATURES: Final = """
valid(image) := [signature |
	some signature in image.signatures
	signature.status == "valid"
	is_string(signature.trust)
]

keyed(image) := [signature |
	some signature in image.signatures
	signature.status == "key-signed"
]

signature_of(signature) if not attestation(signature)

attestation(signature) if {
	is_string(signature.predicate)
	signature.predicate != "https://sigstore.dev/cosign/sign/v1"
}

trigger(identity) := identity.claims.buildTrigger

trigger(identity) := identity.claims.githubWorkflowTrigger if not identity.claims.buildTrigger

pulled(identity) if trigger(identity) in pull_triggers

pulled(identity) if regex.match(pull_ref, identity.subject)

pulled(identity) if regex.match(pull_claim, identity.claims.sourceRepositoryRef)

pulled(identity) if regex.match(pull_claim, identity.claims.githubWorkflowRef)

workflow(subject) := split(subject, "/.github/workflows/")[0] if {
	contains(subject, "/.github/workflows/")
	not contains(substring(subject, 8, -1), "//")
}

workflow(subject) := concat("", [substring(subject, 0, 8), split(substring(subject, 8, -1), "//")[0]]) if {
	contains(substring(subject, 8, -1), "//")
}

owner(address) := concat("/", array.slice(split(lower(address), "/"), 0, 4))

called_by_a_stranger(identity) if owner(workflow(identity.subject)) != owner(identity.claims.sourceRepositoryURI)
"""


def write(said: Said) -> str:
    """The module."""
    lines = [*(f"# {line}" for line in said.header), _HEAD]
    if said.rules.otherwise is not Otherwise.ALLOW:
        lines.append(_OTHERS % ("deny" if said.rules.otherwise is Otherwise.DENY else "warn"))
    lines += [_SIGNATURES, f"pull_triggers := {{{', '.join(json.dumps(each) for each in sorted(PULL_TRIGGERS))}}}"]
    lines += ['pull_ref := "@refs/(pull|merge-requests)/[^@]*$"', 'pull_claim := "^refs/(pull|merge-requests)/"', ""]
    lines += [*_entries(said.statements), *_conditions(said)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _entries(statements: tuple[Statement, ...]) -> Iterator[str]:
    """The first that matches: each later one says that no earlier one does."""
    for number, each in enumerate(statements):
        alternatives = "|".join(glob_expression(pattern) for pattern in each.patterns)
        yield f"matches_{number}(image) if {{"
        yield "\tis_string(image.name)"
        yield f"\tregex.match({_text(f'^({alternatives})$')}, image.name)"
        yield "}"
        yield ""
    for number, each in enumerate(statements):
        yield f"entry(image) := {json.dumps(each.label)} if {{"
        yield from (f"\tnot matches_{earlier}(image)" for earlier in range(number))
        yield f"\tmatches_{number}(image)"
        yield "}"
        yield ""


def _conditions(said: Said) -> Iterator[str]:
    for number, each in enumerate(said.statements):
        names = [f"signed_{number}_{group}" for group in range(len(each.groups))]
        names += [f"attested_{number}_{wanted}" for wanted in range(len(each.attested))]
        yield f"lets_through({json.dumps(each.label)}, image) if {{"
        yield from (f"\t{name}(image)" for name in names)
        yield f"\timage.name{'' if names else '  # need not be signed'}"
        yield "}"
        yield ""
        for group, signer in enumerate(each.groups):
            for pattern in signer.patterns:
                yield from _condition(f"signed_{number}_{group}", pattern, "signature_of(signature)")
        for wanted, attested in enumerate(each.attested):
            predicate = f"signature.predicate == {json.dumps(attested.predicate)}"
            for pattern in said.rules.signer(attested.signer).patterns:
                yield from _condition(f"attested_{number}_{wanted}", pattern, predicate)


def _condition(name: str, pattern: KeylessSigner | KeySigner, kind: str) -> Iterator[str]:
    yield f"{name}(image) if {{"
    yield f"\tsome signature in {'keyed' if isinstance(pattern, KeySigner) else 'valid'}(image)"
    yield f"\t{kind}"
    if isinstance(pattern, KeySigner):
        yield f"\t{json.dumps(pattern.key)} in signature.keys"
    else:
        yield from (f"\t{line}" for line in _keyless(pattern))
    yield "}"
    yield ""


def _keyless(pattern: KeylessSigner) -> Iterator[str]:
    yield _compare("signature.identity.issuer", pattern.issuer)
    yield _compare("signature.identity.subject", pattern.subject)
    for claim, wanted in pattern.claims.items():
        yield _compare(f"signature.identity.claims.{claim}", wanted)
    if pattern.events is not None:
        events = ", ".join(json.dumps(each) for each in sorted(pattern.events))
        yield f"trigger(signature.identity) in {{{events}}}"
    elif not names_pull_request(pattern):
        yield "not pulled(signature.identity)"
    if pattern.same_owner:
        yield "not called_by_a_stranger(signature.identity)"
    if pattern.same_repository:
        yield "workflow(signature.identity.subject) == signature.identity.claims.sourceRepositoryURI"
    if pattern.require_trigger and pattern.events is None:
        yield "trigger(signature.identity)"
    if pattern.not_before:
        yield f'substring(signature.logged, 0, 10) >= "{pattern.not_before}"'
    if pattern.not_after:
        yield f'substring(signature.logged, 0, 10) <= "{pattern.not_after}"'


def _compare(field: str, pattern: TextPattern) -> str:
    return f"regex.match({_text(expression(pattern))}, {field})"


def _text(text: str) -> str:
    """An expression as a text; a dot that takes line breaks is of no use where names and identities hold none."""
    plain = text.replace("(?s:.*)", ".*")
    return json.dumps(plain) if "`" in plain else f"`{plain}`"
