"""What deploys charts → the objects of those charts, or a gap that says why they are unknown."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.manifests.beyond.elsewhere import elsewhere
from auditor.manifests.beyond.operators import operators_of
from auditor.manifests.beyond.programs import programs_of
from auditor.manifests.beyond.remote_tasks import remote_tasks
from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.fingerprint import fingerprinted
from auditor.manifests.helm import argo, flux
from auditor.manifests.helm.chart import makes_deployers, may_deploy, names_deployers, read_chart
from auditor.manifests.helm.charts import chart_in, charts_of, release_gap
from auditor.manifests.helm.held import held
from auditor.manifests.helm.missing import files_of, holes, parted, values_beside, values_files
from auditor.manifests.helm.needs import HOLE, Absent, Lookup, is_free, opened
from auditor.manifests.helm.order import Order
from auditor.manifests.helm.orders import orders
from auditor.manifests.helm.remote import Remote
from auditor.manifests.helm.render import Helm, Release
from auditor.manifests.helm.settings import settings
from auditor.manifests.helm.sources import of_argo, of_repository
from auditor.manifests.helm.terms import terms
from auditor.manifests.helm.wanted import Unfetched, Wanted
from auditor.manifests.kustomize.gaps import chart_gap, unrendered
from auditor.manifests.kustomize.kustomization import Kustomization, join
from auditor.manifests.nodes import Mapping, Scalar, scalars
from auditor.manifests.objects import Object
from auditor.manifests.render.sandbox import Failed
from auditor.model.gap import Gap
from auditor.model.place import Place


class Deployed(Struct, frozen=True):
    """What one deployer brings: objects with the name that it goes by (empty: its parent's), and gaps."""

    name: str
    objects: tuple[Object, ...]
    gaps: tuple[Gap, ...]


class Foreign(Struct, frozen=True):
    """A release of a chart that is not in the tree. `files`: values files of the chart that stand for its own values."""

    chosen: Wanted | Unfetched
    release: Release
    files: tuple[Scalar, ...] = ()


class Charts(Struct):
    """Charts of one tree. Without `helm` every chart is a gap. `used`: directories of the charts that something deploys."""

    reader: Reader
    helm: Helm | None = None
    remote: Remote | None = None
    """Fetches charts that are not in the tree; None where nothing is fetched."""
    changed: frozenset[str] | None = None
    """Paths that a change touches: only what they reach is rendered; None renders all."""
    used: set[str] = field(default_factory=set)
    _count: int = 0

    def of(self, item: Object, lookup: Lookup) -> Iterator[Deployed]:
        """What an object deploys by charts, a catalogue of operators, or a resolver of tasks; nothing for most objects."""
        match item.kind, item.group:
            case "HelmRelease", "helm.toolkit.fluxcd.io":
                yield self._release(item, lookup)
            case (("Application" | "ApplicationSet"), "argoproj.io"):
                yield from self._sources(item)
            case _:
                gaps = (
                    *operators_of(item),
                    *programs_of(item, self._has_directory),
                    *elsewhere(item, self._has_directory),
                    *remote_tasks(item, self._has),
                )
                yield from (
                    Deployed("", (), (fingerprinted(gap, [item.node.mapping("spec")], self.reader),)) for gap in gaps
                )
                yield from (self._ordered(item, order) for order in orders(item))
                for inner in held(item):
                    yield from self.of(inner, lookup)

    def _ordered(self, item: Object, order: Order) -> Deployed:
        """A chart that another controller than Flux and Argo CD deploys: it is of a repository, always."""
        gap = release_gap(item, order.edit, f"{item.kind} {item.name}".rstrip(), order.chart, order.version)
        layers, absent = parted(order.layers)
        release = Release("", gap.place, order.name, order.namespace, layers)
        return self._fetched("", Foreign(order.chosen, release), absent, gap)

    def alone(self, directory: str) -> Deployed:
        """A chart that nothing deploys, with the values that it starts with, and with those that a change brings beside them."""
        gap = chart_in(self.reader, directory)
        if gap is None:
            return Deployed("", (), ())
        values = values_beside(self.reader, directory, self.changed or frozenset()) if self.helm is not None else ()
        made = [self._rendered("", Release(directory, gap.place), (), gap)]
        for place, found in values:
            layers, absent = parted([found])
            made.append(self._rendered("", Release(directory, place, layers=layers), absent, replace(gap, place=place)))
        objects = (item for each in made for item in each.objects)
        return Deployed("", tuple(objects), tuple(hole for each in made for hole in each.gaps))

    def named(self, path: str) -> Iterator[tuple[str, Deployed]]:
        """What a `fleet.yaml` or `helmfile.yaml` deploys, each with its root."""
        for each in settings(self.reader, path):
            if isinstance(each, Gap):
                yield posixpath.dirname(path) or ".", Deployed("", (), (each,))
                continue
            gap = unrendered(each.place, "helm chart", f"{each.title}: its images are unknown")
            layers, absent = parted(each.layers)
            release = Release(each.directory, each.place, each.name, each.namespace, layers, terms=each.terms)
            if each.chosen is not None:
                yield each.root, self._fetched("", Foreign(each.chosen, release), absent, gap)
            elif not self._is_chart(each.directory):
                yield each.root, self._unknown("", release, absent, gap)
            else:
                yield each.root, self._rendered("", release, absent, gap)

    def inflated(self, kustomization: Kustomization, entry: Mapping, key_path: str) -> list[Object] | Gap:
        """The objects of an entry of `helmCharts`. Source: kustomize's HelmChartInflationGenerator."""
        place = Place(entry.file or kustomization.path, entry.line, 1, key_path)
        gap = chart_gap(entry, place)
        name = entry.text("name") or entry.text("chartName")
        directory = _home(kustomization, entry)
        files, absent = parted(values_files(self.reader, kustomization, entry))
        layers = [*files, entry.mapping("valuesInline")]
        if entry.text("valuesMerge") == "merge":
            layers.reverse()
        space = entry.text("namespace") or kustomization.node.text("namespace") or "default"
        asked = terms(entry, crds=entry.text("includeCRDs") == "true")
        release = Release(directory, place, entry.text("releaseName") or name, space, tuple(layers), terms=asked)
        if self._is_chart(directory):
            made = self._rendered("", release, absent, gap)
        else:
            chosen = of_repository(entry.text("repo"), name, entry.text("version"))
            made = self._fetched("", Foreign(chosen, release), absent, gap)
        return list(made.objects) if not made.gaps else made.gaps[0]

    def fetches(self, entries: Iterable[tuple[Kustomization, Mapping]]) -> bool:
        """Whether any chart of these entries is not in the tree."""
        return any(not self._is_chart(_home(one, entry)) for one, entry in entries)

    # ── Flux ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _release(self, item: Object, lookup: Lookup) -> Deployed:
        spec = item.node.mapping("spec")
        gap = fingerprinted(next(charts_of(item)), (spec.mapping("chart"), spec.mapping("chartRef")), self.reader)
        path, (name, space) = flux.chart_path(item), flux.named(item)
        layers, absent = parted(flux.layers(item, lookup))
        if path is None:
            chosen = self.remote.sources.of_release(item) if self.remote else Unfetched("")
            release = Release("", gap.place, name, space, layers, terms=flux.terms(item))
            made = self._fetched("", Foreign(chosen, release, flux.values_files(item)), absent, gap)
        elif not self._is_chart(path):
            return self._unknown("", Release(path, gap.place, name, space, layers), absent, gap)
        else:
            own, missing = flux.defaults(item, self.reader)
            release = Release(path, gap.place, name, space, layers, own, flux.terms(item))
            made = self._rendered("", release, (*missing, *absent), gap)
        return replace(made, objects=tuple(flux.PostRenderer(item).on(list(made.objects))))

    # ── Argo CD ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _sources(self, item: Object) -> Iterator[Deployed]:
        generators = item.node.mapping("spec").items("generators") if item.kind == "ApplicationSet" else ()
        for source, found in argo.with_charts(item):
            gap = fingerprinted(found, generators, self.reader) if found else None
            if gap is not None:
                layers, absent = parted(source.layers(self.reader))
                release = Release("", gap.place, *source.named, layers, terms=source.terms)
                yield self._fetched(item.name, Foreign(of_argo(source.node), release), absent, gap)
                continue
            if source.is_templated:
                why = f"{item.kind} {item.name} deploys {source.node.text('path')}, which a generator fills in"
                place = (source.node.scalar("path") or Scalar("", item.file, item.line, 1)).place()
                given = (*source.given, *filter(is_free, (opened(source.node.text("path")),)))
                hole = fingerprinted(
                    replace(unrendered(place, "templated path", why), given=given), [source.node], self.reader
                )
                yield Deployed(item.name, (), (hole,))
            elif (path := source.path) is not None and self._is_chart(path):
                own = self._gap(item, source, path)
                whole, unread = source.overridden(self.reader)
                layers, absent = parted(whole.layers(self.reader))
                release = Release(path, own.place, *whole.named, layers, terms=whole.terms)
                yield self._rendered(item.name, release, (*unread, *absent), own)

    def _gap(self, item: Object, source: argo.Source, path: str) -> Gap:
        return release_gap(item, source.node.scalar("path"), f"{item.kind} {item.name}", path, "")

    # ── all ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _rendered(self, name: str, release: Release, absent: tuple[Absent, ...], gap: Gap) -> Deployed:
        """The objects of a release. Values that are missing are told; what they would change is unknown."""
        if self.helm is None:
            return self._unknown(name, release, absent, gap)
        gap = fingerprinted(gap, release.layers, self.reader)
        self.used.add(release.chart)
        if (refused := self._counted(name, gap)) is not None:
            return refused
        if not self._is_reached(release):
            return Deployed(name, (), ())
        try:
            made = self.remote.completed(release) if self.remote else None
            return Deployed(name, tuple(self.helm.render(release) if made is None else made), holes(absent))
        except Failed as error:
            gap = fingerprinted(gap, (), self.reader, *files_of(self.reader, release.chart))
            return self._failed(name, gap, absent, f"which helm does not render: {error}")

    def _fetched(self, name: str, foreign: Foreign, absent: tuple[Absent, ...], gap: Gap) -> Deployed:
        """The objects of a chart that is not in the tree."""
        gap = fingerprinted(gap, (), self.reader, repr(foreign.chosen))
        if self.helm is None or self.remote is None:
            return self._unknown(name, foreign.release, absent, gap)
        gap = fingerprinted(gap, foreign.release.layers, self.reader)
        if (refused := self._counted(name, gap)) is not None:
            return refused
        try:
            came = self.remote.bring(foreign.chosen)
        except Failed as error:
            return self._failed(name, gap, absent, f"which is not fetched: {error}")
        texts = (content.decode("utf-8", "replace") for content in came.files.values())
        if not self.reader.reaches(self.changed) and not any(map(names_deployers, texts)):
            return Deployed(name, (), ())
        try:
            return Deployed(name, tuple(self.remote.render(came, foreign.release, foreign.files)), holes(absent))
        except Failed as error:
            return self._failed(name, gap, absent, f"which helm does not render: {error}")

    def _unknown(self, name: str, release: Release, absent: tuple[Absent, ...], gap: Gap) -> Deployed:
        """A chart that is not rendered, with what its values are, or may be."""
        given = [path for one in absent for path in one.given]
        if release.chart and makes_deployers(self.reader, release.chart):
            given.append(HOLE)
        return Deployed(name, (), (fingerprinted(replace(gap, given=tuple(given)), release.layers, self.reader),))

    def _counted(self, name: str, gap: Gap) -> Deployed | None:
        """One chart more; what is said where there are too many."""
        self._count += 1
        if self._count <= self.reader.limits.releases:
            return None
        why = f"more than {self.reader.limits.releases} charts are deployed"
        return Deployed(name, (), (replace(gap, why=f"{gap.why}: {why}"),))

    def _failed(self, name: str, gap: Gap, absent: tuple[Absent, ...], why: str) -> Deployed:
        told = f"{_owner(gap.why)}, {why}"
        return Deployed(name, (), (*holes(absent), replace(gap, why=told[: self.reader.limits.text])))

    def _is_reached(self, release: Release) -> bool:
        """Whether a change reaches the chart or its values, or the chart may deploy charts, which it may reach."""
        try:
            chart = read_chart(self.reader, release.chart)
        except OutOfTree:
            return True
        paths = [path for each in (chart.all() if chart else ()) for path in self.reader.below(each.directory)]
        if self.reader.reaches(self.changed):
            return True
        texts = (scalar.text for layer in release.layers for scalar in scalars(layer))
        return any(map(names_deployers, texts)) or any(may_deploy(self.reader, path) for path in paths)

    def _has(self, path: str) -> bool:
        try:
            return self.reader.resolve(path) is not None
        except OutOfTree:
            return False

    def _has_directory(self, path: str) -> bool:
        try:
            return self.reader.directory(path) is not None
        except OutOfTree:
            return False

    def _is_chart(self, directory: str) -> bool:
        try:
            return read_chart(self.reader, directory) is not None
        except OutOfTree:
            return False


def _home(kustomization: Kustomization, entry: Mapping) -> str:
    """Where a chart of `helmCharts` is, if it is in the tree."""
    home = kustomization.node.mapping("helmGlobals").text("chartHome") or entry.text("chartHome") or "charts"
    return join(kustomization.directory, f"{home}/{entry.text('name') or entry.text('chartName')}")


def _owner(why: str) -> str:
    """What a gap says, without its reason."""
    return why.partition(": its images")[0].removesuffix(" is not rendered")
