"""Fields in the spelling that everybody knows: kustomize reads `Images` and `NEWNAME` for `images` and `newName`.

Kustomize hands its files to Go's JSON reader, which takes a field in any case (encoding/json, Unmarshal), by Unicode's simple
folding. So do Fleet and Argo CD with the files that they read themselves; what a cluster reads is exact, and so are patches.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Names
from typing import Final

from msgspec.structs import replace

from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence

KUSTOMIZATION: Final = frozenset(
    {
        *("apiVersion", "kind", "metadata", "openapi", "namePrefix", "nameSuffix", "namespace", "name"),
        *(
            "commonLabels",
            "commonAnnotations",
            "labels",
            "annotations",
            "pairs",
            "includeSelectors",
            "includeTemplates",
        ),
        *("resources", "bases", "components", "crds", "configurations", "generators", "transformers", "validators"),
        *(
            "patches",
            "patchesStrategicMerge",
            "patchesJson6902",
            "patch",
            "jsonOp",
            "path",
            "paths",
            "target",
            "options",
        ),
        *("group", "version", "labelSelector", "annotationSelector", "allowKindChange", "allowNameChange"),
        *("images", "imageTags", "imageTag", "newName", "newTag", "digest", "tagSuffix"),
        *("replacements", "source", "sourceValue", "targets", "select", "reject", "fieldPath", "fieldPaths"),
        *("delimiter", "index", "encoding", "create", "fieldSpecs", "fields"),
        *("replicas", "count", "vars", "varReference", "objref", "fieldref", "sortOptions", "buildMetadata"),
        *("configMapGenerator", "secretGenerator", "generatorOptions", "behavior", "files", "env", "envs", "literals"),
        *("disableNameSuffixHash", "immutable", "type", "helmGlobals", "helmCharts", "helmChartInflationGenerator"),
        *("chartHome", "configHome", "repo", "releaseName", "valuesFile", "additionalValuesFiles", "valuesInline"),
        *("valuesMerge", "includeCRDs", "skipTests", "skipHooks", "kubeVersion", "apiVersions", "nameTemplate"),
        *("chartName", "chartVersion", "chartRepoUrl", "chartRepoName", "values", "valuesLocal", "releaseNamespace"),
        *("extraArgs", "helmBin", "helmHome", "debug", "devel"),
    }
)
"""Of kustomizations, of the built-in transformers and of what they name (sigs.k8s.io/kustomize/api/types)."""
_FREE: Final = frozenset(
    {
        *("commonLabels", "commonAnnotations", "pairs", "labels", "annotations", "openapi"),
        *("valuesInline", "valuesLocal", "values"),
    }
)
"""Maps whose keys are the author's own."""


def spelled(node: Mapping, fields: frozenset[str] = KUSTOMIZATION) -> Mapping:
    """The same with every field as it is usually written. What is written twice then stands there twice."""
    known = _folded(fields)
    return _mapping(node, fields, known) if next(_odd(node, fields, known), None) is not None else node


def twice(node: Mapping, fields: frozenset[str] = KUSTOMIZATION) -> int | None:
    """The line of a mapping that has a field in two spellings: Go's reader puts the two together."""
    known = _folded(fields)
    for each in _odd(node, fields, known):
        odd = [known[folded] for key, _ in each.entries if key not in fields and (folded := key.casefold()) in known]
        if len(set(odd)) < len(odd) or any(each.get(key) is not None for key in odd):
            return each.line
    return None


_SPELLINGS: Final[dict[frozenset[str], Names[str, str]]] = {}


def _folded(fields: frozenset[str]) -> Names[str, str]:
    known = _SPELLINGS.get(fields)
    if known is None:
        known = _SPELLINGS[fields] = {name.casefold(): name for name in sorted(fields)}
    return known


def _odd(node: Mapping, fields: frozenset[str], known: Names[str, str]) -> Iterator[Mapping]:
    """The mappings with a field in another spelling. Most kustomizations have none, and all are looked at: no recursion."""
    waiting: list[Node] = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Sequence):
            waiting += (item for item in each.items if not isinstance(item, Scalar))
            continue
        if not isinstance(each, Mapping):
            continue
        is_odd = False
        for key, value in each.entries:
            is_odd = is_odd or (key not in fields and key.casefold() in known)
            if not isinstance(value, Scalar) and not _is_free(key, value):
                waiting.append(value)
        if is_odd:
            yield each


def _is_free(key: str, value: Node) -> bool:
    return isinstance(value, Mapping) and key.casefold() in _FREE_FOLDED


_FREE_FOLDED: Final = frozenset(name.casefold() for name in _FREE)


def _mapping(node: Mapping, fields: frozenset[str], known: Names[str, str]) -> Mapping:
    entries = [
        (
            key if key in fields else known.get(key.casefold(), key),
            value if _is_free(key, value) else _node(value, fields, known),
        )
        for key, value in node.entries
    ]
    return replace(node, entries=entries)


def _node(node: Node, fields: frozenset[str], known: Names[str, str]) -> Node:
    match node:
        case Mapping():
            return _mapping(node, fields, known)
        case Sequence():
            return Sequence([_node(item, fields, known) for item in node.items])
        case _:
            return node
