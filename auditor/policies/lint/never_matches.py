"""A glob that no image's name can match, in the spelling that the engine sees."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.config.names import InvalidPattern
from auditor.model.finding import Finding
from auditor.policies.clusterimagepolicy.glob import Glob
from auditor.policies.lint.reach import PINNED, TAGGED, can_match, starred, wild
from auditor.policies.lint.subject import CIP, CLUSTER_POLICY, Subject

RULE = "policy-never-matches"


def check(subject: Subject) -> Iterator[Finding]:
    """ClusterImagePolicy's globs and Kyverno's imageReferences."""
    if subject.of(CIP):
        for image in subject.spec["images"]:
            why = _cip(image["glob"].text)
            if why:
                yield subject.finding(RULE, image["glob"], f"{image['glob'].text} matches no image: {why[0]}", why[1])
    if subject.of(CLUSTER_POLICY):
        for entry in subject.verifications():
            for pattern in entry["imageReferences"]:
                why = _kyverno(pattern.text)
                if why:
                    yield subject.finding(RULE, pattern, f"{pattern.text} matches no image: {why[0]}", why[1])


def _cip(text: str) -> tuple[str, str] | None:
    try:
        glob = Glob.parse(text)
    except InvalidPattern:
        return None  # a mistake of its own: the controller refuses the policy
    host, slash, rest = "".join(glob.parts).partition("/")
    if host in {"docker.io", "registry-1.docker.io", "registry.hub.docker.com"} and slash:
        return "Docker Hub's images are named index.docker.io/… here", f"write index.docker.io/{rest}"
    if not can_match(starred(glob.parts), PINNED):
        if slash and ":" in rest and "@" not in rest:
            bare = text[: text.rindex(":")]
            return "names are pinned to a digest before they are matched, so the tag is gone", f"write {bare}@*"
        return "names are host/repository@sha256:…", "write the host, the repository, and @* or * at the end"
    if _plain(host) and "*" not in host:
        return "an image of Docker Hub is named index.docker.io/<owner>/<name> here", f"write index.docker.io/{text}"
    return None


def _kyverno(text: str) -> tuple[str, str] | None:
    if not text:
        return "an empty pattern matches the empty name only", "write a pattern, or * for every image"
    first, slash, rest = text.partition("/")
    if first == "index.docker.io":
        return "Docker Hub's images keep the host that is written, docker.io where none is", f"write docker.io/{rest}"
    if first == "docker.io" and rest.startswith("library/"):
        short = rest.removeprefix("library/")
        return (
            "Kyverno adds docker.io, but never library/",
            f"write docker.io/{short}, and keep this for those who write it out",
        )
    if not can_match(wild(text), TAGGED):
        if slash and not any(mark in text for mark in "*?") and "@" not in text and ":" not in rest:
            return "a name has a tag or a digest at its end", f"write {text}*"
        return (
            "names are host/repository:tag, or host/repository@sha256:… where a digest is written",
            "write …* at the end",
        )
    if slash and _plain(first) and not set(first) & set("*?"):
        return "an image without a host is named docker.io/… here", f"write docker.io/{text}"
    return None


def _plain(host: str) -> bool:
    """Whether this first part of a name is no host."""
    return not set(host) & {".", ":"} and host != "localhost" and host == host.lower()
