"""Which images a policy speaks about, and whose signatures it takes, as far as its text tells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from auditor.config.names import InvalidPattern
from auditor.model.reference import Digest, InvalidReference
from auditor.policies.clusterimagepolicy import names
from auditor.policies.clusterimagepolicy.glob import Glob
from auditor.policies.cursor import Cursor
from auditor.policies.kyverno.names import name_of
from auditor.policies.kyverno.wildcard import matches as wildcard
from auditor.policies.lint.subject import CIP, CLUSTER_POLICY, IVPOL, Subject
from auditor.policies.ruling import Engine

_SOME_DIGEST = Digest("0" * 64)
_BEYOND = frozenset("[]{}!\\")


@dataclass(frozen=True)
class Coverage:
    """One policy, or one entry of it. `patterns` None: it speaks about every image, or nobody can tell about which.

    `signers` are exact identities or keys; None where a pattern or something else decides.
    """

    subject: Subject
    where: Cursor
    engine: Engine
    patterns: tuple[str, ...] | None
    signers: frozenset[str] | None = None

    def speaks_about(self, text: str) -> bool:
        """Whether it matches an image as written in a manifest."""
        if self.patterns is None:
            return True
        if self.engine is Engine.POLICY_CONTROLLER:
            return _cip_matches(self.patterns, text)
        name = text if self.subject.of(IVPOL) else name_of(text)
        return any(wildcard(pattern, name) for pattern in self.patterns)


def coverage(subjects: Iterable[Subject]) -> Iterator[Coverage]:
    """Every policy that speaks about images."""
    for subject in subjects:
        if subject.of(CIP):
            globs = tuple(image["glob"].text for image in subject.spec["images"])
            yield Coverage(subject, subject.spec, Engine.POLICY_CONTROLLER, globs, _cip_signers(subject))
        elif subject.of(CLUSTER_POLICY):
            for entry in subject.verifications():
                patterns = tuple(pattern.text for pattern in entry["imageReferences"])
                yield Coverage(subject, entry, Engine.KYVERNO, patterns, _kyverno_signers(entry))
        elif subject.of(IVPOL):
            yield Coverage(subject, subject.spec, Engine.KYVERNO, _ivpol_patterns(subject))


def _cip_matches(globs: Iterable[str], text: str) -> bool:
    try:
        reference = names.parse(text)
    except InvalidReference:
        return False
    name = names.pinned_name(reference, reference.digest or _SOME_DIGEST)
    for glob in globs:
        try:
            if Glob.parse(glob).matches(name):
                return True
        except InvalidPattern:
            continue
    return False


def _cip_signers(subject: Subject) -> frozenset[str] | None:
    signers: set[str] = set()
    for authority in subject.spec["authorities"]:
        identities = list(authority["keyless"]["identities"])
        if authority["key"]["data"].text:
            signers.add("".join(authority["key"]["data"].text.split()))
        elif identities and all(each["issuer"].text and each["subject"].text for each in identities):
            signers.update(f"{each['issuer'].text} {each['subject'].text}" for each in identities)
        else:
            return None
    return frozenset(signers) or None


def _kyverno_signers(entry: Cursor) -> frozenset[str] | None:
    signers: set[str] = set()
    for attestor in (each for group in entry["attestors"] for each in group["entries"]):
        keyless, key = attestor["keyless"], attestor["keys"]["publicKeys"].text
        exact = keyless["issuer"].text and keyless["subject"].text
        if key:
            signers.add("".join(key.split()))
        elif exact and not set(keyless["subject"].text + keyless["issuer"].text) & set("*?"):
            signers.add(f"{keyless['issuer'].text} {keyless['subject'].text}")
        else:
            return None
    return frozenset(signers) or None


def _ivpol_patterns(subject: Subject) -> tuple[str, ...] | None:
    """Plain globs; None where there are none, or where more than stars decides."""
    items = list(subject.spec["matchImageReferences"])
    globs = tuple(item["glob"].text.replace("**", "*") for item in items)
    plain = globs and all(glob and not set(glob) & _BEYOND for glob in globs)
    return globs if plain else None
