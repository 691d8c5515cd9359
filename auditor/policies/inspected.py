"""One image as the engines see it: its name, its digest, the raw signatures beside it, and who runs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from auditor.model.evidence import Absent, Evidence, Fault, Resolved
from auditor.model.reference import Digest, Reference
from auditor.model.use import Confidence, Use, Via
from auditor.registry.material import Listing


class Containers(StrEnum):
    """The lists of a pod in which an image may stand, as Kubernetes spells them."""

    NORMAL = "containers"
    INIT = "initContainers"
    EPHEMERAL = "ephemeralContainers"


_ALL: Final = frozenset(Containers)
_ASTRAY: Final = "localhost"
"""A host to container runtimes. To go-containerregistry, which all the engines use, only with a port."""


class Resource(Struct, frozen=True):
    """What runs the image, as far as the tree says: what an engine's `match` looks at.

    `namespace` is empty where the manifest names none: whoever applies it chooses. `labels` are sorted pairs. `lists` holds
    every list of the pod in which the image may stand (all three where the tree does not tell), empty where no container
    runs it (a custom resource, an image volume). `named` is False for a reference that no manifest holds (a command line):
    nothing is known of what will run it.
    """

    kind: str = ""
    api_version: str = ""
    name: str = ""
    namespace: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    container: str = ""
    lists: frozenset[Containers] = _ALL
    named: bool = True

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The API version without its group."""
        return self.api_version.rpartition("/")[2]

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part) or "no workload"


ANY_POD: Final = Resource(named=False)
"""What a reference that stands in no workload is judged as: perhaps some pod, nothing else known of it."""
A_POD: Final = Resource("Pod", "v1", lists=frozenset({Containers.NORMAL}), named=False)
"""What a reference from the command line is judged as: the container of a pod of which nothing else is known."""


def resource_of(use: Use) -> Resource:
    """The resource that a use belongs to."""
    workload = use.workload
    if workload is None:
        return A_POD if use.via is Via.ARGUMENT else ANY_POD
    return Resource(
        workload.kind,
        workload.api_version,
        workload.name,
        workload.namespace,
        tuple(sorted(workload.labels.items())),
        use.container or "",
        _lists(use),
    )


def _lists(use: Use) -> frozenset[Containers]:
    """The list of the pod that the key paths name. An `images:` entry of a kustomization names none."""
    if use.confidence is not Confidence.HIGH:
        return frozenset()
    paths = [use.place.key_path, *([use.base.key_path] if use.base else [])]
    steps = {step.partition("[")[0] for path in paths for step in path.split(".")}
    if "volumes" in steps:
        return frozenset()
    return frozenset(each for each in Containers if each.value in steps) or (_ALL if use.container else frozenset())


@dataclass(frozen=True)
class Inspected:
    """Everything an engine may know about one reference.

    `listing` holds the raw signatures beside its digest in its own repository; `elsewhere` those in other repositories that
    a policy names (`repository`, `source`), by normalised name. Both hold a form that could not be read as a fault.
    """

    text: str
    reference: Reference
    evidence: Evidence | None = None
    listing: Listing | None = None
    resources: tuple[Resource, ...] = (ANY_POD,)
    elsewhere: Mapping[str, Listing] = field(default_factory=lambda: MappingProxyType({}))

    @cached_property
    def digest(self) -> Digest | None:
        """What an engine would verify: the digest as written, else what the registry says the tag names."""
        if self.reference.host == _ASTRAY:
            return None
        if self.reference.digest is not None:
            return self.reference.digest
        resolution = self.evidence.resolution if self.evidence else None
        return resolution.digest if isinstance(resolution, Resolved) else None

    @property
    def absent(self) -> bool:
        """Whether the registry that an engine would ask has no such image."""
        if self.reference.host == _ASTRAY:
            return False  # another registry answered
        return self.evidence is not None and isinstance(self.evidence.resolution, Absent)

    @cached_property
    def missing(self) -> str | None:
        """Why nothing can be verified: the reference does not exist, or nobody could tell; None where all is known."""
        if self.reference.host == _ASTRAY:
            return "the engines take localhost without a port for a path on Docker Hub, which was not asked"
        match self.evidence.resolution if self.evidence else None:
            case Absent(detail=detail):
                return f"it does not exist: {detail}"
            case Fault() as fault:
                return f"it could not be resolved: {fault}"
            case _:
                return None if self.digest else "its digest is not known"


def inspected(
    text: str,
    reference: Reference,
    uses: Iterable[Use],
    evidence: Evidence | None,
    listing: Listing | None,
    *,
    elsewhere: Mapping[str, Listing] = MappingProxyType({}),
) -> Inspected:
    """One image with the distinct resources that run it."""
    resources = tuple(dict.fromkeys(resource_of(use) for use in uses)) or (ANY_POD,)
    return Inspected(text, reference, evidence, listing, resources, elsewhere)
