"""Every rule: where it speaks, and where it stays silent. One table; a rule without both rows fails the last test."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from auditor import rulebook
from auditor.config.levels import AUDITED, DEFAULT_LEVELS
from auditor.config.rules import DeniedDigest, Otherwise, Pinned, PlatformMode, Rules
from auditor.judge.compare import compare
from auditor.judge.findings.table import USE_RULES
from auditor.judge.judge import judge
from auditor.model.evidence import Absent, Evidence, Fault, FaultKind, Resolved
from auditor.model.finding import Finding, Level
from auditor.model.place import Place
from auditor.model.use import Use
from auditor.policies.lint.run import LINTS
from auditor.policies.ruling import Engine, Ruling, erred, failed, passed, skipped, unknown, warned
from tests.support.judging import (
    API,
    DIGEST,
    OTHER,
    STRANGER,
    TODAY,
    attested,
    entry,
    evidence,
    exempt,
    keyed,
    platform,
    refused,
    rules,
    signed,
    unreadable,
    use,
)
from tests.support.rulings import row

KYVERNO, CONTROLLER = Engine.KYVERNO, Engine.POLICY_CONTROLLER
OLD = "ghcr.io/acme/api:2.0"
PINNED = f"{API}@{DIGEST}"
GOOD = evidence(signed())
MOVED = "https://github.com/acme/packages/.github/workflows/build.yaml@refs/heads/main"
NEXT = "https://github.com/acme/api/.github/workflows/release.yaml@refs/tags/v2.0.0"


_USE, _RULES = use(), rules()


@dataclass(frozen=True)
class Case:
    """One added use: what is known about it, what it replaces, by which rules."""

    now: Evidence | None = GOOD
    use: Use = _USE
    old: Use | None = None
    before: Evidence | None = None
    rules: Rules = _RULES
    policies: tuple[tuple[Engine, Ruling], ...] = ()

    def findings(self) -> dict[str, Finding]:
        comparison = compare((self.old,) if self.old else (), (self.use,))
        known = {self.use.reference: self.now} if self.now else {}
        if self.old and self.before:
            known[self.old.reference] = self.before
        table = {self.use.reference: row(self.use, *self.policies)} if self.policies else {}
        return {each.rule: each for each in judge(comparison, known, self.rules, TODAY, policies=table).findings}


def each_platform() -> Rules:
    return rules(replace(entry(), platforms=PlatformMode.EACH))


def pinning(pinned: Pinned) -> Rules:
    return rules(replace(entry(), pinned=pinned))


def otherwise(word: Otherwise) -> Rules:
    return replace(rules(), otherwise=word)


STRANGE = use("docker.io/acme/api:1")
TEMPLATE = use("ghcr.io/acme/api:${TAG}")
DENYING = replace(rules(), denied_digests=(DeniedDigest(DIGEST, "INC-7"),))
CUT = Evidence(Fault(FaultKind.TIMEOUT, "ghcr.io did not answer"))
HALF = Evidence(Resolved(DIGEST), (signed(),), (platform("linux/amd64", signed()), platform("linux/arm64")))
FULL = Evidence(Resolved(DIGEST), (signed(),), (platform("linux/amd64", signed()),))
GONE_TAG = Evidence(Resolved(DIGEST, tag_missing=True), (signed(),))

SPEAKS: list[tuple[str, Case, Level]] = [
    ("unsigned-image", Case(evidence()), Level.ERROR),
    ("wrong-signer", Case(evidence(signed(STRANGER))), Level.ERROR),
    ("invalid-signature", Case(evidence(refused())), Level.ERROR),
    ("key-signed-image", Case(evidence(keyed())), Level.ERROR),
    ("attestation-only-image", Case(evidence(attested())), Level.ERROR),
    ("image-not-found", Case(Evidence(Absent("no such tag"))), Level.ERROR),
    ("platform-unsigned", Case(HALF, rules=each_platform()), Level.ERROR),
    ("denied-image", Case(rules=DENYING), Level.ERROR),
    ("denied-image", Case(None, use(f"docker.io/acme/x@{DIGEST}"), rules=DENYING), Level.ERROR),
    ("uncovered-image", Case(None, STRANGE), Level.ERROR),
    ("uncovered-image", Case(None, STRANGE, rules=otherwise(Otherwise.WARN)), Level.WARNING),
    ("unjudged-image", Case(CUT), Level.INCOMPLETE),
    ("unjudged-image", Case(None), Level.INCOMPLETE),
    ("unjudged-image", Case(evidence(signed(STRANGER), unreadable())), Level.INCOMPLETE),
    ("unjudged-image", Case(None, use("ghcr.io/Acme/api:2.1")), Level.INCOMPLETE),
    ("templated-reference", Case(None, TEMPLATE), Level.INCOMPLETE),
    ("templated-reference", Case(None, use("{{ .Values.image }}")), Level.INCOMPLETE),
    ("signature-lost", Case(evidence(), old=use(OLD), before=GOOD), Level.ERROR),
    ("signature-lost", Case(evidence(attested()), old=use(OLD), before=evidence(keyed())), Level.ERROR),
    ("signer-changed", Case(old=use(OLD), before=evidence(signed(MOVED))), Level.WARNING),
    ("registry-changed", Case(old=use("docker.io/acme/api:2.0")), Level.WARNING),
    ("tag-digest-mismatch", Case(Evidence(Resolved(DIGEST, tag_digest=OTHER), (signed(),)), use(PINNED)), Level.ERROR),
    ("placeholder-deployed", Case(use=use("ghcr.io/acme/api:replace-me")), Level.ERROR),
    ("placeholder-deployed", Case(use=use("ghcr.io/acme/placeholder:1.0")), Level.ERROR),
    ("unpinned-image", Case(), Level.WARNING),
    ("unpinned-image", Case(rules=pinning(Pinned.REQUIRE)), Level.ERROR),
    ("unpinned-image", Case(None, rules=rules(exempt("ghcr.io/**"))), Level.WARNING),
    ("latest-tag", Case(use=use("ghcr.io/acme/api:latest")), Level.WARNING),
    ("latest-tag", Case(use=use("ghcr.io/acme/api")), Level.WARNING),
    ("numeric-tag", Case(use=dataclasses.replace(use("ghcr.io/acme/api:1.10"), bare_number=True)), Level.WARNING),
    ("digest-as-tag", Case(use=use(f"ghcr.io/acme/api:{DIGEST.hex}")), Level.WARNING),
    ("digest-as-tag", Case(use=use(f"ghcr.io/acme/api:sha256-{DIGEST.hex}")), Level.WARNING),
    (
        "digest-dropped",
        Case(use=dataclasses.replace(use(), overrides=f"{OLD}@{OTHER}", base=Place("base/a.yaml", 3))),
        Level.WARNING,
    ),
    ("digest-dropped", Case(old=use(f"{OLD}@{OTHER}"), before=GOOD), Level.WARNING),
    ("policy-failed", Case(policies=((KYVERNO, failed("no signatures found")),)), Level.ERROR),
    ("policy-failed", Case(policies=((KYVERNO, erred("no such extension")),)), Level.ERROR),
    ("policy-warned", Case(policies=((KYVERNO, warned("no signatures found")),)), Level.WARNING),
    ("policy-warned", Case(policies=((KYVERNO, erred("no such extension", enforced=False)),)), Level.WARNING),
    ("policy-not-evaluable", Case(policies=((KYVERNO, unknown("a key in a KMS")),)), Level.INCOMPLETE),
    ("policy-disagreement", Case(policies=((KYVERNO, failed("no")), (CONTROLLER, passed("yes")))), Level.WARNING),
    ("policy-disagreement", Case(policies=((KYVERNO, failed("no")),)), Level.WARNING),
    ("policy-disagreement", Case(evidence(), policies=((KYVERNO, passed("yes")),)), Level.WARNING),
]

SILENT: list[tuple[str, Case]] = [
    ("unsigned-image", Case()),
    ("unsigned-image", Case(evidence(unreadable()))),
    ("unsigned-image", Case(CUT)),
    ("wrong-signer", Case(evidence(signed(STRANGER), signed()))),
    ("wrong-signer", Case(rules=DENYING)),
    ("invalid-signature", Case(evidence(refused(), signed()))),
    ("key-signed-image", Case(evidence(keyed("keys/cosign.pub")), rules=rules(entry("ghcr.io/**", "old-key")))),
    ("attestation-only-image", Case(evidence(attested(), signed()))),
    ("image-not-found", Case(evidence())),
    ("platform-unsigned", Case(FULL, rules=each_platform())),
    ("platform-unsigned", Case(HALF)),
    ("unsigned-image", Case(HALF, rules=each_platform())),
    ("denied-image", Case(evidence(signed(), digest=OTHER), rules=DENYING)),
    ("uncovered-image", Case(None, STRANGE, rules=otherwise(Otherwise.ALLOW))),
    ("uncovered-image", Case()),
    ("unjudged-image", Case()),
    ("unjudged-image", Case(None, TEMPLATE)),
    ("unjudged-image", Case(evidence(signed(), unreadable()))),
    ("templated-reference", Case()),
    ("signature-lost", Case(evidence(), old=use(OLD), before=evidence())),
    ("signature-lost", Case(evidence(unreadable()), old=use(OLD), before=GOOD)),
    ("signature-lost", Case(CUT, old=use(OLD), before=GOOD)),
    ("signature-lost", Case(old=use(OLD), before=GOOD)),
    ("signature-lost", Case(evidence(), old=use(OLD), before=evidence(attested()))),
    ("signature-lost", Case(None, old=use(OLD), before=GOOD, rules=rules(exempt("ghcr.io/**")))),
    ("signer-changed", Case(old=use(OLD), before=evidence(signed(NEXT)))),
    ("signer-changed", Case(evidence(signed(MOVED), signed()), old=use(OLD), before=GOOD)),
    ("signer-changed", Case(old=use(OLD), before=CUT)),
    ("registry-changed", Case(old=use(OLD))),
    ("registry-changed", Case()),
    ("tag-digest-mismatch", Case(Evidence(Resolved(DIGEST, tag_digest=DIGEST), (signed(),)), use(PINNED))),
    ("tag-digest-mismatch", Case(GONE_TAG, use(PINNED))),
    ("placeholder-deployed", Case(use=use("ghcr.io/acme/food:1.0"))),
    ("placeholder-deployed", Case(use=use("ghcr.io/acme/api:foo-1.0"))),
    ("placeholder-deployed", Case(use=use(f"ghcr.io/acme/dummy@{DIGEST}"))),
    ("unpinned-image", Case(use=use(PINNED))),
    ("unpinned-image", Case(rules=pinning(Pinned.IGNORE))),
    ("unpinned-image", Case(None, STRANGE)),
    ("latest-tag", Case()),
    ("latest-tag", Case(use=use(f"ghcr.io/acme/api:latest@{DIGEST}"))),
    ("latest-tag", Case(use=use(f"ghcr.io/acme/api@{DIGEST}"))),
    ("numeric-tag", Case(use=use("ghcr.io/acme/api:1.10"))),
    ("digest-as-tag", Case(use=use(f"ghcr.io/acme/api:{DIGEST.hex[:40]}"))),
    ("digest-as-tag", Case(use=use(PINNED))),
    ("digest-dropped", Case(use=dataclasses.replace(use(), overrides=OLD))),
    ("digest-dropped", Case(use=dataclasses.replace(use(PINNED), overrides=f"{OLD}@{OTHER}"))),
    ("digest-dropped", Case(old=use(OLD), before=GOOD)),
    ("digest-dropped", Case(old=use(f"docker.io/acme/other:1@{OTHER}"), before=GOOD)),
    ("policy-failed", Case(policies=((KYVERNO, passed("yes")), (KYVERNO, skipped("another image"))))),
    ("policy-failed", Case(policies=((KYVERNO, warned("no")), (KYVERNO, unknown("who knows"))))),
    ("policy-warned", Case(policies=((KYVERNO, failed("no")),))),
    ("policy-not-evaluable", Case(policies=((KYVERNO, failed("no")), (KYVERNO, skipped("another image"))))),
    ("policy-disagreement", Case(policies=((KYVERNO, passed("yes")), (CONTROLLER, passed("yes"))))),
    ("policy-disagreement", Case(policies=((KYVERNO, passed("yes")), (CONTROLLER, unknown("who knows"))))),
    ("policy-disagreement", Case(evidence(), policies=((KYVERNO, failed("no")), (CONTROLLER, skipped("no say"))))),
    ("policy-disagreement", Case(CUT, policies=((KYVERNO, passed("yes")),))),
]


@pytest.mark.parametrize(("rule", "case", "level"), SPEAKS)
def test_speaks(rule: str, case: Case, level: Level) -> None:
    found = case.findings()[rule]
    assert found.level is level
    assert found.place == case.use.place
    assert found.image == case.use.reference
    assert found.root == case.use.root
    assert found.message.endswith(".")
    assert found.help.endswith(".")
    assert case.use.reference in found.message


@pytest.mark.parametrize(("rule", "case"), SILENT)
def test_is_silent(rule: str, case: Case) -> None:
    assert rule not in case.findings()


@pytest.mark.parametrize("rule", USE_RULES)
def test_every_rule_has_a_row_on_both_sides(rule: str) -> None:
    assert rule in {row[0] for row in SPEAKS}
    assert rule in {row[0] for row in SILENT}


FROM_ELSEWHERE = {
    "unrendered",
    "unparsable-file",
    "override-without-effect",
    "rules-changed",
    "waiver-added",
    "waiver-expired",
    "waiver-unused",
    "pattern-too-wide",
    "pattern-never-matches",
    "policy-gap",
    "policy-overlap",
    *LINTS,
    *AUDITED,
}


def pages() -> dict[str, str]:
    return {page.stem: page.read_text(encoding="utf-8") for page in rulebook.files("catalog", ".md")}


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    assert pages().keys() == USE_RULES.keys() | FROM_ELSEWHERE
    assert pages().keys() <= DEFAULT_LEVELS.keys()


@pytest.mark.parametrize("rule", sorted(USE_RULES.keys() | FROM_ELSEWHERE))
def test_a_page_says_what_why_and_how(rule: str) -> None:
    header, _, body = pages()[rule].removeprefix("---\n").partition("\n---\n")
    facts = dict(line.split(": ", 1) for line in header.splitlines())
    assert facts["id"] == rule
    assert Level(facts["level"]) is DEFAULT_LEVELS[rule]
    assert facts["network"] in {"yes", "no"}
    assert {"title", "since"} <= facts.keys()
    for section in (f"# {facts['title']}", "## Why it matters", "## Example", "## How to fix it"):
        assert section in body


def test_rules_are_named_as_their_functions() -> None:
    named: dict[str, Callable[..., object]] = dict(USE_RULES)
    assert {name: function.__name__ for name, function in named.items()} == {n: n.replace("-", "_") for n in named}


@pytest.mark.parametrize("level", [Level.WARNING, Level.NOTE, Level.OFF])
def test_levels_are_as_the_rules_say(level: Level) -> None:
    graded = replace(rules(), levels={"unsigned-image": level, "unjudged-image": level})
    assert Case(CUT, rules=graded).findings()["unjudged-image"].level is Level.INCOMPLETE
    found = Case(evidence(), rules=graded).findings().get("unsigned-image")
    assert (found.level if found else Level.OFF) is level
