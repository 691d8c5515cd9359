"""One audit by every engine: threads, workers of Dask, and parts that are merged. What comes out is the same, byte for byte."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from fixtures.registry import OciRegistry
from fixtures.registry.faults import Status
from fixtures.registry.tls import authority
from tests.cli import house
from tests.cli.house import House, Images
from tests.cli.test_audit import Estate
from tests.support import repositories
from tests.support.waiting import until

pytest.importorskip("distributed", reason="needs the extra `fleet`")


class Cluster(Struct, frozen=True):
    """A scheduler and its workers, as processes of their own."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]
    options: tuple[str, ...] = ()

    @property
    def engine(self) -> tuple[str, ...]:
        """What the command needs to work there."""
        return ("--engine", "dask", "--scheduler", self.address, *self.options)


@contextmanager
def cluster(folder: Path, environ: dict[str, str], count: int = 2, *, tls: bool = False) -> Iterator[Cluster]:
    """A cluster on loopback; ended, whatever happens."""
    files: tuple[str, ...] = ()
    if tls:
        certificate, key = authority().issue(("127.0.0.1",), both=True)
        for name, content in (("ca.pem", authority().pem), ("cert.pem", certificate), ("key.pem", key)):
            (folder / name).write_bytes(content)
        files = ("--tls-ca-file", "ca.pem", "--tls-cert", "cert.pem", "--tls-key", "key.pem")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"{'tls' if tls else 'tcp'}://127.0.0.1:{port}"
    own = (f"--tls-ca={folder}/ca.pem", f"--tls-cert={folder}/cert.pem", f"--tls-key={folder}/key.pem") if tls else ()
    started: list[subprocess.Popen[bytes]] = []
    try:
        scheduler = ("scheduler", "--host", address.rpartition(":")[0], "--port", str(port), "--no-dashboard", *files)
        started.append(_dask(folder, environ, *scheduler))
        until(lambda: _listens(port))
        worker = ("worker", address, "--nthreads", "2", "--no-dashboard", "--no-nanny", *files)
        started.extend(_dask(folder, environ, *worker) for _ in range(count))
        yield Cluster(address, started[0], started[1:], own)
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()


def _dask(folder: Path, environ: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    with (folder / f"dask-{arguments[0]}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments], cwd=folder, env=environ, stdout=log, stderr=log
        )


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Estate]:
    """Nine repositories, on a registry of their own that now and then asks to be left alone."""
    with OciRegistry() as registry:
        images = Images(registry)
        folder = tmp_path / "estate"
        folder.mkdir()
        estate = Estate(House(tmp_path, images), folder)
        several = (("api",), ("web", "unsigned"), ("wrong", "attested"), ("api", "web", "worker"))
        for number in range(8):
            estate.own(f"team-{number}", *several[number % len(several)])
        estate.own("broken", "api", more={"auditor.yaml": "version: 1\nsigners: [\n"})
        registry.faults.on("/manifests/", Status(429, {"Retry-After": "1"}), times=2)
        yield estate


def answered(history: Path) -> set[str]:
    """The images that a run, which may be under way, has an answer about."""
    if not history.is_file():
        return set()
    with closing(sqlite3.connect(f"file:{history}?mode=ro", uri=True)) as database:
        try:
            rows = database.execute("SELECT key FROM answers WHERE key != ''").fetchall()
        except sqlite3.OperationalError:  # not made yet
            return set()
    return {json.loads(key)["text"].rpartition("/")[2].partition(":")[0] for (key,) in rows}


def names(estate: Estate) -> list[str]:
    return sorted(path.name for path in estate.folder.iterdir() if (path / ".git").exists())


def audit(estate: Estate, *options: str, status: int = 1) -> dict[str, Any]:
    """The result of a whole audit that remembers nothing, as it is compared."""
    told = ["audit", *names(estate), "--no-history", "-f", "json", *options]
    command = [sys.executable, "-m", "auditor", *told]
    environ = estate.house.process_environ()
    done = subprocess.run(command, cwd=estate.folder, env=environ, capture_output=True, timeout=150, check=False)
    assert done.returncode == status, done.stderr.decode()
    return comparable(json.loads(done.stdout))


def comparable(report: dict[str, Any]) -> dict[str, Any]:
    """Without what is another in every run: when it was, and how long it took."""
    for run in (report["run"], *(each["run"] for each in report["repositories"] if each["run"])):
        run["started"] = run["seconds"] = None
    for night in report["nights"]:
        night["started"] = None
    return report


def merged(estate: Estate, parts: list[Path], *, status: int) -> dict[str, Any]:
    ran = estate.house.program("merge", *map(str, parts), "-f", "json", cwd=estate.folder)
    assert ran.status == status, ran.err
    return comparable(ran.report)


def part(estate: Estate, index: int, count: int) -> Path:
    """What one machine does of it."""
    file = estate.folder / f"part-{index}.json"
    told = ("--no-history", "--shard", f"{index}/{count}", "-q", "-f", f"json={file}")
    ran = estate.house.program("audit", *names(estate), *told, cwd=estate.folder)
    assert ran.status in {0, 1, 3}, ran.err
    return file


@pytest.mark.slow
def test_parts_that_are_merged(estate: Estate) -> None:
    alone = audit(estate)
    parts = [part(estate, index, 3) for index in range(1, 4)]
    assert merged(estate, [*reversed(parts), parts[1]], status=1) == alone
    without = merged(estate, parts[1:], status=1)
    assert "1/3" in without["run"]["ended_early"]
    assert without["run"]["complete"] is False


def test_a_part_without_repositories_is_written_all_the_same(estate: Estate) -> None:
    told = ("audit", "team-0", "--no-history", "--shard", "7/9999", "-f", "json")
    ran = estate.house.program(*told, cwd=estate.folder)
    assert (ran.status, ran.report["repositories"], ran.report["run"]["shard"]) == (0, [], "7/9999")


@pytest.mark.slow
def test_parts_of_different_audits_are_not_merged(estate: Estate) -> None:
    one = part(estate, 1, 2)
    estate.own("one-more", "api")
    two = part(estate, 2, 2)
    ran = estate.house.program("merge", str(one), str(two), cwd=estate.folder)
    assert (ran.status, "different audits" in ran.err) == (2, True)
    yesterday = estate.folder / "yesterday.json"
    mine = part(estate, 1, 2)
    for section, member, value in (("run", "started", "2020-01-01T02:00:00Z"), ("tool", "version", "0.0.1")):
        told = json.loads(two.read_text("utf-8"))
        told[section][member] = value
        yesterday.write_text(json.dumps(told), "utf-8")
        ran = estate.house.program("merge", str(mine), str(yesterday), cwd=estate.folder)
        assert (ran.status, "different audits" in ran.err) == (2, True), member
    whole = estate.folder / "whole.json"
    estate.house.program("audit", *names(estate), "--no-history", "-q", "-f", f"json={whole}", cwd=estate.folder)
    ran = estate.house.program("merge", str(whole), cwd=estate.folder)
    assert (ran.status, "no part of one" in ran.err) == (2, True)


@pytest.mark.slow
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_workers(estate: Estate, tmp_path: Path, tls: bool) -> None:
    alone = audit(estate)
    with cluster(tmp_path, estate.house.process_environ(), tls=tls) as workers:
        assert audit(estate, *workers.engine) == alone


@pytest.mark.slow
def test_a_worker_that_is_killed_in_the_middle(estate: Estate, tmp_path: Path) -> None:
    alone = audit(estate)
    registry = estate.house.images.registry
    registry.latency = 0.2
    with cluster(tmp_path, estate.house.process_environ()) as workers:
        told = [sys.executable, "-m", "auditor", "audit", *names(estate), "--no-history", "--refresh", "-f", "json"]
        registry.forget()
        running = subprocess.Popen(
            [*told, *workers.engine],
            cwd=estate.folder,
            env=estate.house.process_environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        until(lambda: bool(registry.requests))
        workers.workers[0].send_signal(signal.SIGKILL)
        out, err = running.communicate(timeout=120)
    assert running.returncode == 1, err.decode()
    assert comparable(json.loads(out)) == alone


@pytest.mark.slow
def test_a_scheduler_that_is_restarted_in_the_middle(estate: Estate, tmp_path: Path) -> None:
    """What it has forgotten is handed in again."""
    alone = audit(estate)
    registry = estate.house.images.registry
    registry.latency = 0.2
    environ = estate.house.process_environ()
    with cluster(tmp_path, environ, count=0) as workers:
        port = workers.address.rpartition(":")[2]
        worker = ("worker", workers.address, "--nthreads", "2", "--no-dashboard", "--no-nanny")
        started = [_dask(tmp_path, environ, *worker)]
        registry.forget()
        told = [sys.executable, "-m", "auditor", "audit", *names(estate), "--no-history", "--refresh", "-f", "json"]
        running = subprocess.Popen(
            [*told, *workers.engine], cwd=estate.folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            until(lambda: bool(registry.requests))
            workers.scheduler.kill()
            workers.scheduler.wait()
            started.append(
                _dask(tmp_path, environ, "scheduler", "--host", "tcp://127.0.0.1", "--port", port, "--no-dashboard")
            )
            started.append(_dask(tmp_path, environ, *worker))
            out, err = running.communicate(timeout=150)
        finally:
            for process in (*started, running):
                process.kill()
                process.wait()
    assert running.returncode == 1, err.decode()
    assert comparable(json.loads(out)) == alone


@contextmanager
def poisoned(folder: Path, environ: dict[str, str], poison: str, address: str) -> Iterator[None]:
    """Two workers that are started again whenever they die, which what is poisoned makes them do."""
    (folder / "poison.py").write_text(poison)
    told = ("worker", address, "--nthreads", "1", "--no-dashboard", "--preload", "poison.py")
    nannies = [_dask(folder, environ, *told) for _ in range(2)]
    try:
        yield
    finally:
        for nanny in nannies:
            nanny.terminate()
        for nanny in nannies:
            nanny.wait(timeout=60)


@pytest.mark.slow
def test_what_kills_every_worker_costs_one_repository(estate: Estate, tmp_path: Path) -> None:
    """Tried again alone, and then reported: no other repository waits for it."""
    poison = (
        "import os\nfrom auditor.fleet import trees\n"
        "_read = getattr(trees, 'unpoisoned', trees.read)\ntrees.unpoisoned = _read\n"  # a preload runs more than once
        "def read(reading, workshop):\n"
        "    if reading.target.name == 'team-3':\n        os._exit(9)\n"
        "    return _read(reading, workshop)\n"
        "trees.read = read\n"
    )
    environ = estate.house.process_environ() | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    with (
        cluster(tmp_path, environ, count=0) as workers,
        poisoned(tmp_path, environ, poison, workers.address),
    ):
        report = audit(estate, *workers.engine)
    found = {each["name"]: each for each in report["repositories"]}
    assert found["team-3"]["failure"]["stage"] == "worker"
    assert [name for name, each in found.items() if each["failure"]] == ["broken", "team-3"]


@pytest.mark.slow
def test_a_question_that_kills_every_worker_is_the_only_one_that_is_not_judged(estate: Estate, tmp_path: Path) -> None:
    """Never "unsigned", and never left out: what was asked in one job with it is asked again without it."""
    poison = (
        "import os\nfrom auditor import gather\nasking = gather._Gathering\n"
        "evidence = getattr(asking, 'unpoisoned', asking.evidence)\nasking.unpoisoned = evidence\n"
        "def poisoned(self, ask):\n"
        "    if '/acme/wrong:' in ask.text:\n        os._exit(9)\n"
        "    return evidence(self, ask)\n"
        "asking.evidence = poisoned\n"
    )
    alone = audit(estate)
    environ = estate.house.process_environ() | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    with (
        cluster(tmp_path, environ, count=0) as workers,
        poisoned(tmp_path, environ, poison, workers.address),
    ):
        report = audit(estate, *workers.engine)
    for image in alone["images"]:
        (same,) = (
            each
            for each in report["images"]
            if (each["repository"], each["reference"]) == (image["repository"], image["reference"])
        )
        if "/acme/wrong:" in image["reference"]:
            assert (same["verdict"], "lost" in same["reason"]) == ("unjudged", True)
        else:
            assert same == image
    assert report["run"]["complete"] is False


_ONE_BY_ONE = """\
from auditor.fleet.engines import workers
workers.Workers.batch = 1
from auditor.cli.main import run
run()
"""
"""The program; each question is a job of its own."""


@pytest.mark.slow
def test_no_two_workers_ask_one_registry_at_once(estate: Estate, tmp_path: Path) -> None:
    """Two registries are asked side by side, each by one worker at a time: all together are no harder on it than one."""
    images = estate.house.images
    with OciRegistry() as second:
        covered = images.rules(images=f"  - {{match: '{second.host}/acme/**', signed-by: release, pinned: ignore}}\n")
        for number in range(4):
            second.put_image(f"acme/other-{number}", "1.0")
            images.push(f"more-{number}")
            pod = house.pod(f"other-{number}", f"{second.host}/acme/other-{number}:1.0")
            estate.own(f"more-{number}", f"more-{number}", more={"others.yaml": pod, "auditor.yaml": covered})
        alone = audit(estate)
        for registry in (images.registry, second):
            registry.latency = 0.1
            registry.forget()
        told = [sys.executable, "-c", _ONE_BY_ONE, "audit", *names(estate), "--no-history", "--refresh", "-f", "json"]
        with cluster(tmp_path, estate.house.process_environ()) as workers:
            done = subprocess.run(
                [*told, *workers.engine],
                cwd=estate.folder,
                env=estate.house.process_environ(),
                capture_output=True,
                timeout=120,
                check=False,
            )
        assert done.returncode == 1, done.stderr.decode()
        assert comparable(json.loads(done.stdout)) == alone
        turns = [_turns(registry) for registry in (images.registry, second)]
    for asked in turns:
        assert len(asked) == len(set(asked)), "one image after the other"
    assert set(turns[1]) == {f"other-{number}" for number in range(4)}


def _turns(registry: OciRegistry) -> list[str]:
    """The images that a registry was asked about, one after the other."""
    seen = sorted(registry.requests, key=lambda each: each.at)
    images = [each.path.split("/")[3] for each in seen if each.path.startswith("/v2/acme/")]
    return [image for image, _ in groupby(images)]


def test_jobs_travel_between_machines_over_tls_only(estate: Estate) -> None:
    for address in ("tcp://10.0.0.1:8786", "tcp://scheduler.acme.example:8786", "inproc://x", "10.0.0.1:8786"):
        ran = estate.house.program("audit", "team-0", "--engine", "dask", "--scheduler", address, cwd=estate.folder)
        assert (ran.status, "over TLS only" in ran.err) == (2, True), address


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_where_it_was(estate: Estate) -> None:
    """What was answered is not asked again; the result is that of a run that nobody killed."""
    alone = audit(estate)
    registry = estate.house.images.registry
    registry.latency = 0.3
    history = estate.folder / "history.sqlite"
    told = [sys.executable, "-m", "auditor", "audit", *names(estate), "--history", str(history), "--refresh"]
    command = [*told, "--jobs", "1", "-f", "json"]
    environ = estate.house.process_environ()
    registry.forget()
    running = subprocess.Popen(command, cwd=estate.folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: len(answered(history)) >= 2)
    running.kill()
    running.communicate()
    known = answered(history)
    registry.latency = 0.0
    registry.forget()
    done = subprocess.run(command, cwd=estate.folder, env=environ, capture_output=True, timeout=100, check=False)
    assert done.returncode == 1, done.stderr.decode()
    again = {seen.path for seen in registry.requests}
    assert again, "something was left to ask"
    assert not [name for name in known if f"/v2/acme/{name}/manifests/1.0" in again]
    report = comparable(json.loads(done.stdout))
    assert report["repositories"] == alone["repositories"]
    assert report["images"] == alone["images"]


_WATCHED = """\
import os, time
from auditor.fleet import trees
extracted = trees._extracted
def watched(change, *more):
    name = os.path.basename(str(change.repository.top))
    with open({log!r}, "a") as log:
        log.write(name + chr(10))
    if name == {last!r}:
        time.sleep(60)
    return extracted(change, *more)
trees._extracted = watched
from auditor.cli.main import run
run()
"""
"""The program; it notes down each tree that it reads, and reads one for a minute."""


def read_trees(history: Path) -> set[str]:
    """The repositories whose tree is kept."""
    with closing(sqlite3.connect(f"file:{history}?mode=ro", uri=True)) as database:
        try:
            rows = database.execute("SELECT key FROM extractions WHERE key LIKE 'commit/%'").fetchall()
        except sqlite3.OperationalError:  # not made yet
            return set()
    return {key.removeprefix("commit/") for (key,) in rows}


@pytest.mark.slow
def test_a_run_that_is_killed_while_it_reads_goes_on_there(estate: Estate, tmp_path: Path) -> None:
    """What was read is not read again, and nothing was asked twice."""
    alone = audit(estate)
    history, log = tmp_path / "history.sqlite", tmp_path / "read.txt"
    told = ["audit", *names(estate), "--history", str(history), "-f", "json"]

    def begun(last: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", _WATCHED.format(log=str(log), last=last), *told],
            cwd=estate.folder,
            env=estate.house.process_environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    estate.house.images.registry.forget()
    running = begun("team-5")
    others = {name for name in names(estate) if name not in {"team-5", "broken"}}
    until(lambda: history.is_file() and read_trees(history) >= others)
    running.kill()
    running.communicate()
    assert estate.house.images.registry.requests == []
    log.unlink()
    done = begun("")
    out, err = done.communicate(timeout=100)
    assert done.returncode == 1, err.decode()
    assert log.read_text().split() == ["team-5"]
    report = comparable(json.loads(out))
    assert (report["repositories"], report["images"]) == (alone["repositories"], alone["images"])


@pytest.mark.slow
@pytest.mark.parametrize("how", ["sigterm", "max-time"])
def test_a_run_that_must_end_reports_what_it_has(estate: Estate, how: str) -> None:
    registry = estate.house.images.registry
    registry.latency = 1.5  # all that is asked for, one after the other, takes more than half a minute
    history = estate.folder / "history.sqlite"
    told = [
        sys.executable,
        "-m",
        "auditor",
        "audit",
        *names(estate),
        "--history",
        str(history),
        "--jobs",
        "1",
        "-f",
        "json",
    ]
    environ = estate.house.process_environ()
    registry.forget()
    limit = ["--max-time", "15s"] if how == "max-time" else []
    running = subprocess.Popen(
        [*told, *limit], cwd=estate.folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    until(lambda: registry.requests)
    if how == "sigterm":
        running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=90)
    assert running.returncode in {1, 3}, err.decode()
    partial = json.loads(out)
    assert how.replace("sigterm", "SIGTERM") in partial["run"]["ended_early"]
    assert partial["run"]["complete"] is False
    stages = {each["failure"]["stage"] for each in partial["repositories"] if each["failure"]}
    assert "time" in stages
    assert not [image for image in partial["images"] if image["verdict"] == "unjudged"], "nobody was asked"
    registry.latency = 0.0
    done = subprocess.run(told, cwd=estate.folder, env=environ, capture_output=True, timeout=100, check=False)
    assert done.returncode == 1
    whole = comparable(json.loads(done.stdout))
    assert whole["repositories"] == audit(estate)["repositories"]


def test_one_audit_at_a_time_writes_a_history(estate: Estate) -> None:
    import fcntl

    history = estate.folder / "history.sqlite"
    repositories.write(estate.folder, {"history.sqlite.lock": json.dumps({"pid": os.getpid()})})
    with (estate.folder / "history.sqlite.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ran = estate.house.program("audit", "team-0", "--history", str(history), cwd=estate.folder)
    assert ran.status == 2
    assert "help:" in ran.err


@pytest.mark.parametrize("option", ["--scheduler", "--tls-ca", "--tls-cert", "--tls-key"])
def test_what_is_for_workers_needs_their_engine(estate: Estate, option: str) -> None:
    """Whoever names a scheduler and forgets the engine would wait all night for one machine."""
    ran = estate.house.run("audit", "team-0", option, "x", cwd=estate.folder)
    assert (ran.status, "--engine dask" in ran.err, option in ran.err) == (2, True, True)
    ran = estate.house.run("audit", "team-0", "--engine", "dask", cwd=estate.folder)
    assert (ran.status, "needs --scheduler" in ran.err) == (2, True)
