"""Options and their twins, without running a command."""

from __future__ import annotations

import pytest

from auditor.cli.main import parser
from auditor.cli.parsing import twin
from auditor.model.finding import Level


def parsed(*arguments: str, **environ: str) -> dict[str, object]:
    commands = parser()
    commands.read_twins(environ)
    return vars(commands.parse_args(arguments))


def test_every_option_of_every_command_has_a_twin() -> None:
    for name, command in parser().commands().items():
        for option in command.options():
            assert twin(option).startswith("AUDITOR_"), name
            assert twin(option).removeprefix("AUDITOR_").replace("_", "").isalnum(), name


def test_no_twin_stands_for_two_different_options() -> None:
    """One variable is set for a whole job: it must mean the same to each command."""
    meanings: dict[str, set[str]] = {}
    for command in parser().commands().values():
        for option in command.options():
            meanings.setdefault(twin(option), set()).add(f"{option.dest} {option.nargs} {option.type}")
    assert {name: means for name, means in meanings.items() if len(means) > 1} == {}


@pytest.mark.parametrize(
    ("value", "on"),
    [("1", True), ("true", True), ("yes", True), ("0", False), ("false", False), ("No", False), ("", False)],
)
def test_a_switch_is_on_or_off(value: str, *, on: bool) -> None:
    assert parsed("check", AUDITOR_OFFLINE=value)["offline"] is on


def test_an_empty_twin_of_an_option_with_a_value_is_none() -> None:
    """CI systems set unset inputs to the empty text."""
    found = parsed("check", AUDITOR_BASE="", AUDITOR_FAIL_ON="", AUDITOR_CONFIG="", AUDITOR_FORMAT="")
    assert (found["base"], found["fail_on"], found["config"], found["format"]) == (None, Level.ERROR, None, [])


def test_repeatable_options_are_split_at_white_space_and_replaced_by_the_command_line() -> None:
    both = {"AUDITOR_FORMAT": "json=a.json  sarif=b.sarif"}
    assert parsed("check", **both)["format"] == ["json=a.json", "sarif=b.sarif"]
    assert parsed("check", "-f", "csv", "-f", "table", **both)["format"] == ["csv", "table"]
    assert parsed("check", "-f", "csv")["format"] == ["csv"]


def test_twins_of_one_run_do_not_reach_the_next() -> None:
    assert parsed("check", AUDITOR_BASE="main")["base"] == "main"
    assert parsed("check")["base"] is None


def test_values_are_converted() -> None:
    found = parsed("check", AUDITOR_JOBS="8", AUDITOR_FAIL_ON="note")
    assert (found["jobs"], found["fail_on"]) == (8, Level.NOTE)


def test_what_the_environment_asks_of_reports_does_not_break_a_command_that_knows_fewer_formats() -> None:
    """One job sets the variable for `check`, and runs `policy test` as well."""
    both = {"AUDITOR_FORMAT": "json=a.json sarif=b.sarif"}
    assert parsed("policy", "test", "cases.yaml", **both)["format"] == "table"
    assert parsed("policy", "test", "cases.yaml", "-f", "junit", **both)["format"] == "junit"
    assert parsed("policy", "lint", **both)["format"] == ["json=a.json", "sarif=b.sarif"]


def test_an_option_without_a_twin_still_checks_what_is_written() -> None:
    with pytest.raises(SystemExit):
        parsed("policy", "test", "cases.yaml", "-f", "sarif")
