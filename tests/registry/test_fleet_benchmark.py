"""A generated fleet over real sockets: the program finds what was dealt, and asks what must be asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fleet import deal
from benchmarks.fleet.fleet import Fleet, Size
from benchmarks.fleet.necessary import fetched
from benchmarks.fleet.nights import floor, questions
from benchmarks.fleet.registry import Distance, Served, serve

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FEW = 6


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve(0.0) as registries:
        yield registries


@pytest.fixture(scope="module")
def fleet(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return Fleet.make(tmp_path_factory.mktemp("fleet"), served, Size(FEW, 3 * FEW))


def auditor(*arguments: str, cache: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "auditor", *arguments, "--render", "never", "-f", "json"]
    environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environment |= {"XDG_CACHE_HOME": str(cache), "HOME": str(cache)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def references(result: dict[str, Any]) -> set[str]:
    return {image["reference"] for image in result["images"]}


def check(fleet: Fleet, index: int, cache: Path) -> dict[str, Any]:
    where = str(fleet.repository(index))
    return auditor("check", where, "--head", "main", "--config", str(fleet.rules), cache=cache)


def test_each_repository_deploys_what_was_dealt_to_it(fleet: Fleet, tmp_path: Path) -> None:
    for index in range(FEW):
        found = auditor("images", str(fleet.repository(index)), "--rev", "main", cache=tmp_path)
        assert references(found) == {image.reference for image in fleet.deployed([index])}


def test_what_is_asked_is_what_must_be_asked(fleet: Fleet, served: Served, tmp_path: Path) -> None:
    served.traffic()
    for index in range(FEW):
        result = check(fleet, index, tmp_path / str(index))
        assert result["summary"]["verdicts"].get("unjudged", 0) == 0
        chains = served.necessary(fleet.deployed([index]))
        assert served.traffic().requests == sum(len(chain) for _, chain in chains)


def test_the_floor_asks_these_requests_and_waits_where_it_is_told_to(
    fleet: Fleet, served: Served, tmp_path: Path
) -> None:
    chains = served.necessary(fleet.deployed(range(FEW)))
    assert fetched(chains)
    count = sum(len(chain) for _, chain in chains)
    (tmp_path / "chains.json").write_text(json.dumps([[served.addresses[host], chain] for host, chain in chains]))
    for limited, flags in ((0.0, ()), (0.2, ()), (0.2, ("--polite",))):
        served.limit(Distance(limited=limited, retry_after=0))
        served.traffic()
        command = [sys.executable, "-m", "benchmarks.fleet.floor", str(tmp_path / "chains.json"), *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        traffic = served.traffic()
        assert int(done.stdout) == traffic.requests == count + traffic.limited
        assert bool(traffic.limited) == bool(limited)
    served.limit(Distance())


def test_a_host_that_bears_few_requests_a_second_refuses_the_others(
    fleet: Fleet, served: Served, tmp_path: Path
) -> None:
    chains = served.necessary(fleet.deployed(range(FEW)))
    most = max(sum(len(chain) for at, chain in chains if at == host) for host in served.addresses)
    served.limit(Distance(per_second=most / 2))
    served.traffic()
    cost = floor(chains, served)
    traffic = served.traffic()
    served.limit(Distance())
    assert traffic.limited
    assert traffic.requests - traffic.limited == questions(chains)
    assert cost.wall >= 1


def test_after_a_night_tags_name_other_bytes_and_signatures_are_gone(tmp_path: Path) -> None:
    with serve(0.0) as served:
        fleet = Fleet.make(tmp_path / "fleet", served, Size(FEW, 3 * FEW))
        night = deal.night(fleet.plan, fleet.images, 0.4)
        before = {
            image["reference"]: image for index in range(FEW) for image in check(fleet, index, tmp_path)["images"]
        }
        fleet.pass_night(night, served)
        after = {image["reference"]: image for index in range(FEW) for image in check(fleet, index, tmp_path)["images"]}
        assert after.keys() == {image.reference for image in fleet.deployed(range(FEW), night)}
        moved = {
            reference
            for reference in before.keys() & after
            if before[reference]["digest"] != after[reference]["digest"]
        }
        stripped = {image.reference for image in night.stripped}
        assert moved == {image.reference for image in night.moved} & before.keys() & after.keys()
        assert {after[reference]["verdict"] for reference in stripped & after.keys()} == {"unsigned"}
        assert stripped & after.keys()
