"""Does an identity satisfy a signer? Pure; the judge asks, and shows the answer.

Every condition of a signer is evaluated, in this order, and each one that fails is a part of the answer:

1. issuer  2. subject  3. repository (the workflow's own is the source repository, or has its owner)  4. claims, by name
5. trigger (product rule: nobody signs from a pull request unless the signer says so)  6. time (the log's, never today's)

A claim that the certificate lacks fails its check. Revocation is the mirror image, `denies`: what the certificate does not
say cannot save it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import takewhile
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from auditor.config.names import TextKind, TextPattern
from auditor.config.rules import KeylessSigner, Signer, TrustSetting
from auditor.model.identity import Identity

GITHUB_ISSUER: Final = "https://token.actions.githubusercontent.com"

PULL_TRIGGERS: Final = frozenset(
    {"pull_request", "pull_request_target", "merge_request_event", "external_pull_request_event"}
)
"""Triggers that run what somebody proposes: GitHub's two, and GitLab's two."""

_SEPARATOR: Final = re.compile(r"//|/\.github/workflows/")
_PULL_REFS: Final = ("refs/pull/", "refs/merge-requests/")
_OLDER_NAMES: Final[Mapping[str, str]] = {
    "buildTrigger": "githubWorkflowTrigger",
    "sourceRepositoryRef": "githubWorkflowRef",
    "sourceRepositoryDigest": "githubWorkflowSHA",
}


class Miss(Struct, frozen=True):
    """One condition that does not hold: which part, what is allowed, what the certificate says (None: nothing)."""

    part: str
    allowed: str
    found: str | None

    def __str__(self) -> str:
        found = "absent" if self.found is None else self.found
        return f"{self.part} is {found}, allowed is {self.allowed}"


class Match(Struct, frozen=True):
    """Whether a signer's conditions all hold, and every one that does not, in the order of the recipe."""

    misses: tuple[Miss, ...] = ()

    def __bool__(self) -> bool:
        return not self.misses

    @property
    def difference(self) -> str:
        """The first condition that fails, as a sentence; empty where all hold."""
        return str(self.misses[0]) if self.misses else ""


class Near(Struct, frozen=True):
    """The nearest miss: the signer, its pattern, the identity that came nearest, and what differs."""

    signer: str
    pattern: KeylessSigner
    identity: Identity
    match: Match


def matches(signer: KeylessSigner, identity: Identity, logged: datetime) -> Match:
    """Judge one identity, whose signature was logged at `logged` (aware), by one signer pattern."""
    misses = (
        *_text("issuer", signer.issuer, identity.issuer),
        *_text("subject", signer.subject, identity.subject),
        *_repository(signer, identity),
        *_workflow_owner(signer, identity),
        *(miss for name, wanted in signer.claims.items() for miss in _text(name, wanted, identity.claims.get(name))),
        *_trigger(signer, identity),
        *_time(signer, logged),
    )
    return Match(misses)


def _text(part: str, wanted: TextPattern, found: str | None) -> Iterator[Miss]:
    if found is None or not wanted.matches(found):
        yield Miss(part, wanted.explain, found)


def _repository(signer: KeylessSigner, identity: Identity) -> Iterator[Miss]:
    if not signer.same_repository:
        return
    source = identity.claims.get("sourceRepositoryURI")
    own = workflow_repository(identity.subject)
    if source is None or own != source:
        yield Miss("the workflow's repository", f"the source repository {source or '(claim absent)'}", own)


def _workflow_owner(signer: KeylessSigner, identity: Identity) -> Iterator[Miss]:
    """A subject names the workflow, not who ran it: a stranger may call a public reusable one from a repository of his own."""
    source, own = _claim(identity, "sourceRepositoryURI"), workflow_repository(identity.subject)
    if signer.same_owner and source and own and _owner(source) != _owner(own):
        wanted = f"one of {_owner(own)} (else name it by `github:`, `repository-id:` or `owner-id:`)"
        yield Miss("the source repository", wanted, source)


def _owner(repository: str) -> str:
    """`https://github.com/acme` of a repository's address; in lower case, which tells no two owners apart."""
    return "/".join(repository.lower().split("/")[:4])


def workflow_repository(subject: str) -> str | None:
    """The repository that holds the workflow of a GitHub or GitLab subject, as an address; None for other subjects.

    GitHub: `<repository>/.github/workflows/<file>@<ref>`; GitLab: `<repository>//<file>@<ref>`. A repository's address
    cannot hold either separator, so the first one counts.
    """
    scheme, mark, rest = subject.partition("://")
    found = _SEPARATOR.search(rest)
    return f"{scheme}://{rest[: found.start()]}" if mark and found else None


def trigger(identity: Identity) -> str | None:
    """What started the build: claim .1.20, else .1.2, else a pull request where a ref says so; None where nothing does."""
    told = _claim(identity, "buildTrigger")
    return "pull_request" if told is None and _has_pull_ref(identity) else told


def _has_pull_ref(identity: Identity) -> bool:
    """Whether a ref says that a proposal was built, whatever the trigger: reviews of a pull request run on its ref too."""
    refs = (identity.subject.rpartition("@")[2], _claim(identity, "sourceRepositoryRef") or "")
    return any(ref.startswith(_PULL_REFS) for ref in refs)


def _trigger(signer: KeylessSigner, identity: Identity) -> Iterator[Miss]:
    found = trigger(identity)
    if signer.events is not None:
        if found not in signer.events:
            yield Miss("trigger", " or ".join(sorted(signer.events)), found)
    elif found is None:
        if signer.require_trigger:
            yield Miss("trigger", "any but a pull request", None)
    elif (found in PULL_TRIGGERS or _has_pull_ref(identity)) and not _names_pull_request(signer.subject):
        yield Miss("trigger", "any but a pull request (unless `events:` names it)", found)


def _names_pull_request(subject: TextPattern) -> bool:
    return subject.kind is TextKind.EXACT and subject.text.rpartition("@")[2].startswith(_PULL_REFS)


def _time(signer: KeylessSigner, logged: datetime) -> Iterator[Miss]:
    day = logged.astimezone(UTC).date()
    if signer.not_before is not None and day < signer.not_before:
        yield Miss("log time", f"{signer.not_before} or later", day.isoformat())
    if signer.not_after is not None and day > signer.not_after:
        yield Miss("log time", f"{signer.not_after} or earlier", day.isoformat())


# ── the nearest miss ─────────────────────────────────────────────────────────────────────────────────────────────────────


def nearest(identities: Iterable[tuple[Identity, datetime]], signers: Iterable[Signer]) -> Near | None:
    """The signer that an identity comes nearest to: fewest conditions missed, then the longest common subject.

    `identities` come with the time at which each was logged. None where there is nothing to compare.
    """
    allowed = tuple(
        (signer.name, pattern)
        for signer in signers
        for pattern in signer.patterns
        if isinstance(pattern, KeylessSigner)
    )
    candidates = (
        Near(name, pattern, identity, matches(pattern, identity, logged))
        for identity, logged in identities
        for name, pattern in allowed
    )
    return min(candidates, key=_distance, default=None)


def _distance(near: Near) -> tuple[int, int]:
    pairs = zip(near.pattern.subject.text, near.identity.subject, strict=False)
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return len(near.match.misses), -common


# ── revocation ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def denies(signer: KeylessSigner, identity: Identity, logged: datetime) -> bool:
    """Whether a revoked signer covers this identity.

    Issuer, subject and claims that the certificate names must match; what it lacks (an old certificate's claims, an
    issuer) is taken as matching. Triggers count only where `events` names them. The days bound the revocation.
    """
    texts = [(signer.issuer, identity.issuer), (signer.subject, identity.subject)]
    texts += [(wanted, _claim(identity, name)) for name, wanted in signer.claims.items()]
    if any(found is not None and not wanted.matches(found) for wanted, found in texts):
        return False
    source = _claim(identity, "sourceRepositoryURI")
    if signer.same_repository and source is not None and workflow_repository(identity.subject) != source:
        return False
    started = trigger(identity)
    if signer.events is not None and started is not None and started not in signer.events:
        return False
    return not tuple(_time(signer, logged))


def _claim(identity: Identity, name: str) -> str | None:
    """A claim, or what certificates before the claim was introduced (2023) say instead."""
    value = identity.claims.get(name)
    if value is None and name == "sourceRepositoryURI":
        repository = identity.claims.get("githubWorkflowRepository")
        return f"https://github.com/{repository}" if repository and _is_github_com(identity) else None
    return identity.claims.get(_OLDER_NAMES.get(name, "")) if value is None else value


def _is_github_com(identity: Identity) -> bool:
    return identity.subject.startswith("https://github.com/")


# ── trust ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def vouches(trust: tuple[TrustSetting, ...], root: str, identity: Identity, signer: KeylessSigner) -> bool:
    """Whether the trust root named `root` may vouch for this identity as this signer.

    A signer that names a root has that one alone. A single root vouches for every issuer. Of several, public-good vouches
    for every issuer (its Fulcio serves a public list of them), github for GitHub Actions, any other for its `issuers`.
    """
    setting = next((entry for entry in trust if entry.name == root), None)
    if setting is None or identity.issuer is None:
        return False
    if signer.trust is not None and signer.trust != root:
        return False
    if setting.issuers:
        return identity.issuer in setting.issuers
    return len(trust) == 1 or signer.trust == root or _by_nature(setting.kind, identity.issuer)


def _by_nature(kind: str, issuer: str) -> bool:
    return kind == "public-good" or (kind == "github" and is_github_actions(issuer))


def is_github_actions(issuer: str) -> bool:
    """GitHub's own token service: github.com's, with or without an enterprise suffix, or a data-residency tenant's."""
    parts = urlsplit(issuer)
    host = parts.netloc
    tenant = host.startswith("token.actions.") and host.endswith(".ghe.com")
    return parts.scheme == "https" and (host == "token.actions.githubusercontent.com" or tenant)
