"""What larger fleets would cost, from what smaller ones were measured to: a model on paper, and its error.

    python -m benchmarks.fleet.model [UNITS.json]

UNITS.json is what `python -m benchmarks.fleet --units` saves: one point for each size of fleet. The unit costs are those of the largest
point; every other point says how far the model is off. Without a file it is `benchmarks/fleet/units.json`, and what is printed then
stands in `docs/explanation/fleet-at-scale.md`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tabulate import tabulate

UNITS: Final = Path(__file__).with_name("units.json")
FLEETS: Final = ((1_000, 3_000), (10_000, 100_000), (100_000, 1_000_000))
"""Repositories and distinct images."""
WORKERS: Final = (1, 16, 64)
_HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Point:
    """One measured fleet on two nights: seconds of each stage and of CPU, bytes, MiB of `memory`."""

    repositories: int
    images: int
    latency: float
    reading: tuple[float, float]
    asking: tuple[float, float]
    judging: tuple[float, float]
    cpu: tuple[float, float]
    wall: tuple[float, float]
    requests: tuple[int, int]
    sent: tuple[int, int]
    history: tuple[int, int]
    memory: float

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Point:
        """A point as it was saved."""
        values: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in fields.items()}
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Units:
    """What one of each costs on the first night and on the second: seconds, bytes, requests.

    By the repository: `reading`, `judging` (with what is not in a stage: start and reports), `cpu`, `history`. By the image: `asking`,
    `requests`, `sent`.
    """

    reading: tuple[float, float]
    asking: tuple[float, float]
    judging: tuple[float, float]
    cpu: tuple[float, float]
    requests: tuple[float, float]
    sent: tuple[float, float]
    history: tuple[float, float]

    @classmethod
    def of(cls, point: Point) -> Units:
        """The costs of a measured fleet, divided."""
        rest = [whole - read - ask for whole, read, ask in zip(point.wall, point.reading, point.asking, strict=True)]
        return cls(
            _each(point.reading, point.repositories),
            _each(point.asking, point.images),
            _each(rest, point.repositories),
            _each(point.cpu, point.repositories),
            _each(point.requests, point.images),
            _each(point.sent, point.images),
            _each(point.history, point.repositories),
        )


@dataclass(frozen=True, slots=True)
class Night:
    """One night of a fleet, by the model."""

    cpu: float
    wall: float
    requests: float
    sent: float
    history: float


def predict(units: Units, repositories: int, images: int, night: int, workers: int = 1) -> Night:
    """Night 0 is the first. Each worker has 1/n of the repositories and of the images, and connections of its own."""
    reading, judging = units.reading[night] * repositories, units.judging[night] * repositories
    asking = units.asking[night] * images
    return Night(
        units.cpu[night] * repositories,
        (reading + asking + judging) / workers,
        units.requests[night] * images,
        units.sent[night] * images,
        units.history[night] * repositories,
    )


def _each(totals: Sequence[float], count: int) -> tuple[float, float]:
    first, second = (total / count for total in totals)
    return first, second


def errors(units: Units, points: Sequence[Point]) -> list[tuple[str | float, ...]]:
    """What the model says of measured fleets, beside what was measured."""
    rows: list[tuple[str | float, ...]] = []
    for point in points:
        for night in (0, 1):
            said = predict(units, point.repositories, point.images, night)
            pairs = (
                (said.cpu, point.cpu[night]),
                (said.wall, point.wall[night]),
                (said.requests, point.requests[night]),
                (said.history, point.history[night]),
            )
            figures = [f"{model:,.3g} / {real:,.3g} ({model / real - 1:+.0%})" for model, real in pairs]
            rows.append((f"{point.repositories:,}", night + 1, *figures))
    return rows


def fleets(units: Units) -> list[tuple[str | float, ...]]:
    """Each fleet on both nights, on one worker and on many."""
    rows: list[tuple[str | float, ...]] = []
    for repositories, images in FLEETS:
        for night in (0, 1):
            nights = [predict(units, repositories, images, night, workers) for workers in WORKERS]
            one = nights[0]
            rows.append(
                (
                    f"{repositories:,} / {images:,}", night + 1, f"{one.requests:,.3g}", f"{one.sent / 1e9:,.2f}",
                    f"{one.cpu / _HOUR:,.2f}", *(_hours(each.wall) for each in nights), f"{one.history / 1e9:,.2f}",
                )
            )  # fmt: skip
    return rows


def _hours(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.1f} h"


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry that people use: its share of the images in the benchmark, and the requests per second it is assumed to bear."""

    name: str
    share: float
    per_second: float | None
    published: str


REGISTRIES: Final = (
    Registry("Docker Hub", 0.30, 33, "thousands of requests a minute for each IPv4 address; 2,000 assumed"),
    Registry("GHCR", 0.28, None, "nothing published"),
    Registry("Quay.io", 0.17, 5, "a few requests a second for each address, with bursts; 5 assumed"),
    Registry(
        "a registry of one's own (Artifact Registry)", 0.25, 1000, "60,000 requests a minute for a project and region"
    ),
)


def registries(units: Units) -> list[tuple[str | float, ...]]:
    """The largest fleet against what registries say of their limits: requests, and how long these take at the limit from one address."""
    images = FLEETS[-1][1]
    rows: list[tuple[str | float, ...]] = []
    for registry in REGISTRIES:
        asked = [units.requests[night] * images * registry.share for night in (0, 1)]
        times = [_hours(count / registry.per_second) if registry.per_second else "not known" for count in asked]
        rows.append((registry.name, registry.published, *(f"{count:,.3g}" for count in asked), *times))
    return rows


def text(points: Sequence[Point]) -> str:
    """All tables as Markdown."""
    units = Units.of(max(points, key=lambda point: point.repositories))
    parts = (
        ("Unit costs", ("night", "ms/repository read", "ms/image asked", "ms/repository judged and reported", "CPU ms/repository", "requests/image", "KB/image", "history KB/repository"), unit_rows(units)),
        ("The model / what was measured", ("repositories", "night", "CPU s", "wall s", "requests", "history bytes"), errors(units, points)),
        ("Larger fleets", ("repositories / images", "night", "requests", "GB", "CPU h", *(f"wall, {count} worker{'s' if count > 1 else ''}" for count in WORKERS), "history GB"), fleets(units)),
        (f"{FLEETS[-1][1]:,} images at registries, from one address", ("registry", "limit", "first night", "second night", "first takes", "second takes"), registries(units)),
    )  # fmt: skip
    return "\n".join(
        f"**{title}**\n\n{tabulate(rows, headers, tablefmt='github', disable_numparse=True)}\n"
        for title, headers, rows in parts
    )


def unit_rows(units: Units) -> list[tuple[str | float, ...]]:
    """What one of each costs."""
    return [
        (
            night + 1, f"{units.reading[night] * 1000:.1f}", f"{units.asking[night] * 1000:.2f}", f"{units.judging[night] * 1000:.1f}",
            f"{units.cpu[night] * 1000:.1f}", f"{units.requests[night]:.2f}", f"{units.sent[night] / 1000:.1f}",
            f"{units.history[night] / 1000:.1f}",
        )
        for night in (0, 1)
    ]  # fmt: skip


def load(file: Path) -> list[Point]:
    """The points that were saved."""
    return [Point.read(fields) for fields in json.loads(file.read_text("utf-8"))]


if __name__ == "__main__":
    print(text(load(Path(sys.argv[1]) if len(sys.argv) > 1 else UNITS)))
