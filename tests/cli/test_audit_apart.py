"""An audit that asks much asks in a process of its own: the same comes of it, also where that process is killed or cannot start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.registry import OciRegistry
from tests.cli.house import House, Images
from tests.cli.test_audit import Estate
from tests.support.waiting import until

_PROGRAM = """\
import os, sys
from auditor.fleet.engines import child, threads
threads._MUCH, child._MANY = 1, 2
child.Child.is_worthwhile = True
{more}
from auditor.cli.main import run
run()
"""
_POISON = """\
import os
from auditor import gather
evidence = gather._Gathering.evidence
def poisoned(self, ask):
    if "acme/wrong" in ask.text:
        os._exit(9)
    return evidence(self, ask)
gather._Gathering.evidence = poisoned
"""

_SLOW_DISK = """\
import time
from auditor.fleet.engines import asking
from auditor.registry.store import Cache
write = Cache.write
def slowly(self, key, content):
    time.sleep(0.05)
    write(self, key, content)
Cache.write = slowly
asking.main()
"""


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Estate]:
    with OciRegistry() as registry:
        folder = tmp_path / "estate"
        folder.mkdir()
        estate = Estate(House(tmp_path, Images(registry)), folder)
        for number, images in enumerate((("api",), ("web", "unsigned"), ("wrong", "attested"), ("api", "worker"))):
            estate.own(f"team-{number}", *images)
        yield estate


def start(
    estate: Estate, *options: str, more: str = "", environ: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """The program, as it is where every question is much."""
    names = sorted(path.name for path in estate.folder.iterdir() if path.is_dir())
    told = ["audit", *names, "-f", "json", *(options or ("--no-history",))]
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _PROGRAM.format(more=more), *told],
        cwd=estate.folder,
        env=estate.house.process_environ(environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def ended(running: subprocess.Popen[bytes], status: int = 1) -> dict[str, Any]:
    """Its result, as it is compared."""
    out, err = running.communicate(timeout=100)
    assert running.returncode == status, err.decode()
    assert b"Traceback" not in err
    report: dict[str, Any] = json.loads(out)
    for run in (report["run"], *(each["run"] for each in report["repositories"] if each["run"])):
        run["started"] = run["seconds"] = None
    for night in report["nights"]:
        night["started"] = None
    return report


def alone(estate: Estate) -> dict[str, Any]:
    """The result of one process that does everything."""
    return ended(start(estate, more="child.Child.is_worthwhile = False"))


def asking(running: subprocess.Popen[bytes]) -> list[int]:
    """The processes that ask for it, by their numbers."""
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    if not children.exists():
        pytest.skip("this system does not tell a process's children")
    found = []
    for pid in children.read_text().split():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if b"auditor.fleet.engines.asking" in command:
            found.append(int(pid))
    return found


def test_the_same_comes_of_it(estate: Estate) -> None:
    running = start(estate)
    until(lambda: asking(running))
    assert ended(running) == alone(estate)


def test_all_that_it_was_told_is_kept(estate: Estate) -> None:
    """However slow its disk is: the next audit asks for nothing again that cannot change."""
    first = ended(start(estate, more=f"child._COMMAND = ('-P', '-c', {_SLOW_DISK!r})"))
    registry = estate.house.images.registry
    registry.forget()
    assert alone(estate) == first
    assert [seen.path for seen in registry.requests if "/blobs/" in seen.path] == []


@pytest.mark.slow
def test_one_that_is_killed_is_followed_by_another(estate: Estate) -> None:
    """What the first has answered is not asked again."""
    expected = alone(estate)
    registry = estate.house.images.registry
    registry.latency = 0.3
    registry.forget()
    running = start(estate, "--no-history", "--jobs", "1", "--refresh")
    until(lambda: [seen for seen in registry.requests if "/acme/attested/" in seen.path])
    for pid in asking(running):
        os.kill(pid, signal.SIGKILL)
    assert ended(running) == expected
    assert len([seen for seen in registry.requests if seen.path == "/v2/acme/api/manifests/1.0"]) == 1


@pytest.mark.slow
def test_a_question_that_kills_whoever_asks_it_is_not_judged(estate: Estate, tmp_path: Path) -> None:
    """Never "unsigned", never left out; and most of what was asked with it has its answer."""
    others = [f"other-{number}" for number in range(20)]
    for name in others:
        estate.house.images.push(name)
    estate.own("team-9", *others)
    (tmp_path / "poison").mkdir()
    (tmp_path / "poison" / "sitecustomize.py").write_text(_POISON)
    paths = f"{tmp_path / 'poison'}{os.pathsep}{estate.house.process_environ()['PYTHONPATH']}"
    estate.house.images.registry.latency = 0.05  # so that answers are told one by one
    running = start(estate, "--no-history", "--jobs", "1", environ={"PYTHONPATH": paths})
    report = ended(running)
    verdicts = {image["reference"].rpartition("/")[2]: image["verdict"] for image in report["images"]}
    assert verdicts["wrong:1.0"] == "unjudged"
    untold = {name for name, verdict in verdicts.items() if verdict == "unjudged"}
    assert len(untold) <= 12, "it, what may have been under way with it, and what was"
    assert {verdicts[f"{name}:1.0"] for name in others} - {"unjudged"} == {"unsigned"}
    signed = {verdicts[f"{name}:1.0"] for name in ("api", "web", "worker")}
    assert signed - {"unjudged"} <= {"verified"}
    (found,) = (image for image in report["images"] if "/wrong:" in image["reference"])
    assert "ended too early" in found["reason"]
    assert report["run"]["complete"] is False


@pytest.mark.slow
def test_where_none_can_be_started_everything_is_done_here(estate: Estate) -> None:
    for more in ('child._COMMAND = ("-c", "raise SystemExit(1)")', "sys.executable = '/nonexistent'"):
        assert ended(start(estate, more=more)) == alone(estate)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=["term", "int", "kill"])
def test_it_ends_with_the_audit(estate: Estate, tmp_path: Path, number: int) -> None:
    registry = estate.house.images.registry
    registry.latency = 1.0
    running = start(estate, "--history", str(tmp_path / "history.sqlite"), "--jobs", "1")
    until(lambda: registry.requests)
    pids = asking(running)
    assert pids
    running.send_signal(number)
    out, _ = running.communicate(timeout=60)
    if number == signal.SIGTERM:
        assert "SIGTERM" in json.loads(out)["run"]["ended_early"]
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


@pytest.mark.slow
def test_folders_of_the_audit_are_no_place_for_programs(estate: Estate) -> None:
    """Whoever may write where an audit is run must not decide what is run."""
    (estate.folder / "json.py").write_text("import os; os._exit(7)")
    assert ended(start(estate)) == alone(estate)
