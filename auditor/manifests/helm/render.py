"""`helm template` of a chart in the tree with the values of a release, each image with the line that makes it.

Nothing is asked of a cluster or the network: no `lookup`, no DNS, no dependencies fetched, no plugins, no post-renderer.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.manifests.contents import read_contents
from auditor.manifests.extract.extract import extract
from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.helm.chart import Chart, app_version, defaults, read_chart
from auditor.manifests.helm.terms import USUAL, Terms
from auditor.manifests.helm.trace import DEPLOYS, Sources, Tracer, opened
from auditor.manifests.helm.values import leaves, mark, merged, pruned, written
from auditor.manifests.kustomize.kustomization import join
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence, expanded, scalars
from auditor.manifests.objects import Object
from auditor.manifests.render.sandbox import Failed, run
from auditor.manifests.render.stage import Stage
from auditor.manifests.render.tools import Renderers
from auditor.manifests.skeleton import Pruner
from auditor.manifests.text import prefilter
from auditor.model.place import Place
from auditor.source.tree import EntryKind, Unreadable

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,51}[a-z0-9])?", re.ASCII)
_SETTING: Final = re.compile(
    rb"""((?:^|[{,])\s*(?:-\s+)?["']?[\w.-]*(?:image|tag|repo|digest|version)[\w.-]*["']?:[ \t]+["']?)([\w./:@-]+)""",
    re.IGNORECASE | re.MULTILINE,
)
_TRIES: Final = 12
"""Runs with marks of one chart: some charts refuse some marked values, so fewer are marked each time."""


class Release(Struct, frozen=True):
    """A chart in the tree as something deploys it. `layers`: values, the strongest last. `place`: who deploys it."""

    chart: str
    place: Place
    name: str = "release"
    namespace: str = "default"
    layers: tuple[Mapping, ...] = ()
    defaults: Mapping | None = None
    """What stands for the chart's own values.yaml: Flux writes `valuesFiles` there."""
    terms: Terms = USUAL


class Helm(Struct):
    """Renders charts of one tree. `folder` is private to this reading; `end` is when time for all is up (monotonic)."""

    reader: Reader
    renderers: Renderers
    stage: Stage
    folder: Path
    end: float
    kube_version: str
    api_versions: tuple[str, ...] = ()
    """What the cluster serves beyond the APIs of Kubernetes, as `helm template --api-versions` takes it."""
    _staged: set[str] = field(default_factory=set)

    def render(self, release: Release) -> list[Object]:
        """The objects that the release deploys, every image at the line that makes it. Raises Failed."""
        try:
            chart = read_chart(self.reader, release.chart)
            if chart is None:
                raise Failed(f"{release.chart} holds no chart")
            if missing := ", ".join(one.text for one in chart.missing()):
                raise Failed(f"{chart.title} needs what is not in the repository: {missing}")
            self._check(chart, release)
            below = defaults(self.reader, chart, release.defaults)
        except OutOfTree as error:
            raise Failed(str(error)) from error
        self._copy(chart)
        own = {} if release.defaults is None else {join(chart.place, "values.yaml"): written(release.defaults).encode()}
        with self.stage.swapped(own):
            return self._traced(chart, release, below)

    def _check(self, chart: Chart, release: Release) -> None:
        """Values are walked and written many times: those that unfold without end are not begun with. Raises Failed."""
        own = [defaults(self.reader, replace(one, inner=())) for one in chart.all()]
        held = (*own, *release.layers, *((release.defaults,) if release.defaults else ()))
        if sum(expanded(layer) for layer in held) > self.reader.limits.object_nodes:
            raise Failed(f"values of more than {self.reader.limits.object_nodes} nodes when aliases are followed")

    def beside(self, reader: Reader, folder: Path) -> Helm:
        """The same for another tree, in a folder of its own, and within the same time."""
        (folder / "home").mkdir(parents=True)
        stage = Stage(reader, folder / "tree", self.renderers.late)
        return Helm(reader, self.renderers, stage, folder, self.end, self.kube_version, self.api_versions)

    def _traced(self, chart: Chart, release: Release, below: Mapping) -> list[Object]:
        values = merged(release.layers)
        plain = self._run(chart, release, values, None, {})
        if not any(item.kind in DEPLOYS or extract(item, self.reader.kinds) for item in plain):
            return plain
        marks = list(dict.fromkeys(leaves(merged([below, values], final=True))))
        marks = marks[: self.reader.limits.tainted_leaves]
        files, settings = self._settings(chart, len(marks))
        named, versions = _versions(chart, self._content, len(marks) + len(settings))
        versioned = self._versioned(chart, release, values, named) if _may_name(plain, versions) else None
        exact = versioned is not None and _shape(versioned) == _shape(plain)
        tracer = Tracer(self.reader, chart, [*marks, *settings, *versions], _defaults(below, values), versioned=exact)
        effective = merged([below, values], final=True)
        again = list(self._again(chart, release, (values, effective), (marks, files), _shape(plain)))
        return tracer.place(plain, [*([versioned] if versioned is not None else []), *again])

    def _versioned(
        self, chart: Chart, release: Release, values: Mapping, named: dict[str, bytes]
    ) -> list[Object] | None:
        """The output with marks behind the versions of the application; None where the chart refuses them."""
        try:
            with self.stage.swapped(named):
                return self._run(chart, release, values, None, {})
        except Failed:
            return None

    def _again(
        self,
        chart: Chart,
        release: Release,
        values: tuple[Mapping, Mapping],
        marked: tuple[list[Scalar], dict[str, bytes]],
        shape: Counter[tuple[str, str]],
    ) -> Iterator[list[Object]]:
        """The output with marks: of all values at once, or, where the chart refuses that, of halves of them.

        So too where it makes other objects of marked values (`shape`): it may compare a version.

        Files that templates read are marked in a run of their own: a value may be the name of one.
        """
        marks, files = marked
        number = {id(scalar): index for index, scalar in enumerate(marks)}
        nothing: dict[str, bytes] = {}
        waiting = [(marks, nothing), *((([], files),) if files else ())]
        for _ in range(_TRIES):
            if not waiting:
                return
            some, instead = waiting.pop(0)
            chosen = {id(scalar): number[id(scalar)] for scalar in some}
            made: list[Object] | None = None
            try:
                with self.stage.swapped(instead):
                    made = self._run(chart, release, values[0], pruned(values[1], chosen), chosen)
            except Failed:
                pass  # told by the run without marks, if it has nothing to do with these
            if made is not None:
                yield made
            half = len(some) // 2
            if half and (made is None or _shape(made) != shape):
                waiting += [(some[:half], nothing), (some[half:], nothing)]

    def _run(
        self, chart: Chart, release: Release, values: Mapping, marked: Node | None, marks: dict[int, int]
    ) -> list[Object]:
        tool = self.renderers.helm
        if tool is None:
            raise Failed("helm is not installed")
        patience = self.renderers.patience(self.end)
        if not patience.left(self.reader.limits):
            seconds = min(self.reader.limits.render_seconds_together, self.renderers.seconds)
            raise patience.failed(f"renderers have used up their {seconds:g} seconds")
        self.renderers.note("helm", tool)
        files = [("values.yaml", written(values)), ("marked.yaml", written(marked, marks) if marked else "{}")]
        with self.stage.told():
            for name, text in files:
                (self.folder / name).write_bytes(text.encode("utf-8", "replace"))
        output = run(
            [
                *tool.command,
                "template",
                release.name if _NAME.fullmatch(release.name) else "release",
                str(self.stage.place(chart.place)),
                f"--namespace={release.namespace or 'default'}",
                *release.terms.arguments(self.kube_version, self.api_versions),
                *(f"--values={self.folder / name}" for name, _ in files),
            ],
            self.folder / "home",
            self.reader.limits,
            patience,
        )
        return self._objects(output, chart)

    def _objects(self, output: bytes, chart: Chart) -> list[Object]:
        kinds, limits = self.reader.kinds, self.reader.limits
        contents = read_contents(output, chart.path, Pruner(kinds, prefilter(kinds.words), limits, whole=True))
        if contents.gaps:
            raise Failed(f"what helm prints is not YAML: {contents.gaps[0].why}")
        sources = Sources.of(output, chart)
        return [
            opened(dataclasses.replace(item, file=sources.at(item.line, chart.path)), limits)
            for item in contents.objects
        ]

    # ── the copy that helm reads ─────────────────────────────────────────────────────────────────────────────────────────

    def _copy(self, chart: Chart) -> None:
        """The chart with all that it carries; a chart beside it goes to where Helm would put it."""
        if chart.place in self._staged:
            return
        self.stage.add(self.reader.below(chart.directory))
        for inner in chart.all():
            if inner.place != inner.directory and inner.place not in self._staged:
                self._copy_to(inner)
                self._staged.add(inner.place)
        self._staged.add(chart.place)

    def _copy_to(self, chart: Chart) -> None:
        for path in self.reader.below(chart.directory):
            target = f"{chart.place}/{path[len(chart.directory) + 1 :]}"
            if self.reader.files[path].kind is EntryKind.FILE:
                self.stage.copy(path, target)

    def _settings(self, chart: Chart, first: int) -> tuple[dict[str, bytes], list[Scalar]]:
        """Files that templates read by `.Files`, with marks in their lines: the marked contents, and what is marked."""
        paths = [path for path in self.reader.below(chart.directory) if self._content(path) is not None]
        if not any(b".Files." in (self._content(path) or b"") for path in paths if _is_template(path)):
            return {}, []
        made: list[Scalar] = []
        files: dict[str, bytes] = {}
        for path in paths:
            if _is_template(path) or path.endswith(("/Chart.yaml", "/values.yaml", "/Chart.lock")):
                continue
            content = self._content(path) or b""
            marked = _SETTING.sub(partial(_marked, path, content, made, first), content)
            if marked != content:
                files[path] = marked
            if len(made) > self.reader.limits.tainted_leaves:
                break
        return files, made

    def _content(self, path: str) -> bytes | None:
        entry = self.reader.files[path]
        if entry.kind is not EntryKind.FILE or (entry.size or 0) > 256 * 1024:
            return None
        try:
            return self.reader.bytes_of(path)
        except Unreadable:
            return None


def _versions(
    chart: Chart, content: Callable[[str], bytes | None], first: int
) -> tuple[dict[str, bytes], list[Scalar]]:
    """The `Chart.yaml` of a chart and those below it with a mark behind `appVersion`, and what is marked."""
    made: list[Scalar] = []
    files: dict[str, bytes] = {}
    for one in chart.all():
        version = app_version(one)
        lines = (content(one.path) or b"").decode("utf-8", "replace").split("\n")
        if version is not None and version.text in (line := "".join(lines[version.line - 1 : version.line])):
            text = f'"{version.text}{mark(first + len(made))}"'
            lines[version.line - 1] = f"{line.partition(':')[0]}: {text}"
            files[join(one.place, "Chart.yaml")] = "\n".join(lines).encode("utf-8", "replace")
            made.append(version)
    return files, made


def _may_name(objects: list[Object], versions: list[Scalar]) -> bool:
    """Whether any version of an application may be a part of an image: most of them are."""
    bare = {version.text.removeprefix("v") for version in versions}
    texts = [scalar.text for item in objects for scalar in scalars(item.node) if ":" in scalar.text]
    return any(version in text for version in bare for text in texts)


def _shape(objects: list[Object]) -> Counter[tuple[str, str]]:
    """How many objects of each kind each template makes."""
    return Counter((item.file, item.kind) for item in objects)


def _is_template(path: str) -> bool:
    return "/templates/" in f"/{path}"


def _marked(path: str, content: bytes, made: list[Scalar], first: int, match: re.Match[bytes]) -> bytes:
    line = content.count(b"\n", 0, match.start(2)) + 1
    column = match.start(2) - (content.rfind(b"\n", 0, match.start(2)) + 1) + 1
    text = match[2].decode()
    made.append(Scalar(text, path, line, column))
    return match[0] + mark(first + len(made) - 1).encode()


def _defaults(below: Mapping, values: Mapping) -> dict[int, Scalar]:
    """The chart's own value behind each value of a release."""
    found: dict[int, Scalar] = {}
    waiting: list[tuple[Node, Node]] = [(values, below)]
    while waiting:
        node, default = waiting.pop()
        if isinstance(node, Scalar) and isinstance(default, Scalar):
            found[id(node)] = default
        elif isinstance(node, Mapping) and isinstance(default, Mapping):
            others = dict(default.entries)
            waiting += [(value, others[key]) for key, value in node.entries if key in others]
        elif isinstance(node, Sequence) and isinstance(default, Sequence):
            waiting += list(zip(node.items, default.items, strict=False))
    return found
