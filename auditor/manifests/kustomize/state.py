"""What a kustomization has loaded so far, and what can be done to it."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from auditor.manifests.extract.extract import extract
from auditor.manifests.files import Reader
from auditor.manifests.kustomize import images
from auditor.manifests.kustomize.gaps import unrendered
from auditor.manifests.kustomize.patches import Patch
from auditor.manifests.kustomize.schema import Schemas
from auditor.manifests.kustomize.select import by_marks
from auditor.manifests.nodes import Mapping, Scalar
from auditor.manifests.objects import Object
from auditor.model.gap import Gap
from auditor.model.place import Place

CLUSTER_SCOPED: Final = frozenset(
    (
        "APIService",
        "CSIDriver",
        "CSINode",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "FlowSchema",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
    )
)
"""Kinds of Kubernetes itself that have no namespace."""
_UNNAMED: Final = frozenset({"CustomResourceDefinition", "Namespace", "APIService"})
"""Kinds that prefixes and suffixes leave alone."""


class State(Struct):
    """Objects, gaps, and the fields that `configurations:` added, of one kustomization and its components.

    `incomplete`: something that is deployed was not loaded, so patches and images entries may be meant for it.
    """

    reader: Reader
    objects: list[Object] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    fields: list[images.FieldSpec] = field(default_factory=list)
    incomplete: bool = False
    skipped: list[str] = field(default_factory=list)
    """Files with documents that hold no image: their objects are read when a patch or replacement looks for one."""
    partial: bool = False
    """Something was left out because it is the same in all trees of a change."""
    schemas: Schemas | None = None
    """By which lists of patches are merged, where a kustomization brings schemas of its own: the first that does counts."""
    variables: list[Mapping] = field(default_factory=list)
    """Entries of `vars`, of this kustomization and of all that it loads: they are filled in at the end."""
    referring: list[images.FieldSpec] = field(default_factory=list)
    """Fields in which `configurations:` fill in variables."""

    def missing(self, place: Place, what: str, why: str) -> None:
        """Something was not loaded."""
        self.incomplete = True
        self.gaps.append(unrendered(place, what, why))

    def load(self, path: str) -> None:
        """The objects of a file; a reference in text that does not parse as an object of its own."""
        contents = self.reader.contents(path)
        self.objects.extend(contents.objects)
        self.gaps.extend(contents.gaps)
        self.incomplete |= bool(contents.gaps)
        self.objects.extend(_unknown(found.scalar) for found in contents.lines)
        if contents.skipped:
            self.skipped.append(path)

    def patch(self, patch: Patch) -> bool:
        """Apply a patch. One with images that meets nothing is looked at closer: they must not get lost.

        Returns False for a patch with images that is for nothing.
        """
        if by_marks(patch.target):
            self.unskip()
            if self.incomplete:
                self._patch_either_way(patch)
                return True
        if not any(patch.wants(item) for item in self.objects) and extract(patch.alone(), self.reader.kinds):
            self.unskip()
            if self.incomplete and not any(patch.wants(item) for item in self.objects):
                # It may be meant for what is missing.
                self.objects.append(patch.alone())
                return True
            if not any(patch.wants(item) for item in self.objects):
                return False
        for item in self.objects:
            if patch.wants(item) and patch.loses(item):
                why = "it copies a value that was not read: the images of its target are unknown"
                self.gaps.append(unrendered(Place(item.file, item.line), "JSON patch", why))
        changed = [patch.on(item) if patch.wants(item) else item for item in self.objects]
        self.objects = [item for item in changed if item is not None]
        return True

    def _patch_either_way(self, patch: Patch) -> None:
        """A patch that selects by labels or annotations, which something unknown may add: with it and without it."""
        for item in tuple(self.objects):
            if not patch.might_want(item):
                continue
            after = patch.on(item)
            if after is not None and _images_of(after, self.reader) != _images_of(item, self.reader):
                self.objects.append(after)

    def unskip(self) -> None:
        """Read the objects that the prefilter left out."""
        for path in self.skipped:
            known = {(item.file, item.line, item.prefix) for item in self.objects}
            fresh = self.reader.contents(path, unfiltered=True).objects
            self.objects.extend(item for item in fresh if (item.file, item.line, item.prefix) not in known)
        self.skipped = []

    def rewrite(self, change: images.Entry, fields: images.Fields | None = None) -> bool:
        """Apply an images entry. One that meets nothing while something is missing is kept by itself.

        `fields`: where images are, if that is not what the kustomizations say.

        Returns False for an entry that is surely for nothing.
        """
        where = fields or images.Fields(tuple(self.fields))
        after = [images.apply(item, change, where) for item in self.objects]
        met = any(new is not old for new, old in zip(after, self.objects, strict=True))
        alone = change.alone() if self.incomplete and not met else None
        if alone is not None:
            after.append(_unknown(alone))
        self.objects = after
        return met or self.incomplete or bool(self.fields)

    def mark(self, key: str, added: Mapping) -> None:
        """Add common `labels` or `annotations`, by which patches may select."""
        if added.entries:
            self.objects = [item.marked(key, added) for item in self.objects]

    def rename(self, namespace: str, prefix: str, suffix: str) -> None:
        """Apply namespace, name prefix and suffix."""
        if namespace or prefix or suffix:
            self.objects = [_renamed(item, namespace, prefix, suffix) for item in self.objects]


def _images_of(item: Object, reader: Reader) -> set[str]:
    return {found.text for found in extract(item, reader.kinds)}


def _renamed(item: Object, namespace: str, prefix: str, suffix: str) -> Object:
    space = namespace if namespace and item.kind not in CLUSTER_SCOPED else item.namespace
    item = item.renamed(item.name, space)
    if item.kind in _UNNAMED:
        return item
    # One step after the other: patches may use each of the names.
    return item.renamed(f"{prefix}{item.name}", space).renamed(f"{prefix}{item.name}{suffix}", space)


def _unknown(image: Scalar) -> Object:
    """An image whose object is not known."""
    return Object(Mapping([("image", image)], image.file, image.line), image.file, image.line)
