"""From what helm prints back to the lines that made it.

A chart is rendered twice: as it is, and with a mark behind every value that may be a part of an image. A mark in the second
output proves which value made the text in the first; where the two differ in anything but marks, nothing is concluded. What
no value made stands in a template, or is the version of the application; else the chart's own version is the line to edit.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from msgspec import Struct, field

from auditor.limits import Limits
from auditor.manifests.contents import complete
from auditor.manifests.extract.extract import extract
from auditor.manifests.files import Reader
from auditor.manifests.helm.chart import Chart, app_version
from auditor.manifests.helm.values import over, unmarked
from auditor.manifests.kustomize.images import split
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence, scalars
from auditor.manifests.objects import Object
from auditor.model.use import Via
from auditor.source.tree import EntryKind, Unreadable

_SOURCE: Final = re.compile(rb"^# Source: (\S.*)$", re.MULTILINE)
DEPLOYS: Final = frozenset({"Application", "ApplicationSet", "HelmRelease"})
"""Kinds whose objects are values for further charts."""
_SEARCHED: Final = 1024 * 1024
"""Bytes of a file of a chart that is searched for a text."""


class Sources(Struct, frozen=True):
    """Which template printed a line: helm writes a comment before each document."""

    lines: list[int]
    templates: list[str]

    @classmethod
    def of(cls, output: bytes, chart: Chart) -> Sources:
        """Read the comments. `app/charts/db/templates/x.yaml` is a template of the chart in the tree that `db` is."""
        lines, templates, seen, last = [], [], 0, 0
        for match in _SOURCE.finditer(output):
            seen += output.count(b"\n", last, match.start())
            last = match.start()
            lines.append(seen + 1)
            templates.append(_in_tree(match[1].decode("utf-8", "replace").strip(), chart))
        return cls(lines, templates)

    def at(self, line: int, otherwise: str) -> str:
        """The template of the document at a line (from 1)."""
        index = bisect_right(self.lines, line) - 1
        return self.templates[index] if index >= 0 else otherwise


def _in_tree(written: str, chart: Chart) -> str:
    path = f"{chart.place}/{written.partition('/')[2]}"
    nearest = max((each for each in chart.all() if path.startswith(f"{each.place}/")), key=lambda each: len(each.place))
    return f"{nearest.directory}/{path[len(nearest.place) + 1 :]}".removeprefix("./")


def opened(item: Object, limits: Limits) -> Object:
    """An Argo CD Application whose values are a text, with the text read: `values` becomes `valuesObject`."""
    if item.kind not in DEPLOYS:
        return item
    node = _opened(item.node, limits)
    return replace(item, node=node) if isinstance(node, Mapping) else item


def _opened(node: Node, limits: Limits) -> Node:
    if isinstance(node, Sequence):
        return Sequence([_opened(one, limits) for one in node.items])
    if not isinstance(node, Mapping):
        return node
    entries = [(key, _opened(value, limits)) for key, value in node.entries]
    values = node.scalar("values")
    if values is not None:
        read = complete(values.text.encode("utf-8", "replace"), values.file, None, limits)
        inner = next((one for one in read if isinstance(one, Mapping)), None)
        if inner is not None:
            inner = over(inner, node.mapping("valuesObject"))
            kept = [(key, value) for key, value in entries if key not in ("values", "valuesObject")]
            entries = [*kept, ("valuesObject", inner)]
    return Mapping(entries, node.file, node.line)


class Tracer(Struct):
    """Gives the scalars of one chart's output their places. `marks`: values by number; `below`: the default of a value."""

    reader: Reader
    chart: Chart
    marks: list[Scalar] = field(default_factory=list)
    below: dict[int, Scalar] = field(default_factory=dict)
    versioned: bool = False
    """Whether the versions of the application are marked too: then what has no mark of one is none."""
    _texts: dict[str, list[str]] = field(default_factory=dict)

    def place(self, plain: list[Object], again: Iterable[list[Object]]) -> list[Object]:
        """The objects with every scalar placed. `again`: the same objects with marks, perhaps several times."""
        done: set[int] = set()
        for other in again:
            for first, second in _pairs(plain, other):
                for scalar, twin in _scalars(first.node, second.node):
                    if id(scalar) not in done and self._decode(scalar, twin, first):
                        done.add(id(scalar))
        return [self._rest(item, done) for item in plain]

    def _decode(self, scalar: Scalar, twin: Scalar, item: Object) -> bool:
        text, numbers = unmarked(twin.text)
        if not numbers or text != scalar.text or any(number >= len(self.marks) for number in numbers):
            return False
        version = None if self.versioned else app_version(self._chart_of(item.file))
        if version is not None and split(text)[1] == split(twin.text)[1] and _is_of(split(text)[1], version.text):
            _move(scalar, version, Via.CHART)
            return True
        made = self.marks[numbers[-1]]
        _move(scalar, made, Via.CHART if made.file.endswith("Chart.yaml") else Via.VALUES)
        default = self.below.get(id(made))
        scalar.base = default.place() if default is not None else None
        return True

    def _rest(self, item: Object, done: set[int]) -> Object:
        """What no mark explains: images by their text, everything else at its template as a whole."""
        wanted = {id(one.scalar): one.text for one in extract(item, self.reader.kinds)}
        nested = item.kind in DEPLOYS
        for scalar in scalars(item.node):
            if id(scalar) in done:
                continue
            done.add(id(scalar))
            text = wanted.get(id(scalar))
            scalar.file, scalar.line, scalar.column, scalar.via = item.file, 0, 0, Via.TEMPLATE
            if text is not None or nested:
                self._search(scalar, text or scalar.text, item)
        node = Mapping(item.node.entries, item.file, 0)
        return replace(item, node=node, line=0)

    def _search(self, scalar: Scalar, text: str, item: Object) -> None:
        """The text in the template, in the values, in the other files of the chart; else the version of the chart."""
        chart = self._chart_of(item.file)
        charts = (chart, self.chart, *self.chart.all())
        paths = dict.fromkeys((item.file, *(path for one in charts for path in self._files(one))))
        if self._in_any(scalar, text, paths):
            return
        name, tag, _ = split(text)
        version = None if self.versioned else app_version(chart)
        if version is not None and _is_of(tag, version.text):
            _move(scalar, version, Via.CHART)
        elif not self._in_any(scalar, name, [item.file, *(path for path in paths if _has_values(path))]):
            place = chart.version_place
            _move(scalar, Scalar("", place.file, place.line, place.column), Via.CHART)

    def _in_any(self, scalar: Scalar, text: str, paths: Iterable[str]) -> bool:
        templates = ((path, Via.TEMPLATE if "/templates/" in f"/{path}" else Via.VALUES) for path in paths)
        return any(self._found(scalar, text, path, via) for path, via in templates)

    def _found(self, scalar: Scalar, text: str, path: str, via: Via) -> bool:
        pattern = re.compile(rf"(?<![\w./:@-]){re.escape(text)}(?![\w/@-])")
        best = None
        for number, line in enumerate(self._lines(path), 1):
            if text in line and (match := pattern.search(line)):
                best = best or (number, match.start() + 1)
                if "image" in line:
                    best = (number, match.start() + 1)
                    break
        if best is None:
            return False
        scalar.file, scalar.line, scalar.column, scalar.via = path, *best, via
        return True

    def _lines(self, path: str) -> list[str]:
        known = self._texts.get(path)
        if known is None:
            known = self._texts[path] = self._read(path)
        return known

    def _read(self, path: str) -> list[str]:
        entry = self.reader.files.get(path)
        if entry is None or entry.kind is not EntryKind.FILE or (entry.size or 0) > _SEARCHED:
            return []
        try:
            content = self.reader.bytes_of(path)
        except Unreadable:
            return []
        return content.decode("utf-8", "replace").split("\n") if len(content) <= _SEARCHED else []

    def _files(self, chart: Chart) -> Iterator[str]:
        """Files of a chart, values first, without those of the charts below."""
        paths = [path for path in self.reader.below(chart.directory) if "/charts/" not in path[len(chart.directory) :]]
        yield from sorted(paths, key=lambda path: (not path.rpartition("/")[2].startswith("values"), path))

    def _chart_of(self, template: str) -> Chart:
        held = [chart for chart in self.chart.all() if template.startswith(f"{chart.directory}/")]
        return max(held, key=lambda chart: len(chart.directory), default=self.chart)


def _is_of(tag: str, version: str) -> bool:
    """Whether a tag is the version of the application, with or without its `v`, perhaps with more around it (`1.2-alpine`)."""
    bare = version.removeprefix("v")
    if tag in (version, bare, f"v{bare}"):
        return bool(tag)
    return "." in bare and re.search(rf"(?:^|[-_]v?){re.escape(bare)}(?:$|[-_])", tag.removeprefix("v")) is not None


def _has_values(path: str) -> bool:
    return path.rpartition("/")[2].startswith("values")


def _move(scalar: Scalar, to: Scalar, via: Via) -> None:
    scalar.file, scalar.line, scalar.column, scalar.via = to.file, to.line, to.column, via


def _pairs(plain: list[Object], marked: list[Object]) -> Iterator[tuple[Object, Object]]:
    """The same object in both outputs: the n-th of its kind from its template. Its name may hold a mark."""
    known: dict[tuple[str, str], list[Object]] = defaultdict(list)
    for item in marked:
        known[item.file, item.kind].append(item)
    counted: dict[tuple[str, str], int] = defaultdict(int)
    total: dict[tuple[str, str], int] = defaultdict(int)
    for item in plain:
        total[item.file, item.kind] += 1
    for item in plain:
        key = (item.file, item.kind)
        if total[key] == len(known[key]):
            yield item, known[key][counted[key]]
        counted[key] += 1


def _scalars(first: Node, second: Node) -> Iterator[tuple[Scalar, Scalar]]:
    """Scalars at the same path in two objects."""
    match first, second:
        case Scalar(), Scalar():
            yield first, second
            for one, other in zip(first.inner, second.inner, strict=False):
                yield from _scalars(one, other)
        case Mapping(), Mapping():
            others = dict(second.entries)
            for key, value in first.entries:
                if key in others:
                    yield from _scalars(value, others[key])
        case Sequence(), Sequence() if len(first.items) == len(second.items):
            for one, other in zip(first.items, second.items, strict=True):
                yield from _scalars(one, other)
        case _:
            return
