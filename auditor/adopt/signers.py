"""Valid signatures → the signer of `auditor.yaml` that covers them and as little else as possible.

1. Signatures have the same *origin* if they differ in nothing but the ref: issuer, repository, its numbers, workflow.
2. Builds of a pull request have none: anybody may open one. Nor has an identity that cannot be written literally.
3. GitHub's and GitLab's are written in the shorthand with workflow, ref and the numbers of repository and owner (names can
   be registered again). A certificate without these claims is written as issuer and subject.
4. What comes out is read by the loader, which refuses what a stranger could satisfy, and must match every signature.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from auditor.adopt.refs import is_commit, ref_patterns
from auditor.adopt.seen import Seal
from auditor.adopt.yaml_text import signer_block
from auditor.config.load import load_rules
from auditor.config.match import (
    GITHUB_ISSUER,
    PULL_TRIGGERS,
    is_github_actions,
    matches,
    trigger,
    workflow_repository,
)
from auditor.config.rules import KeylessSigner
from auditor.errors import ConfigurationError
from auditor.model.identity import Identity, SubjectType

Pattern = tuple[tuple[str, str], ...]
"""The fields of one signer pattern, as written, in order."""

_PULL_REFS: Final = ("refs/pull/", "refs/merge-requests/")
_GITLAB: Final = "https://gitlab.com"
_PATH: Final = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)+")
_WORKFLOW: Final = re.compile(r"[A-Za-z0-9._-]+\.ya?ml")
_LITERAL: Final = re.compile(r"[!-)+-~]{1,500}")
"""Printable ASCII without a space or `*`: what is itself in a glob."""
_NUMBER: Final = re.compile(r"[0-9]{1,20}")


class Origin(Struct, frozen=True):
    """What all builds of one signer share. `source` is the repository's address, "" where the certificate has none.

    `workflow` is the subject without its ref, or the whole subject where it has none.
    """

    issuer: str
    workflow: str
    source: str = ""
    repository_id: str = ""
    owner_id: str = ""

    @property
    def owner(self) -> str:
        """Whose it is: the owner of the source (or of the workflow), or what follows the `@` of a mail address."""
        address = self.source or workflow_repository(f"{self.workflow}@")
        if address:
            return urlsplit(address).path.strip("/").partition("/")[0].lower()
        return self.workflow.rpartition("@")[2].lower() if "://" not in self.workflow else ""

    @property
    def label(self) -> str:
        """A name for the signer: owner and repository, or what stands before the `@`."""
        address = self.source or workflow_repository(f"{self.workflow}@")
        text = urlsplit(address).path if address else self.workflow.partition("@")[0].rpartition("//")[2]
        words = re.findall(r"[a-z0-9]+", text.lower())
        return "-".join(words)[:60].strip("-") or "signer"


def origin(identity: Identity) -> Origin | None:
    """The origin of a signature; None where it must not be proposed, or cannot be written."""
    if identity.issuer is None or not _LITERAL.fullmatch(identity.issuer) or _from_a_proposal(identity):
        return None
    claims = identity.claims
    own = workflow_repository(identity.subject)
    workflow = identity.subject.rpartition("@")[0] if own else identity.subject
    if not _LITERAL.fullmatch(workflow) or identity.subject_type is SubjectType.OTHER:
        return None
    if not own:
        return Origin(identity.issuer, workflow)
    return Origin(
        identity.issuer,
        workflow,
        claims.get("sourceRepositoryURI", ""),
        claims.get("sourceRepositoryIdentifier", ""),
        claims.get("sourceRepositoryOwnerIdentifier", ""),
    )


def _from_a_proposal(identity: Identity) -> bool:
    refs = (identity.subject.rpartition("@")[2], ref_of(identity))
    return trigger(identity) in PULL_TRIGGERS or any(ref.startswith(_PULL_REFS) for ref in refs)


def ref_of(identity: Identity) -> str:
    """The source's ref, by the claim, else as the subject has it."""
    claims = identity.claims
    return claims.get("sourceRepositoryRef") or claims.get("githubWorkflowRef") or identity.subject.rpartition("@")[2]


def patterns(whose: Origin, found: Iterable[Seal], today: date) -> tuple[Pattern, ...] | None:
    """The patterns that together cover all signatures `found` of one origin; None where they cannot be written."""
    signatures = tuple(found)
    written = _shorthand(whose, signatures) or _plain(whose, signatures)
    return written if written and _proven(written, signatures, today) else None


def _shorthand(whose: Origin, found: tuple[Seal, ...]) -> tuple[Pattern, ...] | None:
    """GitHub's or GitLab's, where the certificates have the claims for it."""
    source = urlsplit(whose.source)
    path = source.path.strip("/")
    refs = ref_patterns(ref_of(each.identity) for each in found if "sourceRepositoryRef" in each.identity.claims)
    if not path or not _PATH.fullmatch(path) or not refs:
        return None
    numbers = (("repository-id", whose.repository_id), ("owner-id", whose.owner_id))
    after = tuple((key, number) for key, number in numbers if _NUMBER.fullmatch(number))
    if "/.github/workflows/" in whose.workflow:
        workflow = _workflow(whose, found)
        if workflow is None:
            return None
        before: Pattern = (("github", path), ("workflow", workflow))
        usual = is_github_actions(whose.issuer) and whose.issuer == GITHUB_ISSUER
    else:
        before = (("gitlab", path),)
        usual = whose.issuer == _GITLAB
    issuer = () if usual else (("issuer", whose.issuer),)
    return tuple((*before, *issuer, ("ref", ref), *after) for ref in refs)


def _workflow(whose: Origin, found: tuple[Seal, ...]) -> str | None:
    """The file of the source's own workflow, or `owner/repository/path@ref` of a reusable one."""
    repository, _, file = whose.workflow.partition("/.github/workflows/")
    if not _WORKFLOW.fullmatch(file):
        return None
    if repository == whose.source:
        return file
    called = {each.identity.subject.rpartition("@")[2] for each in found}
    refs = ref_patterns(called)
    if refs is None:
        return None
    at = refs[0] if len(refs) == 1 and (len(called) == 1 or not any(map(is_commit, called))) else "**"
    return f"{urlsplit(repository).path.strip('/')}/.github/workflows/{file}@{at}"


def _plain(whose: Origin, found: tuple[Seal, ...]) -> tuple[Pattern, ...] | None:
    """Issuer and subject; a mail address in its shorthand."""
    issuer = ("issuer", whose.issuer)
    if all(each.identity.subject_type is SubjectType.EMAIL for each in found):
        return ((("email", whose.workflow), issuer),)
    if not workflow_repository(f"{whose.workflow}@"):
        return ((issuer, ("subject", whose.workflow)),)
    refs = ref_patterns(each.identity.subject.rpartition("@")[2] for each in found)
    return tuple((issuer, ("subject", f"{whose.workflow}@{ref}")) for ref in refs) if refs else None


def _proven(written: tuple[Pattern, ...], found: tuple[Seal, ...], today: date) -> bool:
    """Whether the loader takes the patterns, and every signature satisfies one of them."""
    text = f"version: 1\nsigners:\n{signer_block('proposed', written)}images: []\n".encode()
    files: Mapping[str, bytes] = {"auditor.yaml": text}
    try:
        rules = load_rules(files.get, "auditor.yaml", today=today)
    except ConfigurationError:
        return False
    loaded = [each for each in rules.signers["proposed"].patterns if isinstance(each, KeylessSigner)]
    return all(any(matches(each, seal.identity, seal.logged) for each in loaded) for seal in found)
