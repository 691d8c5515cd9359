"""One chart that an object of some controller wants, and what the readers of such objects have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from msgspec import Struct

from auditor.manifests.contents import complete
from auditor.manifests.helm.needs import Absent, first, nested, typed
from auditor.manifests.helm.sources import of_repository
from auditor.manifests.helm.wanted import Unfetched, Wanted, in_oci
from auditor.manifests.nodes import Mapping, Scalar
from auditor.manifests.objects import Object
from auditor.manifests.skeleton import origin_of

ELSEWHERE: Final = "is not read from there"
"""Of values that a ConfigMap or Secret of the cluster holds."""


class Order(Struct, frozen=True):
    """One chart that an object wants. `edit`: the line that chooses it; `layers`: its values, the strongest last."""

    edit: Scalar | None
    chart: str
    version: str
    chosen: Wanted | Unfetched
    name: str
    namespace: str
    layers: tuple[Mapping | Absent, ...] = ()


Reader: TypeAlias = Callable[[Object, Mapping], Iterator[Order]]
"""The orders of an object, by it and its spec."""


def named(
    item: Object, chart: Mapping, spec: Mapping, keys: tuple[str, str, str], layers: tuple[Mapping | Absent, ...]
) -> Order:
    """A chart whose repository, name and version stand under these keys."""
    repository, name, version = (chart.text(key) for key in keys)
    space = spec.text("namespace") or spec.text("defaultNamespace") or "default"
    chosen = chosen_of(repository, name, version)
    release = chart.text("releaseName") or item.name
    return Order(chart.first(keys[2], keys[1], keys[0]), name or repository, version, chosen, release, space, layers)


def chosen_of(repository: str, name: str, version: str) -> Wanted | Unfetched:
    """A chart of a repository, or by the whole address of its own: as its name, or as the repository without a name."""
    whole = name if "://" in name else "" if name else repository
    if whole.startswith("oci://"):
        return in_oci(whole, version)
    if whole:
        return Unfetched(f"an archive by its address ({whole}) has no digest to check it by")
    return of_repository(repository, name, version)


def given(node: Mapping) -> Iterator[Mapping | Absent]:
    """Values by their paths, as `helm --set` takes them."""
    for one in node.mappings("set"):
        value = one.get("value")
        if isinstance(value, Scalar):
            yield nested(one.text("name"), typed(value, text=False))
        else:
            yield Absent(Scalar("", one.file, one.line, 1).place(), f"value {one.text('name')}", ELSEWHERE)


def written(values: Scalar | None) -> Iterator[Mapping | Absent]:
    """Values in a text. What fills in templates there is known to a cluster alone."""
    if values is None or values.null or not values.text.strip():
        return
    if "{{" in values.text:
        yield Absent(values.place(), "values", "are a template that the cluster fills in")
        return
    read = complete(values.text.encode("utf-8", "replace"), values.file, origin_of(values))
    yield first(read, values.place(), "values")
