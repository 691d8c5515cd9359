"""Which forge a repository is on, and the CI file that makes `auditor` its gate there.

The files are templates of this package. None of them is written over: a forge whose file exists gets one beside it, or is
told what to add.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from auditor.version import __version__

_TEMPLATES: Final = Path(__file__).parent / "templates"
_SCP: Final = re.compile(r"(?:[^@/\s]+@)?(?P<host>[A-Za-z0-9.-]+):(?P<path>[^\s]+)")
_OWNER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class ForgeKind(StrEnum):
    """Where a repository lives, as far as its CI files go."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    FORGEJO = "forgejo"
    BITBUCKET = "bitbucket"
    JENKINS = "jenkins"


class Place(Struct, frozen=True):
    """Where a forge's CI file goes: the first of `paths` that is free; `marks` are paths that tell the forge.

    `then` says what is left to do; `beside` what is to do where the file is not the one that the forge reads by itself.
    """

    template: str
    paths: tuple[str, ...]
    marks: tuple[str, ...]
    then: str
    beside: str = ""


PLACES: Final[Mapping[ForgeKind, Place]] = {
    ForgeKind.GITHUB: Place(
        "github.yaml",
        (".github/workflows/auditor.yaml",),
        (".github/workflows/",),
        "Require the check `auditor / images` in the branch's ruleset. An organisation can require the workflow itself.",
    ),
    ForgeKind.GITLAB: Place(
        "gitlab.yaml",
        (".gitlab-ci.yml", ".gitlab/auditor.yml"),
        (".gitlab-ci.yml",),
        "Give the job GITLAB_TOKEN (a project access token, scope api, masked) to comment; require pipelines to succeed.",
        "Add to .gitlab-ci.yml: include: [{local: .gitlab/auditor.yml}]",
    ),
    ForgeKind.GITEA: Place(
        "gitea.yaml",
        (".gitea/workflows/auditor.yaml",),
        (".gitea/",),
        "Require the status of the job `images` for the protected branch.",
    ),
    ForgeKind.FORGEJO: Place(
        "gitea.yaml",
        (".forgejo/workflows/auditor.yaml",),
        (".forgejo/",),
        "Require the status of the job `images` for the protected branch.",
    ),
    ForgeKind.BITBUCKET: Place(
        "bitbucket.yaml",
        ("bitbucket-pipelines.yml", "ci/auditor.bitbucket-pipelines.yml"),
        ("bitbucket-pipelines.yml",),
        "Require a successful build for merges into the branch.",
        "Bitbucket reads one file: copy the step from ci/auditor.bitbucket-pipelines.yml into bitbucket-pipelines.yml.",
    ),
    ForgeKind.JENKINS: Place(
        "Jenkinsfile",
        ("ci/auditor.Jenkinsfile",),
        ("Jenkinsfile",),
        "Make a multibranch pipeline whose script path is ci/auditor.Jenkinsfile.",
    ),
}

_HOSTS: Final[tuple[tuple[str, ForgeKind], ...]] = (
    ("github", ForgeKind.GITHUB),
    ("gitlab", ForgeKind.GITLAB),
    ("codeberg", ForgeKind.FORGEJO),
    ("forgejo", ForgeKind.FORGEJO),
    ("gitea", ForgeKind.GITEA),
    ("bitbucket", ForgeKind.BITBUCKET),
)


class CiFile(Struct, frozen=True):
    """A CI file to write, and what its reader has to do then."""

    path: str
    content: bytes
    then: tuple[str, ...]


def remote_parts(url: str) -> tuple[str, str]:
    """Host and owner of a remote's address, in lower case; empty where it has none. Passwords are left behind."""
    if "://" in url:
        try:
            parts = urlsplit(url)
            host, path = parts.hostname or "", parts.path
        except ValueError:
            return "", ""
    elif found := _SCP.fullmatch(url):
        host, path = found["host"], found["path"]
    else:
        return "", ""
    owner = path.strip("/").partition("/")[0]
    return host.lower(), owner.lower() if _OWNER.fullmatch(owner) else ""


def detect(paths: Collection[str], host: str) -> ForgeKind | None:
    """The forge, by the remote's host, else by the CI files that are there; None where neither tells."""
    labels = host.split(".")
    for word, kind in _HOSTS:
        if any(word in label for label in labels):
            return kind
    for kind, place in PLACES.items():
        if any(
            path == mark or (mark.endswith("/") and path.startswith(mark)) for path in paths for mark in place.marks
        ):
            return kind
    return None


def ci_file(kind: ForgeKind, paths: Collection[str]) -> CiFile | None:
    """The forge's CI file; None where all its places are taken."""
    place = PLACES[kind]
    free = next((path for path in place.paths if path not in paths), None)
    if free is None:
        return None
    beside = (place.beside,) if place.beside and free != place.paths[0] else ()
    return CiFile(free, template(place.template), (*beside, place.then))


def signing_file(paths: Collection[str]) -> CiFile | None:
    """The workflow that builds an image on GitHub, signs it without a key, and verifies it; None where there is one."""
    path = ".github/workflows/sign.yaml"
    if path in paths:
        return None
    then = "Push a tag v1.0.0; then `auditor init` in the repository that deploys the image proposes its signer."
    return CiFile(path, template("sign.yaml"), (then,))


def template(name: str) -> bytes:
    """A template with this version in it."""
    return (_TEMPLATES / name).read_bytes().replace(b"@VERSION@", __version__.encode())
