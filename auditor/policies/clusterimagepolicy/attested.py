"""Whether an authority is content with the attestations of an image, and with what they state."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from auditor.model.evidence import Form
from auditor.policies.clusterimagepolicy.answer import Answer, Satisfied, Unclear, Unsatisfied, worst
from auditor.policies.clusterimagepolicy.held import Case, Court, Held, held_by
from auditor.policies.clusterimagepolicy.policy import AttestationCheck, Script
from auditor.policies.predicates import predicate_type
from auditor.policies.proofs import Grounds
from auditor.policies.rego.compliant import complies
from auditor.policies.rego.evaluate import Json, Rego, Unevaluated

_REWRITTEN: Final = frozenset({"slsaprovenance", "link", "vuln"})
"""Short names whose statements the controller squeezes through types of its own before a policy sees them."""


def attested_by(case: Case, grounds: Sequence[Grounds]) -> Answer:
    """Every wanted attestation has a verified statement that satisfies its policy. Each key must have made some."""
    form = Form.BUNDLE if case.authority.bundles else Form.ATT
    verified: list[Held] = []
    for each in grounds:
        held = held_by(case, each, form)
        if not isinstance(held, list):
            return held
        verified += held
    attested: dict[str, list[Held]] = {}
    for wanted in case.authority.attestations:
        answer = _wanted(wanted, verified, case.court)
        if not isinstance(answer, list):
            return answer
        attested[wanted.name] = answer
    types = {each.name: each.predicate for each in case.authority.attestations}

    def said() -> dict[str, Json]:
        shown: dict[str, Json] = {
            name: [{**each.as_json(), "predicateType": types[name]} for each in held] for name, held in attested.items()
        }
        return {"attestations": shown}

    who = verified[0].outcome.identity
    return Satisfied(f"attested by {who.subject if who else 'the key'}", said)


def _wanted(wanted: AttestationCheck, verified: Sequence[Held], court: Court) -> list[Held] | Unsatisfied | Unclear:
    predicate = predicate_type(wanted.predicate)
    checked: list[Held] = []
    problems: list[Unsatisfied | Unclear] = []
    for each in verified:
        if each.outcome.predicate != predicate:
            continue
        problem = _objects(wanted, each, court) if wanted.script else None
        if problem is None:
            checked.append(each)
        else:
            problems.append(problem)
    if checked:
        return checked
    if problems:
        return worst(problems)
    return Unsatisfied(f"no matching attestations with type {wanted.predicate}")


def _objects(wanted: AttestationCheck, held: Held, court: Court) -> Unsatisfied | Unclear | None:
    assert wanted.script is not None
    if wanted.predicate in _REWRITTEN:
        return Unclear(f"the controller rewrites a statement of type {wanted.predicate} before its policy sees it")
    statement = json.loads(held.outcome.statement or b"null")
    if not isinstance(statement, dict):
        return Unsatisfied("the statement is no object")
    return evaluate(wanted.script, _as_marshalled(statement), court.rego)


def _as_marshalled(statement: dict[str, Json]) -> dict[str, Json]:
    """The statement as the controller's own type writes it again."""
    subjects = statement.get("subject")
    return {
        "_type": statement.get("_type", ""),
        "predicateType": statement.get("predicateType", ""),
        "subject": [
            {"name": each.get("name", ""), "digest": each.get("digest")}
            for each in (subjects if isinstance(subjects, list) else [])
            if isinstance(each, dict)
        ],
        "predicate": statement.get("predicate"),
    }


def evaluate(script: Script, document: Json, rego: Rego) -> Unsatisfied | Unclear | None:
    """What a policy inside the policy objects to; None where it is content."""
    if script.unknown:
        return Unclear(f"its policy is not at hand: {script.unknown}")
    if script.language != "rego":
        return Unclear("its policy is written in CUE, which is not evaluated here")
    answer = complies(rego, script.source, document)
    if isinstance(answer, Unevaluated):
        return Unclear(f"its Rego policy could not be evaluated: {answer.why}")
    return None if answer is True else Unsatisfied(f"its Rego policy is not satisfied: {answer}")
