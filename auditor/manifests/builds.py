"""Images in files that deploy nothing to a cluster: Dockerfiles, Compose files, workflows of GitHub Actions.

They are judged only where the rules ask for it (`manifests.also`): then what builds or tests the software counts as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator
from typing import Final

from auditor.manifests.contents import unparsable
from auditor.manifests.dockerfile import bases
from auditor.manifests.extract.found import Found, written
from auditor.manifests.files import OutOfTree, Part, Reader
from auditor.manifests.graph.envsubst import expand
from auditor.manifests.nodes import Mapping, Node, Scalar
from auditor.manifests.uses import templates, use_of
from auditor.manifests.yaml import Broken
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.model.use import Confidence
from auditor.source.tree import Unreadable

_NAMES: Final = {
    "dockerfile": re.compile(
        r"(?:.*/)?(?:(?:Docker|Container)file(?:\.[^/]+)?|[^/]+\.(?:docker|container)file)", re.IGNORECASE
    ),
    "compose": re.compile(r"(?:.*/)?(?:docker-)?compose(?:[.-][^/]+)?\.ya?ml"),
    "github-actions": re.compile(r"(?:.*/)?(?:\.github/workflows/[^/]+|action)\.ya?ml"),
}
"""Which files are of each sort, by their path."""
_DOCKER: Final = "docker://"
_BARE: Final = re.compile(r"\$([A-Za-z_]\w*)", re.ASCII)


def builds(
    reader: Reader, chosen: Container[str], also: Iterable[str], touched: frozenset[str] | None = None
) -> Iterator[Part]:
    """The uses and gaps of each such file that is `chosen`, in path order. `touched`: of these paths only."""
    names = [(sort, _NAMES[sort]) for sort in sorted(also)]

    def sort_of(path: str) -> str | None:
        return next((sort for sort, name in names if name.fullmatch(path)), None) if path in chosen else None

    for path in reader.files if names else ():
        sort = sort_of(path)
        if sort is not None and (touched is None or path in touched):
            yield _part(reader, path, sort, sort_of)


def _part(reader: Reader, path: str, sort: str, sort_of: Callable[[str], str | None]) -> Part:
    found: list[Found] = []
    gaps: list[Gap] = []
    try:
        target = reader.resolve(path)
        if target is None or (target != path and sort_of(target) == sort):
            return Part((), ())  # a symlink to nothing, or to what is read under its own name
        path = target
        if sort == "dockerfile":
            found.extend(_dockerfile(reader.bytes_of(path).decode("utf-8", "replace"), path))
        for document in reader.documents(path) if sort != "dockerfile" else ():
            if isinstance(document, Broken):
                gaps.append(unparsable(Place(path, document.line), f"not YAML: {document.why}"))
            else:
                found.extend(_compose(document) if sort == "compose" else _actions(document))
    except (OutOfTree, Unreadable) as error:
        gaps.append(unparsable(Place(path), str(error)))
    return Part(tuple(use_of(one, None, None) for one in found), (*gaps, *templates(found, None)))


def _dockerfile(text: str, path: str) -> Iterator[Found]:
    for base in bases(text):
        scalar = Scalar(base.reference, path, base.line + 1, base.column + 1)
        yield Found(base.reference, scalar, "FROM", None, Confidence.HIGH)


def _compose(document: Node) -> Iterator[Found]:
    """`services.*.image`. Variables get their defaults: what else they may be stands in nobody's repository."""
    for name, service in _entries(document, "services"):
        image = service.scalar("image") if isinstance(service, Mapping) else None
        if image is not None:
            text = expand(_BARE.sub(r"${\1}", image.text.strip()), _unknown).text
            yield Found(text, image, written(("services", name, "image")), name, Confidence.HIGH)


def _unknown(_name: str) -> None:
    """The value of a variable that only the environment knows."""


def _actions(document: Node) -> Iterator[Found]:
    """Containers and services of jobs, and steps and actions that run an image."""
    runs = document.mapping("runs") if isinstance(document, Mapping) else Mapping()
    yield from _run(runs.get("image"), "runs.image", None)
    yield from _steps(runs, "runs", None)
    for name, job in _entries(document, "jobs"):
        if isinstance(job, Mapping):
            container = job.get("container")
            inner = container.get("image") if isinstance(container, Mapping) else container
            yield from _image(inner, f"jobs.{name}.container", name)
            for service, body in _entries(job, "services"):
                image = body.get("image") if isinstance(body, Mapping) else None
                yield from _image(image, f"jobs.{name}.services.{service}.image", service)
            yield from _steps(job, f"jobs.{name}", name)


def _steps(job: Mapping, path: str, name: str | None) -> Iterator[Found]:
    for index, step in enumerate(job.items("steps")):
        if isinstance(step, Mapping):
            yield from _run(step.get("uses"), f"{path}.steps[{index}].uses", name)


def _run(node: Node | None, path: str, name: str | None) -> Iterator[Found]:
    """An image behind `docker://`; anything else there is an action of another repository, or a Dockerfile."""
    if isinstance(node, Scalar) and node.text.startswith(_DOCKER):
        yield from _image(node, path, name)


def _image(node: Node | None, path: str, name: str | None) -> Iterator[Found]:
    if isinstance(node, Scalar) and node.text and not node.null:
        yield Found(node.text.strip().removeprefix(_DOCKER), node, path, name, Confidence.HIGH)


def _entries(node: Node, key: str) -> list[tuple[str, Node]]:
    return node.mapping(key).entries if isinstance(node, Mapping) else []
