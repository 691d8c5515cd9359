"""As command lines of cosign: for each entry, what must succeed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from auditor.config.names import TextKind, TextPattern
from auditor.config.rules import KeylessSigner, KeySigner
from auditor.policies.export.statements import Language, Said, Statement, expression

LANGUAGE: Final = Language(
    "cosign",
    claims=frozenset(
        {
            "githubWorkflowSHA",
            "githubWorkflowName",
            "githubWorkflowRepository",
            "githubWorkflowRef",
            "githubWorkflowTrigger",
        }
    ),
    attestations=True,
    overlaps=True,
)
_FLAGS: Final = {
    "githubWorkflowSHA": "sha",
    "githubWorkflowName": "name",
    "githubWorkflowRepository": "repository",
    "githubWorkflowRef": "ref",
    "githubWorkflowTrigger": "trigger",
}


def write(said: Said) -> str:
    """A shell script of comments and commands; `$IMAGE` is one image that the comment's patterns match."""
    lines = [*(f"# {line}" for line in said.header), "# The first entry that matches an image governs it."]
    for each in said.statements:
        lines += ["", f"# {each.label}: {', '.join(each.patterns)}", *_entry(each, said)]
    return "\n".join(lines) + "\n"


def _entry(statement: Statement, said: Said) -> Iterator[str]:
    if statement.unsigned:
        yield "# need not be signed"
    for group in statement.groups:
        yield " ||\n  ".join(_verify(each) for each in group.patterns)
    for wanted in statement.attested:
        signers = said.rules.signer(wanted.signer).patterns
        yield " ||\n  ".join(_verify(each, wanted.predicate) for each in signers)


def _verify(pattern: KeylessSigner | KeySigner, predicate: str | None = None) -> str:
    words = ["cosign", "verify"] if predicate is None else ["cosign", "verify-attestation", "--type", predicate]
    if isinstance(pattern, KeySigner):
        words += ["--key", pattern.key, "--insecure-ignore-tlog=true"]
    else:
        words += [*_flag("certificate-oidc-issuer", pattern.issuer), *_flag("certificate-identity", pattern.subject)]
        for claim, wanted in pattern.claims.items():
            words += [f"--certificate-github-workflow-{_FLAGS[claim]}", wanted.text]
    return f'{shlex.join(words)} "$IMAGE"'


def _flag(name: str, pattern: TextPattern) -> list[str]:
    if pattern.kind is TextKind.EXACT:
        return [f"--{name}", pattern.text]
    return [f"--{name}-regexp", expression(pattern)]
