"""As ClusterImagePolicy: one for each group of signers, because all that match must pass.

policy-controller reads an image's own signatures as `.sig` alone: what is signed as a bundle is refused there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from auditor.config.names import InvalidPattern, NamePattern, TextKind, TextPattern
from auditor.config.rules import KeylessSigner, KeySigner, Otherwise
from auditor.policies.clusterimagepolicy.glob import Glob
from auditor.policies.export.statements import Language, Said, Statement, Unsayable, expression
from auditor.policies.export.text import Plain, documents

LANGUAGE: Final = Language("ClusterImagePolicy", attestations=True)
_NO_MATCH: Final = {Otherwise.DENY: "deny", Otherwise.WARN: "warn", Otherwise.ALLOW: "allow"}


def write(said: Said) -> str:
    """The policies, and the ConfigMap that says what becomes of all other images."""
    reasons: list[str] = []
    policies = [policy for each in said.statements for policy in _policies(each, said, reasons)]
    if reasons:
        raise Unsayable(LANGUAGE.name, tuple(reasons))
    return documents(said.header, [*policies, _config(said)])


def _policies(statement: Statement, said: Said, reasons: list[str]) -> Iterator[Mapping[str, Plain]]:
    globs = [{"glob": glob} for pattern in statement.patterns for glob in _globs(pattern, reasons)]
    base = "".join(c if c.isalnum() else "-" for c in statement.label.lower()).strip("-")
    parts: list[list[Plain]] = [[_authority(each, said) for each in group.patterns] for group in statement.groups]
    for wanted in statement.attested:
        signers = said.rules.signer(wanted.signer).patterns
        parts.append([_attesting(_authority(each, said), wanted.predicate) for each in signers])
    if statement.unsigned:
        parts.append([{"static": {"action": "pass"}}])
    for number, authorities in enumerate(parts):
        name = base if len(parts) == 1 else f"{base}-{number}"
        yield {
            "apiVersion": "policy.sigstore.dev/v1beta1",
            "kind": "ClusterImagePolicy",
            "metadata": {"name": name},
            "spec": {"images": globs, "authorities": authorities},
        }


def _attesting(authority: Mapping[str, Plain], predicate: str) -> Mapping[str, Plain]:
    return {**authority, "attestations": [{"name": "wanted", "predicateType": predicate}]}


def _authority(pattern: KeylessSigner | KeySigner, said: Said) -> Mapping[str, Plain]:
    if isinstance(pattern, KeySigner):
        return {"key": {"data": said.pem(pattern)}}
    identity = {**_part("issuer", pattern.issuer), **_part("subject", pattern.subject)}
    return {"keyless": {"identities": [identity]}}


def _part(name: str, pattern: TextPattern) -> Mapping[str, Plain]:
    if pattern.kind is TextKind.EXACT:
        return {name: pattern.text}
    return {f"{name}RegExp": expression(pattern)}


def _globs(pattern: str, reasons: list[str]) -> Iterator[str]:
    """Docker Hub is index.docker.io there, and names are pinned before they are matched."""
    host, _, path = pattern.partition("/")
    if pattern.startswith("**"):
        host, path = "**", ""
    hub = f"index.docker.io/{path}" if host == "docker.io" else pattern
    if "*" in host and host not in {"*", "**"} and _splits_hub(host):
        reasons.append(f"{pattern}: the wildcard takes one of docker.io and index.docker.io, not both")
        return
    glob = f"{hub}@*"
    try:
        yield Glob.parse(glob).text
    except InvalidPattern as problem:
        reasons.append(f"{pattern}: {problem}")


def _splits_hub(host: str) -> bool:
    glob = NamePattern.parse(host)
    return glob.matches("docker.io") != glob.matches("index.docker.io")


def _config(said: Said) -> Mapping[str, Plain]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "config-policy-controller", "namespace": "cosign-system"},
        "data": {"no-match-policy": _NO_MATCH[said.rules.otherwise]},
    }
