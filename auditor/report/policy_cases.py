"""What `auditor policy test` found: lines for people, JSON, or JUnit with a test case for each cell of the table."""

from __future__ import annotations

import json
from collections.abc import Sequence

from auditor.policies.cases import Outcome
from auditor.report.escape import terminal_line
from auditor.report.junit import Case, document


def render_outcomes(outcomes: Sequence[Outcome], form: str, seconds: float, *, verbose: bool = False) -> str:
    """All cells as `table`, `json` or `junit`. `verbose`: the lines say why, also where all is as expected."""
    match form:
        case "json":
            return _json(outcomes)
        case "junit":
            return document([_case(each) for each in outcomes], seconds)
        case _:
            return "".join(f"{terminal_line(_line(each, verbose=verbose))}\n" for each in outcomes)


def _said(outcome: Outcome) -> str:
    return outcome.found.value if outcome.found else "absent"


def _line(outcome: Outcome, *, verbose: bool) -> str:
    word = "ok" if outcome.agrees else "differs"
    line = f"{word}: {outcome.case.text}: {outcome.policy} says {_said(outcome)}, expected {outcome.expected.value}"
    return f"{line}: {outcome.why}" if verbose or not outcome.agrees else line


def _json(outcomes: Sequence[Outcome]) -> str:
    """`found` is null for a policy that is not there."""
    agreeing = sum(each.agrees for each in outcomes)
    told = {
        "schema": "auditor/policy-test/v1",
        "summary": {"cells": len(outcomes), "agree": agreeing, "differ": len(outcomes) - agreeing},
        "outcomes": [
            {
                "image": each.case.text,
                "file": each.case.place.file,
                "line": each.case.place.line,
                "policy": each.policy,
                "expected": each.expected.value,
                "found": each.found.value if each.found else None,
                "agrees": each.agrees,
                "why": each.why,
            }
            for each in outcomes
        ],
    }
    return json.dumps(told, indent=2) + "\n"


def _case(outcome: Outcome) -> Case:
    name = f"{outcome.case.text}: {outcome.policy}"
    message = f"says {_said(outcome)}, expected {outcome.expected.value}"
    file = outcome.case.place.file
    if outcome.agrees:
        return Case(name, file, None, "", "", "")
    return Case(name, file, "failure", "policy-test", message, outcome.why)
