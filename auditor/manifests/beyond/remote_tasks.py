"""Tasks, pipelines and steps of Tekton that a resolver fetches from elsewhere: their images stand there, so each is a gap.

A bundle is an artifact with a reference of its own, and what a cluster has by its name nobody of this tree brings: neither is
meant here. Source: tekton.dev/docs/pipelines (remote resolution: hub, git, http), and that of Pipelines as Code (resolver).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.objects import Object
from auditor.model.gap import Gap
from auditor.model.place import Place

_GROUPS: Final = frozenset({"tekton.dev", "triggers.tekton.dev"})
_REFERENCES: Final = {"taskRef": "task", "pipelineRef": "pipeline", "ref": "step"}
_RESOLVERS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "hub": (("name",), ("version", "name")),
    "git": (("pathInRepo",), ("revision", "pathInRepo")),
    "http": (("url",), ("url",)),
}
"""By resolver: the parameters that name what is fetched, and those whose line chooses it, the best first."""
_ANNOTATION: Final = re.compile(r"pipelinesascode\.tekton\.dev/(task|pipeline)(?:-\d+)?", re.ASCII)
_HELP: Final = (
    "look at what is fetched there and waive this with a reason, or take it into the tree, or use a bundle by digest"
)


def remote_tasks(item: Object, has: Callable[[str], bool]) -> Iterator[Gap]:
    """A gap for each reference that a resolver follows. `has`: whether a path is in this tree, where it is read anyway."""
    if item.group in _GROUPS:
        yield from _annotated(item, has)
        for what, reference in _references(item.node):
            gap = _gap(item, what, reference, has)
            if gap is not None:
                yield gap


def _annotated(item: Object, has: Callable[[str], bool]) -> Iterator[Gap]:
    """What Pipelines as Code fetches by annotations: a name of the hub, an address, or a path of the repository."""
    annotations = item.node.mapping("metadata").mapping("annotations")
    for key, value in annotations.entries:
        what = _ANNOTATION.fullmatch(key)
        if what is None or not isinstance(value, Scalar):
            continue
        for name in (one.strip(" \"'") for one in value.text.strip("[] ").split(",")):
            if name and not has(name.removeprefix("./")):
                why = f"{item.kind} {item.name} runs the {what[1]} {name} by an annotation: its images are unknown"
                yield Gap(value.place(), "remote task", why, rule="unrendered", help=_HELP)


def _references(node: Node) -> Iterator[tuple[str, Mapping]]:
    if isinstance(node, Sequence):
        for one in node.items:
            yield from _references(one)
    elif isinstance(node, Mapping):
        for key, value in node.entries:
            if key in _REFERENCES and isinstance(value, Mapping) and value.text("resolver") in _RESOLVERS:
                yield _REFERENCES[key], value
            elif not isinstance(value, Scalar):
                yield from _references(value)


def _gap(item: Object, what: str, reference: Mapping, has: Callable[[str], bool]) -> Gap | None:
    resolver = reference.text("resolver")
    given = {
        one.text("name"): value
        for one in reference.items("params")
        if isinstance(one, Mapping) and isinstance(value := one.get("value"), Scalar)
    }
    naming, choosing = _RESOLVERS[resolver]
    name = " ".join(given[key].text for key in naming if key in given)
    if resolver == "git" and has(name.strip("/")):
        return None
    edit = next((given[key] for key in choosing if key in given), None)
    version = f" ({edit.text})" if edit is not None and edit.text != name else ""
    why = f"{item.kind} {item.name} runs the {what} {name or 'without a name'}{version} by the resolver {resolver}"
    place = edit.place() if edit else Place(item.file, reference.line)
    return Gap(place, "remote task", f"{why}: its images are unknown", rule="unrendered", help=_HELP)
