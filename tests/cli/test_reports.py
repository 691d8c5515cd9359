"""Where reports go and how they look: formats, files, annotations, colour, and the environment's word on each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cli.house import House
from tests.support.schemas import report_validator, sarif_validator

FORMATS = ("table", "json", "sarif", "junit", "github", "markdown", "codequality", "csv", "html")
ACTIONS = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/gitops",
    "GITHUB_SHA": "5" * 40,
    "GITHUB_WORKFLOW": "Pull request",
    "GITHUB_JOB": "images",
}
ESCAPE = "\x1b["


@pytest.fixture
def failing(house: House) -> House:
    """A change with one image that is fine and one that is not."""
    house.commit_base()
    house.commit({"new.yaml": house.images.pod("web", "unsigned")})
    return house


def test_every_format_at_once_into_files_and_the_table_on_the_terminal(failing: House, tmp_path: Path) -> None:
    files = {name: tmp_path / "deep" / "er" / f"report.{name}" for name in FORMATS}
    ran = failing.run("check", ".", "--base", "main", *(f"--format={name}={file}" for name, file in files.items()))
    assert (ran.status, ran.err) == (1, "")
    assert ran.out == files["table"].read_text("utf-8"), "the same, for no terminal"
    assert sorted(file.name for file in (tmp_path / "deep" / "er").iterdir()) == sorted(f.name for f in files.values())
    report = json.loads(files["json"].read_text("utf-8"))
    report_validator().validate(report)
    sarif = json.loads(files["sarif"].read_text("utf-8"))
    sarif_validator().validate(sarif)
    (result,) = (r for r in sarif["runs"][0]["results"] if r["ruleId"] == "unsigned-image")
    assert "primaryLocationLineHash" in result["partialFingerprints"]
    for name, file in files.items():
        assert failing.images.ref("unsigned").partition(":1.0")[0] in file.read_text("utf-8"), name


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_alone_on_standard_output(failing: House, name: str) -> None:
    ran = failing.run("check", ".", "--base", "main", "-f", name)
    assert (ran.status, ran.err) == (1, "")
    assert ran.out.endswith("\n")
    assert "unsigned" in ran.out


def test_the_json_report_of_every_command_keeps_to_the_schema(failing: House) -> None:
    for arguments in (["images", "."], ["check", "."], ["check", "--image", failing.images.ref("web")]):
        report_validator().validate(failing.run(*arguments, "-f", "json").report)


def test_a_file_that_is_there_is_replaced_whole_or_stays(failing: House, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text("yesterday")
    failing.run("check", ".", "--base", "nonsense", "-f", f"json={file}")
    assert file.read_text() == "yesterday"
    failing.run("check", ".", "--base", "main", "-f", f"json={file}")
    assert json.loads(file.read_text("utf-8"))["schema"] == "auditor/v1"
    assert oct(file.stat().st_mode & 0o777) == oct(0o644)


def test_a_file_that_cannot_be_written_is_an_error_and_no_clean_run(failing: House, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    ran = failing.run("check", ".", "--base", "main", "-f", f"json={tmp_path}/plain/report.json").clean_of_tracebacks()
    assert ran.status == 2
    assert "cannot write" in ran.err


# ── GitHub Actions and GitLab CI ─────────────────────────────────────────────────────────────────────────────────────────


def test_in_github_actions_annotations_follow_the_table(failing: House) -> None:
    ran = failing.run("check", ".", "--base", "main", environ=ACTIONS)
    lines = ran.out.splitlines()
    commands = [line for line in lines if line.lstrip().startswith("::")]
    assert commands
    assert commands[0].startswith("::error file=new.yaml,line=15,")
    assert lines[0].startswith("✗")
    quiet = failing.run("check", ".", "--base", "main", "-q", environ=ACTIONS)
    assert (quiet.status, quiet.out) == (1, "")
    table = failing.run("check", ".", "--base", "main", "-f", "table", environ=ACTIONS)
    assert "::error" not in table.out


@pytest.mark.parametrize("value", ["::error::pwned", "x\n::error::pwned", "x\r::stop-commands::t", "##[error]pwned"])
def test_what_a_repository_says_never_becomes_a_workflow_command(failing: House, value: str) -> None:
    failing.commit(
        {
            "hostile.yaml": f"apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec: {{containers: [{{image: {json.dumps(value)}}}]}}\n"
        }
    )
    ran = failing.run("check", ".", "--base", "main", "-v", environ=ACTIONS)
    assert "pwned" in ran.out or "stop-commands" in ran.out, "it is shown"
    for line in [*ran.out.splitlines(), *ran.err.splitlines()]:
        assert not line.lstrip().startswith(("::error::pwned", "::stop-commands"))
        assert "##[error]" not in line


def test_a_usage_error_never_becomes_a_workflow_command(house: House) -> None:
    house.commit_base()
    ran = house.run("check", "x\n::error::pwned\x1b[31m", environ=ACTIONS)
    assert ran.status == 2
    assert ESCAPE not in ran.err
    assert not any(line.lstrip().startswith("::") for line in ran.err.splitlines())
    ran = house.run("check", "--jobs", "\n::error::pwned\x1b[31m", environ=ACTIONS)
    assert ESCAPE not in ran.err
    assert not any(line.lstrip().startswith("::") for line in ran.err.splitlines())


@pytest.mark.parametrize(
    ("variables", "address", "key"),
    [
        ({}, None, "check"),
        (ACTIONS, f"https://github.com/acme/gitops/blob/{'5' * 40}/new.yaml", "Pull-request/images"),
        (
            {**ACTIONS, "GITEA_ACTIONS": "true", "GITHUB_SERVER_URL": "https://git.acme.example"},
            f"https://git.acme.example/acme/gitops/src/commit/{'5' * 40}/new.yaml",
            "Pull-request/images",
        ),
        (
            {
                "GITLAB_CI": "true",
                "CI_PROJECT_URL": "https://gitlab.acme.example/platform/gitops",
                "CI_COMMIT_SHA": "6" * 40,
                "CI_JOB_NAME": "images",
            },
            f"https://gitlab.acme.example/platform/gitops/-/blob/{'6' * 40}/new.yaml",
            "images",
        ),
        ({**ACTIONS, "GITHUB_REPOSITORY": "acme/x](https://evil.example"}, None, "Pull-request/images"),
        ({**ACTIONS, "GITHUB_SERVER_URL": "javascript:alert(1)//"}, None, "Pull-request/images"),
    ],
)
def test_the_comment_links_to_the_lines_of_head(
    failing: House, variables: dict[str, str], address: str | None, key: str
) -> None:
    comment = failing.run("check", ".", "--base", "main", "-f", "markdown", environ=variables).out
    assert comment.startswith(f"<!-- auditor:v1:{key} -->\n")
    assert "evil.example" not in comment
    assert "javascript" not in comment
    if address is None:
        assert "/blob/" not in comment
    else:
        assert f"({address}#L15)" in comment


def test_a_head_that_is_a_commit_is_what_the_comment_links_to(failing: House) -> None:
    comment = failing.run("check", ".", "--base", "main", "--head", "change", "-f", "markdown", environ=ACTIONS).out
    assert f"/blob/{failing.git('rev-parse', 'change')}/new.yaml#L15" in comment


def test_two_jobs_keep_their_scans_apart(failing: House) -> None:
    sarif = json.loads(failing.run("check", ".", "--base", "main", "-f", "sarif", environ=ACTIONS).out)
    assert sarif["runs"][0]["automationDetails"]["id"] == "auditor/Pull-request/images/"


# ── how it looks ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "environ", "coloured"),
    [
        ([], {}, False),
        (["--color", "always"], {}, True),
        (["--color=always"], {"NO_COLOR": "1", "TERM": "dumb"}, True),
        (["--color=never"], {"FORCE_COLOR": "1"}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "0"}, False),
        ([], {"CLICOLOR_FORCE": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": ""}, True),
        ([], {"AUDITOR_COLOR": "always"}, True),
        (["--color=never"], {"AUDITOR_COLOR": "always"}, False),
    ],
)
def test_who_decides_about_colour(
    failing: House, arguments: list[str], environ: dict[str, str], *, coloured: bool
) -> None:
    ran = failing.run("check", ".", "--base", "main", *arguments, environ=environ)
    assert (ESCAPE in ran.out) is coloured


def test_files_are_never_coloured(failing: House, tmp_path: Path) -> None:
    file = tmp_path / "report.txt"
    failing.run("check", ".", "--base", "main", "-f", f"table={file}", "--color=always")
    assert ESCAPE not in file.read_text("utf-8")


def test_verbose_says_who_signed_and_quiet_says_nothing(failing: House) -> None:
    plain, verbose, quiet = (failing.run("check", ".", "--base", "main", *more) for more in ([], ["-v"], ["-q"]))
    who = "https://github.com/acme/web/.github/workflows/release.yaml@refs/tags/v1.0.0"
    assert who in verbose.out
    assert len(verbose.out) > len(plain.out)
    assert (quiet.status, quiet.out, quiet.err) == (1, "", "")


def test_timings_are_told_on_standard_error(failing: House) -> None:
    ran = failing.run("check", ".", "--base", "main", "--timings", "-f", "json")
    assert ran.report["run"]["exit"] == 1
    stages = [line.split(" s  ")[1] for line in ran.err.splitlines()]
    assert stages == ["rules", "manifests", "policies", "registries and signatures", "judging", "reports", "together"]


# ── what fails ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "environ", "status"),
    [
        ([], {}, 0),
        (["--fail-on", "error"], {}, 0),
        (["--fail-on", "warning"], {}, 1),
        (["--fail-on", "note"], {}, 1),
        ([], {"AUDITOR_FAIL_ON": "warning"}, 1),
        (["--fail-on", "error"], {"AUDITOR_FAIL_ON": "warning"}, 0),
        (["--fail-on", "warning", "--exit-zero"], {}, 0),
        (["--fail-on", "warning"], {"AUDITOR_EXIT_ZERO": "1"}, 0),
        (["--fail-on", "warning"], {"AUDITOR_EXIT_ZERO": "false"}, 1),
    ],
)
def test_fail_on_and_exit_zero(house: House, arguments: list[str], environ: dict[str, str], status: int) -> None:
    """The image is signed and its tag is latest: a warning."""
    digest = house.images.digests["web"]
    house.images.registry.store.open("acme/web").tags["latest"] = digest
    house.commit_base()
    house.commit({"new.yaml": house.images.pod("web").replace("web:1.0", "web:latest")})
    ran = house.check(*arguments, environ=environ)
    assert "latest-tag" in ran.rules
    assert (ran.status, ran.report["run"]["exit"]) == (status, status)


def test_exit_zero_still_says_what_it_hides(failing: House) -> None:
    ran = failing.run("check", ".", "--base", "main", "--exit-zero")
    assert ran.status == 0
    assert "exit 0 by --exit-zero" in ran.out


# ── twins in the environment ─────────────────────────────────────────────────────────────────────────────────────────────


def test_options_have_twins_in_the_environment_and_the_command_line_wins(failing: House) -> None:
    twins = {"AUDITOR_BASE": "main", "AUDITOR_FORMAT": "json", "AUDITOR_OFFLINE": "yes"}
    ran = failing.run("check", environ=twins)
    assert (ran.status, ran.verdicts) == (3, {"unsigned": "unjudged", "web": "unjudged"})
    assert failing.run("check", "-f", "csv", environ=twins).out.startswith("reference,")
    assert failing.run("check", "--base", "change", environ=twins).verdicts == {}


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("AUDITOR_FAIL_ON", "sometimes", "AUDITOR_FAIL_ON: 'sometimes' is none of error, warning, note"),
        ("AUDITOR_JOBS", "many", "AUDITOR_JOBS: 'many' is not a number from 1 to 256"),
        ("AUDITOR_COLOR", "red", "AUDITOR_COLOR: 'red' is none of auto, always, never"),
        ("AUDITOR_FORMAT", "json sarif", "json and sarif cannot both go to standard output"),
    ],
)
def test_a_mistake_in_a_twin_names_it(failing: House, variable: str, value: str, message: str) -> None:
    ran = failing.run("check", environ={variable: value})
    assert (ran.status, ran.out) == (2, "")
    assert message in ran.err


# ── pipes and odd terminals ──────────────────────────────────────────────────────────────────────────────────────────────


def process(
    house: House, *arguments: str, stdout: int, environ: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "auditor", *arguments],
        cwd=house.repo,
        env=house.process_environ(environ),
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def test_a_reader_that_goes_away_does_not_hide_what_was_found(failing: House, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    file = tmp_path / "report.json"
    with process(
        failing, "check", ".", "--base", "main", "-f", "table", "-f", f"json={file}", stdout=writer
    ) as running:
        os.close(writer)
        _, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (1, b"")
    assert json.loads(file.read_text("utf-8"))["run"]["exit"] == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_error_and_no_clean_run(failing: House) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    with process(failing, "check", ".", "--base", "main", stdout=full) as running:
        os.close(full)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 2
    assert b"cannot write to standard output: No space left on device" in err
    assert b"Traceback" not in err


def test_a_terminal_without_utf_8_still_gets_its_report(failing: House) -> None:
    environ = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    with process(failing, "check", ".", "--base", "main", stdout=subprocess.PIPE, environ=environ) as running:
        out, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (1, b"")
    assert b"\\u2717 1 of 2 new images fails" in out


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_change_nothing_in_what_is_found(failing: House, closed: str) -> None:
    for arguments, status in (("check . --base main", 1), ("check . --base nonsense", 2), ("explain", 0)):
        done = subprocess.run(
            ["sh", "-c", f'exec "$0" -m auditor {arguments} {closed}', sys.executable],
            cwd=failing.repo,
            env=failing.process_environ(),
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, (arguments, done.stderr)
        assert b"Traceback" not in done.stderr


def test_a_folder_that_is_gone(failing: House, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "sh",
            "-c",
            'mkdir "$1" && cd "$1" && rmdir "$1" && exec "$0" -m auditor check .',
            sys.executable,
            f"{tmp_path}/gone",
        ],
        env=failing.process_environ(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Traceback" not in done.stderr


def test_a_pipe_is_written_to_and_stays_a_pipe(house: House, tmp_path: Path) -> None:
    """As root a rename would put a file in the place of `/dev/null`, for the whole machine."""
    house.commit_base()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_text)
        assert house.run("images", ".", "-f", f"json={pipe}", "-q").status == 0
        assert json.loads(read.result(timeout=30))["images"]
    assert pipe.is_fifo()
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".pipe")] == []
