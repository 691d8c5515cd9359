"""What the judge makes of the cluster's own policies: per use, per policy, and in the report."""

from __future__ import annotations

from dataclasses import replace

from auditor.judge.compare import compare
from auditor.judge.judge import Judged, judge
from auditor.model.place import Place
from auditor.model.report import PolicyVerdict
from auditor.model.use import Use, Workload
from auditor.policies.inspected import resource_of
from auditor.policies.ruling import Engine, Judgment, NotReadable, failed, passed, skipped
from tests.support.judging import TODAY, evidence, rules, signed, use
from tests.support.rulings import Stated

POLICY = Stated(Engine.KYVERNO, passed("signed"))


def judged(row: tuple[Judgment, ...], *uses: Use, kept: tuple[Use, ...] = ()) -> Judged:
    comparison = compare(kept, (*kept, *uses))
    return judge(comparison, {uses[0].reference: evidence(signed())}, rules(), TODAY, policies={uses[0].reference: row})


def test_each_use_has_the_ruling_of_what_runs_it() -> None:
    here = replace(use(), workload=Workload("Pod", "a", "prod"), place=Place("a.yaml", 1))
    there = replace(use(), workload=Workload("Pod", "b", "kube-system"), place=Place("b.yaml", 1))
    rulings = ((resource_of(here), failed("no signatures found")), (resource_of(there), skipped("excluded")))
    result = judged((Judgment(POLICY, rulings),), here, there)
    assert [each.place for each in result.findings if each.rule == "policy-failed"] == [here.place]
    (image,) = result.images
    assert [(each.policy, each.verdict) for each in image.policies] == [("ClusterPolicy/signed", PolicyVerdict.FAIL)]


def test_a_policy_that_nobody_can_read_is_one_finding_at_its_own_place() -> None:
    broken = NotReadable(Engine.KYVERNO, "ClusterPolicy/broken", Place("policies/broken.yaml", 7), "it is a template")
    first = replace(use(), place=Place("a.yaml", 1), root="apps/a")
    second = replace(use(), place=Place("b.yaml", 1), root="apps/b")
    row = (Judgment(broken, ((resource_of(first), broken.ruling),)),)
    found = [each for each in judged(row, first, second).findings if each.rule == "policy-not-evaluable"]
    assert [(each.place, each.image) for each in found] == [(broken.place, None)]


def test_what_the_change_does_not_add_is_not_judged() -> None:
    kept = replace(use("ghcr.io/acme/old:1"), workload=Workload("Pod", "old", "prod"))
    row = (Judgment(POLICY, ((resource_of(use()), failed("no")),)),)
    result = judged(row, use(), kept=(kept,))
    assert {each.image for each in result.findings if each.rule == "policy-failed"} == {use().reference}
    assert [each.policies for each in result.images if each.reference == kept.reference] == [()]
