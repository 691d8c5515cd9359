"""Disks that are full: what is only a copy costs nothing but requests, one repository costs no other, and no report is half written."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from auditor.report.fleet.formats import TEXTS
from auditor.report.render import RenderOptions
from tests.cli.test_audit import Estate, estate  # noqa: F401 - a fixture
from tests.cli.test_audit_hostile import whole
from tests.support import fleets
from tests.support.git_servers import GitServer, served
from tests.support.small_disks import after, on_small_disks

pytestmark = pytest.mark.slow


@dataclass
class Night:
    """How the program is started, and on which disks."""

    estate: Estate
    disks: Mapping[Path, int]
    full: Sequence[Path] = ()
    readonly: Sequence[Path] = ()
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """The program, told in its own words."""
        command = [sys.executable, "-m", "auditor", *map(str, arguments)]
        done = subprocess.run(
            on_small_disks(command, self.disks, full=self.full, readonly=self.readonly),
            cwd=cwd or self.estate.folder,
            env=self.estate.house.process_environ(self.environ),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert "internal error" not in done.stderr
        return done

    def audit(self, *targets: str | Path) -> tuple[int, dict[str, Any], str]:
        """Status, report, standard error."""
        done = self.run("audit", *targets, "--history", self.estate.history, "-f", "json")
        return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def verdicts(report: Mapping[str, Any]) -> dict[str, str]:
    return {image["name"].rpartition("/")[2]: image["verdict"] for image in report["images"]}


def failures(report: Mapping[str, Any]) -> dict[str, Any]:
    return {each["name"].rpartition("/")[2].removesuffix(".git"): each["failure"] for each in report["repositories"]}


@pytest.mark.parametrize("part", ["registry", ""])
@pytest.mark.parametrize("leave", ["0s", "1h"])
def test_a_full_cache_costs_only_requests(estate: Estate, part: str, leave: str) -> None:  # noqa: F811 - a fixture
    """Of blobs and of answers, with and without leave to be old; in the second case of everything that is kept."""
    estate.own("apps", "api", "web", "unsigned", "wrong")
    cache = estate.house.home / ".cache" / "auditor" / part
    night = Night(estate, {cache: 4096}, full=[cache])
    done = night.run("audit", "apps", "--no-history", "-f", "json", "--tag-ttl", leave, "--listing-ttl", leave)
    assert (done.returncode, done.stderr) == (1, "")
    assert verdicts(json.loads(done.stdout)) == {
        "api": "verified", "unsigned": "unsigned", "web": "verified", "wrong": "wrong-signer"
    }  # fmt: skip
    assert {path.name for path in after(cache).rglob("*") if path.is_file()} == {"full"}, "nothing is half kept"


def test_a_mirror_without_room_fails_alone_and_gives_its_room_back(estate: Estate, tmp_path: Path) -> None:  # noqa: F811 - as above
    noise = random.Random(1)  # noqa: S311 - what cannot be compressed
    files = {f"file-{number}.yaml": f"a: {noise.randbytes(200_000).hex()}\n" for number in range(10)}
    names = ("good-1", "large", "good-2")
    for name in names:
        estate.own(name, "api", more=files if name == "large" else None)
    (tmp_path / "served").mkdir()
    mirrors = estate.house.home / ".cache" / "auditor" / "mirrors"
    with GitServer(tmp_path / "served") as server:
        for name in names:
            served(server.root, estate.folder / name, name)
        targets = [server.address(f"{name}.git") for name in names]
        status, report, _ = Night(estate, {mirrors: 700_000}).audit(*targets)
    failed = failures(report)
    assert (status, failed.pop("good-1"), failed.pop("good-2")) == (3, None, None)
    (why,) = failed.values()
    assert "cannot be fetched: there is no room left" in why["why"]
    assert why["help"].startswith("make room there")
    assert verdicts(report) == {"api": "verified"}
    left = sum(path.stat().st_size for path in after(mirrors).rglob("*") if path.is_file())
    assert left < 300_000, "what came of it is away again"


def test_no_mirror_can_be_made(estate: Estate, tmp_path: Path) -> None:  # noqa: F811 - as above
    """A repository of this machine is still judged."""
    estate.own("good", "api")
    (tmp_path / "served").mkdir()
    mirrors = estate.house.home / ".cache" / "auditor" / "mirrors"
    with GitServer(tmp_path / "served") as server:
        served(server.root, estate.own("bad", "api"), "bad")
        night = Night(estate, {mirrors: 4096}, full=[mirrors])
        status, report, _ = night.audit("good", server.address("bad.git"))
    failed = failures(report)
    assert (status, failed["good"]) == (3, None)
    assert "there is no room left" in failed["bad"]["why"]


def test_what_may_only_be_read_costs_the_mirror_and_nothing_else(estate: Estate, tmp_path: Path) -> None:  # noqa: F811 - as above
    """A cache on a disk that takes nothing, as in a container that was hardened."""
    estate.own("good", "api", "unsigned")
    (tmp_path / "served").mkdir()
    cache = estate.house.home / ".cache"
    with GitServer(tmp_path / "served") as server:
        served(server.root, estate.own("bad", "api"), "bad")
        night = Night(estate, {cache: 100_000}, readonly=[cache])
        status, report, _ = night.audit("good", server.address("bad.git"))
    failed = failures(report)
    assert (status, failed["good"]) == (1, None)
    assert "Read-only file system" in failed["bad"]["why"]
    assert "XDG_CACHE_HOME" in failed["bad"]["help"]
    assert verdicts(report) == {"api": "verified", "unsigned": "unsigned"}


def test_a_history_that_may_only_be_read(estate: Estate) -> None:  # noqa: F811 - as above
    """No audit is recorded there, and what was recorded can still be asked for."""
    estate.own("good", "api")
    place = estate.folder / "state"
    place.mkdir()
    estate.history = place / "history.sqlite"
    estate.audit("good", status=0)
    night = Night(estate, {place: 2_000_000}, readonly=[place])
    status, _, said = night.audit("good")
    assert (status, "Read-only file system" in said, "help: " in said) == (2, True, True)
    shown = night.run("history", "show", "--history", estate.history)
    assert (shown.returncode, shown.stderr) == (0, ""), shown.stderr


@pytest.mark.parametrize("name", ["json", "html"])
def test_the_report_before_stays_where_the_next_has_no_room(estate: Estate, name: str) -> None:  # noqa: F811 - as above
    estate.own("good", "api", "web")
    out = estate.folder / "out"
    place = out / name
    estate.audit("good", "-f", f"{name}={place}", status=0)
    files = {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    size = sum((len(content) + 8191) // 4096 * 4096 for content in files.values())
    night = Night(estate, {out: size + 16_384}, full=[out])
    done = night.run("audit", "good", "--history", estate.history, "-q", "-f", f"{name}={place}")
    assert done.returncode == 2
    assert "No space left on device\n  help: make room there" in done.stderr
    kept = {path.relative_to(after(out)): path.read_bytes() for path in after(out).rglob("*") if path.is_file()}
    del kept[Path("full")]
    assert kept == files
    whole(estate.history)


@pytest.mark.parametrize("name", ["json", "sarif", "csv", "html", "table"])
def test_no_room_for_the_temporary_files_of_reports(estate: Estate, tmp_path: Path, name: str) -> None:  # noqa: F811 - as above
    """A fleet that does not fit into memory; nothing is written over the report before."""
    saved = estate.folder / "saved.json"
    with saved.open("w", encoding="utf-8") as file:
        file.writelines(TEXTS["json"](fleets.Endless(300, fleets.run()), RenderOptions()))
    room = tmp_path / "room"
    place = estate.folder / f"report.{name}"
    night = Night(estate, {room: 200_000}, environ={"TMPDIR": str(room)})
    done = night.run("report", saved, "-q", "-f", f"{name}={place}")
    assert done.returncode == 2
    assert f"error: a report needs a temporary file in {room}: No space left on device" in done.stderr
    assert not place.exists()
    assert not [path for path in estate.folder.iterdir() if path.name.startswith(".")], "nothing is left behind"


def test_nothing_is_built_where_there_is_no_room_for_it(estate: Estate, tmp_path: Path) -> None:  # noqa: F811 - as above
    """Our own reading is then what is judged; it is told, and once there is room, the same tree is built."""
    bad = estate.own("bad", "api", more={"kustomization.yaml": "resources: [pods.yaml]\n"})
    programs, room = tmp_path / "bin", tmp_path / "room"
    programs.mkdir()
    kustomize = programs / "kustomize"
    kustomize.write_text(f'#!/bin/sh\n[ "$1" = version ] && echo v5.8.1 && exit\nexec /bin/cat {bad}/pods.yaml\n')
    kustomize.chmod(0o755)
    (programs / "sitecustomize.py").write_text(f"import tempfile\ntempfile.tempdir = {str(room)!r}\n")
    path = f"{estate.house.process_environ()['PYTHONPATH']}:{programs}"
    night = Night(estate, {room: 4096}, full=[room], environ={"PYTHONPATH": path, "AUDITOR_KUSTOMIZE": str(kustomize)})
    status, report, _ = night.audit("bad")
    (skipped,) = report["skipped"]
    assert (status, verdicts(report)) == (3, {"api": "verified"})
    assert "cannot be copied for the program that renders: No space left on device" in skipped["why"]
    done = night.run("check", ".", "--head", "HEAD", "-f", "json", cwd=bad)
    assert done.returncode == 3
    assert json.loads(done.stdout)["skipped"][0]["why"] == skipped["why"]
    night.full = ()
    night.disks = {room: 1_000_000}
    status, report, said = night.audit("bad")
    assert (status, report["skipped"]) == (0, []), said


@pytest.mark.parametrize("size", [4096, 65_536, 200_000, 300_000, 500_000])
def test_a_history_without_room_is_whole_and_goes_on(estate: Estate, size: int) -> None:  # noqa: F811 - as above
    """Wherever it is full: what was there is there, and the next audit goes on with it."""
    estate.own("good", "api", "web")
    place = estate.folder / "state"
    estate.history = place / "history.sqlite"
    status, _, said = Night(estate, {place: size}).audit("good")
    if status == 2:
        assert "there is no room left for the history" in said
    else:
        assert status == 0, said
    estate.history = after(place) / "history.sqlite"
    assert verdicts(estate.audit("good", status=0).report) == {"api": "verified", "web": "verified"}
    whole(estate.history)
