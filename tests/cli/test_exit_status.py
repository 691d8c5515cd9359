"""Each exit status from outside: what the caller of the program can rely on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fixtures.registry import Hang, OciRegistry
from tests.cli.house import House, Images, pod
from tests.support.waiting import until


def test_0_a_change_that_deploys_only_what_is_signed(house: House) -> None:
    house.commit_base()
    house.commit({"web.yaml": house.images.pod("web", "worker")})
    ran = house.check()
    assert (ran.status, ran.verdicts) == (0, {"web": "verified", "worker": "verified"})
    assert ran.report["run"]["exit"] == 0
    assert ran.report["run"]["complete"] is True


def test_0_a_change_that_deploys_nothing_new_says_so_and_asks_nobody(house: House) -> None:
    house.commit_base()
    house.commit({"README.md": "# Platform\n"})
    house.images.registry.forget()
    ran = house.run("check", ".", "--base", "main")
    assert ran.status == 0
    assert "this change deploys no new image" in ran.out
    assert house.images.registry.requests == []


@pytest.mark.parametrize(
    ("name", "verdict", "rule"),
    [
        ("unsigned", "unsigned", "unsigned-image"),
        ("wrong", "wrong-signer", "wrong-signer"),
        ("attested", "attestation-only", "attestation-only-image"),
        ("absent", "not-found", "image-not-found"),
    ],
)
def test_1_a_new_image_that_nobody_we_trust_has_signed(house: House, name: str, verdict: str, rule: str) -> None:
    house.commit_base()
    house.commit({"new.yaml": house.images.pod("web", name)})
    ran = house.check()
    assert ran.status == 1
    assert ran.verdicts == {name: verdict, "web": "verified"}
    found = ran.finding(rule)
    assert (found["file"], found["line"], found["level"]) == ("new.yaml", 15, "error")
    assert found["help"]


def test_1_beats_3(house: House) -> None:
    house.commit_base()
    house.commit({"new.yaml": house.images.pod("unsigned"), "next.yaml": pod("next", '"{{ .Values.image }}"')})
    ran = house.check()
    assert ran.status == 1
    assert {"unsigned-image", "templated-reference"} <= set(ran.rules)
    assert ran.report["run"]["complete"] is False


def test_3_something_new_that_could_not_be_judged(house: House) -> None:
    house.commit_base()
    house.commit({"new.yaml": house.images.pod("web")})
    ran = house.check("--offline")
    assert (ran.status, ran.verdicts) == (3, {"web": "unjudged"})
    assert ran.rules == ["unjudged-image"]


def test_3_a_tree_without_any_image(house: House) -> None:
    house.base.pop("api.yaml")
    house.commit_base()
    ran = house.run("check", ".")
    assert ran.status == 3
    assert "no image reference found" in ran.out
    assert house.run("images", ".").status == 3


def test_3_an_empty_folder_that_is_no_repository(house: House, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    ran = house.run("check", str(empty))
    assert (ran.status, "no image reference found" in ran.out) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "message", "help_line"),
    [
        ([], "the following arguments are required: COMMAND", "auditor --help"),
        (["chek"], "argument COMMAND: 'chek' is none of images, check,", "did you mean 'check'? run 'auditor --help'"),
        (["nonsense"], "'nonsense' is none of images, check,", "run 'auditor --help'"),
        (["policy", "lnt"], "'lnt' is none of lint, test, export", "did you mean 'lint'? run 'auditor policy --help'"),
        (
            ["check", "--bas", "main"],
            "unrecognized arguments: --bas",
            "did you mean '--base'? run 'auditor check --help'",
        ),
        (["check", "--failon=note"], "unrecognized arguments: --failon=note", "did you mean '--fail-on'?"),
        (["policy", "lint", "--bse"], "unrecognized arguments: --bse", "run 'auditor policy lint --help'"),
        (["cache"], "required: info|clear", "auditor cache --help"),
        (["check", "--fail-on", "bad"], "'bad' is none of error, warning, note", "check --help"),
        (["check", "--jobs", "0"], "'0' is not a number from 1 to 256", "check --help"),
        (["check", "nowhere"], "nowhere does not exist", "give a folder"),
        (["check", "--base", "nonsense"], "unknown revision 'nonsense'", "git branch -a"),
        (["check", "--base", "main", "--head", "nonsense"], "unknown revision 'nonsense'", "git branch -a"),
        (["images", "--rev", "origin/new"], "unknown revision 'origin/new'", "git fetch origin +refs/heads/new"),
        (["check", "--base=-x"], "'-x' is no revision", "give a branch"),
        (["check", "--image", "a", "--base", "main"], "--image judges single images", "leave out --base"),
        (["check", "-", "--base", "main"], "standard input has no revisions", "give a path"),
        (["check", "--config", "none.yaml"], "none.yaml", "--config"),
        (["check", "-f", "yaml"], "unknown format 'yaml'", "one of table, json"),
        (["check", "-f", "json="], "no file name after '='", "json=report.json"),
        (["check", "-f", "json", "-f", "sarif"], "json and sarif cannot both go to standard output", "-f json=FILE"),
        (["check", "-f", "json=a", "-f", "sarif=a"], "two formats into one file", "a file of its own"),
        (["explain", "unsinged-image"], "there is no rule 'unsinged-image'", "did you mean 'unsigned-image'?"),
        (["verify", "x", "--key", "cosign.pub"], "--key is for a bundle, and an image was named", "name the key"),
        (["verify", "x", "--trusted-root", "none.json"], "cannot read the trusted root none.json", "check the path"),
    ],
)
def test_2_what_cannot_be_done_is_told_with_the_next_step(
    house: House, arguments: list[str], message: str, help_line: str
) -> None:
    house.commit_base()
    ran = house.run(*arguments).clean_of_tracebacks()
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert message in ran.err
    assert help_line in ran.err.partition("  help: ")[2]


def test_2_a_base_outside_of_any_repository(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    ran = house.run("check", str(folder), "--base", "main", environ={"GIT_CEILING_DIRECTORIES": str(tmp_path)})
    assert ran.status == 2
    assert "--base needs a git repository" in ran.err
    assert "  help: " in ran.err


def test_4_an_internal_error_leaves_a_log_to_paste(house: House, tmp_path: Path) -> None:
    """A part of the program that is broken on this machine: nothing is judged, and that is no clean run."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text("import auditor.pipeline\nauditor.pipeline.check = None\n")
    house.commit_base()
    ran = house.program(
        "check", ".", environ={"PYTHONPATH": f"{broken}{os.pathsep}{sys.path[0] or '.'}{os.pathsep}{Path.cwd()}", "TMPDIR": str(tmp_path)}
    )  # fmt: skip
    assert ran.status == 4, ran.err
    assert "internal error" in ran.err
    assert "Traceback" not in ran.err
    log = Path(ran.err.rpartition("log in ")[2].strip())
    assert log.parent == tmp_path
    assert "Traceback" in log.read_text("utf-8")
    assert "'check'" in log.read_text("utf-8")


def interrupted(house: House, images: Images, *, after: str) -> tuple[int, str, float]:
    """Start a check with a report into a file, wait until the registry was asked for `after`, and send an interrupt."""
    house.commit_base({"auditor.yaml": images.rules(), "trust/root.json": images.trusted_root()})
    house.commit({"new.yaml": images.pod("api", "web", "unsigned", "worker")})
    command = [sys.executable, "-m", "auditor", "check", ".", "--base", "main", "-f", "json=result.json"]
    with subprocess.Popen(
        command, cwd=house.repo, env=house.process_environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        until(lambda: any(after in asked for asked in images.registry.asked()))
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        out, err = process.communicate(timeout=60)
    assert out == ""
    return process.returncode, err, time.monotonic() - start


@pytest.mark.parametrize("seconds", [3600.0])
def test_130_an_interrupt_ends_at_once_and_leaves_nothing_half_written(house: House, seconds: float) -> None:
    with OciRegistry() as registry:
        images = Images(registry)
        registry.forget()
        registry.faults.on(r"/acme/(web|unsigned)/", Hang(seconds))
        status, err, took = interrupted(house, images, after="/acme/api/")
    assert status == 130
    assert err == "interrupted: the run is not complete\n"
    assert took < 30
    assert not (house.repo / "result.json").exists()
    assert list(house.repo.glob(".result*")) == []
