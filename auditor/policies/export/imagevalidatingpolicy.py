"""As an ImageValidatingPolicy of Kyverno: one for each entry, with an attestor for each alternative.

References are matched as they are written, by an expression that takes every spelling of the same name. Both forms of
signature are read. Images that no entry matches are let in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from auditor.config.names import TextKind, TextPattern
from auditor.config.rules import KeylessSigner, KeySigner
from auditor.policies.export.statements import Language, Said, Statement, expression, glob_expression
from auditor.policies.export.text import Plain, documents

LANGUAGE: Final = Language("ImageValidatingPolicy")
_LISTS: Final = ("containers", "initContainers", "ephemeralContainers")
_SINGLE: Final = "[^/:@]+"
_NO_HOST: Final = "[a-z0-9_-]+"
_NO_HOST_RUN: Final = "[a-z0-9_-]*"
_REST: Final = "(:[^/@]+)?(@sha256:[0-9a-f]+)?"


def write(said: Said) -> str:
    """The policies."""
    policies = [_policy(each, said) for each in said.statements if not each.unsigned]
    return documents((*said.header, "Images that no policy matches are let in."), policies)


def _policy(statement: Statement, said: Said) -> Mapping[str, Plain]:
    base = "".join(c if c.isalnum() else "-" for c in statement.label.lower()).strip("-")
    groups = [
        [(f"signer{group_number}x{number}", pattern) for number, pattern in enumerate(group.patterns)]
        for group_number, group in enumerate(statement.groups)
    ]
    return {
        "apiVersion": "policies.kyverno.io/v1",
        "kind": "ImageValidatingPolicy",
        "metadata": {"name": base},
        "spec": {
            "validationActions": ["Deny"],
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": ["pods"],
                    }
                ]
            },
            "matchImageReferences": [{"expression": _matching(each)} for each in statement.patterns],
            "attestors": [_attestor(name, pattern, said) for group in groups for name, pattern in group],
            "validations": [each for group in groups for each in _validations([name for name, _ in group])],
        },
    }


def _validations(names: list[str]) -> Iterator[Mapping[str, Plain]]:
    """One for each list of a pod: each is short, and all must be true."""
    attestors = ", ".join(f"attestors.{name}" for name in names)
    each = f"verifyImageSignatures(image, [{attestors}])"
    for part in _LISTS:
        expression = f"images.{part}.map(image, {each}).all(n, n > 0)"
        yield {"expression": expression, "message": "nobody who may sign this image has signed it"}


def _matching(pattern: str) -> str:
    alternatives = "|".join(_spellings(pattern))
    matched = f"ref.matches({_cel(f'^({alternatives}){_REST}$')})"
    return f"{matched} && !ref.startsWith('localhost/')" if pattern.startswith("docker.io/") else matched


def _spellings(pattern: str) -> Iterator[str]:
    """Every way to write the same name."""
    host, _, path = pattern.partition("/")
    yield glob_expression(pattern)
    if host == "docker.io":
        for each in dict.fromkeys((path, path.removeprefix("library/"))):
            yield f"index\\.docker\\.io/{glob_expression(each)}"
            yield f"docker\\.io/{glob_expression(each)}"
            yield from _without_host(each)


def _without_host(path: str) -> Iterator[str]:
    """A name without a host: its first part, where there are several, is none."""
    if path.startswith("**"):
        yield f"{_SINGLE}"
        yield f"{_NO_HOST}/(?s:.*)"
        return
    first, slash, rest = path.partition("/")
    if not slash:
        yield glob_expression(path)
    elif "*" in first:
        yield f"{glob_expression(first).replace('[^/]*', _NO_HOST_RUN)}/{glob_expression(rest)}"
    elif not set(first) & {".", ":"}:
        yield glob_expression(path)


def _cel(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _attestor(name: str, pattern: KeylessSigner | KeySigner, said: Said) -> Mapping[str, Plain]:
    if isinstance(pattern, KeySigner):
        cosign: Mapping[str, Plain] = {
            "key": {"data": said.pem(pattern)},
            "ctlog": {"insecureIgnoreTlog": True, "insecureIgnoreSCT": True},
        }
    else:
        identity = {**_part("issuer", pattern.issuer), **_part("subject", pattern.subject)}
        cosign = {"keyless": {"identities": [identity]}, "ctlog": {"url": "https://rekor.sigstore.dev"}}
    return {"name": name, "cosign": cosign}


def _part(name: str, pattern: TextPattern) -> Mapping[str, Plain]:
    if pattern.kind is TextKind.EXACT:
        return {name: pattern.text}
    return {f"{name}RegExp": expression(pattern)}
