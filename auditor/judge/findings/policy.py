"""Rules about what the cluster's own policies would say at admission."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.config.rules import Rules
from auditor.judge.findings.subject import WAIVE, Draft, Subject, level
from auditor.judge.words import cut, listed
from auditor.model.finding import Finding
from auditor.model.place import Place
from auditor.model.report import PolicyVerdict
from auditor.model.use import Use
from auditor.model.verdict import UNTRUSTED, Verdict
from auditor.policies.inspected import resource_of
from auditor.policies.ruling import Judgment, NotReadable, Policy, Ruling

if TYPE_CHECKING:
    from auditor.policies.rego.gate import Said


def rulings(use: Use, row: Sequence[Judgment]) -> tuple[tuple[Policy, Ruling], ...]:
    """What each policy says of the image where this use runs it."""
    if not row:
        return ()
    resource = resource_of(use)
    return tuple((each.policy, each.on(resource)) for each in row)


def policy_failed(subject: Subject) -> Draft | None:
    """A policy in enforcing mode keeps the image out."""
    found = [each for each in subject.policies if _keeps_out(each[1])]
    advice = "Sign it as the policy wants, or change the policy in a change of its own: this one is judged by base's."
    return Draft(f"{subject.now.text} would be refused by {_said(found)}.", advice) if found else None


def _keeps_out(ruling: Ruling) -> bool:
    return ruling.verdict is PolicyVerdict.FAIL or (ruling.verdict is PolicyVerdict.ERROR and ruling.enforced)


def policy_warned(subject: Subject) -> Draft | None:
    """A policy that does not enforce reports the image."""
    found = [
        each
        for each in subject.policies
        if each[1].verdict is PolicyVerdict.WARN or (each[1].verdict is PolicyVerdict.ERROR and not each[1].enforced)
    ]
    advice = "It is let in as long as the policy only reports."
    return Draft(f"{subject.now.text} would be reported by {_said(found)}.", advice) if found else None


def policy_not_evaluable(subject: Subject) -> Draft | None:
    """Nobody can tell from here what a policy would say."""
    found = [
        each
        for each in subject.policies
        if each[1].verdict is PolicyVerdict.NOT_EVALUABLE and not isinstance(each[0], NotReadable)
    ]
    advice = f"Ask the engine itself, write the policy so that it can be read, or {WAIVE}."
    return Draft(f"Whether {subject.now.text} is let in by {_said(found)} cannot be told.", advice) if found else None


def unreadable_policies(subjects: Iterable[Subject]) -> Iterator[Finding]:
    """`policy-not-evaluable` once for each policy that nobody can read, however many images it may be about."""
    for subject in subjects:
        for policy, ruling in subject.policies:
            if isinstance(policy, NotReadable):
                yield Finding(
                    rule="policy-not-evaluable",
                    level=level("policy-not-evaluable", subject.rules),
                    message=f"{cut(policy.name)} cannot be evaluated: {cut(ruling.why)}.",
                    help="Correct it, or render it first where it is a template.",
                    place=policy.place,
                    owner=policy.name,
                )


def gate_findings(said: Said, rules: Rules) -> Iterator[Finding]:
    """What a Rego policy says of a whole run: what it denies, what it warns of, or that nobody could evaluate it."""
    if said.unevaluated is not None:
        yield _gate_finding("policy-not-evaluable", said, f"cannot be evaluated: {cut(said.unevaluated)}.", rules)
    for word in said.words:
        rule = "policy-failed" if word.denies else "policy-warned"
        yield replace(
            _gate_finding(rule, said, f"{'denies' if word.denies else 'warns'}: {cut(word.message)}", rules),
            image=word.image,
            place=word.place or Place(said.file),
        )


def _gate_finding(rule: str, said: Said, what: str, rules: Rules) -> Finding:
    advice = "Do as the policy says, or change the policy in a change of its own: this one is judged by base's."
    return Finding(rule, level(rule, rules), f"{said.policy} {what}", advice, Place(said.file), owner=said.policy)


def policy_disagreement(subject: Subject) -> Draft | None:
    """Two engines, or an engine and `auditor.yaml`, answer differently."""
    accepting = [each for each in subject.policies if each[1].accepts is True]
    refusing = [each for each in subject.policies if each[1].accepts is False]
    ours, verdict = subject.now.text, subject.now.verdict
    advice = "Say the same in both: `auditor policy export` writes the rules in an engine's language."
    engines = {policy.engine for policy, _ in accepting}, {policy.engine for policy, _ in refusing}
    if accepting and refusing and len(engines[0] | engines[1]) > 1:
        return Draft(f"{_names(accepting)} would let {ours} in, {_said(refusing)} would not.", advice)
    if refusing and verdict is Verdict.VERIFIED:
        return Draft(f"The rules accept {ours}, {_said(refusing)} would not.", advice)
    if accepting and not refusing and verdict in UNTRUSTED:
        return Draft(f"{_names(accepting)} would let {ours} in; by the rules it is {verdict}.", advice)
    return None


def _names(found: Sequence[tuple[Policy, Ruling]]) -> str:
    return listed([policy.name for policy, _ in found])


def _said(found: Sequence[tuple[Policy, Ruling]]) -> str:
    return listed([f"{policy.name} ({cut(ruling.why)})" for policy, ruling in found])
