"""An object → the image references in it, with how sure we are that each is one.

In this order: what the kinds table names; containers, init containers, ephemeral containers and image volumes wherever
they stand; a key `image`; other keys that say image; maps of repository and tag; texts that look like a reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from auditor.manifests.kinds import Kinds, Path
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.objects import Object
from auditor.manifests.text import argument, is_reference, is_template, without_scheme
from auditor.model.use import Confidence, Sort

CONTAINERS: Final = frozenset({"containers", "initContainers", "ephemeralContainers"})
_NOT_IMAGES: Final = (
    "policy",
    "registry",
    "registries",
    "secret",
    "secrets",
    "size",
    "format",
    "type",
    "id",
    "path",
    "url",
)
_TAGS: Final = ("digest", "sha", "tag", "version")
_FLUX_SOURCES: Final = "source.toolkit.fluxcd.io"

Trail: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """One reference in an object: its text, the scalar to edit, the path of the field, the container around it."""

    text: str
    scalar: Scalar
    path: str
    container: str | None
    confidence: Confidence
    sort: Sort = Sort.IMAGE


def extract(found: Object, kinds: Kinds) -> list[Found]:
    """Every reference in the object, in the order of its text."""
    walk = _Walk(prefix=found.prefix)
    for entry in kinds.find(found.kind, found.api_version):
        for path, sort in entry.paths:
            walk.table(found.node, path, (), sort)
    if found.kind == "OCIRepository" and found.group == _FLUX_SOURCES:
        walk.oci_repository(found.node.mapping("spec"))
    else:
        walk.mapping(found.node, (), None)
    return walk.found


def is_policy(found: Object, kinds: Kinds) -> bool:
    """Whether the object's image names are patterns or mirroring lists."""
    return any(entry.policy for entry in kinds.find(found.kind, found.api_version))


def written(trail: Trail) -> str:
    """`("spec", "containers", 0, "image")` → `spec.containers[0].image`."""
    text = ""
    for step in trail:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


@dataclass(slots=True)
class _Walk:
    prefix: str
    found: list[Found] = field(default_factory=list)
    inner: bool = False
    _taken: set[int] = field(default_factory=set)

    # ── the kinds table ──────────────────────────────────────────────────────────────────────────────────────────────────

    def table(self, node: Node, path: Path, trail: Trail, sort: Sort) -> None:
        """Follow a path of the table and take what it leads to."""
        if not path:
            self._take(node, trail, sort)
            return
        step, rest = path[0], path[1:]
        if step == "[]":
            for index, item in enumerate(node.items if isinstance(node, Sequence) else []):
                self.table(item, rest, (*trail, index), sort)
        elif isinstance(node, Mapping):
            if step == "name" and trail[-1:] == ("from",) and node.text("kind") != "DockerImage":
                return
            for key, value in node.entries:
                if step in ("*", key):
                    self.table(value, rest, (*trail, key), sort)

    def _take(self, node: Node, trail: Trail, sort: Sort) -> None:
        if isinstance(node, Mapping):
            self._split(node, trail, Confidence.HIGH, None, sort)
        elif isinstance(node, Scalar) and node.text and not node.null and id(node) not in self._taken:
            self._taken.add(id(node))
            text = without_scheme(node.text.strip())
            self.found.append(Found(text, node, self.prefix + written(trail), None, Confidence.HIGH, sort))

    def oci_repository(self, spec: Mapping) -> None:
        """A Flux OCIRepository deploys the artifact or chart at its url, by tag or digest."""
        url, ref = spec.scalar("url"), spec.mapping("ref")
        if url is None:
            return
        edit = ref.scalar("digest") or ref.scalar("tag") or url
        text = without_scheme(url.text)
        if digest := ref.text("digest"):
            text += f"@{digest}"
        elif semver := ref.text("semver"):
            text += f":${{{semver}}}"
        elif tag := ref.text("tag"):
            text += f":{tag}"
        key = "spec.url" if edit is url else "spec.ref.digest" if digest else "spec.ref.tag"
        self.found.append(Found(text, edit, self.prefix + key, None, Confidence.HIGH, Sort.ARTIFACT))

    # ── everything else ──────────────────────────────────────────────────────────────────────────────────────────────────

    def mapping(self, node: Mapping, trail: Trail, container: str | None) -> None:
        """A mapping: a container, a split map, or a way to one."""
        is_container = len(trail) >= 2 and isinstance(trail[-1], int) and trail[-2] in CONTAINERS
        if is_container:
            container = node.text("name") or None
        key = next((step for step in reversed(trail) if isinstance(step, str)), "")
        self._split(node, trail, Confidence.MEDIUM, container)
        for name, value in node.entries:
            here = (*trail, name)
            if name == "annotations":
                self._annotations(value, here)
            elif name == "labels" or (not trail and name == "metadata" and not isinstance(value, Mapping)):
                continue
            elif isinstance(value, Scalar):
                self._scalar(name, value, here, container, certain=is_container or _is_volume(here, key))
            else:
                self._below(value, here, container)

    def _below(self, node: Node, trail: Trail, container: str | None) -> None:
        if isinstance(node, Mapping):
            self.mapping(node, trail, container)
        elif isinstance(node, Sequence):
            for index, item in enumerate(node.items):
                if isinstance(item, Scalar):
                    self._scalar("", item, (*trail, index), container, certain=False)
                else:
                    self._below(item, (*trail, index), container)

    def _annotations(self, node: Node, trail: Trail) -> None:
        """Annotations that choose an image, as injectors read them (`sidecar.istio.io/proxyImage`); all others describe."""
        for name, value in node.entries if isinstance(node, Mapping) else []:
            if name.lower().endswith("image") and isinstance(value, Scalar):
                self._scalar("image", value, (*trail, name), None, certain=False)

    def _scalar(self, name: str, value: Scalar, trail: Trail, container: str | None, *, certain: bool) -> None:
        if value.inner:
            self._inside(value, trail, container)
        if value.null or not value.text or id(value) in self._taken:
            return
        text, confidence = self._classify(name, value.text.strip(), certain=certain)
        if confidence is not None:
            sure = Confidence.LOW if self.inner else confidence
            self.found.append(Found(text, value, self.prefix + written(trail), container, sure))

    def _classify(self, name: str, text: str, *, certain: bool) -> tuple[str, Confidence | None]:
        """The reference in a text under a key, and how sure that is; no confidence where there is none."""
        if certain and name in ("image", "reference"):
            return text, Confidence.HIGH
        if name == "image":
            bare = without_scheme(text)
            return bare, Confidence.MEDIUM if is_reference(bare) or is_template(bare) else None
        if "image" in name.lower() and _says_image(name, text):
            return text, Confidence.MEDIUM
        value = argument(text)
        return value or "", Confidence.LOW if value else None

    def _inside(self, value: Scalar, trail: Trail, container: str | None) -> None:
        before, self.inner = self.inner, True
        for node in value.inner:
            self._below(node, trail, container)
        self.inner = before

    def _split(
        self, node: Mapping, trail: Trail, confidence: Confidence, container: str | None, sort: Sort = Sort.IMAGE
    ) -> None:
        """A map of repository, tag and the like, if it is one; its other entries are looked at all the same."""
        key = next((step for step in reversed(trail) if isinstance(step, str)), "").lower()
        whole = assemble(node, named="image" in key)
        if whole is None or not (is_reference(whole.text) or is_template(whole.text)) or id(whole.edit) in self._taken:
            return
        self._taken.update(whole.scalars)
        sure = Confidence.LOW if self.inner else confidence
        path = self.prefix + written((*trail, whole.key))
        self.found.append(Found(whole.text, whole.edit, path, container, sure, sort))


@dataclass(frozen=True, slots=True)
class Whole:
    """What a split map makes: the reference, the scalar to edit with its key, and all scalars it is made of (by id)."""

    text: str
    edit: Scalar
    key: str
    scalars: frozenset[int]


def assemble(node: Mapping, *, named: bool) -> Whole | None:
    """The reference that a split map makes. `named`: the map stands under a key that says image."""
    keys = ("repository", "repo", "imageRepository", *(("name",) if named else ()))
    repository_key = next((key for key in keys if node.scalar(key)), None)
    repository = node.scalar(repository_key) if repository_key else None
    if repository is None or repository_key is None:
        return None
    lead = "image" if repository_key == "imageRepository" else ""
    part = {name: node.scalar(lead + name.title() if lead else name) for name in (*_TAGS, "registry")}
    tag, digest = part["tag"] or (part["version"] if named else None), part["digest"] or part["sha"]
    registry = part["registry"]
    if tag is None and digest is None and not (named and (registry or "/" in repository.text)):
        return None
    text = without_scheme(f"{registry.text.rstrip('/')}/{repository.text}" if registry else repository.text)
    text += f":{tag.text}" if tag else ""
    text += f"@{_digest(digest.text)}" if digest else ""
    edit = digest or tag or repository
    key = next((name for name, value in node.entries if value is edit), repository_key)
    used = (registry, repository, tag, digest)
    return Whole(text, edit, key, frozenset(id(scalar) for scalar in used if scalar is not None))


def _digest(text: str) -> str:
    return text if ":" in text else f"sha256:{text}"


def _is_volume(trail: Trail, key: str) -> bool:
    """`volumes[].image.reference`, an image mounted as a volume."""
    return key == "image" and len(trail) >= 4 and trail[-4] == "volumes" and trail[-1] == "reference"


def _says_image(name: str, text: str) -> bool:
    """Whether a key such as `busyBoxImage` or `baseImage` holds a reference and not something about images."""
    if name.lower().endswith(_NOT_IMAGES) or "://" in text:
        return False
    if is_template(text):
        return name.lower().endswith(("image", "imagename"))
    return ("/" in text or ":" in text or "@" in text) and is_reference(text)
