"""What Kyverno takes out of a resource by itself: the images of a pod, and of what makes pods (autogen).

Source: github.com/kyverno/kyverno, pkg/utils/api/image.go (`registeredExtractors`): containers, initContainers and
ephemeralContainers of the built-in kinds that hold a pod; everything else needs an `imageExtractors` of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from auditor.manifests.contents import complete
from auditor.manifests.nodes import Mapping
from auditor.manifests.objects import objects

_TEMPLATE: Final = ("spec", "template", "spec")
_PODS: Final = {
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    **dict.fromkeys(
        ("DaemonSet", "Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "Job"), _TEMPLATE
    ),
}
_CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")


def images(content: bytes, path: str) -> Iterator[str]:
    """The images of every resource of a file."""
    for document in complete(content, path, None):
        if isinstance(document, Mapping):
            for item in objects(document, path):
                yield from _of(item.node, item.kind)


def _of(node: Mapping, kind: str) -> Iterator[str]:
    if kind not in _PODS:
        return
    for key in _PODS[kind]:
        node = node.mapping(key)
    for key in _CONTAINERS:
        for container in node.items(key):
            if isinstance(container, Mapping) and container.text("image"):
                yield container.text("image")
