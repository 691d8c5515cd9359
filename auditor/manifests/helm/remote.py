"""Charts of repositories, once they are fetched: put beside the tree, rendered like its own.

What is written in a fetched chart stands in no file that a reviewer could edit. So its places are those of the line that
chooses the chart: the version of the release, or of the dependency. Values of the tree keep their lines.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from auditor.manifests.files import Reader, Shared
from auditor.manifests.helm.chart import read_chart
from auditor.manifests.helm.render import Helm, Release
from auditor.manifests.helm.sources import Sources, of_dependency
from auditor.manifests.helm.values import over
from auditor.manifests.helm.wanted import Fetch, Fetched, Unfetched, Wanted
from auditor.manifests.kustomize.kustomization import join
from auditor.manifests.nodes import Mapping as Node
from auditor.manifests.nodes import Node as AnyNode
from auditor.manifests.nodes import Scalar, Sequence
from auditor.manifests.objects import Object
from auditor.manifests.render.sandbox import Failed
from auditor.model.place import Place
from auditor.model.use import Via
from auditor.source.memory import MemoryTree
from auditor.source.tree import Entry, Tree


class Grown:
    """A tree with more files. What the tree has itself stays as it is."""

    def __init__(self, tree: Tree, files: Mapping[str, bytes]) -> None:
        self.label = tree.label
        self._tree = tree
        self._more = MemoryTree(files, tree.label)
        self._entries = dict(sorted({**self._more.entries(), **tree.entries()}.items()))

    def entries(self) -> Mapping[str, Entry]:
        """Every entry by path, in path order."""
        return self._entries

    def content_id(self, path: str) -> str:
        """A hash of the file's bytes. Raises KeyError."""
        return self._holder(path).content_id(path)

    def read(self, path: str) -> bytes:
        """The file's bytes. Raises KeyError, Unreadable."""
        return self._holder(path).read(path)

    def _holder(self, path: str) -> Tree:
        return self._tree if path in self._tree.entries() else self._more


@dataclass(slots=True)
class Remote:
    """Fetches charts for one tree, and renders them."""

    reader: Reader
    helm: Helm
    fetch: Fetch
    sources: Sources = field(init=False)
    _count: int = 0

    def __post_init__(self) -> None:
        self.sources = Sources(self.reader)

    def bring(self, chosen: Wanted | Unfetched) -> Fetched:
        """The chart. Raises Failed, which says why it is not there."""
        came = self.fetch(chosen) if isinstance(chosen, Wanted) else chosen
        if isinstance(came, Unfetched):
            raise Failed(came.why)
        return came

    def render(self, came: Fetched, release: Release, files: tuple[Scalar, ...] = ()) -> list[Object]:
        """The objects of a fetched chart. `files`: values files in it that stand for its own. Raises Failed."""
        top = came.title
        tree = MemoryTree({f"{top}/{path}": content for path, content in came.files.items()}, top)
        reader = Reader(tree, self.reader.kinds, Shared(), self.reader.limits)
        with self._beside(reader) as helm:
            instead = merged_files(reader, top, files) if files else release.defaults
            made = helm.render(replace(release, chart=top, defaults=instead))
        return [_Moves(((top, release.place),)).of(item) for item in made]

    def completed(self, release: Release) -> list[Object] | None:
        """The objects of a chart of the tree that needs charts of repositories; None where it needs none. Raises Failed."""
        chart = read_chart(self.reader, release.chart)
        needed = list(chart.missing()) if chart else []
        if not needed:
            return None
        files: dict[str, bytes] = {}
        places: list[tuple[str, Place]] = []
        for one in needed:
            chosen = of_dependency(one.entry, one.locked)
            try:
                came = self.bring(chosen)
            except Failed as error:
                raise Failed(f"{one.text} is not fetched: {error}") from error
            top = join(one.directory, f"charts/{one.entry.text('name')}")
            files |= {f"{top}/{path}": content for path, content in came.files.items()}
            places.append((top, one.place))
        reader = Reader(Grown(self.reader.tree, files), self.reader.kinds, Shared(), self.reader.limits)
        with self._beside(reader) as helm:
            return [_Moves(tuple(places)).of(item) for item in helm.render(release)]

    @contextmanager
    def _beside(self, reader: Reader) -> Iterator[Helm]:
        self._count += 1
        folder = self.helm.folder / f"fetched-{self._count}"
        try:
            yield self.helm.beside(reader, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def merged_files(reader: Reader, directory: str, files: tuple[Scalar, ...]) -> Node:
    """Values files of a chart, the strongest last. Raises Failed where one is missing."""
    whole = Node()
    for file in files:
        path = join(directory, file.text)
        documents = reader.documents(path) if path in reader.files else ()
        found = next((one for one in documents if isinstance(one, Node)), None)
        if found is None:
            raise Failed(f"it has no values file {file.text}")
        whole = over(whole, found)
    return whole


class _Moves(Struct, frozen=True):
    """Where what is written below some directories is to be edited."""

    places: tuple[tuple[str, Place], ...]

    def of(self, item: Object) -> Object:
        """An object with everything that stands in a fetched chart at the line that chose the chart."""
        self._move(item.node)
        place = self._chosen(item.file)
        return item if place is None else dataclasses.replace(item, file=place.file, line=place.line)

    def _chosen(self, file: str) -> Place | None:
        return next((place for top, place in self.places if file.startswith(f"{top}/")), None)

    def _move(self, node: AnyNode) -> None:
        match node:
            case Scalar():
                self._move_scalar(node)
            case Node():
                if (place := self._chosen(node.file)) is not None:
                    node.file, node.line = place.file, place.line
                for _, value in node.entries:
                    self._move(value)
            case Sequence():
                for one in node.items:
                    self._move(one)

    def _move_scalar(self, scalar: Scalar) -> None:
        if scalar.base is not None and self._chosen(scalar.base.file):
            scalar.base = None
        if (place := self._chosen(scalar.file)) is not None:
            scalar.file, scalar.line, scalar.column, scalar.via = place.file, place.line, place.column, Via.CHART
            scalar.key_path = place.key_path
        for one in scalar.inner:
            self._move(one)
