"""Which images a fleet deploys: hosts, tags and digests in the shares of public GitOps repositories, signatures in many forms.

Tags and digests follow a count over 1,614 images in 24 public GitOps repositories: 7 % name no tag, 16 % `latest`, 11 % a digest.
Hosts follow it roughly (a quarter name none, which is Docker Hub). How images are signed has not been counted anywhere that we
know of: the shares below are a guess in which every form that costs other requests is frequent enough to be seen.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

_T = TypeVar("_T")

HUB: Final = "docker.io"
TAGS_EACH: Final = 1.6
"""Images of one repository, on average."""
_STEEP: Final = 2
"""The image of rank r is used in proportion to 1 / (r + this)."""
_WORDS: Final = (
    "api",
    "billing",
    "cache",
    "catalog",
    "collector",
    "console",
    "controller",
    "exporter",
    "gateway",
    "indexer",
    "ledger",
    "mailer",
    "operator",
    "proxy",
    "scheduler",
    "search",
    "session",
    "sync",
    "web",
    "worker",
)


class Form(StrEnum):
    """How an image is signed: what a client has to ask for depends on it."""

    LEGACY = "legacy"  # `.sig`, its payload rebuildable
    FETCHED = "legacy-fetched"  # `.sig`, its payload under another name
    BUNDLE = "bundle"  # a referrer, Rekor v1
    BUNDLE_V2 = "bundle-v2"  # a referrer, Rekor v2 and a time stamp
    KEY = "key"  # `.sig` by a long-lived key
    ATTESTED = "attested"  # `.att` and nothing else
    UNSIGNED = "unsigned"


_HOSTS: Final[Mapping[str, float]] = {
    HUB: 0.30,
    "ghcr.io": 0.28,
    "quay.io": 0.17,
    "registry.acme.example": 0.15,
    "registry.k8s.io": 0.10,
}
_FORMS: Final[Mapping[str, Mapping[Form, float]]] = {
    HUB: {Form.UNSIGNED: 0.85, Form.LEGACY: 0.05, Form.BUNDLE: 0.05, Form.KEY: 0.05},
    "ghcr.io": {
        Form.UNSIGNED: 0.35,
        Form.LEGACY: 0.30,
        Form.BUNDLE: 0.25,
        Form.BUNDLE_V2: 0.05,
        Form.ATTESTED: 0.05,
    },
    "quay.io": {Form.UNSIGNED: 0.55, Form.LEGACY: 0.35, Form.KEY: 0.10},
    "registry.acme.example": {
        Form.LEGACY: 0.40,
        Form.BUNDLE: 0.35,
        Form.UNSIGNED: 0.15,
        Form.BUNDLE_V2: 0.05,
        Form.ATTESTED: 0.05,
    },
    "registry.k8s.io": {Form.LEGACY: 0.5, Form.FETCHED: 0.5},
}
HOSTS: Final = tuple(_HOSTS)


class Image(Struct, frozen=True):
    """One image as manifests name it. `tag` is "" where none is written; `pinned` where a digest is, by itself or beside the tag.

    `version` counts its bytes: a tag that moves has the next one.
    """

    host: str
    path: str
    tag: str
    form: Form
    pinned: bool = False
    digest: str = ""
    version: int = 1

    @property
    def name(self) -> str:
        """The repository as manifests write it: without the host and `library/` of Docker Hub."""
        return self.path.removeprefix("library/") if self.host == HUB else f"{self.host}/{self.path}"

    @property
    def reference(self) -> str:
        """The reference as manifests write it."""
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}" + (f"@{self.digest}" if self.pinned else "")

    @property
    def served_tag(self) -> str:
        """The tag under which a registry has it."""
        return self.tag or "latest"

    @property
    def key(self) -> tuple[str, str, str]:
        """What no other image of a catalogue has: host, path and tag at the registry."""
        return self.host, self.path, self.served_tag

    def raised(self) -> Image:
        """The next release: another tag, signed in the same way."""
        return replace(self, tag=_next(self.tag), digest="")

    def moved(self) -> Image:
        """Other bytes under the same tag."""
        return replace(self, version=self.version + 1, digest="")


def _next(tag: str) -> str:
    head, dot, last = tag.rpartition(".")
    return f"{head}.{int(last) + 1}" if dot and last.isdigit() else "9.0.1"


def catalogue(count: int, seed: int) -> tuple[Image, ...]:
    """So many distinct images, the most popular ones first. Digests are not known yet: see `with_digests`."""
    chance = random.Random(f"catalogue {seed}")  # noqa: S311 - a fleet must be the same each time, not secret
    made: list[Image] = []
    number = 0
    while len(made) < count:
        host = _choose(chance, _HOSTS)
        form = _choose(chance, _FORMS[host])
        word = chance.choice(_WORDS)
        team = "library" if host == HUB and chance.random() < 0.3 else f"{chance.choice(_WORDS)}-team"
        path = f"{team}/{word}-{number}"
        made += [Image(host, path, tag, form, pinned=chance.random() < 0.11) for tag in _tags(chance)]
        number += 1
    chance.shuffle(made)
    return tuple(made[:count])


def with_digests(images: Sequence[Image], digests: Mapping[tuple[str, str, str], str]) -> tuple[Image, ...]:
    """The same images with the digests that a registry gave them, by `Image.key`."""
    return tuple(replace(image, digest=digests[image.key]) for image in images)


def popularity(count: int) -> list[float]:
    """How often each of so many is used, relatively: few are everywhere, most in one or two places."""
    return [1 / (rank + _STEEP) for rank in range(count)]


def _tags(chance: random.Random) -> list[str]:
    """The tags of one repository: mostly versions, sometimes `latest`, sometimes none, which is `latest` as well."""
    count = 1 if chance.random() < 2 - TAGS_EACH else 2
    return list({tag or "latest": tag for tag in (_tag(chance) for _ in range(count))}.values())


def _tag(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.07:
        return ""
    if kind < 0.23:
        return "latest"
    return f"{chance.randrange(1, 9)}.{chance.randrange(30)}.{chance.randrange(12)}"


def _choose(chance: random.Random, shares: Mapping[_T, float]) -> _T:
    return chance.choices(list(shares), list(shares.values()))[0]
