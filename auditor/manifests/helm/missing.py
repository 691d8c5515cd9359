"""What a chart has where it cannot be rendered as it is deployed: values that are there, or missing, and its own files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.helm.chart import read_chart
from auditor.manifests.helm.needs import Absent, first
from auditor.manifests.kustomize.gaps import unrendered
from auditor.manifests.kustomize.kustomization import Kustomization, join
from auditor.manifests.nodes import Mapping, Scalar
from auditor.model.gap import Gap
from auditor.model.place import Place

_VALUES: Final = re.compile(r"values[.-].+\.ya?ml|.+[.-]values\.ya?ml", re.IGNORECASE)
"""How files of values are called that are not the chart's own."""


def parted(found: Iterable[Mapping | Absent]) -> tuple[tuple[Mapping, ...], tuple[Absent, ...]]:
    """Values that are there, and those that are not."""
    held = list(found)
    layers = tuple(one for one in held if isinstance(one, Mapping))
    return layers, tuple(one for one in held if isinstance(one, Absent))


def holes(absent: Iterable[Absent]) -> tuple[Gap, ...]:
    """A gap for each of these values: what they would change is unknown."""
    return tuple(
        replace(unrendered(one.place, "missing values", f"{one.what} {one.why}"), given=one.given) for one in absent
    )


def files_of(reader: Reader, directory: str) -> Iterator[str]:
    """What a chart is made of, by content: whatever keeps it from being rendered, its templates or dependencies may differ."""
    try:
        chart = read_chart(reader, directory)
    except OutOfTree:
        chart = None
    for each in dict.fromkeys((directory, *(one.directory for one in (chart.all() if chart else ())))):
        yield from (f"{path} {reader.identity(path)}" for path in reader.below(each))


def values_files(reader: Reader, kustomization: Kustomization, entry: Mapping) -> Iterator[Mapping | Absent]:
    """The values that an entry of `helmCharts` names by files."""
    for file in (entry.scalar("valuesFile"), *entry.items("additionalValuesFiles")):
        if isinstance(file, Scalar):
            yield _in_file(reader, join(kustomization.directory, file.text), file.place(), file.text)


def values_beside(reader: Reader, directory: str, changed: frozenset[str]) -> Iterator[tuple[Place, Mapping | Absent]]:
    """The changed files beside a chart that are called values: whoever deploys it from outside may give it these."""
    for path in sorted(each for each in changed if (posixpath.dirname(each) or ".") == directory):
        if _VALUES.fullmatch(posixpath.basename(path)) and path in reader.files:
            yield Place(path, 1), _in_file(reader, path, Place(path, 1), path)


def _in_file(reader: Reader, path: str, place: Place, written: str) -> Mapping | Absent:
    try:
        target = reader.resolve(path)
    except OutOfTree:
        target = None
    what = f"values file {written}"
    return Absent(place, what) if target is None else first(reader.documents(target), place, what)
