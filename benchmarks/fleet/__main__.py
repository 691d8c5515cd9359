"""An audit of many repositories on two nights: time, requests, bytes, memory, against the least that is needed.

    python -m benchmarks.fleet [--repositories 100 300 1000] [--images-each 3] [--latency 0.05] [--limited 0.1] [--units FILE]

The registries are processes of their own behind relays that add `latency`; a share `limited` of all answers is 429 with
`Retry-After`. The floor is a client that asks exactly what must be asked, on 64 connections; the polite one lets everybody wait
whom a host tells to. `--units` saves what the model of larger fleets is computed from (`python -m benchmarks.fleet.model`).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import asdict

from benchmarks.fleet import deal
from benchmarks.fleet.fleet import Fleet, Size
from benchmarks.fleet.model import Point
from benchmarks.fleet.necessary import Chain, fetched
from benchmarks.fleet.nights import ASKING, JUDGING, READING, Auditor, Run, floor, inventories, questions
from benchmarks.fleet.registry import Distance, Served, serve
from benchmarks.measure import Cost
from benchmarks.table import Table, held

_FIRST: Final = 1.5
"""Times the floor of the network plus the extraction at the speed of `auditor images`, for the first night."""
_SECOND: Final = 1.3
"""Times the floor of its requests, for the second."""
_SHARE: Final = 0.10
"""Of the first night's bytes and extraction, for a second night on which 2 % changed."""
_MEMORY: Final = 400.0
"""MiB."""


class Measured(Struct, frozen=True):
    """One size of fleet: two nights, their floors (plain and polite), and `auditor images`."""

    size: Size
    runs: tuple[Run, Run]
    floors: tuple[tuple[Cost, Cost], tuple[Cost, Cost]]
    necessary: tuple[int, int]
    alone: int
    uses: int
    images: Cost

    def reading(self, changed: float) -> tuple[float, float]:
        """Seconds of both nights.

        On the second every tree is looked at; those that have changed are read while others are asked about, which is counted at
        the first night's price.
        """
        one, look = (run.laps[READING] for run in self.runs)
        return one, look + changed * one


def main() -> None:
    """Measure each size, and print the tables."""
    options = _options()
    distance = Distance(options.latency, options.limited, options.retry_after, options.per_second)
    measured = []
    with tempfile.TemporaryDirectory(prefix="auditor-fleet-") as folder:
        for count in options.repositories:
            size = Size(count, count * options.images_each, options.manifests, options.seed)
            measured.append(_measure(Path(folder) / str(count), size, distance, options))
    _show(measured, distance, options)
    if options.units:
        options.units.write_text(
            json.dumps([asdict(point(each, options.latency)) for each in measured], indent=2) + "\n"
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repositories", type=int, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--images-each", type=int, default=3, help="distinct images for each repository")
    parser.add_argument("--manifests", type=int, default=40, help="in each repository")
    parser.add_argument("--latency", type=float, default=0.05, help="seconds of a round trip")
    parser.add_argument("--limited", type=float, default=0.0, help="share of answers that are 429")
    parser.add_argument("--retry-after", type=int, default=1, help="seconds that these ask to wait")
    parser.add_argument("--per-second", type=float, default=0.0, help="requests that each host bears; 0: any number")
    parser.add_argument("--changed", type=float, default=0.02, help="share of what a night changes")
    parser.add_argument("--transport", choices=("path", "file"), default="path", help="file: cloned by file://")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--units", type=Path, help="save the unit costs there")
    return parser.parse_args()


def _measure(folder: Path, size: Size, distance: Distance, options: argparse.Namespace) -> Measured:
    with serve(distance.latency) as served:
        fleet = Fleet.make(folder, served, size)
        everyone = range(size.repositories)
        first = served.necessary(fleet.deployed(everyone))
        alone = sum(questions(served.necessary(fleet.deployed([index]))) for index in everyone)
        run = Auditor(fleet, served, folder, fleet.listed(transport=options.transport))
        served.limit(distance)
        one, floors_one = run.night(), _floors(first, served)
        night = deal.night(fleet.plan, fleet.images, options.changed)
        fleet.pass_night(night, served)
        second = served.necessary(fleet.deployed(everyone, night), fetched(first))
        two, floors_two = run.night(), _floors(second, served)
    uses = sum(map(len, fleet.plan.places))
    return Measured(
        size, (one, two), (floors_one, floors_two), (questions(first), questions(second)), alone, uses,
        inventories(fleet.listed()),
    )  # fmt: skip


def _floors(chains: list[Chain], served: Served) -> tuple[Cost, Cost]:
    return floor(chains, served), floor(chains, served, polite=True)


def _show(measured: list[Measured], distance: Distance, options: argparse.Namespace) -> None:
    title = f"{distance.latency * 1000:.0f} ms round trips, {distance.limited:.0%} of answers 429, {options.changed:.0%} changed"
    if distance.per_second:
        title += f", {distance.per_second:g} requests a second and host"
    nights = Table(
        f"Nights of an audit: {title}",
        (
            "repositories", "images", "night", "wall s", "floor s", "ratio", "aim", "polite floor s", "ratio",
            "reading s", "asking s", "judging s", "CPU s", "MiB", "aim",
        ),
    )  # fmt: skip
    asked = Table(
        f"What is asked and kept: {title}",
        (
            "repositories", "night", "requests", "necessary", "429", "alone", "share of alone", "MB", "history MB",
            "cache MB", "mirrors MB",
        ),
    )  # fmt: skip
    reading = Table(
        "Reading, seconds, and bytes of the second night",
        (
            "repositories", "uses", "`auditor images`", "first night", "second night", "share", "aim", "share of bytes", "aim",
        ),
    )  # fmt: skip
    for each in measured:
        _add(nights, asked, each)
        one, two = each.reading(options.changed)
        share, size = two / one, each.runs[1].fetched(each.runs[0]) / each.runs[0].fetched(None)
        reading.add(
            each.size.repositories, each.uses, each.images.cpu, one, two, share, held(share, _SHARE), size, held(size, _SHARE)
        )  # fmt: skip
    for table in (nights, asked, reading):
        table.show()


def _add(nights: Table, asked: Table, each: Measured) -> None:
    for number, (run, (plain, polite)) in enumerate(zip(each.runs, each.floors, strict=True)):
        beside = each.images.cpu if number == 0 else 0.0
        aim = (_FIRST, _SECOND)[number]
        ratio, mild = run.cost.wall / (plain.wall + beside), run.cost.wall / (polite.wall + beside)
        nights.add(
            each.size.repositories, each.size.images, number + 1, run.cost.wall, plain.wall, ratio, held(ratio, aim),
            polite.wall, mild, run.laps[READING], run.laps[ASKING], run.laps[JUDGING],
            run.cost.cpu, run.cost.memory, held(run.cost.memory, _MEMORY),
        )  # fmt: skip
        traffic, share = run.traffic, run.traffic.requests / each.alone
        asked.add(
            each.size.repositories, number + 1, traffic.requests, each.necessary[number], traffic.limited, each.alone, share,
            traffic.size / 1e6, run.history / 1e6, run.cache / 1e6, run.mirrors / 1e6,
        )  # fmt: skip


def point(each: Measured, latency: float) -> Point:
    """What the model is computed from."""
    one, two = each.runs
    return Point(
        each.size.repositories,
        each.size.images,
        latency,
        reading=(one.laps[READING], two.laps[READING]),
        asking=(one.laps[ASKING], two.laps[ASKING]),
        judging=(one.laps[JUDGING], two.laps[JUDGING]),
        cpu=(one.cost.cpu, two.cost.cpu),
        wall=(one.cost.wall, two.cost.wall),
        requests=each.necessary,
        sent=(one.fetched(None), two.fetched(one)),
        history=(one.history, two.history - one.history),
        memory=max(one.cost.memory, two.cost.memory),
    )


if __name__ == "__main__":
    main()
