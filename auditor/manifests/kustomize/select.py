"""Which objects a patch, a replacement or a target is for.

Source: sigs.k8s.io/kustomize/api/types.Selector and resmap.Select: every given field is an anchored regular expression,
names are those before and after renaming, labels and annotations are Kubernetes selectors.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from auditor.config.names import InvalidPattern, compile_regex
from auditor.manifests.nodes import Mapping
from auditor.manifests.objects import Object

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_IN: Final = re.compile(r"(\S+)\s+(in|notin)\s+\(([^)]*)\)")


def by_marks(target: Mapping | None) -> bool:
    """Whether a selector asks for labels or annotations: what adds those on the way is not followed."""
    return target is not None and bool(target.text("labelSelector") or target.text("annotationSelector"))


def selected(item: Object, target: Mapping, *, marked: bool = False) -> bool:
    """Whether the object meets a selector; an empty one selects everything. `marked`: it has all labels and annotations."""
    return (
        _meets(target.text("group"), item.group)
        and _meets(target.text("version"), item.version)
        and _meets(target.text("kind"), item.kind)
        and named(item, target.text("name"), target.text("namespace"))
        and (marked or _labels(target.text("labelSelector"), item.labels))
        and (marked or _labels(target.text("annotationSelector"), item.annotations))
    )


def named(item: Object, name: str, namespace: str) -> bool:
    """Whether any of its names, now or before, matches both patterns (empty: any)."""
    names = ((item.name, item.namespace), *item.earlier)
    return any(_meets(name, own) and _meets(namespace, space) for own, space in names)


def same_object(item: Object, patch: Mapping) -> bool:
    """Whether a strategic merge patch without a target is for this object: group, kind, name, and namespace if given."""
    metadata = patch.mapping("metadata")
    name, namespace = metadata.text("name"), metadata.text("namespace")
    group = patch.text("apiVersion").rpartition("/")[0]
    if item.kind != patch.text("kind") or item.group != group:
        return False
    names = ((item.name, item.namespace), *item.earlier)
    return any(own == name and (namespace in ("", space) or _default(namespace, space)) for own, space in names)


def _default(namespace: str, space: str) -> bool:
    return {namespace, space} == {"default", ""}


def _meets(pattern: str, text: str) -> bool:
    if not pattern:
        return True
    if _PLAIN.fullmatch(pattern):
        return pattern == text
    compiled = _compiled(pattern)
    return compiled is not None and compiled.fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    try:
        return compile_regex(pattern.removeprefix("^").removesuffix("$"))
    except InvalidPattern:
        return None


def _labels(selector: str, labels: dict[str, str]) -> bool:
    """A Kubernetes label selector: `a=b`, `a!=b`, `a`, `!a`, `a in (b, c)`, comma-separated."""
    if not selector:
        return True
    for found in _IN.finditer(selector):
        key, operator, values = found[1], found[2], {value.strip() for value in found[3].split(",")}
        if (labels.get(key) in values) != (operator == "in"):
            return False
    rest = _IN.sub("", selector)
    return all(_requirement(part.strip(), labels) for part in rest.split(",") if part.strip())


def _requirement(part: str, labels: dict[str, str]) -> bool:
    if "!=" in part:
        key, _, value = part.partition("!=")
        return labels.get(key.strip()) != value.strip()
    if "=" in part:
        key, _, value = part.partition("=")
        return labels.get(key.strip()) == value.removeprefix("=").strip()
    return part[1:].strip() not in labels if part.startswith("!") else part in labels
