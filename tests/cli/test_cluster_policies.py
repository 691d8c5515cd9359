"""The cluster's own policies judge the change beside the rules: base's policies, on the same signatures."""

from __future__ import annotations

import textwrap

import pytest

from tests.cli.house import House

ISSUER = "https://token.actions.githubusercontent.com"


def kyverno(house: House, subject: str) -> str:
    """A policy by which this subject must have signed everything of `acme/`, with the throw-away Sigstore's own keys."""
    files = {name: textwrap.indent(pem.decode(), " " * 18) for name, pem in house.images.sigstore.pem_files().items()}
    return f"""\
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {{name: signed}}
spec:
  validationFailureAction: Enforce
  rules:
  - name: signed
    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}
    verifyImages:
    - imageReferences: ["{house.images.registry.host}/acme/*"]
      attestors:
      - entries:
        - keyless:
            issuer: {ISSUER}
            subject: {subject}
            roots: |
{files["fulcio"]}
            rekor:
              url: https://rekor.acme.example
              pubkey: |
{files["rekor"]}
            ctlog:
              pubkey: |
{files["ctlog"]}
"""


def test_a_policy_rules_beside_the_rules(house: House) -> None:
    house.commit_base({"policy.yaml": kyverno(house, "https://github.com/acme/*")})
    house.commit({"worker.yaml": house.images.pod("worker")})
    ran = house.check()
    (image,) = (image for image in ran.report["images"] if image["verdict"])
    assert [(policy["policy"], policy["verdict"]) for policy in image["policies"]] == [("ClusterPolicy/signed", "pass")]
    assert (ran.status, ran.rules) == (0, [])


def test_what_a_policy_would_keep_out_fails_the_change(house: House) -> None:
    house.commit_base({"policy.yaml": kyverno(house, "https://github.com/other/*")})
    house.commit({"worker.yaml": house.images.pod("worker")})
    ran = house.check()
    assert (ran.status, ran.verdicts) == (1, {"worker": "verified"})
    assert {"policy-failed", "policy-disagreement"} <= set(ran.rules)


def test_a_change_cannot_loosen_the_policy_that_judges_it(house: House) -> None:
    house.commit_base({"policy.yaml": kyverno(house, "https://github.com/other/*")})
    house.commit(
        {"worker.yaml": house.images.pod("worker"), "policy.yaml": kyverno(house, "https://github.com/acme/*")}
    )
    ran = house.check()
    assert ran.status == 1
    assert {"policy-failed", "rules-changed"} <= set(ran.rules)
    assert ran.finding("rules-changed")["file"] == "policy.yaml"


ATTESTED = """\
      attestations:
      - type: https://slsa.dev/provenance/v1
        attestors: [{entries: [{keyless: {issuer: "https://a.example", subject: "*", rekor: {url: "https://rekor.a.example"}}}]}]
"""


@pytest.mark.parametrize("attestations", ["", ATTESTED], ids=["signatures", "attestations"])
def test_attestations_are_asked_for_where_a_policy_wants_them(house: House, attestations: str) -> None:
    house.commit_base({"policy.yaml": kyverno(house, "https://github.com/acme/*") + attestations})
    house.commit({"worker.yaml": house.images.pod("worker")})
    house.check()
    asked = [seen.path for seen in house.images.registry.requests if "/acme/worker/" in seen.path]
    assert any(path.endswith(".sig") for path in asked)
    assert any(path.endswith(".att") for path in asked) == bool(attestations)


def test_what_only_a_policy_asks_about_needs_no_trust_root_of_ours(house: House) -> None:
    host = house.images.registry.host
    rules = f"version: 1\nimages: [{{match: '{host}/**', unsigned: allow, reason: policies judge, pinned: ignore}}]\n"
    house.commit_base({"policy.yaml": kyverno(house, "https://github.com/other/*"), "auditor.yaml": rules})
    house.commit({"worker.yaml": house.images.pod("worker")})
    ran = house.check()
    (image,) = (image for image in ran.report["images"] if image["verdict"])
    assert (image["verdict"], image["signatures"], ran.report["run"]["trust"]) == ("exempt", [], [])
    assert [policy["verdict"] for policy in image["policies"]] == ["fail"]
    assert ran.status == 1


def test_rego_of_base_judges_the_whole_run(house: House) -> None:
    rego = (
        'package auditor\n\ndeny contains msg if {\n  some image in input.images\n  image.verdict == "verified"\n'
        '  not image.pinned\n  msg := sprintf("%s is not pinned", [image.reference])\n}\n'
    )
    house.commit_base({"rules/gate.rego": rego, "auditor.yaml": house.images.rules("policies: [rules/*.rego]\n")})
    house.commit({"worker.yaml": house.images.pod("worker")})
    ran = house.check()
    assert ran.status == 1
    assert "is not pinned" in ran.finding("policy-failed")["message"]
