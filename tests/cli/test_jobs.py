"""`--jobs`: so many requests are under way at once, as many as there are questions for, and never more."""

from __future__ import annotations

import threading

import pytest

from fixtures.registry import OciRegistry
from tests.cli.house import House, Images
from tests.support import repositories

COUNT = 100
HELD = 1.5
"""Seconds that the first answers take, so that all that may be asked at once is under way before the first has come."""


@pytest.mark.parametrize(("jobs", "most"), [("3", 3), (None, 64), ("80", 80)])
def test_so_many_requests_are_under_way_at_once(house: House, jobs: str | None, most: int) -> None:
    with OciRegistry() as registry:
        images = Images(registry)
        names = [f"n{number}" for number in range(COUNT)]
        for name in names:
            images.push(name)
        repositories.write(house.repo, {"auditor.yaml": images.rules(), "trust/root.json": images.trusted_root()})
        asked = [argument for name in names for argument in ("--image", images.ref(name))]
        chosen = ["--jobs", jobs] if jobs else []
        registry.requests.clear()
        registry.latency = HELD

        def at_once() -> None:
            registry.latency = 0.0

        later = threading.Timer(HELD, at_once)
        later.start()
        ran = house.run("check", *asked, "--config", str(house.repo / "auditor.yaml"), "-f", "json", *chosen)
        later.join()
        under_way = [each.under_way for each in registry.requests]
    assert ran.status == 1, ran.err
    assert {image["verdict"] for image in ran.report["images"]} == {"unsigned"}
    assert max(under_way) == most
