"""Clocks that are wrong, and that jump between audits and in the middle of one: nothing is believed, and nothing waits, because of them."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fixtures.hostile.signatures import attacks
from fixtures.registry import Hang, OciRegistry, Status
from fixtures.registry.faults import Exchange
from fixtures.registry.wire import Response
from fixtures.sigstore import Sigstore
from fixtures.sigstore.push import push_signatures
from fixtures.sigstore.scene import Scene
from tests.cli.house import AT, Images
from tests.cli.test_audit import Estate, estate  # noqa: F401 - a fixture
from tests.cli.test_audit_hostile import whole
from tests.support import repositories
from tests.support.clocks import WrongClock
from tests.support.git_servers import GitServer, served
from tests.support.waiting import until

pytestmark = pytest.mark.slow
HOUR = 3600.0
DAY = 24 * HOUR
YEARS = 30 * 365 * DAY


class Machine:
    """The estate on a machine whose clock may be wrong."""

    def __init__(self, estate: Estate, folder: Path) -> None:  # noqa: F811 - the fixture's name
        self.estate = estate
        self.clock = WrongClock(folder / "clock")

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        told = [*map(str, arguments), "--history", str(self.estate.history), "-f", "json"]
        return subprocess.Popen(
            [sys.executable, "-m", "auditor", "audit", *told],
            cwd=self.estate.folder,
            env=self.clock.environ(self.estate.house.process_environ()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
        out, err = process.communicate(timeout=90)
        assert "Traceback" not in err, err
        assert "internal error" not in err, err
        return process.returncode, json.loads(out or "{}"), err

    def audit(self, *arguments: str | Path, ahead: float = 0.0) -> tuple[int, dict[str, Any], str]:
        self.clock.set(ahead)
        return self.end(self.start(*arguments))

    def history(self, *arguments: str) -> Any:
        told = ("history", *arguments, "--history", str(self.estate.history), "-f", "json")
        ran = self.estate.house.run(*told, cwd=self.estate.folder).clean_of_tracebacks()
        return json.loads(ran.out)


@pytest.fixture
def machine(estate: Estate, tmp_path: Path) -> Machine:  # noqa: F811 - as above
    return Machine(estate, tmp_path)


class Jump:
    """A true answer, and the clock jumps before it."""

    def __init__(self, jump: Callable[[], None]) -> None:
        self._jump = jump
        self.jumped = threading.Event()

    def spoil(self, exchange: Exchange, /) -> Response:
        if not self.jumped.is_set():
            self._jump()
            self.jumped.set()
        return exchange.response


def deployed(images: Images, *names: str) -> dict[str, bytes | str]:
    """A tree that deploys images of a registry of one test's own."""
    return {"auditor.yaml": images.rules(), "trust/root.json": images.trusted_root(), "pods.yaml": images.pod(*names)}


def timeless(report: Mapping[str, Any]) -> dict[str, Any]:
    """A report without when it was made."""
    told = {key: value for key, value in report.items() if key not in {"run", "nights"}}
    told["repositories"] = [{**each, "run": {**each["run"], "started": ""}} for each in report["repositories"]]
    told["findings"] = [{k: v for k, v in each.items() if k != "since"} for each in report["findings"]]
    return told


@pytest.mark.parametrize("ahead", [3 * HOUR, -3 * HOUR, 40 * DAY, -40 * DAY, YEARS, -YEARS])
def test_a_clock_that_jumps_in_the_middle(machine: Machine, tmp_path: Path, ahead: float) -> None:
    """While registries are asked and a mirror is fetched: the same is found, of the time when the run began, and in its own time."""
    own = machine.estate
    registry = own.house.images.registry
    own.own("mixed", "api", "web", "unsigned", "wrong", "attested")
    waiver = (
        f"waivers:\n  - {{image: '{registry.host}/acme/unsigned', rule: unsigned-image, until: {date.today()},"  # noqa: DTZ011 - as people write it
        " owner: acme, reason: until tonight}\n"
    )
    own.own("waived", "unsigned", more={"auditor.yaml": own.house.images.rules(waiver)})
    (tmp_path / "served").mkdir()
    with GitServer(tmp_path / "served") as server:
        served(server.root, own.own("far", "worker"), "far")
        targets = ("mixed", "waived", server.address("far.git"))
        _, expected, _ = machine.audit(*targets)
        own.history.unlink()
        jump = Jump(lambda: machine.clock.set(ahead))
        registry.faults.on(r"/acme/unsigned/manifests/1\.0$", jump)
        began = datetime.now(UTC)
        _, found, said = machine.audit(*targets, "--refresh", "--max-time", "120s")
    assert jump.jumped.is_set(), said
    assert timeless(found) == timeless(expected)
    assert {each["since"] for each in found["findings"]} == {found["run"]["started"][:10]}
    assert abs(datetime.fromisoformat(found["run"]["started"]) - began) < timedelta(minutes=1)
    assert 0 <= found["run"]["seconds"] < 60
    assert not found["run"]["ended_early"]
    whole(own.history)


@pytest.mark.parametrize("ahead", [2 * HOUR, -2 * HOUR])
def test_the_time_of_a_run_and_of_its_waits_is_not_the_clocks(machine: Machine, ahead: float) -> None:
    """`--max-time` ends it after its seconds, and a host is waited for as long as it said, whatever the clock does meanwhile."""
    registry = machine.estate.house.images.registry
    machine.estate.own("good", "api")
    machine.estate.own("slow", "web")
    registry.faults.on(r"/acme/web/", Hang(120))
    registry.faults.on(r"/acme/api/manifests/1\.0$", Status(429, {"Retry-After": "2"}), times=1)
    registry.forget()
    machine.clock.set(0)
    begun = time.monotonic()
    process = machine.start("good", "slow", "--max-time", "18s")
    until(lambda: any("/acme/api/" in each for each in registry.asked()))
    machine.clock.set(ahead)
    status, report, said = machine.end(process)
    assert 17 < time.monotonic() - begun < 60
    assert status == 3, said
    failures = {each["name"]: each["failure"] for each in report["repositories"]}
    assert (failures["good"], failures["slow"]["stage"]) == (None, "time")
    assert [each["verdict"] for each in report["images"]] == ["verified"]
    assert 16 < report["run"]["seconds"] < 60


@pytest.mark.parametrize("wrong", [400 * DAY, -400 * DAY])
def test_a_night_of_a_wrong_clock_between_others(machine: Machine, wrong: float) -> None:
    """Runs stay in their order, drift is measured against the night before, no age is negative, and no answer is believed longer."""
    with OciRegistry() as registry:
        images = Images(registry)
        machine.estate.repository("apps", deployed(images, "api", "unsigned"))
        leave = ("--tag-ttl", "1h", "--listing-ttl", "1h")
        machine.audit("apps", *leave)
        _, second, _ = machine.audit("apps", *leave, ahead=wrong)
        registry.put_image("acme/unsigned", "1.0", seed="another build")
        status, third, said = machine.audit("apps", *leave, ahead=DAY)
    assert status == 1, said
    shown = datetime.fromisoformat(second["run"]["started"]) - datetime.now(UTC)
    assert abs(shown - timedelta(seconds=wrong)) < timedelta(hours=1), "the clock is really wrong"
    assert "tag-moved" in {each["rule"] for each in third["findings"]}, (
        "what was answered in the future is not believed"
    )
    assert third["run"]["previous"] == second["run"]["started"]
    today = third["run"]["started"][:10]
    assert all(each["since"] <= today for each in third["findings"])
    assert [night["id"] for night in third["nights"]] == [1, 2, 3]
    stays = machine.history("show", f"{registry.host}/acme/unsigned")["images"]
    assert stays
    assert all(each["until"] is None or each["since"] <= each["until"] for each in stays), stays
    for name in ("table", "markdown", "csv", "metrics", "html"):
        place = machine.estate.folder / f"report.{name}"
        machine.audit("apps", "-q", "-f", f"{name}={place}", ahead=wrong)
        written = [place] if place.is_file() else [each for each in place.rglob("*") if each.is_file()]
        assert written
        assert not any("-1 day" in each.read_text("utf-8", "replace") for each in written)
    whole(machine.estate.history)


@pytest.mark.parametrize("wrong", [7 * HOUR, -7 * HOUR])
def test_a_killed_audit_is_not_gone_on_with_where_the_clock_has_jumped(machine: Machine, wrong: float) -> None:
    """How old its answers are cannot be told: they are asked for again, and the history is whole."""
    registry = machine.estate.house.images.registry
    machine.estate.own("apps", "api", "web")
    registry.faults.on(r"/acme/web/", Hang(60))
    machine.clock.set(0)
    registry.forget()
    process = machine.start("apps")
    until(lambda: any("/acme/web/" in each for each in registry.asked()))
    time.sleep(1)
    process.kill()
    process.communicate(timeout=60)
    registry.faults.off()
    registry.forget()
    status, report, said = machine.audit("apps", ahead=wrong)
    assert (status, sorted(each["verdict"] for each in report["images"])) == (0, ["verified"] * 2), said
    assert any("/acme/api/manifests/1.0" in each for each in registry.asked()), "asked again"
    with closing(sqlite3.connect(machine.estate.history)) as database:
        assert database.execute("SELECT count(*) FROM runs").fetchall() == [(2,)]
    whole(machine.estate.history)


def test_a_clock_set_to_when_a_certificate_was_valid_makes_nothing_verified(machine: Machine) -> None:
    """A certificate is good for ten minutes. Whoever signs without proof of when gains nothing by a clock that stands there."""
    with OciRegistry() as registry:
        images = Images(registry)
        stranger = Sigstore("sigstore.stranger.example")
        names = ["api", "web"]
        for attack in (each for each in attacks() if not each.no_log):
            names.append(attack.name.replace("_", "-"))
            digest = images.push(names[-1])
            scene = Scene(digest=digest, stack=images.sigstore, stranger=stranger)
            push_signatures(registry, f"acme/{names[-1]}", digest, attack.make(scene))
        machine.estate.repository("apps", deployed(images, *names))
        for moment in (AT + timedelta(minutes=1), AT - timedelta(days=3650), AT + timedelta(days=36500)):
            _, report, said = machine.audit("apps", ahead=(moment - datetime.now(UTC)).total_seconds())
            assert report, said
            verified = {each["name"].rpartition("/")[2] for each in report["images"] if each["verdict"] == "verified"}
            assert verified == {"api", "web"}


def test_a_change_is_judged_by_the_day_on_which_it_began(machine: Machine) -> None:
    """The gate, with a waiver that ended yesterday: a clock that goes back in the middle brings it no more to life."""
    house = machine.estate.house
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    waiver = (
        f"waivers:\n  - {{image: '{house.images.registry.host}/acme/unsigned', rule: unsigned-image, until: {yesterday},"
        " owner: acme, reason: over}\n"
    )
    made = machine.estate.own("apps", "unsigned", more={"auditor.yaml": house.images.rules(waiver)})
    repositories.commit(made)
    jump = Jump(lambda: machine.clock.set(-5 * DAY))
    house.images.registry.faults.on(r"/acme/unsigned/manifests/1\.0$", jump)
    machine.clock.set(0)
    done = subprocess.run(
        [sys.executable, "-m", "auditor", "check", ".", "--head", "HEAD", "-f", "json"],
        cwd=made,
        env=machine.clock.environ(house.process_environ()),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert jump.jumped.is_set()
    assert done.returncode == 1, done.stderr
    assert {each["rule"] for each in json.loads(done.stdout)["findings"] if not each["waived"]} >= {
        "unsigned-image", "waiver-expired"
    }  # fmt: skip
