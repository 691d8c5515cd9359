"""`auditor verify IMAGE`: which of the cluster's policies would accept it, each in a row of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fixtures.sigstore import GITHUB_ISSUER, github
from tests.cli.house import House
from tests.cli.test_cluster_policies import kyverno
from tests.support.policies import trust_root

CIP = """apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: signed}
spec:
  images: [{glob: "HOST/acme/**"}]
  authorities:
  - keyless:
      trustRootRef: private
      identities: [{issuer: https://token.actions.githubusercontent.com, subject: SUBJECT}]
    ctlog: {trustRootRef: private}
"""
BROKEN = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: broken}\nspec:\n  rules:\n  - verifyImages: [{}]\n"


def files(house: House, folder: str = "") -> dict[str, str]:
    cip = CIP.replace("HOST", house.images.registry.host).replace("SUBJECT", github("acme/api").subject)
    return {
        f"{folder}kyverno.yaml": kyverno(house, "https://github.com/acme/*"),
        f"{folder}cip.yaml": cip,
        f"{folder}root.yaml": trust_root(house.images.sigstore),
        f"{folder}broken.yaml": BROKEN,
    }


def rows(report: dict[str, Any]) -> dict[str, str]:
    (image,) = report["images"]
    return {each["policy"]: each["verdict"] for each in image["policies"]}


@pytest.mark.parametrize(
    ("name", "classic", "cip", "verdict"),
    [
        ("api", "pass", "pass", "verified"),
        ("worker", "pass", "fail", "verified"),
        ("web", "fail", "fail", "verified"),  # in a bundle, where neither looks
        ("wrong", "fail", "fail", "wrong-signer"),
        ("unsigned", "fail", "fail", "unsigned"),
    ],
)
def test_a_row_for_each_policy_of_the_repository(house: House, name: str, classic: str, cip: str, verdict: str) -> None:
    house.commit_base(files(house, "policies/"))
    ran = house.run("verify", house.images.ref(name), "-f", "json").clean_of_tracebacks()
    assert rows(ran.report) == {
        "ClusterPolicy/signed": classic,
        "ClusterImagePolicy/signed": cip,
        "ClusterPolicy/broken": "not-evaluable",
    }
    # What they say is told beside the verdict; the rules alone decide.
    assert ran.report["images"][0]["verdict"] == verdict
    assert ran.status == (0 if verdict == "verified" else 1)
    assert not [each for each in ran.report["findings"] if each["rule"].startswith("policy-")]


def test_policies_of_another_folder_or_file_judge_instead(house: House, tmp_path: Path) -> None:
    house.commit_base(files(house))
    other = tmp_path / "policies"
    other.mkdir()
    (other / "one.yaml").write_text(kyverno(house, "https://github.com/other/*"))
    for path in (other, other / "one.yaml"):
        ran = house.run("verify", house.images.ref("api"), "--policies", str(path), "-f", "json").clean_of_tracebacks()
        assert (ran.status, rows(ran.report)) == (0, {"ClusterPolicy/signed": "fail"})
    missing = house.run("verify", house.images.ref("api"), "--policies", "nowhere").clean_of_tracebacks()
    assert (missing.status, "nowhere" in missing.err) == (2, True)


def test_the_table_tells_them_as_well(house: House) -> None:
    house.commit_base(files(house))
    ran = house.run("verify", house.images.ref("worker")).clean_of_tracebacks()
    assert "pass: ClusterPolicy/signed" in ran.out
    assert "fail: ClusterImagePolicy/signed" in ran.out
    assert "none of the expected identities" in " ".join(ran.out.split())


def test_with_cosigns_flags_and_outside_of_any_repository(house: House, tmp_path: Path) -> None:
    house.commit_base(files(house))
    flags = ("--certificate-identity", github("acme/api").subject, "--certificate-oidc-issuer", GITHUB_ISSUER)
    root = tmp_path / "root.json"
    root.write_text(house.images.trusted_root())
    asked = ("verify", house.images.ref("api"), *flags, "--trusted-root", str(root), "-f", "json")
    assert rows(house.run(*asked).clean_of_tracebacks().report)["ClusterPolicy/signed"] == "pass"
    outside = tmp_path / "outside"
    outside.mkdir()
    assert rows(house.run(*asked, cwd=outside).clean_of_tracebacks().report) == {}


def test_the_version_of_kyverno_counts(house: House) -> None:
    policy = kyverno(house, "x").replace("subject: x", "subjectRegExp: ^https://github\\.com/other/")
    house.commit_base({"policy.yaml": policy})
    for version, expected in (("1.13", "not-evaluable"), ("1.19", "fail")):
        ran = house.run("verify", house.images.ref("api"), "--kyverno", version, "-f", "json").clean_of_tracebacks()
        assert rows(ran.report) == {"ClusterPolicy/signed": expected}


def test_policy_test_as_json_and_junit(house: House) -> None:
    expected = {"ClusterPolicy/signed": "pass", "ClusterImagePolicy/signed": "pass", "ClusterPolicy/nobody": "pass"}
    cases = {"version": 1, "cases": [{"image": house.images.ref("worker"), "expect": expected}]}
    house.commit_base({**files(house), "cases.yaml": json.dumps(cases)})
    ran = house.run("policy", "test", "cases.yaml", "--format", "json").clean_of_tracebacks()
    found = {each["policy"]: (each["found"], each["agrees"]) for each in json.loads(ran.out)["outcomes"]}
    assert found == {
        "ClusterPolicy/signed": ("pass", True),
        "ClusterImagePolicy/signed": ("fail", False),
        "ClusterPolicy/nobody": (None, False),
    }
    assert (ran.status, json.loads(ran.out)["summary"]) == (1, {"cells": 3, "agree": 1, "differ": 2})
    junit = house.run("policy", "test", "cases.yaml", "--format", "junit").clean_of_tracebacks()
    assert 'tests="3" failures="2"' in junit.out
    assert "says absent, expected pass" in junit.out
