"""The file: what is refused, and that a refused or full one is as it was before."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from auditor.errors import AuditorError
from auditor.history.history import open_history
from auditor.history.lock import locked
from auditor.history.reading import read_history
from auditor.history.steps import STEPS
from auditor.history.store import HistoryError, Store
from auditor.model.audit import Audited
from tests.support.nights import SHOP, audit_run, image, night, record_night, report

ROOT = Path(__file__).resolve().parents[3]


def refused(path: Path) -> HistoryError:
    """Why a history is not opened to be written; the file must be as it was."""
    before = path.read_bytes()
    with pytest.raises(HistoryError) as caught, open_history(path, now=night(0)):
        pass
    assert path.read_bytes() == before
    assert caught.value.help
    assert str(path) in caught.value.message
    return caught.value


def test_a_new_history_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "h.sqlite"
    record_night(path, 0, report(image()))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_without_a_file_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with open_history(None, now=night(0)) as history:
        recording = history.begin(audit_run(0), [SHOP], settings="s")
        recording.record(Audited(SHOP, None, report(image())))
        recording.finish(recording.run)
        assert len(list(recording.fleet().repositories())) == 1
        assert list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"version: 1\nimages: []\n" * 100, b"SQLite format 3\0" + b"\xff" * 8192])
def test_what_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "h.sqlite"
    path.write_bytes(content)
    assert "move it away" in refused(path).help


def test_a_damaged_history_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    record_night(path, 0, report(*(image(reference=f"ghcr.io/acme/api:{n}") for n in range(200))))
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 30] = b"\x55" * (4096 * 27)
    path.write_bytes(content)
    assert "damaged" in refused(path).message


def test_a_newer_history_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    record_night(path, 0, report(image()))
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    connection.close()
    assert "newer version" in refused(path).message
    with pytest.raises(HistoryError, match="newer version"), read_history(path):
        pass


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    assert "another program" in refused(path).message


def test_an_older_history_is_brought_up_to_date_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    record_night(path, 0, report(image()))
    more = (*STEPS, ("ALTER TABLE runs ADD COLUMN more TEXT NOT NULL DEFAULT 'x'", "CREATE TABLE added (a)"))
    wrong = (*STEPS, ("CREATE TABLE added (a)", "CREATE TABLE added (a)"))
    with pytest.raises(HistoryError):
        Store(path, steps=wrong)
    with Store(path) as store:
        assert store.all("SELECT 1 FROM sqlite_master WHERE name = 'added'") == []
    with pytest.raises(HistoryError, match="older version"):
        Store(path, readonly=True, steps=more)
    with Store(path, steps=more) as store:
        assert store.all("SELECT more FROM runs") == [("x",)]
        assert store.all("PRAGMA user_version") == [(len(STEPS) + 1,)]
    with pytest.raises(HistoryError, match="newer version"):
        Store(path)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    record_night(path, 0, report(image()))
    with open_history(path, now=night(1)) as history:
        recording = history.begin(audit_run(1), [SHOP], settings="s")
        pages = history.store.all("PRAGMA page_count")[0][0]
        history.store.all(f"PRAGMA max_page_count = {pages + 1}")
        with pytest.raises(HistoryError, match="no room left"):
            recording.record(
                Audited(SHOP, None, report(*(image(reference=f"ghcr.io/acme/api:{n}") for n in range(2000)), on=1))
            )
        assert recording.done() == frozenset()
    with Store(path) as store:
        assert store.all("PRAGMA integrity_check") == [("ok",)]
        assert store.all("SELECT count(*) FROM sightings WHERE until_run IS NULL") == [(1,)]
    assert record_night(path, 1, report(image(), on=1)) == ()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(AuditorError, match="cannot be opened"), open_history(tmp_path / "file" / "h", now=night(0)):
        pass


def _held(path: Path, ready: multiprocessing.synchronize.Event, over: multiprocessing.synchronize.Event) -> None:
    with locked(path, night(0)):
        ready.set()
        over.wait(30)


def test_a_second_audit_is_told_who_writes_and_readers_are_not_kept_waiting(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    record_night(path, 0, report(image()))
    context = multiprocessing.get_context("spawn")
    ready, over = context.Event(), context.Event()
    other = context.Process(target=_held, args=(path, ready, over))
    other.start()
    try:
        assert ready.wait(30)
        with pytest.raises(HistoryError) as caught, open_history(path, now=night(1)):
            pass
        assert f"process {other.pid} since 2026-11-20T02:00:00" in caught.value.message
        with read_history(path) as history:
            assert len(history.runs()) == 1
    finally:
        over.set()
        other.join(30)
    with open_history(path, now=night(1)):
        pass


def test_readers_see_what_was_recorded_while_a_run_writes(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    record_night(path, 0, report(image()))
    with open_history(path, now=night(1)) as history:
        recording = history.begin(audit_run(1), [SHOP], settings="s")
        with history.store.writing():
            recording.record(Audited(SHOP, None, report(on=1)))
            with read_history(path) as reader:
                (stay,) = reader.image("ghcr.io/acme/api")
        assert stay.until is None


KILLED = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from auditor.history.history import open_history
    from auditor.model.audit import Audited, Target
    from tests.support.nights import audit_run, image, night, report

    targets = [Target(f"r{n:05}", "x") for n in range(100_000)]
    with open_history(Path(sys.argv[1]), now=night(0)) as history:
        recording = history.begin(audit_run(0), targets, settings="s")
        print("begun", flush=True)
        for number, target in enumerate(targets):
            recording.answer("g", target.name, b"said")
            print("answered", target.name, flush=True)
            found = report(*(image(reference=f"ghcr.io/acme/r{number}:{n}") for n in range(20)))
            recording.record(Audited(target, None, found))
            print("recorded", target.name, flush=True)
    """
)


@pytest.mark.parametrize("lines", [2, 37, 90])
def test_a_killed_run_has_lost_nothing_that_it_said_was_done(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "h.sqlite"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True, env=environ
    ) as child:
        assert child.stdout is not None
        told = [child.stdout.readline().split() for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        told += [line.split() for line in child.stdout.read().splitlines() if line.count(" ") == 1]
    targets = [type(SHOP)(f"r{n:05}", "x") for n in range(100_000)]
    with open_history(path, now=night(0)) as history:
        assert history.store.all("PRAGMA integrity_check") == [("ok",)]
        assert history.store.all("PRAGMA foreign_key_check") == []
        recording = history.begin(audit_run(0), targets, settings="s")
        assert recording.resumed
        assert {line[1] for line in told if line[0] == "recorded"} <= recording.done()
        assert {line[1] for line in told if line[0] == "answered"} <= dict(recording.answers("g")).keys()
        done = recording.done()
        assert history.store.all("SELECT count(*) FROM sightings") == [(20 * len(done),)]
