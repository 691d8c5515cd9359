"""A fleet may be larger than memory: what a report holds does not grow with it."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from auditor.report.fleet import spool
from auditor.report.fleet.formats import FOLDERS, TEXTS
from auditor.report.fleet.json_read import read_fleet
from auditor.report.options import RenderOptions
from tests.support import fleets

pytestmark = pytest.mark.slow


def peak(name: str, repositories: int) -> int:
    """Bytes that Python held at most while it wrote."""
    fleet = fleets.Endless(repositories, fleets.run())
    tracemalloc.start()
    try:
        if name in TEXTS:
            for _piece in TEXTS[name](fleet, RenderOptions()):
                pass
        else:
            for _path, pieces in FOLDERS[name](fleet, RenderOptions()):
                for _piece in pieces:
                    pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["json", "table", "csv", "sarif"])
def test_memory_is_flat(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool.Spool.__init__, "__defaults__", (64 * 1024,))
    peak(name, 60)  # what is remembered of each text (`lru_cache`) is bounded, and the same for both from here on
    few, many = peak(name, 15), peak(name, 60)
    assert many < few * 1.6 + 100_000, (few, many)


def test_reading_back_is_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool.Spool.__init__, "__defaults__", (64 * 1024,))
    peaks = []
    for number in (4, 15, 60):
        path = tmp_path / f"{number}.json"
        path.write_text("".join(TEXTS["json"](fleets.Endless(number, fleets.run()), RenderOptions())), "utf-8")
        tracemalloc.start()
        with read_fleet(path) as saved:
            assert sum(1 for _ in saved.repositories()) == number
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] * 1.6 + 100_000, peaks
