"""The model of larger fleets: exact where it was measured, linear beyond, and what its page shows."""

from __future__ import annotations

import pytest
from msgspec.structs import asdict, replace

from benchmarks.fleet import model
from benchmarks.fleet.model import Point, Units, errors, load, predict, text, written

POINT = Point(
    repositories=100,
    images=300,
    latency=0.05,
    reading=(5.0, 0.5),
    asking=(2.5, 1.2),
    judging=(0.3, 0.2),
    cpu=(8.0, 2.0),
    wall=(8.0, 2.0),
    requests=(1200, 1000),
    sent=(3_000_000, 300_000),
    history=(500_000, 20_000),
    memory=90.0,
)


def grown(times: int, start: float = 1.0) -> Point:
    """A fleet so many times as large, of which each costs the same, and the start as well."""

    def scaled(pair: tuple[float, float]) -> tuple[float, float]:
        return pair[0] * times + start, pair[1] * times + start

    return replace(
        POINT,
        repositories=100 * times,
        images=300 * times,
        reading=scaled(POINT.reading),
        cpu=scaled(POINT.cpu),
        wall=scaled(POINT.wall),
        requests=(1200 * times, 1000 * times),
    )


def test_one_measured_point_is_what_the_model_says_of_it() -> None:
    for night in (0, 1):
        said = predict(Units.of([POINT], night), POINT.repositories, POINT.images)
        assert said.cpu == pytest.approx(POINT.cpu[night])
        assert said.wall == pytest.approx(POINT.wall[night])
        assert said.requests == pytest.approx(POINT.requests[night])
        assert said.history == pytest.approx(POINT.history[night])


def test_a_start_is_told_from_what_each_repository_costs() -> None:
    units = Units.of([grown(1), grown(10)], 0)
    assert units.cpu.fixed == pytest.approx(1.0)
    assert units.cpu.each == pytest.approx(0.08)
    assert predict(units, 400, 1200).cpu == pytest.approx(grown(4).cpu[0])
    assert predict(units, 400, 1200).wall == pytest.approx(grown(4).wall[0])


def test_what_is_asked_while_trees_are_read_takes_no_time_of_its_own_until_it_takes_more() -> None:
    units = Units.of([replace(POINT, asking=(0.1, 1.2))], 0)
    few, many = (predict(units, 100, images).wall for images in (300, 3000))
    assert few == pytest.approx(POINT.wall[0])
    assert many - few == pytest.approx(12.0 - POINT.reading[0])


def test_a_point_between_says_how_far_the_model_is_off() -> None:
    points = [grown(1), replace(grown(4), cpu=(66.0, 9.0)), grown(10)]
    rows = errors([Units.of(points, night) for night in (0, 1)], points)
    assert [str(row[2]).partition("(")[2] for row in rows] == ["+0%)", "+0%)", "-50%)", "+0%)", "+0%)", "+0%)"]


def test_workers_share_everything_but_the_start() -> None:
    units = Units.of([grown(1), grown(10)], 0)
    one, four = (predict(units, 10_000, 30_000, workers) for workers in (1, 4))
    assert four.requests == one.requests
    assert four.cpu == pytest.approx(one.cpu + 3 * 1.0)
    assert one.wall / 4 < four.wall < one.wall / 3


def test_what_is_saved_is_what_is_read() -> None:
    saved = asdict(POINT)
    assert (
        Point.read({name: list(value) if isinstance(value, tuple) else value for name, value in saved.items()}) == POINT
    )


def test_the_page_shows_what_the_model_prints() -> None:
    page = model.PAGE.read_text("utf-8")
    assert written(page, text(load(model.UNITS))) == page
    assert page.count("<!-- model -->") == page.count("<!-- /model -->") == 1
