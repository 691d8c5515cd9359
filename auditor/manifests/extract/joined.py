"""The values of an Argo CD Application as its chart gets them: what stands apart in parameters makes references together.

`{name: image.repository, value: …}` and `{name: image.tag, value: …}` are one image, and a parameter counts instead of the
value of its name. Source: argo-cd/reposerver/repository (helmTemplate).
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.manifests.extract.said import Trail
from auditor.manifests.helm.needs import nested, typed
from auditor.manifests.helm.values import merged
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.objects import Object

_KINDS = ("Application", "ApplicationSet")


def joined(item: Object) -> Iterator[tuple[Mapping, Trail]]:
    """The values of every source that has parameters, each with where its `helm` stands; nothing for other objects."""
    if item.kind in _KINDS and item.group == "argoproj.io":
        for helm, trail in _with_parameters(item.node.mapping("spec"), ("spec",)):
            yield merged((*_written(helm), helm.mapping("valuesObject"), *_parameters(helm))), trail


def _with_parameters(node: Node, trail: Trail) -> Iterator[tuple[Mapping, Trail]]:
    if isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            yield from _with_parameters(item, (*trail, index))
    elif isinstance(node, Mapping):
        if trail[-1] == "helm" and node.items("parameters"):
            yield node, trail
        for key, value in node.entries:
            if not isinstance(value, Scalar):
                yield from _with_parameters(value, (*trail, key))


def _written(helm: Mapping) -> Iterator[Mapping]:
    """`values` as a text: it counts where there is no `valuesObject`."""
    values = helm.scalar("values")
    if values is not None and not helm.mapping("valuesObject").entries:
        yield from (one for one in values.inner[:1] if isinstance(one, Mapping))


def _parameters(helm: Mapping) -> Iterator[Mapping]:
    for parameter in helm.items("parameters"):
        value = parameter.get("value") if isinstance(parameter, Mapping) else None
        # An index changes one element of a list, which merging would replace: what it says is seen by itself.
        if isinstance(parameter, Mapping) and isinstance(value, Scalar) and "[" not in parameter.text("name"):
            yield nested(parameter.text("name"), typed(value, text=True))
