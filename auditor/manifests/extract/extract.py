"""An object → the image references in it, with how sure we are that each is one.

In this order: what the kinds table names; containers, init containers, ephemeral containers and image volumes wherever
they stand; a key `image`; other keys that say image; maps of repository and tag; texts that look like a reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.manifests.extract.decided import decided
from auditor.manifests.extract.defaults import Default, tagged
from auditor.manifests.extract.found import Found, oci_repository, written
from auditor.manifests.extract.joined import joined
from auditor.manifests.extract.kinds import Kinds, Path, reached
from auditor.manifests.extract.parameters import fill
from auditor.manifests.extract.said import (
    NOT_IMAGES,
    Trail,
    classify,
    is_bare_image,
    is_image_name,
    is_listed,
    is_patched,
    is_volume,
    says_image,
)
from auditor.manifests.extract.split import assemble, beside, hub_of, is_bare, is_complete, pairs, registry_beside
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.objects import Object
from auditor.manifests.text import (
    FLAGGED,
    is_image_flag,
    is_no_text,
    is_output,
    is_reference,
    is_template,
    without_scheme,
)
from auditor.model.use import Confidence, Sort

CONTAINERS: Final = frozenset({"containers", "initContainers", "ephemeralContainers"})
_SETTINGS: Final = frozenset({"ConfigMap", "Secret"})
"""Kinds that run nothing: whatever reads them may take what they name, or not."""
_NOTHING: Final = Scalar("", "", 1, 1)
_FLUX_SOURCES: Final = "source.toolkit.fluxcd.io/"


def extract(found: Object, kinds: Kinds) -> list[Found]:
    """Every reference in the object, in the order of its text."""
    walk = _Walk(prefix=found.prefix, inner=found.kind in _SETTINGS)
    entries = kinds.find(found.kind, found.api_version)
    for entry in entries:
        for path in entry.ignored:
            walk.leave_out(found.node, path)
    for entry in entries:
        for path, sort in entry.paths:
            walk.table(found.node, path, (), sort, entry.tag)
    walk.mapping(found.node, (), None)
    for values, trail in joined(found):
        walk.join(values, trail)
    for entry in entries:
        for default in entry.defaults:
            walk.default(found.node, default)
    return [each for one in (*walk.found, *decided(found)) for each in _filled(one, found)]


def _filled(one: Found, item: Object) -> Iterator[Found]:
    """A reference with the values of the parameters that it names, as far as the object has them."""
    made = fill(one.scalar, one.text, item.group, item.node, item.holder) if is_template(one.text) else ()
    yield from (replace(one, text=without_scheme(text), scalar=scalar) for text, scalar in made)
    if not made:
        yield one


def is_policy(found: Object, kinds: Kinds) -> bool:
    """Whether the object's image names are patterns or mirroring lists."""
    return any(entry.policy for entry in kinds.find(found.kind, found.api_version))


class _Walk(Struct):
    prefix: str
    found: list[Found] = field(default_factory=list)
    inner: bool = False
    _taken: set[int] = field(default_factory=set)
    _hub: tuple[str, str] = ("", "")
    """The registry and tag that maps above name, with which Istio completes the bare names of its images."""
    _left: set[Trail] = field(default_factory=set)
    """By place: an alias makes one scalar of what nobody deploys and what somebody does."""

    # ── the kinds table ──────────────────────────────────────────────────────────────────────────────────────────────────

    def table(self, node: Node, path: Path, trail: Trail, sort: Sort, tag: str = "") -> None:
        """Follow a path of the table and take what it leads to. `tag`: the field whose text tags a name without a tag."""
        for there, where in reached(node, path, trail):
            if isinstance(there, Mapping):
                self._split(there, where, Confidence.HIGH, None, sort)
            elif isinstance(there, Scalar):
                self._take(there, where, sort, tagged(node, tag) if tag else "")

    def _take(self, node: Scalar, trail: Trail, sort: Sort, tag: str) -> None:
        text = without_scheme(node.text.strip())
        left = trail in self._left
        if not text or node.null or id(node) in self._taken or "://" in text:
            return  # a bucket or a web page, as models and wasm plugins may name them
        self._taken.update(() if left else (id(node),))
        text += f":{tag}" if tag and is_reference(text) and not is_complete(text) else ""
        self.found.append(
            Found(text, node, self.prefix + written(trail), None, Confidence.HIGH, sort, deployed=not left)
        )

    def leave_out(self, node: Node, path: Path) -> None:
        """What stands at this path is deployed by nobody: where a build pushes to, or what a cloud boots."""
        self._left.update(where for _, where in reached(node, path, ()))

    def default(self, node: Mapping, default: Default) -> None:
        """What the operator takes where the object names no image."""
        made = default.made(node)
        if made is not None:
            text, edit, where = made
            self.found.append(Found(text, edit, self.prefix + where, None, Confidence.LOW, Sort.IMAGE, default.note))

    def join(self, values: Mapping, trail: Trail) -> None:
        """Values as a chart gets them instead of as they are written: what one overrides of another is gone. `trail`: their place."""
        whole = _Walk(f"{self.prefix}{written(trail)}.")
        whole.mapping(values, (), None)
        made = {one.text for one in whole.found}
        said = {one.text for one in self.found}
        places = tuple(f"{self.prefix}{written(trail)}.{key}" for key in ("valuesObject", "values"))
        self.found = [one for one in self.found if one.text in made or not one.path.startswith(places)]
        self.found += [one for one in whole.found if one.text not in said]

    # ── everything else ──────────────────────────────────────────────────────────────────────────────────────────────────

    def mapping(self, node: Mapping, trail: Trail, container: str | None) -> None:
        """A mapping: a container, a split map, or a way to one; or an OCIRepository, as it is or in what makes it."""
        if node.text("kind") == "OCIRepository" and node.text("apiVersion").startswith(_FLUX_SOURCES):
            self.found.extend(oci_repository(node.mapping("spec"), (*trail, "spec"), self.prefix))
            return
        is_container = len(trail) >= 2 and isinstance(trail[-1], int) and trail[-2] in CONTAINERS
        if is_container:
            container = node.text("name") or None
        key = next((step for step in reversed(trail) if isinstance(step, str)), "")
        self._split(node, trail, Confidence.MEDIUM, container, certain=is_container)
        said = node.text("name") if trail else node.mapping("metadata").text("name")
        above, self._hub = self._hub, hub_of(node, self._hub)
        for name, value in node.entries:
            here = (*trail, name)
            if not is_container and (tag := beside(node, name)) is not None:
                self._tagged(node, name, tag, (*trail, tag), container)
            elif name == "annotations":
                self._annotations(value, here)
            elif name == "labels" or (not trail and name == "metadata" and not isinstance(value, Mapping)):
                continue
            elif isinstance(value, Scalar) and name in ("value", "default") and is_image_name(said):
                if is_output(said):
                    self._left.add(here)
                self._named(said, value, here, container)
            elif isinstance(value, Scalar):
                written_as = "image" if name == "value" and is_patched(node) else name
                self._scalar(written_as, value, here, container, certain=is_container or is_volume(here, key))
            else:
                self._assigned(node, name, value, here)
                self._below(value, here, container)
        self._hub = above

    def _assigned(self, node: Mapping, name: str, value: Node, trail: Trail) -> None:
        """What Gatekeeper's `Assign` writes into the images of containers (`location: spec.containers[name:*].image`)."""
        if name == "parameters" and isinstance(value, Mapping) and node.text("location").endswith(".image"):
            given = value.mapping("assign").scalar("value")
            if given is not None:
                self._scalar("image", given, (*trail, "assign", "value"), None, certain=False)
                self._taken.add(id(given))

    def _tagged(self, node: Mapping, key: str, tag_key: str, trail: Trail, container: str | None) -> None:
        """A name and its tag under keys that belong together. `trail`: where the tag stands."""
        name, tag = node.scalar(key) or _NOTHING, node.scalar(tag_key) or _NOTHING
        registry = registry_beside(node, key)
        text = without_scheme(f"{registry}{'/' if registry else ''}{name.text.strip()}:{tag.text.strip()}")
        left = (*trail[:-1], key) in self._left
        if id(name) in self._taken or not (is_reference(text) or is_template(text)):
            return
        self._taken.update(() if left else (id(name), id(tag)))
        sure = Confidence.LOW if self.inner else Confidence.MEDIUM
        self.found.append(Found(text, tag, self.prefix + written(trail), container, sure, deployed=not left))

    def _below(self, node: Node, trail: Trail, container: str | None) -> None:
        if isinstance(node, Mapping):
            self.mapping(node, trail, container)
        elif isinstance(node, Sequence):
            self._variables(node, trail, container)
            before = ""
            for index, item in enumerate(node.items):
                if isinstance(item, Scalar):
                    if is_output(before):
                        self._left.add((*trail, index))
                    name = FLAGGED if is_image_flag(before) else ""
                    self._scalar(name, item, (*trail, index), container, certain=False)
                    before = item.text
                else:
                    before = ""
                    self._below(item, (*trail, index), container)

    def _variables(self, node: Sequence, trail: Trail, container: str | None) -> None:
        """Variables that make one image together: `WORKER_IMAGE_REPO` and `WORKER_IMAGE_TAG`."""
        known = pairs(node)
        before, self.inner = self.inner, True
        for key, _ in known.entries:
            if (tag := beside(known, key)) is not None:
                index = next(
                    at for at, item in enumerate(node.items) if isinstance(item, Mapping) and item.text("name") == tag
                )
                self._tagged(known, key, tag, (*trail, index, "value"), container)
        self.inner = before

    def _annotations(self, node: Node, trail: Trail) -> None:
        """Annotations that choose an image, as injectors read them (`sidecar.istio.io/proxyImage`); all others describe."""
        for name, value in node.entries if isinstance(node, Mapping) else []:
            if not isinstance(node, Mapping) or not isinstance(value, Scalar):
                continue
            if (tag := beside(node, name)) is not None:
                self._tagged(node, name, tag, (*trail, tag), None)
            elif name.lower().endswith("image"):
                self._scalar("image", value, (*trail, name), None, certain=False)

    def _named(self, said: str, value: Scalar, trail: Trail, container: str | None) -> None:
        """The value of an environment variable or parameter whose name says image: what reads it may take it or not."""
        variable = len(trail) > 2 and trail[-3] == "env"
        text = value.text.strip()
        named = says_image(said, text) and (variable or not is_template(text))
        if variable and is_bare_image(said, value):
            said, named = "image", True
        if named and "image" not in said.lower():
            said = "image"
        before, self.inner = self.inner, True
        self._scalar(said if named else "", value, trail, container, certain=False)
        self.inner = before

    def _scalar(self, name: str, value: Scalar, trail: Trail, container: str | None, *, certain: bool) -> None:
        told = {one.text for one in self._inside(value, trail, container)}
        if value.null or not value.text or id(value) in self._taken:
            return
        text = value.text.strip()
        if name == "image" and not certain and not value.quoted and is_no_text(text):
            return
        if name == "image" and not certain and self._hub[0] and is_bare(text):
            text = f"{self._hub[0]}/{text}:{self._hub[1] or 'latest'}"
        elif name != "image" and is_listed(trail, text):
            name = "image"
        for reference, confidence in classify(name, text, certain=certain):
            if reference in told:
                continue
            sure = Confidence.LOW if self.inner else confidence
            path, left = self.prefix + written(trail), trail in self._left
            self.found.append(Found(reference, value, path, container, sure, deployed=not left))

    def _inside(self, value: Scalar, trail: Trail, container: str | None) -> list[Found]:
        """What stands in a text of its own, which is not to be found once more in the text as a whole."""
        before, count, self.inner = self.inner, len(self.found), True
        for node in value.inner:
            self._below(node, trail, container)
        self.inner = before
        return self.found[count:]

    def _split(
        self,
        node: Mapping,
        trail: Trail,
        confidence: Confidence,
        container: str | None,
        sort: Sort = Sort.IMAGE,
        *,
        certain: bool = False,
    ) -> None:
        """A map of repository, tag and the like, if it is one; its other entries are looked at all the same."""
        key = next((step for step in reversed(trail) if isinstance(step, str)), "").lower()
        whole = assemble(node, named="image" in key and not key.endswith(NOT_IMAGES), container=certain)
        if whole is not None and self._hub[0] and "/" not in whole.text and not certain:
            whole = replace(whole, text=f"{self._hub[0]}/{whole.text}")
        if whole is None or not (is_reference(whole.text) or is_template(whole.text)) or whole.scalars & self._taken:
            return
        left = (*trail, whole.key) in self._left
        self._taken.update(() if left else whole.scalars)
        sure = Confidence.LOW if self.inner else confidence
        path = self.prefix + written((*trail, whole.key))
        self.found.append(Found(whole.text, whole.edit, path, container, sure, sort, deployed=not left))
