"""By which key kustomize merges a list: what Kubernetes' own schema says of pods, or the schema that `openapi:` names.

Source: sigs.k8s.io/kustomize/kyaml/openapi and yaml/schema. Lists of kinds without a schema are replaced. A schema of the
kustomization's own stands for all others: kinds that it does not describe have none then.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Definitions
from typing import Final

from msgspec import Struct

from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.kustomize.kustomization import Kustomization, join
from auditor.manifests.nodes import Mapping, Node, Scalar
from auditor.manifests.objects import Object

_POD: Final[Definitions[str, str]] = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "hostAliases": "ip",
}
"""`x-kubernetes-patch-merge-key` of the fields of a pod specification."""
_KIND: Final = "x-kubernetes-group-version-kind"
_STRATEGY: Final = "x-kubernetes-patch-strategy"
_MERGE_KEY: Final = "x-kubernetes-patch-merge-key"
_PODS_IN: Final = frozenset(
    {
        *(("v1", kind) for kind in ("Pod", "PodTemplate", "ReplicationController")),
        *(("apps/v1", kind) for kind in ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")),
        *(("batch/v1", "Job"), ("batch/v1", "CronJob"), ("batch/v1beta1", "CronJob")),
    }
)
"""What holds pods in the schema that kustomize has by itself. Kinds of versions that are gone (`extensions/v1beta1`) are not in it."""


class Schema(Struct, frozen=True):
    """What is known of a field. `key`: by which its list is merged; None where it is replaced."""

    key: str | None = None

    def below(self, _key: str) -> Schema:
        """The schema of a field of a mapping, or of an element of a list: nothing is known of it."""
        return _UNKNOWN


class _Pods(Schema, frozen=True):
    """Kubernetes' own kinds: the fields of a pod merge wherever they stand."""

    def below(self, key: str) -> Schema:
        return _Pods(_POD.get(key))


class _Described(Schema, frozen=True):
    """A kind that a schema describes."""

    node: Mapping | None = None
    definitions: Mapping | None = None

    def below(self, key: str) -> Schema:
        node, top = self.node or Mapping(), self.definitions or Mapping()
        element = _resolved(node.mapping("items"), top) if node.mapping("items").entries else node
        field = element.mapping("properties").mapping(key)
        merges = "merge" in field.text(_STRATEGY).split(",")
        return _Described(field.text(_MERGE_KEY) or None if merges else None, _resolved(field, top), top)


_UNKNOWN: Final = Schema()
_PODS: Final = _Pods()


class Schemas(Struct, frozen=True):
    """The schemas that a kustomization brings; None: they are not in the tree, and pods are taken to be described."""

    definitions: Mapping | None = None

    def of(self, item: Object) -> Schema:
        """The schema of an object's kind."""
        if self.definitions is None:
            return _PODS
        wanted = (item.group, item.version, item.kind)
        for _, definition in self.definitions.entries:
            if isinstance(definition, Mapping) and wanted in _kinds(definition):
                return _Described(None, _resolved(definition, self.definitions), self.definitions)
        return _UNKNOWN


def schema_for(item: Object, schemas: Schemas | None) -> Schema:
    """The schema of an object's kind; `schemas` are those that the kustomization brings."""
    if schemas is not None:
        return schemas.of(item)
    return _PODS if (item.api_version, item.kind) in _PODS_IN else _UNKNOWN


def schema_of(reader: Reader, kustomization: Kustomization) -> Schemas | None:
    """What `openapi: {path: …}` of a kustomization names; None where it brings no schemas."""
    named = kustomization.node.mapping("openapi").scalar("path")
    if named is None:
        return None
    try:
        path = reader.resolve(join(kustomization.directory, named.text))
    except OutOfTree:
        path = None
    documents = reader.documents(path) if path is not None else ()
    top = next((one for one in documents if isinstance(one, Mapping)), None)
    return Schemas(None if top is None else top.mapping("definitions"))


def _kinds(definition: Mapping) -> Iterator[tuple[str, str, str]]:
    """The groups, versions and kinds that a definition is for."""
    for kind in definition.items(_KIND):
        if isinstance(kind, Mapping):
            yield kind.text("group"), kind.text("version"), kind.text("kind")


def _resolved(node: Mapping, top: Mapping) -> Mapping:
    """The definition that a `$ref` leads to: one step is real."""
    reference: Node | None = node.get("$ref")
    if not isinstance(reference, Scalar):
        return node
    return top.mapping(reference.text.rpartition("/")[2])
