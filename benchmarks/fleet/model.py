"""What larger fleets would cost, from what smaller ones were measured to: a model on paper, and its error.

    python -m benchmarks.fleet.model [UNITS.json | --page]

UNITS.json is what `python -m benchmarks.fleet --units` saves: one point for each size of fleet. Costs are lines through the smallest and
the largest; every point between them says how far the model is off. Without a file it is `benchmarks/fleet/units.json`; `--page`
writes its tables into `docs/explanation/fleet-at-scale.md`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from tabulate import tabulate

UNITS: Final = Path(__file__).with_name("units.json")
PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "fleet-at-scale.md"
_BEGIN: Final = "<!-- model -->\n"
_END: Final = "<!-- /model -->"
FLEETS: Final = ((1_000, 3_000), (10_000, 100_000), (100_000, 1_000_000))
"""Repositories and distinct images."""
WORKERS: Final = (1, 16, 64)
_HOUR: Final = 3600


class Point(Struct, frozen=True):
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


class Line(Struct, frozen=True):
    """So much at first and so much for each: through the smallest and the largest fleet that were measured."""

    fixed: float
    each: float

    @classmethod
    def through(cls, counts: Sequence[int], totals: Sequence[float]) -> Line:
        """The line through the first and the last of them; through zero where there is one."""
        if len(counts) == 1:
            return cls(0.0, totals[0] / counts[0])
        each = (totals[-1] - totals[0]) / (counts[-1] - counts[0])
        return cls(totals[0] - each * counts[0], each)

    def at(self, count: int) -> float:
        """What so many cost together."""
        return self.fixed + self.each * count


class Units(Struct, frozen=True):
    """What a run costs on one night: seconds, bytes, requests. Where it is `hidden`, it is asked while trees are read.

    By the repository: `reading`, `judging` (with what is in no stage: start and reports), `cpu`, `history`. By the image: `asking`,
    `requests`, `sent`.
    """

    reading: Line
    asking: Line
    judging: Line
    cpu: Line
    requests: Line
    sent: Line
    history: Line
    hidden: bool = False

    @classmethod
    def of(cls, points: Sequence[Point], night: int) -> Units:
        """From fleets that were measured. Night 0 is the first: all trees are read, which takes longer than to ask.

        What asking would take alone is then seen on the second night.
        """
        ordered = sorted(points, key=lambda point: point.repositories)
        repositories = [point.repositories for point in ordered]
        images = [point.images for point in ordered]
        hidden = night == 0
        asking = [max(point.asking) if hidden else point.asking[night] for point in ordered]
        together = max if hidden else sum
        rest = [
            point.wall[night] - together((point.reading[night], each))
            for point, each in zip(ordered, asking, strict=True)
        ]
        return cls(
            Line.through(repositories, [point.reading[night] for point in ordered]),
            Line.through(images, asking),
            Line.through(repositories, rest),
            Line.through(repositories, [point.cpu[night] for point in ordered]),
            Line.through(images, [point.requests[night] for point in ordered]),
            Line.through(images, [point.sent[night] for point in ordered]),
            Line.through(repositories, [point.history[night] for point in ordered]),
            hidden,
        )


class Night(Struct, frozen=True):
    """One night of a fleet, by the model. Everything over all workers, but for `wall`."""

    cpu: float
    wall: float
    requests: float
    sent: float
    history: float


def predict(units: Units, repositories: int, images: int, workers: int = 1) -> Night:
    """Each worker starts, and has 1/n of the repositories and of the images, and connections of its own."""
    part, some = repositories // workers, images // workers
    together = max if units.hidden else sum
    return Night(
        units.cpu.at(part) * workers,
        together((units.reading.at(part), units.asking.at(some))) + units.judging.at(part),
        units.requests.at(images),
        units.sent.at(images),
        units.history.at(repositories),
    )


def errors(nights: Sequence[Units], points: Sequence[Point]) -> list[tuple[str | float, ...]]:
    """What the model says of measured fleets, beside what was measured."""
    rows: list[tuple[str | float, ...]] = []
    for point in points:
        for night, units in enumerate(nights):
            said = predict(units, point.repositories, point.images)
            pairs = (
                (said.cpu, point.cpu[night]),
                (said.wall, point.wall[night]),
                (said.requests, point.requests[night]),
                (said.sent / 1e6, point.sent[night] / 1e6),
                (said.history / 1e6, point.history[night] / 1e6),
            )
            figures = [f"{_short(model)} / {_short(real)} ({model / real - 1:+.0%})" for model, real in pairs]
            rows.append((f"{point.repositories:,}", night + 1, *figures))
    return rows


def fleets(nights: Sequence[Units]) -> list[tuple[str | float, ...]]:
    """Each fleet on both nights, on one worker and on many."""
    rows: list[tuple[str | float, ...]] = []
    for repositories, images in FLEETS:
        for night, units in enumerate(nights):
            runs = [predict(units, repositories, images, workers) for workers in WORKERS]
            one = runs[0]
            rows.append(
                (
                    f"{repositories:,} / {images:,}", night + 1, _short(one.requests), f"{one.sent / 1e9:,.2f}",
                    f"{one.cpu / _HOUR:,.2f}", *(_hours(each.wall) for each in runs), f"{one.history / 1e9:,.2f}",
                )
            )  # fmt: skip
    return rows


def _short(value: float) -> str:
    """Three figures, and thousands where there are more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _hours(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.1f} h"


class Registry(Struct, frozen=True):
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


def registries(nights: Sequence[Units]) -> list[tuple[str | float, ...]]:
    """The largest fleet against what registries say of their limits: requests, and how long these take at the limit from one address."""
    images = FLEETS[-1][1]
    rows: list[tuple[str | float, ...]] = []
    for registry in REGISTRIES:
        asked = [units.requests.at(images) * registry.share for units in nights]
        times = [_hours(count / registry.per_second) if registry.per_second else "not known" for count in asked]
        rows.append((registry.name, registry.published, *(_short(count) for count in asked), *times))
    return rows


def text(points: Sequence[Point]) -> str:
    """All tables as Markdown."""
    nights = [Units.of(points, night) for night in (0, 1)]
    parts = (
        ("Unit costs", ("night", "ms/repository read", "ms/image asked", "ms/repository judged and reported", "CPU ms/repository", "CPU s of a start", "requests/image", "KB/image", "history KB/repository"), unit_rows(nights)),
        ("The model / what was measured", ("repositories", "night", "CPU s", "wall s", "requests", "MB", "history MB"), errors(nights, points)),
        ("Larger fleets", ("repositories / images", "night", "requests", "GB", "CPU h", *(f"wall, {count} worker{'s' if count > 1 else ''}" for count in WORKERS), "history GB"), fleets(nights)),
        (f"{FLEETS[-1][1]:,} images at registries, from one address", ("registry", "limit", "first night", "second night", "first takes", "second takes"), registries(nights)),
    )  # fmt: skip
    return "\n".join(
        f"**{title}**\n\n{tabulate(rows, headers, tablefmt='github', disable_numparse=True)}\n"
        for title, headers, rows in parts
    )


def unit_rows(nights: Sequence[Units]) -> list[tuple[str | float, ...]]:
    """What one of each costs."""
    return [
        (
            night + 1, f"{units.reading.each * 1000:.1f}", f"{units.asking.each * 1000:.2f}", f"{units.judging.each * 1000:.1f}",
            f"{units.cpu.each * 1000:.1f}", f"{units.cpu.fixed:.1f}", f"{units.requests.each:.2f}", f"{units.sent.each / 1000:.1f}",
            f"{units.history.each / 1000:.1f}",
        )
        for night, units in enumerate(nights)
    ]  # fmt: skip


def load(file: Path) -> list[Point]:
    """The points that were saved."""
    return [Point.read(fields) for fields in json.loads(file.read_text("utf-8"))]


def written(page: str, tables: str) -> str:
    """The page with these tables between its marks."""
    head, _, rest = page.partition(_BEGIN)
    return head + _BEGIN + tables + _END + rest.partition(_END)[2]


if __name__ == "__main__":
    if sys.argv[1:] == ["--page"]:
        PAGE.write_text(written(PAGE.read_text("utf-8"), text(load(UNITS))), "utf-8")
    else:
        sys.stdout.write(text(load(Path(sys.argv[1]) if len(sys.argv) > 1 else UNITS)))
