"""Standard error as JSON lines: whatever happens, each line is an object with the fields that the reference tells of."""

from __future__ import annotations

import json
import logging
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fixtures.registry import Hang
from fixtures.registry.faults import Status
from tests.cli.house import Ran
from tests.cli.test_audit import Estate, estate  # noqa: F401 - a fixture
from tests.support.waiting import until

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "log.md"
COMMON = {"time", "level", "message", "event", "help"}


def documented() -> dict[str, set[str]]:
    """Fields by event, as the reference has them."""
    rows = re.findall(r"^\| (`[a-z`, ]+`) \|[^|]*\|([^|]*)\|$", PAGE.read_text("utf-8"), re.MULTILINE)
    return {
        event: set(re.findall(r"`([a-z_]+)`", fields))
        for names, fields in rows
        for event in re.findall(r"[a-z]+", names)
    }


def lines(ran: Ran | str) -> list[dict[str, Any]]:
    """Every line, each checked against the reference."""
    told = [json.loads(line) for line in (ran if isinstance(ran, str) else ran.err).splitlines()]
    events = documented()
    for line in told:
        assert set(line) <= COMMON | events[line["event"]], line
        assert {"time", "level", "message", "event"} <= set(line)
    return told


def of(told: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [line for line in told if line["event"] == event]


JSON = ("--log-format", "json")


def test_a_run_tells_phases_hosts_repositories_and_counts(estate: Estate) -> None:  # noqa: F811 - as above
    registry = estate.house.images.registry
    estate.own("good", "api", "web")
    estate.own("bad", "unsigned")
    estate.own("broken", "api", more={"auditor.yaml": "version: 1\nsigners: [\n"})
    registry.faults.on(r"/acme/web/manifests/1\.0$", Status(429, {"Retry-After": "1"}), times=1)
    told = lines(estate.audit("good", "bad", "broken", *JSON, "-v", "--timings", status=1))
    phases = [line["phase"] for line in of(told, "begin")]
    assert {"repositories", "registries and signatures", "judging", "reports"} <= set(phases)
    assert [line["phase"] for line in of(told, "phase")] == phases
    assert sum(line["images"] for line in of(told, "phase")) == 3
    assert {line["host"] for line in of(told, "waited")} == {registry.host}
    assert [(line["times"], line["seconds"]) for line in of(told, "waited")] == [(1, 1.0)]
    found = {line["repository"]: line for line in of(told, "repository")}
    assert {name: line["exit"] for name, line in found.items()} == {"good": 0, "bad": 1, "broken": 3}
    assert (found["bad"]["images"], found["bad"]["findings"]["error"]) == (1, 1)
    assert (found["broken"]["stage"], found["broken"]["level"]) == ("read", "error")
    assert told[-1]["event"] == "end"
    assert {key: told[-1][key] for key in ("repositories", "failed", "images", "exit", "ended_early")} == {
        "repositories": 3, "failed": 1, "images": 3, "exit": 1, "ended_early": ""
    }  # fmt: skip
    assert of(told, "timing")


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        (("audit", *JSON, "--no-such-option"), {}),
        (("audit", "--log-format=json", "--jobs", "many", "x"), {}),
        (("audit", "--no-such-option"), {"AUDITOR_LOG_FORMAT": "json"}),
        (("merge", *JSON), {}),
        (("audit", "x", *JSON), {"AUDITOR_FAIL_ON": "nothing"}),
        (("check", *JSON), {}),
        (("audit", *JSON), {}),
        (("audit", *JSON, "--repos", "nothing.yaml"), {}),
        (("audit", *JSON, "ext::sh -c id"), {}),
        (("merge", *JSON, "nothing.json"), {}),
        (("audit", "x\x1b[2J\udcff", "--\x1b", *JSON), {}),
    ],
    ids=lambda each: re.sub(r"[^ a-z-]", "", " ".join(each)) if isinstance(each, tuple) else "",
)
def test_mistakes_are_told_as_json_too(estate: Estate, arguments: tuple[str, ...], environ: dict[str, str]) -> None:  # noqa: F811
    ran = estate.house.run(*arguments, environ=environ, cwd=estate.folder)
    assert ran.status == 2
    told = lines(ran)
    assert {(line["event"], line["level"]) for line in told if line["event"] not in {"begin", "phase"}} == {
        ("error", "error")
    }
    assert "\x1b" not in ran.err
    assert all(line.get("help") for line in of(told, "error"))


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        (("audit", "--log-format", "text", "--no-such-option"), {"AUDITOR_LOG_FORMAT": "json"}),
        (("audit", "--no-such-option", "--", *JSON), {}),
        (("check", "--no-such-option"), {"AUDITOR_LOG_FORMAT": "json"}),
        (("audit", "--log-format"), {}),
        ((), {"AUDITOR_LOG_FORMAT": "json"}),
    ],
    ids=["overruled", "behind the end", "of another command", "without a value", "nothing"],
)
def test_nobody_who_asked_for_text_gets_json(
    estate: Estate,  # noqa: F811 - as above
    arguments: tuple[str, ...],
    environ: dict[str, str],
) -> None:
    ran = estate.house.run(*arguments, environ=environ, cwd=estate.folder)
    assert (ran.status, ran.err.startswith("error: ")) == (2, True)


def test_every_mistake_in_a_file_has_a_line_of_its_own(estate: Estate) -> None:  # noqa: F811 - as above
    (estate.folder / "repos.yaml").write_text("repositories: [{url: 'ext::sh'}, {github: a, colour: red}]\n")
    told = lines(estate.house.run("audit", "--repos", "repos.yaml", *JSON, cwd=estate.folder))
    assert [each["message"].partition(": ")[0] for each in of(told, "error")] == ["repos.yaml:1", "repos.yaml:1"]


def test_last_words_are_json(estate: Estate) -> None:  # noqa: F811 - as above
    """An audit that is interrupted while a registry hangs, and one that breaks."""
    estate.own("apps", "web")
    estate.house.images.registry.faults.on(r"/acme/web/", Hang(60))
    estate.house.images.registry.forget()
    environ = estate.house.process_environ()
    command = [sys.executable, "-m", "auditor", "audit", "apps", *JSON, "--no-history", "-f", "json"]
    with subprocess.Popen(
        command, cwd=estate.folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        until(lambda: any("/acme/web/" in each for each in estate.house.images.registry.asked()))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    estate.house.images.registry.faults.off()
    assert (process.returncode, lines(said)[-1]["event"]) == (130, "interrupted")
    breaking = (
        "import sys, auditor.cli.audit as audit\n"
        "from auditor.cli.main import run\n"
        "audit.execute = lambda *_: 1 / 0\n"
        "run()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", breaking, "audit", "apps", *JSON],
        cwd=estate.folder, env=environ | {"TMPDIR": str(estate.folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    (line,) = lines(done.stderr)
    assert (line["event"], line["level"], "division by zero" in line["message"]) == ("crash", "critical", True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("log", [(), JSON], ids=["text", "json"])
def test_a_log_that_takes_nothing_costs_nothing(estate: Estate, log: tuple[str, ...]) -> None:  # noqa: F811 - as above
    estate.own("apps", "unsigned")
    estate.own("broken", "api", more={"auditor.yaml": "version: 1\nsigners: [\n"})
    command = [
        sys.executable,
        "-m",
        "auditor",
        "audit",
        "apps",
        "broken",
        "-f",
        "json=out.json",
        "--timings",
        "-v",
        *log,
    ]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*command, "--no-history", "-q"],
            cwd=estate.folder, env=estate.house.process_environ(), stderr=full, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert len(json.loads((estate.folder / "out.json").read_text("utf-8"))["repositories"]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("there", [False, True], ids=["nobody", "silent"])
def test_dask_tells_in_json_too(estate: Estate, there: bool) -> None:  # noqa: F811 - as above
    """Nobody is there, or somebody who says not a word: it ends, and whatever Dask says of it, it says so in our form."""
    estate.own("apps", "api")
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    if not there:
        server.close()
    script = (
        "import auditor.fleet.engines.workers as workers\nworkers._WAIT = 2\nfrom auditor.cli.main import run\nrun()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "audit", "apps", "--no-history", *JSON, "-v",
         "--engine", "dask", "--scheduler", f"tcp://127.0.0.1:{port}"],
        cwd=estate.folder, env=estate.house.process_environ(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    server.close()
    assert done.returncode == 2, done.stderr
    assert "does not answer" in of(lines(done.stderr), "error")[0]["message"]


def test_handlers_of_dask_are_taken_over() -> None:
    """Whoever it is that has imported it."""
    pytest.importorskip("distributed")
    from auditor.fleet.engines.workers import _take_over_logs

    logger = logging.getLogger("distributed.client")
    logger.addHandler(logging.StreamHandler())
    logger.propagate = False
    _take_over_logs()
    assert (logger.handlers, logger.propagate) == ([], True)
