"""`auditor policy`: lint and export without any network, test against a registry on loopback."""

from __future__ import annotations

import json

from fixtures.sigstore import github
from tests.cli.house import House, Images
from tests.support.policies import trust_root

POLICY = """apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: signed}
spec:
  images: [{glob: "HOST/acme/**"}]
  authorities:
  - keyless:
      trustRootRef: private
      identities:
      - issuer: https://token.actions.githubusercontent.com
        subject: SUBJECT
    ctlog: {trustRootRef: private}
"""


def policy(images: Images, subject: str) -> str:
    return POLICY.replace("HOST", images.registry.host).replace("SUBJECT", subject)


def test_a_table_of_expected_verdicts(house: House) -> None:
    images = house.images
    files = {
        "policies/cip.yaml": policy(images, github("acme/api").subject),
        "policies/root.yaml": trust_root(images.sigstore),
        "cases.yaml": json.dumps(
            {
                "version": 1,
                "cases": [
                    {"image": images.ref("api"), "expect": {"ClusterImagePolicy/signed": "pass"}},
                    {"image": images.ref("worker"), "expect": {"ClusterImagePolicy/signed": "fail"}},
                    {"image": images.ref("unsigned"), "expect": {"ClusterImagePolicy/signed": "fail"}},
                    {"image": images.ref("web"), "expect": {"ClusterImagePolicy/signed": "fail"}},
                    {"image": images.ref("api", "9"), "expect": {"ClusterImagePolicy/signed": "fail"}},
                ],
            }
        ),
    }
    house.commit_base(files)
    ran = house.run("policy", "test", "cases.yaml").clean_of_tracebacks()
    assert (ran.status, ran.out.count("ok: ")) == (0, 5), ran.out + ran.err
    house.commit({"cases.yaml": files["cases.yaml"].replace('"fail"', '"pass"', 1)})
    ran = house.run("policy", "test", "cases.yaml").clean_of_tracebacks()
    assert ran.status == 1
    assert ran.out.count("differs: ") == 1
    assert "none of the expected identities matched" in ran.out


def test_what_cannot_be_asked_is_not_evaluable(house: House) -> None:
    cases = json.dumps({"version": 1, "cases": [{"image": house.images.ref("api"), "expect": {"*": "not-evaluable"}}]})
    house.commit_base(
        {
            "policies/cip.yaml": policy(house.images, "x"),
            "policies/root.yaml": trust_root(house.images.sigstore),
            "cases.yaml": cases,
        }
    )
    assert house.run("policy", "test", "cases.yaml", "--offline").clean_of_tracebacks().status == 0


def test_lint_reports_like_every_other_command(house: House) -> None:
    house.commit_base({"policies/cip.yaml": policy(house.images, "https://github.com/acme/api/*")})
    ran = house.run("policy", "lint", "-f", "json").clean_of_tracebacks()
    found = {each["rule"]: each for each in json.loads(ran.out)["findings"]}
    assert ran.status == 0
    assert (found["policy-wildcard-in-exact-field"]["file"], found["policy-wildcard-in-exact-field"]["line"]) == (
        "policies/cip.yaml",
        11,
    )
    assert house.run("policy", "lint", "--fail-on", "warning").status == 1
    house.commit({"policies/cip.yaml": policy(house.images, "x").replace("keyless", "keyles")})
    assert house.run("policy", "lint").clean_of_tracebacks().status == 3


def test_lint_says_that_there_is_nothing_to_look_at(house: House) -> None:
    house.commit_base()
    ran = house.run("policy", "lint").clean_of_tracebacks()
    assert (ran.status, ran.out.splitlines()[0]) == (0, "✓ no mistake found in the policies")
    assert "no policy was found" in ran.out
    house.commit({"policies/cip.yaml": policy(house.images, "x")})
    assert "no policy was found" not in house.run("policy", "lint").out


def test_export_says_it_or_says_why_not(house: House) -> None:
    house.commit_base()
    refused = house.run("policy", "export", "--to", "clusterimagepolicy").clean_of_tracebacks()
    assert refused.status == 2
    *reasons, last, next_step = refused.err.splitlines()
    assert "error: ClusterImagePolicy cannot say: trust root root is a private one" in reasons
    assert (last, next_step[:8]) == ("error: the rules were not exported", "  help: ")
    rules = (
        "version: 1\nsigners:\n  release: {issuer: 'https://accounts.google.com', subject: oncall@acme.example}\n"
        "images:\n- {match: 'ghcr.io/acme/**', signed-by: release}\n"
    )
    house.commit({"auditor.yaml": rules})
    for target in ("kyverno", "imagevalidatingpolicy", "clusterimagepolicy", "rego", "cosign"):
        ran = house.run("policy", "export", "--to", target).clean_of_tracebacks()
        assert (ran.status, "oncall@acme" in ran.out) == (0, True), ran.err


def test_rego_that_does_not_compile_is_a_mistake_of_its_file(house: House) -> None:
    rules = house.images.rules("policies: ['policies/**']\n")
    house.commit_base({"auditor.yaml": rules, "policies/gate.rego": 'package auditor\ndeny contains "x" if not typo\n'})
    ran = house.run("policy", "lint", "-f", "json").clean_of_tracebacks()
    (found,) = json.loads(ran.out)["findings"]
    assert (ran.status, found["rule"], found["file"]) == (3, "policy-not-evaluable", "policies/gate.rego")
    house.commit({"policies/gate.rego": 'package auditor\ndeny contains "x" if input.images\n'})
    assert house.run("policy", "lint").clean_of_tracebacks().status == 0
