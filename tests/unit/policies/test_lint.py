"""Each lint on a policy with the mistake, at the marked line, and on one without."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import inventory
from auditor.model.finding import Finding, Level
from auditor.policies.found import find_policies
from auditor.policies.lint.run import LINTS, lint
from auditor.policies.load import load_policies
from auditor.source.memory import MemoryTree

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "policies" / "lint"
MARK = "# here"
TREES = ("policy-gap", "policy-overlap")


def files(case: Path) -> dict[str, bytes]:
    if case.is_dir():
        return {each.name: each.read_bytes() for each in case.iterdir()}
    return {case.name: case.read_bytes()}


def found(tree: dict[str, bytes], levels: dict[str, Level] | None = None) -> tuple[Finding, ...]:
    memory = MemoryTree(tree, "test")
    policies = find_policies(memory)
    uses = inventory(memory, ManifestSettings()).uses
    return lint(policies.objects, load_policies(policies).mistakes, uses, levels)


def case(rule: str, name: str) -> dict[str, bytes]:
    folder = FIXTURES / rule
    return files(folder / name if rule in TREES else folder / f"{name}.yaml")


RULES = sorted([*LINTS, *TREES])


@pytest.mark.parametrize("rule", RULES)
def test_the_mistake_is_found_at_its_field(rule: str) -> None:
    tree = case(rule, "bad")
    own = [each for each in found(tree) if each.rule == rule]
    assert own
    place = own[0].place
    assert place is not None
    assert MARK in tree[place.file].decode().splitlines()[place.line - 1]
    assert place.key_path
    assert own[0].help


@pytest.mark.parametrize("rule", RULES)
def test_a_good_policy_has_no_such_mistake(rule: str) -> None:
    assert [each for each in found(case(rule, "good")) if each.rule == rule] == []


@pytest.mark.parametrize("rule", RULES)
def test_good_and_bad_can_be_evaluated(rule: str) -> None:
    names = ("good",) if rule == "policy-audit-mutates" else ("good", "bad")  # Kyverno refuses that one
    for name in names:
        assert "policy-not-evaluable" not in {each.rule for each in found(case(rule, name))}


def test_levels_are_as_the_rules_say() -> None:
    tree = case("policy-gap", "bad")
    assert {each.level for each in found(tree, {"policy-gap": Level.ERROR}) if each.rule == "policy-gap"} == {
        Level.ERROR
    }
    assert "policy-gap" not in {each.rule for each in found(tree, {"policy-gap": Level.OFF})}


def test_fingerprints_tell_two_mistakes_of_one_policy_apart() -> None:
    bad = case("policy-wildcard-in-exact-field", "bad")["bad.yaml"]
    twice = bad.replace(b"issuer: https://token.actions.githubusercontent.com", b"issuer: https://*.acme.example")
    own = [each for each in found({"bad.yaml": twice}) if each.rule == "policy-wildcard-in-exact-field"]
    assert len({each.fingerprint for each in own}) == 2


def test_what_cannot_be_read_is_a_finding_at_its_line() -> None:
    text = b"apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: a}\nspec:\n  images:\n  - glob: 'a[b]'\n"
    own = [each for each in found({"a.yaml": text}) if each.rule == "policy-not-evaluable"]
    assert own[0].level is Level.INCOMPLETE
    assert own[0].place is not None
    assert own[0].place.line in {5, 6}


@pytest.mark.parametrize(
    ("kind", "field", "pattern", "never"),
    [
        ("cip", "glob", "docker.io/**", True),
        ("cip", "glob", "index.docker.io/**", False),
        ("cip", "glob", "ghcr.io/acme/api:v*", True),
        ("cip", "glob", "ghcr.io/acme/api:**", True),
        ("cip", "glob", "ghcr.io/acme/api@*", False),
        ("cip", "glob", "ghcr.io/acme/api@sha256:*", False),
        ("cip", "glob", "ghcr.io/acme/api*", False),
        ("cip", "glob", "ghcr.io/acme/api", True),
        ("cip", "glob", "localhost:5000/acme/**", False),
        ("cip", "glob", "acme/web*", True),
        ("cip", "glob", "*", False),
        ("cip", "glob", "*/*", False),
        ("cip", "glob", "**", False),
        ("cip", "glob", "ghcr.io/Acme/**", True),
        ("kyverno", "imageReferences", "ghcr.io/acme/*", False),
        ("kyverno", "imageReferences", "ghcr.io/acme/api", True),
        ("kyverno", "imageReferences", "ghcr.io/acme/api:*", False),
        ("kyverno", "imageReferences", "ghcr.io/acme/api:v1", False),
        ("kyverno", "imageReferences", "docker.io/library/nginx*", True),
        ("kyverno", "imageReferences", "index.docker.io/nginx*", True),
        ("kyverno", "imageReferences", "docker.io/nginx*", False),
        ("kyverno", "imageReferences", "acme/web:*", True),
        ("kyverno", "imageReferences", "*", False),
        ("kyverno", "imageReferences", "*/acme/*", False),
        ("kyverno", "imageReferences", "ttl.sh/*:*", False),
    ],
)
def test_globs_that_match_nothing(kind: str, field: str, pattern: str, never: bool) -> None:
    if kind == "cip":
        text = (
            (FIXTURES / "policy-never-matches" / "good.yaml")
            .read_text()
            .replace("index.docker.io/acme/*", f"'{pattern}'")
        )
    else:
        text = (FIXTURES / "policy-any-identity" / "good.yaml").read_text().replace("ghcr.io/acme/*", pattern)
    assert ("policy-never-matches" in {each.rule for each in found({"a.yaml": text.encode()})}) is never


@pytest.mark.parametrize(
    ("expression", "loose"),
    [
        (r"^https://github\.com/acme/.+$", False),
        (r"https://github\.com/acme/.+$", True),
        (r"^https://github\.com/acme/.+", True),
        (r"^https://github.com/acme/.+$", True),
        (r"^https://github[.]com/acme/.+$", False),
        (r"(?i)^https://github\.com/acme/.+$", False),
        (r"^.+@acme\.example$", False),
        (r"^.+@acme.example$", True),
        (r"\Ahttps://a\.b/\z", False),
    ],
)
def test_expressions_that_match_more(expression: str, loose: bool) -> None:
    text = (FIXTURES / "policy-wildcard-in-exact-field" / "good.yaml").read_text()
    line = next(each for each in text.splitlines() if "subject:" in each)
    changed = text.replace(line, f"          subjectRegExp: '{expression}'")
    assert ("policy-unanchored-regex" in {each.rule for each in found({"a.yaml": changed.encode()})}) is loose


FLUX = """apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: app}
spec:
  url: oci://ghcr.io/acme/app
  verify: VERIFY
"""
CLUSTER_POLICY = """apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: signed}
spec:
  validationFailureAction: ACTION
  rules:
  - name: signed
    match: {any: [{resources: {kinds: [Pod]}}]}
    verifyImages:
    - {imageReferences: ["ghcr.io/acme/*"], mutateDigest: false, ENTRY}
"""


@pytest.mark.parametrize(
    ("verify", "rules"),
    [
        ("{provider: cosign}", {"policy-any-identity"}),
        ("{provider: cosign, secretRef: {name: keys}}", set()),
        ("{matchOIDCIdentity: [{issuer: '^https://a\\.b$', subject: '^https://a\\.b/c$'}]}", set()),
        ("{matchOIDCIdentity: [{issuer: 'https://a\\.b', subject: '^https://a\\.b/c$'}]}", {"policy-unanchored-regex"}),
        (
            "{matchOIDCIdentity: [{issuer: '^a$', subject: '^b$'}, {issuer: '^a$', subject: '^c$'}]}",
            {"policy-many-identities"},
        ),
        ("{matchOIDCIdentity: [{issuer: '.*', subject: '.*'}]}", {"policy-any-identity", "policy-unanchored-regex"}),
    ],
)
def test_flux(verify: str, rules: set[str]) -> None:
    assert {each.rule for each in found({"a.yaml": FLUX.replace("VERIFY", verify).encode()})} == rules


KEYLESS = "attestors: [{entries: [{keyless: {issuer: a, subject: b, rekor: {url: 'https://r'%s}}}]}]"


@pytest.mark.parametrize(
    ("action", "entry", "rules"),
    [
        ("Enforce", KEYLESS % "", set()),
        ("enforce", KEYLESS % "", set()),
        ("Audit", KEYLESS % "", {"policy-enforces-nothing"}),
        ("Audit", "failureAction: Enforce, " + KEYLESS % "", set()),
        ("Enforce", "required: true", {"policy-enforces-nothing"}),
        ("Enforce", KEYLESS % ", ignoreTlog: true", {"policy-log-unchecked"}),
        ("Enforce", "type: SigstoreBundle, repository: ghcr.io/acme/s, " + KEYLESS % "", {"policy-ignored-field"}),
    ],
)
def test_cluster_policies(action: str, entry: str, rules: set[str]) -> None:
    text = CLUSTER_POLICY.replace("ACTION", action).replace("ENTRY", entry)
    rest = {each.rule for each in found({"a.yaml": text.encode()})} - {"policy-not-evaluable"}
    assert rest == rules | {"policy-deprecated-kind"}
