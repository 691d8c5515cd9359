"""What the reading could not see, and what a change does to its own rules."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec.structs import replace

from auditor.config.names import NamePattern
from auditor.config.rules import DeniedDigest, Inspect, ManifestSettings, Otherwise, Rules, TrustSetting, Waiver
from auditor.judge.compare import compare
from auditor.judge.findings.gaps import Touched
from auditor.judge.findings.settings import rule_changes
from auditor.judge.judge import judge
from auditor.model.finding import Finding, Level
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.model.verdict import Verdict
from tests.support.judging import API, DIGEST, RELEASE, STRANGER, TODAY, denying, entry, evidence, rules, signed, use

CHART = Gap(Place("charts/api/Chart.yaml"), "helm chart", "api 1.2 was not rendered", "unrendered", "clusters/prod")
BROKEN = Gap(Place("loose/broken.yaml", 7), "document", "not YAML", "unparsable-file")
LISTED = Gap(Place("vendor"), "submodule", "not read")


def findings(*gaps: Gap, touched: Touched | None = None) -> tuple[Finding, ...]:
    return judge(compare((), ()), {}, rules(), TODAY, gaps=gaps, touched=touched).findings


def test_without_a_base_every_gap_gates() -> None:
    found = findings(CHART, BROKEN, LISTED)
    assert {each.rule for each in found} == {"unrendered", "unparsable-file"}
    assert all(each.level is Level.INCOMPLETE for each in found)
    assert all(each.place in {CHART.place, BROKEN.place} for each in found)


def test_a_gap_that_base_has_too_gates_nothing() -> None:
    assert findings(CHART, BROKEN, touched=Touched(frozenset({"README.md"}), (CHART, BROKEN))) == ()
    moved = replace(BROKEN, place=Place("loose/broken.yaml", 9))
    assert findings(moved, touched=Touched(frozenset(), (BROKEN,))) == ()


def test_no_baseline_excuses_what_a_change_touches_and_nobody_can_read() -> None:
    """The same file or chart may hide something else now: its fingerprint says nothing of what is in it."""
    whole = findings(CHART, BROKEN)
    book = replace(rules(), baseline=frozenset(each.fingerprint for each in whole))
    touched = Touched(frozenset({CHART.place.file}), (CHART, BROKEN))

    def baselines(touched: Touched | None) -> dict[str, bool]:
        judged = judge(compare((), ()), {}, book, TODAY, gaps=(CHART, BROKEN), touched=touched)
        return {each.rule: each.baseline for each in judged.findings}

    assert baselines(None) == {"unrendered": True, "unparsable-file": True}
    assert baselines(touched) == {"unrendered": False}


def test_a_new_gap_gates() -> None:
    assert [each.rule for each in findings(CHART, BROKEN, touched=Touched(frozenset(), (CHART,)))] == [
        "unparsable-file"
    ]


@pytest.mark.parametrize(
    ("files", "roots", "gates"),
    [
        ({"charts/api/Chart.yaml"}, None, True),
        ({"clusters/prod/values.yaml"}, None, True),
        ({"clusters/prod-eu/values.yaml"}, None, False),
        ({"README.md"}, None, False),
        ({"base/values.yaml"}, {"clusters/prod"}, True),
        ({"clusters/prod/README.md"}, set(), False),
    ],
)
def test_an_old_gap_gates_where_its_file_or_root_changes(files: set[str], roots: set[str] | None, gates: bool) -> None:
    touched = Touched(frozenset(files), (CHART,), None if roots is None else frozenset(roots))
    assert bool(findings(CHART, touched=touched)) is gates


def test_a_template_is_told_once() -> None:
    template = use("ghcr.io/acme/api:${TAG}")
    gap = Gap(
        template.place, "template", "filled in later", "templated-reference", template.root, image=template.reference
    )
    judged = judge(compare((), (template,)), {}, rules(), TODAY, gaps=(gap,))
    assert [each.rule for each in judged.findings] == ["templated-reference"]
    assert judged.images[0].verdict is Verdict.UNJUDGED
    kept = judge(compare((template,), (template,)), {}, rules(), TODAY, gaps=(gap,))
    assert [each.rule for each in kept.findings] == ["templated-reference"]


def test_an_override_without_effect_is_a_warning() -> None:
    gap = Gap(Place("kustomization.yaml", 3), "images entry", "matches nothing", "override-without-effect", ".")
    assert [(each.rule, each.level) for each in findings(gap)] == [("override-without-effect", Level.WARNING)]
    assert findings(gap, touched=Touched(frozenset(), (gap,), frozenset())) == ()


# ── the rules themselves ─────────────────────────────────────────────────────────────────────────────────────────────────


def changed(**values: object) -> Rules:
    head: Rules = replace(rules(), files={"auditor.yaml": "01"}, **values)
    return head


def test_the_same_rules_are_no_finding() -> None:
    assert rule_changes(rules(), rules()) == ()


@pytest.mark.parametrize(
    ("head", "section"),
    [
        (changed(otherwise=Otherwise.ALLOW), "otherwise"),
        (changed(images=(entry("ghcr.io/**"),)), "images"),
        (changed(signers={}), "signers"),
        (changed(inspect=Inspect.ALL), "inspect"),
        (changed(denied_digests=(DeniedDigest(DIGEST, "INC-7"),)), "deny"),
        (changed(denied_signers=(denying(),)), "deny"),
        (changed(levels={"unsigned-image": Level.OFF}), "rules"),
        (changed(baseline=frozenset({"00"})), "baseline"),
        (changed(manifests=ManifestSettings(exclude=("**",))), "manifests"),
        (changed(trust=(TrustSetting("lab", "file", {"file": b"{}"}),)), "trust"),
        (changed(keys={"keys/cosign.pub": b"other"}), "keys"),
        (changed(second_opinion=True), "second-opinion"),
    ],
)
def test_a_changed_part_is_named(head: Rules, section: str) -> None:
    (found,) = rule_changes(rules(), head)
    assert (found.rule, found.level, found.place) == ("rules-changed", Level.WARNING, Place("auditor.yaml"))
    assert section in found.message


def test_a_comment_in_the_rules_is_a_change_without_a_part() -> None:
    (found,) = rule_changes(rules(), changed(images=(replace(entry(), line=99),)))
    assert found.message == "This change changes auditor.yaml, a part of the rules."


def test_every_file_that_the_rules_name_counts() -> None:
    base = replace(rules(), files={"auditor.yaml": "00", "trust/root.json": "01", "old.pub": "02"})
    head = replace(rules(), files={"auditor.yaml": "00", "trust/root.json": "99", "new.pub": "03"})
    assert [each.place for each in rule_changes(base, head)] == [
        Place("new.pub"),
        Place("old.pub"),
        Place("trust/root.json"),
    ]


def test_a_change_that_adds_the_first_rules_file_is_told() -> None:
    base = replace(rules(), source="defaults", files={})
    (found,) = rule_changes(base, rules())
    assert "makes auditor.yaml part of the rules" in found.message


def test_rules_that_cannot_be_loaded_are_told_and_so_is_a_swapped_root() -> None:
    base = replace(rules(), files={"auditor.yaml": "00", "trust/root.json": "01"})
    found = rule_changes(base, "auditor.yaml:3: unknown key 'imges'", frozenset({"trust/root.json", "README.md"}))
    assert [each.place for each in found] == [Place("auditor.yaml"), Place("trust/root.json")]
    assert "unknown key" in found[0].message


def waiver(image: str = "ghcr.io/acme/api", until: date = TODAY) -> Waiver:
    return Waiver(NamePattern.parse(image), "unsigned-image", until, "platform-team", "migrating", 40)


@pytest.mark.parametrize(
    ("before", "after", "verb"),
    [
        ((), (waiver(),), "adds"),
        ((waiver(),), (waiver(until=date(2027, 1, 1)),), "extends"),
        ((waiver(),), (waiver("ghcr.io/acme/**"),), "adds"),
    ],
)
def test_a_waiver_that_grows_is_told(before: tuple[Waiver, ...], after: tuple[Waiver, ...], verb: str) -> None:
    found = rule_changes(replace(rules(), waivers=before), replace(rules(), waivers=after))
    (added,) = (each for each in found if each.rule == "waiver-added")
    assert verb in added.message
    assert added.place == Place("auditor.yaml", 40)


def test_a_waiver_that_stays_or_shrinks_is_not() -> None:
    base = replace(rules(), waivers=(waiver(until=date(2027, 1, 1)),))
    for after in ((), (waiver(),), (replace(waiver(until=date(2027, 1, 1)), line=3),)):
        assert not [each for each in rule_changes(base, replace(rules(), waivers=after)) if each.rule == "waiver-added"]


def test_a_root_swapped_in_the_same_change_does_not_help() -> None:
    """Head lists GitHub as the lab's own issuer and waives the rest: base judges, and both are told."""
    lab = TrustSetting("lab", "file", {"file": b"{}"}, issuers=("https://issuer.lab.acme.example",))
    base = replace(rules(), trust=(*rules().trust, lab), files={"auditor.yaml": "00", "trust/lab.json": "01"})
    listing = replace(lab, issuers=("https://token.actions.githubusercontent.com",))
    head = replace(base, trust=(*rules().trust, listing), waivers=(waiver(),), files={"auditor.yaml": "02"})
    told = rule_changes(base, head)
    minted = evidence(signed(RELEASE, root="lab"))
    judged = judge(compare((), (use(),)), {API: minted}, base, TODAY, others=told)
    assert judged.images[0].verdict is Verdict.WRONG_SIGNER
    assert {"wrong-signer", "rules-changed", "waiver-added"} <= {each.rule for each in judged.findings}
    assert judge(compare((), (use(),)), {API: minted}, head, TODAY).images[0].verdict is Verdict.VERIFIED


def test_findings_of_other_floors_are_waived_and_sorted_with_the_rest() -> None:
    other = Finding("pattern-too-wide", Level.WARNING, "wide.", "Narrow it.", Place("auditor.yaml", 3))
    judged = judge(compare((), (use(),)), {API: evidence(signed(STRANGER))}, rules(), TODAY, others=(other,))
    assert [each.rule for each in judged.findings] == ["wrong-signer", "pattern-too-wide", "unpinned-image"]
