"""As a ClusterPolicy of Kyverno: one `verifyImages` entry for each pattern.

Kyverno's `*` crosses `/`, so a pattern that stays inside one segment skips what lies deeper. Type Cosign reads `.sig` alone.
Images that no entry matches are let in: Kyverno has no word about them in this kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from auditor.config.names import TextKind, TextPattern
from auditor.config.rules import KeylessSigner, KeySigner, Signer
from auditor.policies.export.statements import Language, Said, Statement, Unsayable, expression
from auditor.policies.export.text import Plain, documents

_CLAIMS: Final = frozenset(
    {
        "githubWorkflowTrigger",
        "githubWorkflowSHA",
        "githubWorkflowName",
        "githubWorkflowRepository",
        "githubWorkflowRef",
    }
)
LANGUAGE: Final = Language("ClusterPolicy", claims=_CLAIMS)
_SPELLED: Final = {"githubWorkflowSHA": "githubWorkflowSha"}
_REKOR: Final = "https://rekor.sigstore.dev"


def write(said: Said) -> str:
    """The policy."""
    reasons: list[str] = []
    rules = [rule for each in said.statements if not each.unsigned for rule in _rules(each, said, reasons)]
    if reasons:
        raise Unsayable(LANGUAGE.name, tuple(reasons))
    policy: Mapping[str, Plain] = {
        "apiVersion": "kyverno.io/v1",
        "kind": "ClusterPolicy",
        "metadata": {"name": "auditor"},
        "spec": {
            "validationFailureAction": "Enforce",
            "background": False,
            "webhookTimeoutSeconds": 30,
            "rules": rules,
        },
    }
    return documents((*said.header, "Images that no rule matches are let in."), [policy])


def _rules(statement: Statement, said: Said, reasons: list[str]) -> Iterator[Mapping[str, Plain]]:
    base = "".join(c if c.isalnum() else "-" for c in statement.label.lower()).strip("-")
    spellings = [spelled for pattern in statement.patterns for spelled in _spellings(pattern)]
    entries = [_entry(spelled, statement, said, reasons) for spelled in spellings]
    yield {
        "name": base,
        "match": {"any": [{"resources": {"kinds": ["Pod"]}}]},
        "verifyImages": entries,
    }


def _spellings(pattern: str) -> Iterator[str]:
    """How Kyverno may see the same name: Docker Hub's host and `library/` as they are written, or added, or not."""
    host, _, path = pattern.partition("/")
    if host != "docker.io":
        yield pattern
        return
    for hub in ("docker.io", "index.docker.io"):
        yield f"{hub}/{path}"
        if path.startswith("library/"):
            yield f"{hub}/{path.removeprefix('library/')}"


def _entry(pattern: str, statement: Statement, said: Said, reasons: list[str]) -> Mapping[str, Plain]:
    literal, star, rest = pattern.partition("*")
    names: list[Plain] = [f"{pattern}:*", f"{pattern}@*"]
    skips: list[Plain] = []
    if star and rest not in {"", "*"}:
        reasons.append(f"{statement.label}: {pattern}: a wildcard can only be at the end, because * crosses / there")
    elif rest == "*":
        names = [f"{literal}*"]
    elif star:
        names = [f"{literal}*"]
        skips = [f"{literal}*/*"]
    entry: dict[str, Plain] = {"imageReferences": names}
    if skips:
        entry["skipImageReferences"] = skips
    entry |= {"mutateDigest": True, "verifyDigest": True, "required": True}
    entry["attestors"] = [_attestors(group, said, reasons) for group in statement.groups]
    return entry


def _attestors(group: Signer, said: Said, reasons: list[str]) -> Mapping[str, Plain]:
    return {"count": 1, "entries": [_attestor(pattern, said, reasons) for pattern in group.patterns]}


def _attestor(pattern: KeylessSigner | KeySigner, said: Said, reasons: list[str]) -> Mapping[str, Plain]:
    if isinstance(pattern, KeySigner):
        unlogged: Mapping[str, Plain] = {"rekor": {"url": _REKOR, "ignoreTlog": True}, "ctlog": {"ignoreSCT": True}}
        return {"keys": {"publicKeys": said.pem(pattern), **unlogged}}
    keyless: dict[str, Plain] = {**_part("issuer", pattern.issuer), **_part("subject", pattern.subject)}
    extensions: dict[str, Plain] = {}
    for claim, wanted in pattern.claims.items():
        if set(wanted.text) & set("*?"):
            reasons.append(f"the claim {claim} holds a character that is a wildcard there")
        extensions[_SPELLED.get(claim, claim)] = wanted.text
    if extensions:
        keyless["additionalExtensions"] = extensions
    keyless["rekor"] = {"url": _REKOR}
    return {"keyless": keyless}


def _part(name: str, pattern: TextPattern) -> Mapping[str, Plain]:
    """Exact texts with a wildcard's character in them would be patterns."""
    if pattern.kind is TextKind.EXACT and not set(pattern.text) & set("*?"):
        return {name: pattern.text}
    return {f"{name}RegExp": expression(pattern)}
