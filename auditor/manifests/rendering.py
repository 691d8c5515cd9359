"""What programs render of a tree: roots by kustomize, charts by helm. Without them, what our own reading makes of it.

Of a change only that is rendered which it can reach: the rest is the same in base and head, however it is read.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from collections.abc import Mapping as Paths
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from auditor.manifests.extract.extract import extract
from auditor.manifests.extract.found import Found
from auditor.manifests.files import Reader
from auditor.manifests.graph.deployment import Deployment
from auditor.manifests.graph.plan import is_plain
from auditor.manifests.helm.deploy import Charts
from auditor.manifests.helm.needs import Lookup
from auditor.manifests.helm.remote import Remote
from auditor.manifests.helm.render import Helm
from auditor.manifests.helm.terms import USUAL, terms
from auditor.manifests.kustomize.built import Built
from auditor.manifests.kustomize.gaps import unrendered
from auditor.manifests.kustomize.kustomization import NAMES, Kustomization, read
from auditor.manifests.kustomize.texts import inflating
from auditor.manifests.kustomize.transform import again
from auditor.manifests.nodes import Mapping
from auditor.manifests.objects import Object
from auditor.manifests.render.kustomize import Kustomize
from auditor.manifests.render.sandbox import Failed
from auditor.manifests.render.stage import Stage
from auditor.manifests.render.tools import Renderers
from auditor.model.gap import Gap
from auditor.model.place import Place

_ADDS_NOTHING: Final = frozenset(
    (
        "apiVersion",
        "bases",
        "commonAnnotations",
        "commonLabels",
        "components",
        "configMapGenerator",
        "generatorOptions",
        "images",
        "kind",
        "labels",
        "metadata",
        "namePrefix",
        "nameSuffix",
        "namespace",
        "replicas",
        "resources",
        "secretGenerator",
        "sortOptions",
    )
)
"""Fields of a kustomization that can put no image where there was none."""


class Rendering(Struct):
    """The renderers of one reading of one tree. `changed`: the paths that a change touches; None where all is rendered."""

    reader: Reader
    charts: Charts
    kustomize: Kustomize | None = None
    changed: frozenset[str] | None = None
    renderers: Renderers | None = None
    exact: set[str] = field(default_factory=set)
    """Roots that kustomize built."""

    @property
    def identity(self) -> str:
        """What tells what was read in this way from the rest in a cache."""
        programs = self.renderers.identity if self.renderers else ""
        return f"{programs}|{self.reader.kinds.identity}"

    def read(
        self, root: str, built: Built, seen: Paths[str, str], way: Deployment | None = None
    ) -> tuple[list[tuple[Object, list[Found]]], list[Gap]]:
        """The objects of a root with the references in them: as kustomize builds it where it can, else as we read it.

        `way`: what deploys the root, and puts something on top of what is written there.
        """
        own, gaps = self.own(root, built, seen)
        if way is not None and self.kustomize is not None:
            # Whoever changes the deployer changes what is built here.
            self.reader.note({way.place.file: self.reader.identity(way.place.file)})
        kustomizations = list(self._kustomizations(seen))
        itself = self._written(root, kustomizations)
        alone = itself is not None and itself.is_component  # only what loads it can be built
        if self.kustomize is None or alone or not self._is_asked(own, gaps, kustomizations):
            return own, gaps
        entries = [(one, entry) for one in kustomizations for entry in inflating(self.reader, one)]
        inflates = bool(entries) or any(one.node.get("helmCharts") is not None for one in kustomizations)
        if inflates and (self._is_library() or self.charts.fetches(entries)):
            # Kustomize starts helm by its path, and helm would fetch: our own reading has rendered these charts.
            return own, gaps
        laid = None if way is None or is_plain(way) else way.on(itself)
        served = terms(way.charts) if way is not None else USUAL
        try:
            exact = self.kustomize.render(root, own, list(seen), inflates=inflates, laid=laid, served=served)
        except Failed as error:
            place = next((Place(one.path, 1) for one in kustomizations if one.directory == root), Place(root))
            what = root if laid is None or way is None else f"{root} as {way.owner} deploys it"
            why = f"kustomize does not build {what}, so what it deploys is our own reading of it: {error}"
            gap = unrendered(place, "kustomization", why[: self.reader.limits.text])
            return own, [*gaps, gap]
        self.exact.add(root)
        kept = [gap for gap in gaps if gap.rule != "unparsable-file" and not _is_ours(gap)]
        return [self._with_values(pair, built) for pair in exact], kept

    def _is_library(self) -> bool:
        """Whether charts are rendered by helm as a library."""
        helm = self.renderers.helm if self.renderers else None
        return helm is not None and not helm.is_program

    def own(
        self, _root: str, built: Built, _seen: Paths[str, str]
    ) -> tuple[list[tuple[Object, list[Found]]], list[Gap]]:
        """The objects of a root as we read it, whatever programs there are."""
        return [(item, self._found(item)) for item in built.objects], list(built.gaps)

    def _found(self, item: Object) -> list[Found]:
        return extract(item, self.reader.kinds)

    def _with_values(self, pair: tuple[Object, list[Found]], built: Built) -> tuple[Object, list[Found]]:
        """An object that may deploy a chart as our reading has it, which knows the lines of its values."""
        item, found = pair
        if not item.node.mapping("spec").entries or item.kind not in ("HelmRelease", "Application", "ApplicationSet"):
            return pair
        same = (one for one in built.objects if (one.kind, one.name) == (item.kind, item.name))
        return next(same, item), found

    def _is_asked(
        self, own: list[tuple[Object, list[Found]]], gaps: list[Gap], kustomizations: list[Kustomization]
    ) -> bool:
        """Whether the root can be built, a change reaches it, and it may deploy anything."""
        if any(gap.rule == "unrendered" and not _is_ours(gap) for gap in gaps) or not self.reader.reaches(self.changed):
            return False
        if any(found for _, found in own) or gaps:
            return True
        return any(key not in _ADDS_NOTHING for one in kustomizations for key, _ in one.node.entries)

    def _kustomizations(self, seen: Paths[str, str]) -> Iterator[Kustomization]:
        for path in list(seen):
            directory, _, name = path.rpartition("/")
            if name in NAMES and path in self.reader.files:
                yield read(self.reader, directory or ".", path)

    def _written(self, root: str, kustomizations: list[Kustomization]) -> Kustomization | None:
        """The root's own kustomization; None for a directory that has none."""
        return next((one for one in kustomizations if one.directory == root), None)

    def lookup(self, objects: tuple[Object, ...], skipped: tuple[str, ...] = ()) -> Lookup:
        """Objects beside the one that asks, complete."""

        def find(kind: str, name: str) -> Mapping | None:
            for item in (*objects, *(one for path in skipped for one in self._unfiltered(path))):
                if item.kind == kind and name in (item.name, *(earlier for earlier, _ in item.earlier)):
                    whole = again(self.reader, item)
                    return whole if isinstance(whole, Mapping) else item.node
            return None

        return find

    def _unfiltered(self, path: str) -> tuple[Object, ...]:
        return self.reader.contents(path, unfiltered=True).objects


def _is_ours(gap: Gap) -> bool:
    """Whether a gap is one of our reading alone: kustomize has all that it needs to build the root."""
    return gap.what in ("kustomize configuration", "replacement", "JSON patch")


@contextmanager
def rendering(
    reader: Reader,
    renderers: Renderers | None,
    kube_version: str,
    changed: frozenset[str] | None,
    api_versions: tuple[str, ...] = (),
) -> Iterator[Rendering]:
    """Renderers with a private folder for as long as the block lasts; None reads without any."""
    if renderers is None:
        yield Rendering(reader, Charts(reader))
        return
    with tempfile.TemporaryDirectory(prefix="auditor-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "home").mkdir()
        stage = Stage(reader, folder / "tree", renderers.late)
        end = time.monotonic() + min(reader.limits.render_seconds_together, renderers.seconds)
        served = (kube_version, api_versions)
        helm = Helm(reader, renderers, stage, folder, end, *served) if renderers.helm else None
        kustomize = Kustomize(reader, renderers, stage, folder, end, *served) if renderers.kustomize else None
        remote = Remote(reader, helm, renderers.fetch) if helm and renderers.fetch else None
        yield Rendering(reader, Charts(reader, helm, remote, changed), kustomize, changed, renderers)


__all__ = ["Rendering", "rendering"]
