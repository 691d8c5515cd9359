"""Completion, asked of the shells themselves, and the manual page, read by mandoc where there is one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from auditor.cli.completion import SHELLS, words
from auditor.cli.main import main, parser
from auditor.cli.man import man
from auditor.cli.reference import reference

_ASK_BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_auditor
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A script for each shell, in a folder where no file gets in the way."""
    for shell, script in SHELLS.items():
        (tmp_path / f"auditor.{shell}").write_text(script(parser()))
    return tmp_path


def asked(*command: str, cwd: Path) -> list[str]:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def bash(scripts: Path, *line: str) -> list[str]:
    """What bash offers for the last word of this line."""
    empty = scripts / "empty"
    empty.mkdir(exist_ok=True)
    return asked("bash", "--norc", "-c", _ASK_BASH, "bash", str(scripts / "auditor.bash"), "auditor", *line, cwd=empty)


def test_bash_knows_every_command_and_every_option(scripts: Path) -> None:
    for word in words(parser()):
        offered = bash(scripts, *word.path.split(), "-")
        assert set(offered) == {name for option in word.options for name in option.names}
        if word.inner:
            assert set(bash(scripts, *word.path.split(), "")) >= {name for name, _ in word.inner}


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        (("pol",), ["policy"]),
        (("policy", "l"), ["lint"]),
        (("check", "--render", ""), ["auto", "never", "require"]),
        (("check", "--render", "never", "--fetch"), ["--fetch-charts"]),
        (("--completion", "z"), ["zsh"]),
        (("cache", ""), ["info", "clear"]),
    ],
    ids=["command", "inner-command", "value", "after-a-value", "top", "positional"],
)
def test_bash_completes(scripts: Path, line: tuple[str, ...], offered: list[str]) -> None:
    assert bash(scripts, *line) == offered


def test_bash_offers_files_where_one_is_asked_for(scripts: Path) -> None:
    (scripts / "empty").mkdir()
    (scripts / "empty" / "rules.yaml").touch()
    assert bash(scripts, "check", "--config", "ru") == ["rules.yaml"]


def test_completing_runs_nothing_of_the_folder(scripts: Path) -> None:
    """A file name is text, whatever it looks like."""
    (scripts / "empty").mkdir()
    (scripts / "empty" / "$(touch done)").touch()
    bash(scripts, "check", "")
    assert not (scripts / "empty" / "done").exists()


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish here")
def test_fish_completes(scripts: Path) -> None:
    def offered(line: str) -> list[str]:
        command = f"source {scripts}/auditor.fish; complete -C '{line}'"
        return [row.split("\t")[0] for row in asked("fish", "--no-config", "-c", command, cwd=scripts)]

    assert offered("auditor po") == ["policy"]
    assert offered("auditor check --render ") == ["auto", "never", "require"]
    assert "--fetch-charts" in offered("auditor check --f")


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh here")
def test_zsh_takes_the_script(scripts: Path) -> None:
    load = f"autoload -Uz compinit; compinit -D -u; source {scripts}/auditor.zsh; print $_comps[auditor]; whence -w _auditor_policy_lint"
    assert asked("zsh", "-fc", load, cwd=scripts) == ["_auditor", "_auditor_policy_lint: function"]


def test_the_manual_names_every_command_and_option() -> None:
    page = man(parser())
    for name, command in parser().commands().items():
        assert f'.SS "auditor {name}"' in page
        for option in command.options():
            assert all(flag.replace("-", r"\-") in page for flag in option.option_strings)


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="there is no mandoc here")
def test_mandoc_has_nothing_to_say_against_the_manual(tmp_path: Path) -> None:
    page = tmp_path / "auditor.1"
    page.write_text(man(parser()))
    said = subprocess.run(
        ["mandoc", "-Tlint", "-Wwarning", str(page)], capture_output=True, text=True, timeout=60, check=False
    )
    assert [line for line in said.stdout.splitlines() if "missing date" not in line] == []


@pytest.mark.parametrize("shell", SHELLS)
def test_the_program_prints_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--completion", shell], {})
    assert end.value.code == 0
    assert capsys.readouterr().out == SHELLS[shell](parser())


def test_the_program_prints_its_manual(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--man"], {})
    assert end.value.code == 0
    assert capsys.readouterr().out == man(parser())


def test_no_variable_makes_every_run_print_completion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"], {"AUDITOR_COMPLETION": "bash", "AUDITOR_MAN": "1"}) == 0
    assert "unsigned-image" in capsys.readouterr().out
    assert "AUDITOR_COMPLETION" not in reference() + man(parser())
