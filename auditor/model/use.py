"""One reference at one place: the workload that runs it and the root that deploys it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from auditor.model.place import Place


class Confidence(StrEnum):
    """How sure the reading is that this string is an image that gets deployed."""

    HIGH = "high"  # a field that is known to hold an image: a pod's container, a kind of the table
    MEDIUM = "medium"  # a key that says image in an object of a kind nobody described
    LOW = "low"  # a value that looks like an image: env values, arguments, text inside a ConfigMap


class Via(StrEnum):
    """What wrote the reference that is deployed: the line a reviewer must edit is of this sort."""

    BASE = "base"  # the resource's own file
    IMAGES_ENTRY = "images-entry"  # an `images:` entry of a kustomization
    PATCH = "patch"
    REPLACEMENT = "replacement"
    VALUES = "values"
    TEMPLATE = "template"
    CHART = "chart"
    SUBSTITUTE = "substitute"
    ARGUMENT = "argument"  # the command line itself


class Sort(StrEnum):
    """What kind of artifact a use deploys."""

    IMAGE = "image"
    CHART = "chart"
    ARTIFACT = "artifact"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Workload:
    """The Kubernetes object that runs the image; empty strings where the manifest says nothing."""

    kind: str
    name: str
    namespace: str = ""
    api_version: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False, compare=False)

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


@dataclass(frozen=True, slots=True)
class Use:
    """One reference at one place.

    `reference` is the text that gets deployed, never with a tag added; it may be a template or no reference at all, and
    is parsed by whoever needs its parts. `place` is the line a reviewer must edit, `base` the line it overrides. `root`
    is the directory of what deploys it (`.` at the top), None for loose manifests. `overrides` is the reference that stood
    at `base`, where an overlay replaces one; `bare_number` says that the tag is a YAML number without quotes at `place`
    (Helm and Flux deploy `1.10` as `1.1`).
    """

    reference: str
    place: Place
    workload: Workload | None = None
    container: str | None = None
    root: str | None = None
    via: Via = Via.BASE
    base: Place | None = None
    deployed: bool = True
    confidence: Confidence = Confidence.HIGH
    sort: Sort = Sort.IMAGE
    overrides: str | None = None
    bare_number: bool = False
    deployers: tuple[str, ...] = field(default=(), compare=False)
    """Where what deploys its root is: the root of that object, or its file where it is a loose one; and what deploys that, and
    so on. Sorted."""
    superset: bool = field(default=False, compare=False)
    """Its root is a kustomization that no program built: our own reading of one holds each of its images, and may hold some
    too many (deleted or replaced by a patch that is not followed)."""

    @property
    def owner(self) -> str:
        """What stays the same when lines move: the workload and its container. Part of fingerprints."""
        return f"{self.workload or ''}#{self.container or ''}"
