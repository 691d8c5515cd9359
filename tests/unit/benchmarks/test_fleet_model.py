"""The model of larger fleets: exact where it was measured, linear beyond, and what its page shows."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from benchmarks.fleet import model
from benchmarks.fleet.model import Point, Units, errors, load, predict, text

ROOT = Path(__file__).parents[3]
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


def test_a_measured_point_is_what_the_model_says_of_it() -> None:
    units = Units.of(POINT)
    for night in (0, 1):
        said = predict(units, POINT.repositories, POINT.images, night)
        assert said.cpu == pytest.approx(POINT.cpu[night])
        assert said.wall == pytest.approx(POINT.wall[night])
        assert said.requests == pytest.approx(POINT.requests[night])
        assert said.history == pytest.approx(POINT.history[night])
    assert all("(+0%)" in str(row[2]) for row in errors(units, [POINT]))


def test_a_point_that_is_off_is_shown_with_its_error() -> None:
    other = replace(POINT, cpu=(16.0, 2.0))
    (first, _second) = errors(Units.of(POINT), [other])
    assert "(-50%)" in str(first[2])


def test_twice_the_fleet_costs_twice_and_workers_share_it() -> None:
    units = Units.of(POINT)
    one, two = (predict(units, count * 100, count * 300, 0) for count in (1, 2))
    assert two.cpu == pytest.approx(2 * one.cpu)
    assert two.wall == pytest.approx(2 * one.wall)
    assert predict(units, 200, 600, 0, workers=4).wall == pytest.approx(two.wall / 4)


def test_what_is_saved_is_what_is_read() -> None:
    saved = asdict(POINT)
    assert (
        Point.read({name: list(value) if isinstance(value, tuple) else value for name, value in saved.items()}) == POINT
    )


def test_the_page_shows_what_the_model_prints() -> None:
    page = (ROOT / "docs" / "explanation" / "fleet-at-scale.md").read_text("utf-8")
    shown = page.partition("<!-- model -->\n")[2].partition("<!-- /model -->")[0]
    assert shown == text(load(model.UNITS))
